"""Rules on answers that are probabilities: what is alarmed, and what must not be."""

import numpy as np
import pytest

from common.lab.contest import Column, Labels, Questions, Submission
from common.lab.contest.chances import audit_chances, check_chances

COLUMNS = (
    Column("zone", "text", "", "Zone.", "Zone."),
    Column("issue_utc", "time", "", "Émission.", "Issue time."),
    Column("target_utc", "time", "", "Instant.", "Instant."),
    Column("p", "number", "1", "Chance.", "Chance.", low=0, high=1),
)
N_UNITS, N_DAYS, N_STEPS = 8, 6, 52
START = np.datetime64("2025-03-09T17:00", "s")
USUAL = np.array([0.99, 0.9, 0.8, 0.7, 0.6, 0.9, 0.8, 0.03])
"""Usual chance of each unit; the first and the last are all but certain."""


@pytest.fixture(scope="module")
def world():
    """Chances that wander through the day, what came of them, and the questions."""
    unit, day, step = (axis.ravel() for axis in np.meshgrid(
        np.arange(N_UNITS), np.arange(N_DAYS), np.arange(N_STEPS), indexing="ij"))  # fmt: skip
    rng = np.random.default_rng(4)
    wander = np.cumsum(rng.normal(0, 0.25, len(unit)).reshape(-1, N_STEPS), axis=1).ravel()
    odds = np.log(USUAL / (1 - USUAL))[unit] + wander
    chance = 1 / (1 + np.exp(-odds))
    truth = (rng.random(len(unit)) < chance).astype(float)
    issue = START + (4 * 86_400 * day).astype("timedelta64[s]")
    names = np.array([f"z{number}" for number in range(N_UNITS)])[unit]
    questions = Questions(
        keys={"zone": names, "issue_utc": issue,
              "target_utc": issue + (13 * 3600 + 900 * step).astype("timedelta64[s]")},
        units=names, blocks=day, example=unit * N_DAYS + day, step=step, inputs={},
        scale=np.ones(len(unit)), level=USUAL[unit],
    )  # fmt: skip
    return questions, chance, Labels({"p": truth})


@pytest.fixture(scope="module")
def opponents(world):
    """The usual chance, and a smooth model that is half way to the best chance there is."""
    questions, chance, _ = world
    return {"usual": questions.level, "model": 0.5 * chance + 0.5 * questions.level}


def handed(answer):
    return Submission({"p": answer}, np.arange(2, len(answer) + 2), len(answer), "")


def seen(answer, world):
    return {each.rule: each for each in check_chances(handed(answer), world[0], COLUMNS)}


def audited(answer, world, opponents):
    questions, _, labels = world
    others = {name: handed(values) for name, values in opponents.items()}
    found = audit_chances(handed(answer), questions, labels, others, COLUMNS)
    return {finding.rule: finding for finding in found}


def test_the_best_chance_there_is_raises_nothing(world, opponents):
    assert seen(world[1], world) == {}
    assert audited(world[1], world, opponents) == {}


def test_a_best_chance_rounded_to_0_and_1_raises_nothing(world, opponents):
    """Its mean absolute error is up to half as large, its squared error is not smaller."""
    rounded = np.round(world[1])
    assert {*audited(rounded, world, opponents)} == set()


def test_a_constant_is_fair_where_the_outcome_is_all_but_certain(world):
    """z0 is free 99 % of the time and z7 3 %: a constant there is knowledge."""
    questions, chance, _ = world
    certain = np.isin(questions.units, ["z0", "z7"])
    assert seen(np.where(certain, questions.level, chance), world) == {}


def test_a_constant_elsewhere_asks_for_a_person(world):
    questions, chance, _ = world
    found = seen(np.where(questions.units == "z3", 0.7, chance), world)["constant"]
    assert (found.severity, found.count) == ("review", 1)
    assert "z3" in found.message


def test_units_all_but_certain_may_have_the_same_answers(world):
    """Only z2 and z6 are told from each other by their history."""
    questions, chance, _ = world
    same = chance.copy()
    same[questions.units == "z7"] = 1 - same[questions.units == "z0"]
    assert "identical-units" not in seen(same, world)
    same[questions.units == "z6"] = same[questions.units == "z2"]
    assert seen(same, world)["identical-units"].count == 2


@pytest.mark.parametrize("factor", [0.01, 0.001])
def test_chances_divided_by_a_hundred_or_more_are_refused(world, factor):
    found = seen(world[1] * factor, world)["unit-error"]
    assert found.severity == "refused"


def test_a_unit_that_is_never_free_is_no_unit_error(world):
    """z7's median is far below a twentieth of the others': the rule looks at all units."""
    questions, chance, _ = world
    full = np.where(questions.units == "z7", 0.001, chance)
    assert "unit-error" not in seen(full, world)


def test_the_contrary_chance_asks_for_a_person(world):
    assert seen(1 - world[1], world)["inverted"].severity == "review"


def test_bookings_read_as_occupancy_ask_for_a_person(world):
    """A tenth of the uses is seen: 1 - (1 - p) / 10."""
    assert "too-favourable" in seen(1 - (1 - world[1]) / 10, world)
    # Two thirds of the usual may be a quiet month.
    assert "too-favourable" not in seen(1 - (1 - world[1]) * 2 / 3, world)


def test_missing_rows_are_no_error_in_the_rules(world):
    answer = world[1].copy()
    answer[::100] = np.nan
    assert seen(answer, world) == {}


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_the_truth_is_alarmed_and_so_is_the_truth_with_noise(world, opponents, spread):
    truth = world[2].truth["p"]
    noise = np.random.default_rng(1).normal(0, spread, len(truth))
    found = audited(np.clip(truth + noise, 0, 1), world, opponents)
    assert "impossible-perfection" in found
    assert "exact-truth" in found


def test_some_rows_known_for_certain_are_alarmed(world, opponents):
    """Every fifth row is the truth: those where everybody else errs give it away."""
    truth = world[2].truth["p"]
    known = np.where(np.arange(len(truth)) % 5 == 0, truth, world[1])
    assert "exact-truth" in audited(known, world, opponents)


def test_certain_answers_against_all_that_are_wrong_as_often_are_not(world, opponents):
    """Overconfident is no cheat: right half of the time, alone against all."""
    rng = np.random.default_rng(2)
    bold = np.where(rng.random(len(world[1])) < 0.1, rng.integers(0, 2, len(world[1])), world[1])
    assert "exact-truth" not in audited(bold, world, opponents)


def test_a_rescaled_copy_is_named_and_another_honest_model_is_not(world, opponents):
    copied = 0.5 * world[1] + 0.5 * world[0].level + 1e-5
    found = audited(copied, world, opponents)["copied-entry"]
    assert found.severity == "review"
    assert "model" in found.message
    assert "copied-entry" not in audited(0.8 * world[1] + 0.2 * world[0].level, world, opponents)


@pytest.mark.parametrize("spread", [0.01, 0.05])
def test_a_copy_with_jitter_is_named(world, opponents, spread):
    noise = np.random.default_rng(3).normal(0, spread, len(world[1]))
    found = audited(np.clip(opponents["model"] + noise, 0, 1), world, opponents)
    assert "jittered-entry" in found


def test_shifted_truth_is_alarmed(world, opponents):
    """What a neighbour quarter will be is as unknown as the quarter itself."""
    truth = world[2].truth["p"]
    shifted = np.append(truth[1:], truth[-1])
    assert "shifted-truth" in audited(shifted, world, opponents)
