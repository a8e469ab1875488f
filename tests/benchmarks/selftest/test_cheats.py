"""The library of cheats against the audit: all that can be seen is seen, nobody honest is named.

The figures of the slow tests are quoted in ``benchmarks/cheats.py``.
"""

from collections import Counter
from functools import partial

import numpy as np
import pytest

from benchmarks.selftest import cheats
from benchmarks.selftest.cheats import CHEATS, cheat
from benchmarks.selftest.practice import COLUMNS, practice, submitted
from common.edge.errors import UsageError
from common.lab.contest import audit_rows, check_rows


@pytest.fixture(scope="module")
def contest():
    """40 units, 45 days, 24 hours: 43,200 rows."""
    return practice(0)


def forged(one, contest, seed=0):
    rng = np.random.default_rng(seed)
    forge = getattr(one, "forge", one)
    return submitted(forge(contest.questions, contest.labels, contest.opponents, rng))


def audited(submission, contest, others=None):
    others = contest.opponents if others is None else others
    return audit_rows(submission, contest.questions, contest.labels, others, COLUMNS)


def reviewed(findings):
    return [finding.rule for finding in findings if finding.severity != "note"]


@pytest.mark.parametrize("one", [c for c in CHEATS if c.detectable], ids=lambda one: one.id)
def test_every_detectable_cheat_is_flagged_by_the_rule_it_breaks(one, contest):
    submission = forged(one, contest)
    found = audited(submission, contest)
    if not one.from_audit:
        found = check_rows(submission, contest.questions, COLUMNS)
    assert one.rule in [finding.rule for finding in found]
    assert all("Attendu" in finding.message for finding in found)


@pytest.mark.parametrize("one", [c for c in CHEATS if not c.detectable], ids=lambda one: one.id)
def test_what_cannot_be_told_is_named_so_and_explained(one, contest):
    assert audited(forged(one, contest), contest) == ()
    assert one.note


def test_nobody_honest_is_flagged(contest):
    everybody = {**contest.opponents, **contest.candidates}
    for name, submission in everybody.items():
        others = {entry: other for entry, other in everybody.items() if entry != name}
        assert audited(submission, contest, others) == (), name
        assert check_rows(submission, contest.questions, COLUMNS) == (), name


def test_a_copy_names_the_entry_that_it_copies(contest):
    found = audited(forged(cheat("copy_scaled"), contest), contest)
    message = next(finding.message for finding in found if finding.rule == "copied-entry")
    assert "four_weeks" in message  # the best opponent
    assert "0,970" in message


def test_two_cheats_do_not_shield_each_other(contest):
    twin = forged(cheat("truth_tiny_noise"), contest, seed=1)
    others = {**contest.opponents, "twin": twin}
    found = audited(forged(cheat("truth_tiny_noise"), contest, seed=2), contest, others)
    assert "impossible-perfection" in [finding.rule for finding in found]


def test_a_useless_opponent_changes_nothing(contest):
    others = {**contest.opponents, "wrong": forged(cheat("wrong_unit"), contest)}
    for submission in contest.candidates.values():
        assert audited(submission, contest, others) == ()


def test_missing_answers_and_unknown_truths_are_left_out(contest):
    truth = contest.labels.truth["forecast_kwh"].copy()
    truth[::7] = np.nan
    labels = type(contest.labels)({"forecast_kwh": truth})
    answers = contest.candidates["blend"].answers["forecast_kwh"].copy()
    answers[::11] = np.nan
    submission = submitted({"forecast_kwh": answers})
    assert audit_rows(submission, contest.questions, labels, contest.opponents, COLUMNS) == ()
    nothing = submitted({"forecast_kwh": np.full(len(answers), np.nan)})
    assert audit_rows(nothing, contest.questions, labels, contest.opponents, COLUMNS) == ()


def test_without_opponents_the_truth_itself_still_shows(contest):
    found = audited(forged(cheat("truth"), contest), contest, {})
    assert "exact-truth" in [finding.rule for finding in found]


def test_an_unknown_cheat_is_an_error():
    with pytest.raises(UsageError, match="no cheat"):
        cheat("nothing")


@pytest.mark.slow
def test_false_alarms_stay_at_zero_over_twenty_contests():
    alarms: Counter[tuple[str, str]] = Counter()
    for seed in range(100, 120):
        contest = practice(seed)
        everybody = {**contest.opponents, **contest.candidates}
        for name, submission in everybody.items():
            others = {entry: other for entry, other in everybody.items() if entry != name}
            alarms.update((name, rule) for rule in reviewed(audited(submission, contest, others)))
    assert not alarms  # 20 contests x 8 honest forecasters


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "unseen", "seen"),
    [
        (lambda weight: partial(cheats._average, weight), 0.6, 0.75),
        (lambda weight: partial(cheats._future, weight), 0.1, 0.3),
        (lambda size: partial(cheats._noisy_truth, size), 1.4, 1.1),
        (lambda share: partial(cheats._peeked, share, 0.0), 0.005, 0.05),
    ],
    ids=["average", "future", "noise", "peek"],
)
def test_detection_starts_where_the_library_says(made, unseen, seen):
    for seed in range(200, 205):
        contest = practice(seed)
        assert not reviewed(audited(forged(made(unseen), contest), contest))
        assert reviewed(audited(forged(made(seen), contest), contest))
