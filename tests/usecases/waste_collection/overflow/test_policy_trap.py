"""A model that learns when crews come, instead of when containers fill, must be found out.

Trained on the windows that nobody emptied, with what the sensor showed at their end, it is the
better one on such windows, and the worse one on the question asked (brief 0.2).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import numpy as np
import pytest

from common.lab import graph, metrics
from common.lab.boosting import Trees
from common.lab.usecase import Array, Dataset, Examples, Period, Rung, Task
from usecases.waste_collection.features import GROUPS
from usecases.waste_collection.model import boosted
from usecases.waste_collection.overflow.examples import SLOTS, Scope, examples_of
from usecases.waste_collection.overflow.scores import METRICS, held_of
from usecases.waste_collection.simulate import levels_if_not_collected, simulate
from usecases.waste_collection.tasks import OVERFLOW_TASK

TREES = Trees(60, leaves=7, learning_rate=0.1, min_rows=50, l2=20.0, objective="binary")
FIRST, SPLIT, LAST = date(2025, 1, 6), date(2026, 1, 6), date(2026, 10, 1)


def survivors_only(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Take the windows that nobody emptied, and whether the sensor showed 80 % at their end."""
    del context
    target = np.full_like(examples.target, np.nan)
    level = examples.target[:, SLOTS.level]
    target[:, SLOTS.reached] = np.where(np.isnan(level), np.nan, level >= 80)
    return target, np.ones_like(target)


@dataclass
class Contest:
    """An honest model and a policy-learning one, on the same rows of the same data."""

    dataset: Dataset
    fit: Period
    score: Period
    scope: Scope

    def _examples(self, period: Period) -> Examples:
        return examples_of(self.dataset, period, self.scope)

    @cached_property
    def rows(self) -> Examples:
        return self._examples(self.score)

    @cached_property
    def honest(self) -> Array:
        """Chances of the transition model: the product of seven days of one step."""
        rung = _rung()
        training = graph.training(OVERFLOW_TASK, self._examples(self.fit), seed=1)
        model = graph.assemble(OVERFLOW_TASK, rung, rung.fit(training))
        return graph.run(model, self.rows.inputs, ("p_ge80",))["p_ge80"]

    @cached_property
    def policy(self) -> Array:
        """Chances of the direct model of windows that nobody emptied; same trees and columns."""
        task: Task = replace(OVERFLOW_TASK, train_on=survivors_only)
        fitted = _rung().fit(graph.training(task, self._examples(self.fit), seed=1))
        matrix = graph.run(graph.trace(OVERFLOW_TASK), self.rows.inputs, ("matrix",))["matrix"]
        kept = [term.name in GROUPS for term in OVERFLOW_TASK.terms]
        lines = matrix[:, :, kept].reshape(-1, sum(kept))
        assert fitted.reference is not None
        return 1 / (1 + np.exp(-fitted.reference(lines).reshape(-1, 7)))

    def naive(self, chance: Array) -> float:
        """Brier score on the windows that nobody emptied: what a careless test looks at."""
        level = self.rows.target[:, SLOTS.level]
        return float(np.nanmean((chance - np.where(np.isnan(level), np.nan, level >= 80)) ** 2))

    def weighted(self, chance: Array) -> float:
        """Brier score of the question asked, with censoring weights."""
        named = dict.fromkeys(("q10", "q50", "q90", "low_80", "high_80"), np.zeros_like(chance))
        return metrics.value(METRICS[0], held_of(self.rows, {"p_ge80": chance} | named))


def _rung() -> Rung:
    template = OVERFLOW_TASK.rungs[-1]
    return replace(template, fit=lambda training: boosted(TREES, tuple(GROUPS), training))


@pytest.fixture(scope="module")
def simulated() -> Contest:
    dataset = simulate(seed=3, n_containers=12, n_days=(LAST - FIRST).days, first_day=FIRST)
    return Contest(dataset, Period(date(2025, 3, 1), SPLIT), Period(SPLIT, LAST), Scope(SPLIT))


def test_the_naive_score_prefers_the_model_that_learnt_the_crews_policy(
    simulated: Contest,
) -> None:
    """On windows nobody emptied it wins (by 7 % here): that is why the trap works."""
    assert simulated.naive(simulated.policy) < 0.96 * simulated.naive(simulated.honest)


def test_the_weighted_score_finds_the_model_that_learnt_the_crews_policy(
    simulated: Contest,
) -> None:
    """The weights and the event's definition give back what collections hide."""
    assert simulated.weighted(simulated.policy) > 1.1 * simulated.weighted(simulated.honest)


def test_the_truth_without_collections_says_the_same_as_the_weighted_score(
    simulated: Contest,
) -> None:
    """The simulator knows the level that each container would have reached, left alone."""
    dataset, rows = simulated.dataset, simulated.rows
    truth = np.maximum.accumulate(levels_if_not_collected(dataset), axis=1) >= 80
    days = dataset.times.tz_convert(dataset.timezone).tz_localize(None).to_numpy().astype("M8[D]")
    place = {key: row for row, key in enumerate(zip(dataset.groups, days, strict=True))}
    at = [place[key] for key in zip(rows.units, rows.days, strict=True)]
    honest, policy = (
        float(np.mean((chance - truth[at]) ** 2)) for chance in (simulated.honest, simulated.policy)
    )
    assert policy > 1.1 * honest


@pytest.mark.slow
def test_wyndham_tells_them_apart_as_well(wyndham: Dataset) -> None:
    """On the public bins too, each model wins by the score that suits it."""
    split = OVERFLOW_TASK.split
    scope = Scope(date(2020, 4, 1))
    contest = Contest(wyndham, Period(date(2019, 10, 1), split.test.start), split.test, scope)
    assert contest.naive(contest.policy) < 0.9 * contest.naive(contest.honest)
    assert contest.weighted(contest.policy) > 1.1 * contest.weighted(contest.honest)
