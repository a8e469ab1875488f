"""The routing contest: what is asked, that no service of the window shows, what is refused."""

import csv
import json
from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError, TableError
from common.lab import choice_metrics, graph, metrics
from common.lab.candidate import model_without_ai
from common.lab.contest import Submission
from common.lab.usecase import Period
from usecases.citizen_requests.contest import (
    CHANCE,
    COLUMNS,
    TRUTH,
    check,
    routing_contest,
    scored,
    unit_losses,
)
from usecases.citizen_requests.requests.paris import SERVICES
from usecases.citizen_requests.routing.catalogue import catalogue
from usecases.citizen_requests.routing.examples import with_catalogue
from usecases.citizen_requests.routing.lessons import CATALOGUE_UNIT
from usecases.citizen_requests.routing.ranked_lines import main, rows_of
from usecases.citizen_requests.simulate import simulate
from usecases.citizen_requests.tasks import ROUTING_TASKS

WINDOW = Period(date(2025, 1, 1), date(2025, 7, 1))
K = len(SERVICES)
CONTEST = routing_contest({})


@pytest.fixture(scope="module")
def requests():
    """Two hundred invented requests of 2024 and 2025."""
    return with_catalogue(simulate(5, 200, "paris"), catalogue())


@pytest.fixture(scope="module")
def paper(requests):
    return CONTEST.ask(requests, WINDOW)


def handed(paper, p):
    n_rows = len(paper.questions)
    return Submission({CHANCE: np.asarray(p, float)}, np.arange(2, n_rows + 2), n_rows, "")


@pytest.fixture(scope="module")
def honest(paper):
    """Half of the usual share of each service, half of what similar requests vote."""
    votes = paper.questions.inputs["votes"].astype(float).reshape(-1)
    mixed = 0.5 * paper.questions.level + 0.5 * votes
    whole = mixed.reshape(-1, K)
    return (whole / whole.sum(axis=1, keepdims=True)).reshape(-1)


def rules(findings):
    return {finding.rule: finding for finding in findings}


def with_other_services(requests, seed):
    """Deal the services of the window anew, in numbers, codes, units and what agents added."""
    rng = np.random.default_rng(seed)
    late = np.flatnonzero(requests.times >= pd.Timestamp(WINDOW.start, tz="UTC"))
    codes = requests.columns["service_code"].copy()
    codes[late] = rng.integers(0, K, len(late))
    texts = requests.extras["requests"].copy()
    names = requests.extras["services"]["code"].to_numpy()
    texts["service"] = names[codes.astype(int)]
    texts.loc[late, "first_service"] = "dealt anew"
    texts.loc[late, "also_ok"] = names[0]
    units = [f"{name} {at}" for at, name in enumerate(texts["service"])]
    return replace(
        requests,
        columns={**requests.columns, "service_code": codes},
        groups=pd.Categorical(units),
        extras={**requests.extras, "requests": texts},
    )


def test_every_request_of_the_window_is_asked_for_every_service(requests, paper):
    """n requests received from January to June, eleven services each."""
    first, last = (pd.Timestamp(day, tz="UTC") for day in (WINDOW.start, WINDOW.stop))
    n_asked = int(((requests.times >= first) & (requests.times < last)).sum())
    assert n_asked > 20
    assert len(paper.questions) == n_asked * K
    assert len(paper.tables["requests.csv"]) == n_asked
    assert paper.questions.keys["service"][:K].tolist() == list(SERVICES)


def test_services_dealt_anew_change_nothing_that_is_handed_out(requests, paper):
    """Not the units, nor the votes of similar requests, nor any table: only the labels."""
    other = CONTEST.ask(with_other_services(requests, seed=1), WINDOW)
    assert not np.array_equal(other.labels.truth[TRUTH], paper.labels.truth[TRUTH])
    mine, theirs = paper.questions, other.questions
    for group in ("keys", "inputs", "slices"):
        for name, values in getattr(mine, group).items():
            assert np.asarray(values).tobytes() == getattr(theirs, group)[name].tobytes(), name
    for name in ("units", "blocks", "example", "step", "scale", "level"):
        assert getattr(mine, name).tobytes() == getattr(theirs, name).tobytes(), name
    for name, table in paper.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name])


def test_nothing_received_after_the_window_is_handed_out(paper):
    """Texts included: a request of July may say what came of one of June."""
    for name in ("history.csv", "requests.csv"):
        assert paper.tables[name]["received_utc"].max() < "2025-07-01"
    assert paper.tables["history.csv"]["received_utc"].max() < "2025-01-01"


def test_losses_are_the_task_s_brier_score(paper, honest):
    """The mean of a request's eleven squared errors is its Brier score over eleven."""
    submission = handed(paper, honest)
    _, blocks, loss = unit_losses(submission, paper.questions, paper.labels)
    found = scored(submission, paper.questions, paper.labels)
    brier = metrics.value(choice_metrics.BRIER, found)
    assert loss.mean() * K == pytest.approx(brier, rel=1e-9)
    assert len(np.unique(blocks)) == len(found)


def test_a_request_with_two_right_services_forgives_the_split(paper):
    """p = (0.3, 0.7) on two right services is no error: truth is shared as the answer is."""
    truth = paper.labels.truth[TRUTH].copy()
    truth[:K] = 0
    truth[:2] = 1
    p = np.zeros(len(truth))
    p[:2] = 0.3, 0.7
    labels = replace(paper.labels, truth={TRUTH: truth})
    _, _, loss = unit_losses(handed(paper, p), paper.questions, labels)
    assert loss[:K].tolist() == [0.0] * K


def test_an_honest_file_passes_its_checks_and_its_audit(paper, honest):
    submission = handed(paper, honest)
    others = {"parts": handed(paper, paper.questions.level)}
    assert check(submission, paper.questions) == ()
    assert CONTEST.audit(submission, paper.questions, paper.labels, others) == ()


def test_two_honest_models_that_agree_are_not_called_copies(paper, honest):
    """Both read the same texts: near, and without memory from one request to the next."""
    rng = np.random.default_rng(3)
    other = np.exp(rng.normal(0, 0.3, len(honest))) * (honest + 0.02)
    whole = other.reshape(-1, K)
    other = (whole / whole.sum(axis=1, keepdims=True)).reshape(-1)
    assert np.corrcoef(other, honest)[0, 1] > 0.9
    others = {"other": handed(paper, other)}
    assert CONTEST.audit(handed(paper, honest), paper.questions, paper.labels, others) == ()


def test_a_copy_is_alarmed(paper, honest):
    others = {"ours": handed(paper, honest)}
    copied = handed(paper, np.round(honest, 5))
    found = rules(CONTEST.audit(copied, paper.questions, paper.labels, others))
    assert "copied-entry" in found


def test_chances_that_do_not_add_up_are_refused_with_their_lines(paper, honest):
    """The second request's chances halved: they start on line 2 + 11 and add up to 0.5."""
    p = honest.copy()
    p[K : 2 * K] /= 2
    found = rules(check(handed(paper, p), paper.questions))["chances-sum"]
    assert (found.severity, found.count, found.rows) == ("refused", 1, (2 + K,))


def test_a_request_answered_in_part_is_refused(paper, honest):
    """Filled from another model, its chances would be nobody's."""
    submission = handed(paper, honest)
    line, p = submission.line.copy(), honest.copy()
    line[3], p[3] = 0, np.nan
    found = rules(check(replace(submission, answers={CHANCE: p}, line=line), paper.questions))
    assert found["half-answered"].severity == "refused"


def test_a_perfect_file_is_alarmed(paper, honest):
    """It knew the services; a person must look."""
    others = {"honest": handed(paper, honest)}
    perfect = handed(paper, paper.labels.truth[TRUTH])
    found = rules(CONTEST.audit(perfect, paper.questions, paper.labels, others))
    assert "impossible-perfection" in found


def test_a_window_of_few_requests_is_refused(requests):
    with pytest.raises(DataError, match="requests of known service"):
        CONTEST.ask(requests, Period(date(2025, 1, 1), date(2025, 1, 4)))


def test_damages_touch_texts_and_votes_only(paper):
    inputs = paper.questions.inputs
    for damage in CONTEST.stress.values():
        after = damage(inputs)
        assert set(after) == set(inputs)
        assert len(after["codes"]) == len(inputs["codes"])
        assert not after["votes"].any()


def test_only_the_task_with_its_own_services_offers_a_contest():
    """Themes and competence read the votes of sheets, which the contest does not hand out."""
    assert [task.id for task in ROUTING_TASKS if task.contest] == ["routing"]


def json_lines(paper, p):
    ids = paper.questions.keys["request_id"].reshape(-1, K)[:, 0]
    for name, row in zip(ids, p.reshape(-1, K), strict=True):
        given = zip(SERVICES, row.tolist(), strict=True)
        ranked = [{"code": code, "p": chance} for code, chance in given if chance]
        yield json.dumps({"id": name, "service_ranked": ranked, "system": "essai"})


def test_json_lines_become_a_file_that_the_contest_reads(paper, honest, tmp_path):
    """The brief's form, converted by the command, parsed, and found again to the last digit."""
    paper.tables["services.csv"].to_csv(tmp_path / "services.csv", index=False)
    (tmp_path / "run.jsonl").write_text("\n".join(json_lines(paper, honest)), encoding="utf-8")
    out = tmp_path / "predictions.csv"
    words = [str(tmp_path / "run.jsonl"), str(tmp_path / "services.csv"), "--out", str(out)]
    assert main(words) == 0
    with out.open(encoding="utf-8", newline="") as file:
        assert next(csv.reader(file)) == [column.name for column in COLUMNS]
    submission = CONTEST.parse(out, paper.questions)
    assert submission.findings == ()
    np.testing.assert_allclose(submission.answers[CHANCE], honest, rtol=1e-12)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"id": "P1"}', "another form"),
        ('{"id": 1, "service_ranked": []}', "no text"),
        ('{"id": "P1", "service_ranked": [{"code": "x", "p": 0.5}]}', "unknown service"),
        ('{"id": "P1", "service_ranked": [{"code": "a", "p": 1.5}]}', "not in"),
        ('{"id": "P1", "service_ranked": [{"code": "a", "p": 1}, {"code": "a", "p": 0}]}', "twice"),
        ("", "no line"),
    ],
)
def test_a_line_of_another_form_is_refused_by_its_number(line, words):
    with pytest.raises(TableError, match=words):
        rows_of(line, ["a", "b"])


def test_the_rung_of_the_usual_shares_counts_the_past_and_nothing_later(requests, paper):
    """In a contest nothing is fitted; this one rung is handed what was closed before the window.

    It used to give each of the eleven services one in eleven.
    """
    task = ROUTING_TASKS[0]
    rung = next(rung for rung in task.rungs if rung.name == "majority")
    past = task.examples(requests, Period(date(2014, 1, 1), WINDOW.start))
    inputs = {**paper.questions.inputs, "thresholds": np.tile(np.float32(0.9), (1, 2))}
    inputs = {name: values[:1] for name, values in inputs.items()}
    given = graph.run(model_without_ai(task, rung, past), inputs)["p_service"][0]
    asked_before = past.target[past.units != CATALOGUE_UNIT].sum(axis=0)
    shares = (asked_before + 1) / (asked_before + 1).sum()  # one more each (Laplace)
    assert given == pytest.approx(shares, abs=1e-6)
    even = graph.run(model_without_ai(task, rung), inputs)["p_service"][0]
    assert even == pytest.approx(np.full(K, 1 / K))


def test_all_requests_count_together_so_that_no_site_is_won():
    """The report has no column of sites won where there is one unit of all requests."""
    assert not CONTEST.units
