"""Comparisons: same rows for all, verdicts that keep their word, dominance only when sure."""

import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.comparing.compare import compare, filled
from benchmarks.comparing.pareto import Box, dominated_by, energy_ratio
from benchmarks.comparing.printed import printed
from benchmarks.comparing.slices import alerts
from benchmarks.sealing.entries import own_submission
from common.edge.errors import DataError, UsageError
from common.lab.contest import Finding
from common.lab.metrics import COVERAGE_80, WAPE
from common.lab.statistics import paired_block_bootstrap


@pytest.fixture(scope="module")
def found(contest_task, toy_paper, opponents, candidates):
    protocol = {"no_ai": "last_week", "margin": 0.02, "demonstration": True}
    return compare(contest_task, *toy_paper, (*opponents, *candidates), protocol)


def again(contest_task, toy_paper, kit, *entries):
    return compare(contest_task, *toy_paper, entries, kit.protocol)


def test_verdicts_are_better_worse_and_equivalent_where_it_is_so(found):
    """6 % of error against 10, 15 against 10, and the reference's own answers again."""
    verdicts = {item.entry.id: item.verdict for item in found.standings}
    assert verdicts == {
        "last_week": "worse",
        "mean": "worse",
        "linear": "reference",
        "better": "better",
        "twin": "equivalent",
        "worse": "worse",
    }
    assert {item.against_no_ai for item in found.standings if item.entry.role == "candidate"} == {
        "better"
    }


def test_rungs_come_first_then_the_reference_then_candidates_by_their_error(found):
    names = [item.entry.id for item in found.standings]
    assert names == ["last_week", "mean", "linear", "better", "twin", "worse"]


def test_the_difference_is_that_of_the_ladders_bootstrap(
    found, contest_task, toy_paper, opponents, candidates
):
    """Nothing is known of the task but its losses: the same function on them, rounded."""
    losses = [
        contest_task.contest.unit_losses(entered.submission, *toy_paper)
        for entered in (candidates[0], opponents[2])
    ]
    wanted = paired_block_bootstrap(*losses, transform=np.sqrt, seed=0)
    assert found.standing("better").difference.relative == printed(wanted.relative)
    assert found.standing("better").difference.relative_high == printed(wanted.relative_high)


def test_holm_multiplies_by_the_number_of_candidates(found):
    """2,001 draws at best: p = 1 / 2,001 = 0.0005 for two of three; times 3, then as large."""
    raw = [found.standing(name).difference.p_value for name in ("better", "worse", "twin")]
    assert raw == [0.0005, 0.0005, 1.0]
    adjusted = [found.standing(name).p_adjusted for name in ("better", "worse", "twin")]
    assert adjusted == [0.0015, 0.0015, 1.0]
    assert found.standing("mean").p_adjusted is None


def test_an_interval_on_one_side_is_not_enough_among_twenty_candidates(
    contest_task, toy_paper, opponents, kit
):
    """Slightly different, p between 0.0025 and 0.05: certain alone, not twenty times over."""
    reference = opponents[2].submission.answers["visits"]
    strict = replace(contest_task, margin=1e-6)  # nothing is equivalent

    def judged(*candidates):
        entries = (opponents[0], opponents[2], *candidates)
        return compare(strict, *toy_paper, entries, kit.protocol)

    def nudged(seed):
        noise = 0.016 * np.random.default_rng(seed).standard_normal(len(reference))
        return kit.entered("lucky", "candidate", reference * np.exp(noise))

    lucky = next(
        candidate
        for candidate in map(nudged, range(30))
        if 0.0025 < judged(candidate).standing("lucky").difference.p_value < 0.05
    )
    crowd = [replace(lucky, entry=replace(lucky.entry, id=f"lucky{i}")) for i in range(20)]
    assert judged(lucky).standing("lucky").verdict in ("better", "worse")
    many = judged(*crowd)
    assert {many.standing(f"lucky{i}").verdict for i in range(20)} == {"undetermined"}


def test_missing_rows_are_filled_from_the_rung_without_ai_and_counted(
    contest_task, toy_paper, opponents, candidates, kit
):
    """14 of 1,440 rows (1 %) without a line take last week's answers."""
    answers = candidates[0].submission.answers["visits"].copy()
    answers[:14] = np.nan
    holed = kit.entered("holed", "candidate", answers)
    standing = again(contest_task, toy_paper, kit, opponents[0], opponents[2], holed).standing(
        "holed"
    )
    assert (standing.entry.n_missing, standing.entry.n_asked) == (14, 1440)
    assert standing.verdict == "better"
    complete, count = filled(holed.submission, opponents[0].submission)
    assert count == 14
    assert np.array_equal(
        complete.answers["visits"][:14], opponents[0].submission.answers["visits"][:14]
    )
    assert np.array_equal(complete.answers["visits"][14:], answers[14:])


def test_all_answers_of_a_gap_are_filled_so_that_quantiles_stay_in_order():
    """One NaN quantile of a row: mixing 9 with the rung's 5 would put them out of order."""
    own = own_submission({"q10": np.array([1.0, 8.0]), "q50": np.array([np.nan, 9.0])})
    fallback = own_submission({"q10": np.array([4.0, 4.0]), "q50": np.array([5.0, 5.0])})
    complete, count = filled(own, fallback)
    assert count == 1
    assert complete.answers["q10"].tolist() == [4, 8]
    assert complete.answers["q50"].tolist() == [5, 9]


def test_above_two_percent_of_gaps_nothing_is_scored(
    contest_task, toy_paper, opponents, candidates, kit
):
    """29 of 1,440 rows are 2.01 %."""
    answers = candidates[0].submission.answers["visits"].copy()
    answers[:29] = np.nan
    holed = kit.entered("holed", "candidate", answers)
    standing = again(contest_task, toy_paper, kit, opponents[0], opponents[2], holed).standing(
        "holed"
    )
    assert (standing.verdict, standing.scores, standing.difference) == ("refused", {}, None)


def test_a_refused_file_is_listed_and_not_scored(
    contest_task, toy_paper, opponents, candidates, kit
):
    finding = Finding("unit", "refused", "Mille fois trop grand.", 10)
    bad = replace(candidates[0], entry=replace(candidates[0].entry, findings=(finding,)))
    standing = again(contest_task, toy_paper, kit, opponents[0], opponents[2], bad).standing(
        "better"
    )
    assert (standing.verdict, standing.n_units) == ("refused", 0)


def test_a_candidate_under_review_is_scored_but_dominates_nobody(
    contest_task, toy_paper, opponents, candidates, kit
):
    """The truth itself is perfect and cheap: a person must look before others look bad."""
    labels = toy_paper[1]
    leak = kit.entered("leak", "candidate", labels.truth["visits"].copy(), wh=(0.001, 0.002))
    found = again(contest_task, toy_paper, kit, opponents[0], opponents[2], leak, candidates[1])
    assert found.standing("leak").findings[0].rule == "equal"
    assert found.standing("leak").verdict == "better"
    assert found.standing("worse").dominated_by == ("linear",)
    assert any("Solution leak" in text and "examen" in text for text in found.unverified)


def test_dominated_means_behind_at_its_best(found):
    """15 % of error at 40 Wh is behind the reference and behind the better one at 5 Wh."""
    assert set(found.standing("worse").dominated_by) == {"linear", "better", "twin"}
    assert found.standing("better").dominated_by == ()
    assert found.standing("last_week").dominated_by == ()  # the cheapest of all


def test_a_lower_bound_of_energy_dominates_nobody(kit):
    """Its true energy may be anything above: the worst corner is at infinity."""
    cheap = kit.evidence(1.0, 2.0, level=2, lower_bound=True)
    entries = [
        SimpleNamespace(id="llm", predict=cheap, findings=()),
        SimpleNamespace(id="other", predict=kit.evidence(50.0, 60.0), findings=()),
        SimpleNamespace(id="unknown", predict=kit.evidence(np.nan, np.nan, level=0), findings=()),
    ]
    gaps = [(-0.5, -0.4), (0.1, 0.2), (0.1, 0.2)]
    standings = [
        SimpleNamespace(
            entry=entry,
            verdict="undetermined",
            findings=(),
            difference=SimpleNamespace(relative_low=low, relative_high=high),
        )
        for entry, (low, high) in zip(entries, gaps, strict=True)
    ]
    assert dominated_by(standings) == {"llm": (), "other": (), "unknown": ()}
    assert energy_ratio(entries[2].predict, cheap) is None


def test_equal_boxes_do_not_dominate_each_other():
    box = Box((0.0, 0.0), (1.0, 1.0))
    assert not box.behind(box)


def test_slices_are_the_main_metric_of_their_rows(found, toy_paper, candidates):
    """By hand: median over libraries of sum |error| / sum |truth| over the winter rows."""
    questions, labels = toy_paper
    truth, answers = labels.truth["visits"], candidates[0].submission.answers["visits"]
    wanted = {}
    for slice_name in ("saison", "taille"):
        for label in np.unique(questions.slices[slice_name]):
            rows = questions.slices[slice_name] == label
            wapes = [
                100 * np.abs(answers - truth)[mine].sum() / truth[mine].sum()
                for unit in np.unique(questions.units[rows])
                for mine in [rows & (questions.units == unit)]
            ]
            wanted[slice_name, label] = pytest.approx(np.median(wapes), rel=1e-4)
    found_slices = found.standing("better").slices
    assert {
        (name, label): value
        for name, classes in found_slices.items()
        for label, value in classes.items()
    } == wanted


def test_an_alert_is_raised_when_the_worst_class_errs_a_quarter_more():
    assert alerts(WAPE, {"taille": {"a": 10.0, "b": 12.6}}) == ("taille",)
    assert alerts(WAPE, {"taille": {"a": 10.0, "b": 12.5}}) == ()
    assert alerts(WAPE, {"taille": {"a": 10.0, "b": float("nan")}}) == ()
    # 76 and 83 are 4 and 3 points off 80: a third more
    assert alerts(COVERAGE_80, {"taille": {"a": 76.0, "b": 83.0}}) == ("taille",)


def test_the_worst_unit_is_the_one_with_the_highest_main_metric(found, toy_paper, candidates):
    questions, labels = toy_paper
    truth, answers = labels.truth["visits"], candidates[0].submission.answers["visits"]
    wapes = {
        str(unit): 100 * np.abs(answers - truth)[mine].sum() / truth[mine].sum()
        for unit in np.unique(questions.units)
        for mine in [questions.units == unit]
    }
    standing = found.standing("better")
    assert standing.worst_unit == max(wapes, key=wapes.get)
    assert standing.worst_loss == pytest.approx(max(wapes.values()), rel=1e-4)
    assert standing.units_won == standing.n_units == 12


def test_stress_is_the_relative_increase_of_the_loss(
    contest_task, toy_paper, opponents, candidates, kit
):
    """Errors twice as large: the square root of squares doubles, an increase of 100 %."""
    truth = toy_paper[1].truth["visits"]
    answers = candidates[0].submission.answers["visits"]
    damaged = {"visits": truth + 2 * (answers - truth)}
    candidate = replace(candidates[0], stress={"Capteurs perdus": damaged})
    found = again(contest_task, toy_paper, kit, opponents[0], opponents[2], candidate)
    assert found.standing("better").stress == {"Capteurs perdus": 1.0}
    blind = [text for text in found.unverified if "abîmées impossible" in text]
    assert blind == []


def test_what_was_not_verified_is_said_from_the_facts(found):
    text = "\n".join(found.unverified)
    assert "Personne n'a vu le modèle tourner" in text
    assert "pouvaient être connues" in text  # a demonstration on public data
    assert "impossible à éprouver" in text
    assert len(found.unverified) >= 5


@pytest.mark.parametrize(
    ("protocol", "message"),
    [
        ({}, "best rung without AI is None"),
        ({"no_ai": "linear"}, "best rung without AI is 'linear'"),
    ],
)
def test_the_rung_without_ai_must_be_chosen_beforehand(
    contest_task, toy_paper, opponents, protocol, message
):
    """Choosing it on the test labels would flatter it: the protocol names it."""
    with pytest.raises(UsageError, match=message):
        compare(contest_task, *toy_paper, opponents, protocol)


def test_two_references_or_the_same_id_twice_are_refused(contest_task, toy_paper, opponents, kit):
    other = replace(opponents[2], entry=replace(opponents[2].entry, id="other"))
    with pytest.raises(UsageError, match="2 references"):
        again(contest_task, toy_paper, kit, *opponents, other)
    with pytest.raises(UsageError, match="same id"):
        again(contest_task, toy_paper, kit, *opponents, opponents[2])


def test_a_task_without_a_contest_or_a_refused_reference_is_an_error(
    contest_task, toy_paper, opponents, kit
):
    with pytest.raises(UsageError, match="no contest"):
        again(replace(contest_task, contest=None), toy_paper, kit, *opponents)
    finding = Finding("nan", "refused", "Réponses absentes.")
    bad = replace(opponents[2], entry=replace(opponents[2].entry, findings=(finding,)))
    with pytest.raises(DataError, match="linear is refused"):
        again(contest_task, toy_paper, kit, *opponents[:2], bad)


@pytest.mark.slow
def test_a_million_answers_are_compared_in_seconds(contest_task, kit):
    """46 meters x 45 weeks x 480 values: 0.99 M rows; a few CPU-s for each entry."""
    questions, labels = kit.paper(46, 45, 480)
    entries = [
        kit.entered("last_week", "no_ai", kit.noisy(labels, 0.2, 1), "own"),
        kit.entered("linear", "reference", kit.noisy(labels, 0.1, 2), "own"),
        *(kit.entered(f"c{i}", "candidate", kit.noisy(labels, 0.1, 3 + i)) for i in range(5)),
    ]
    begin = time.process_time()
    compare(contest_task, questions, labels, entries, kit.protocol)
    assert time.process_time() - begin < 7 * 6
