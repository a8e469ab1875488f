"""The overstay tasks conform, keep their promises on simulated bays and learn what is there."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from common.lab import metrics
from common.lab.boosting import Trees
from common.lab.checks.specimen import Specimen
from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Task, UseCase
from usecases.delivery_zones import data
from usecases.delivery_zones.overstay.model import PAIRS, additive, boosted
from usecases.delivery_zones.overstay.tasks import CITY_OF, OVERSTAY_TASKS, overstay_task
from usecases.delivery_zones.simulate import simulate_for


def _nothing(*_given: Any) -> Any:
    raise NotImplementedError


def _simulate(task: Task, seed: int) -> Dataset:
    return simulate_for(task.split, seed, n_zones=4)


ALONE = UseCase(
    name="delivery_zones",
    title="Stationnement",
    summary="Les seules questions de dépassement.",
    sources=load_sources(data.SOURCES),
    load=_nothing,
    read=_nothing,
    simulate=_simulate,
    tasks=OVERSTAY_TASKS,
    limits=("Données de remplacement.", "Une personne décide."),
)
SHORT = overstay_task("hamburg")


@pytest.fixture(scope="module")
def specimen() -> Specimen:
    return Specimen(ALONE, SHORT)


def test_probability_is_the_logistic_function_of_the_log_odds(specimen: Specimen) -> None:
    """Also for log-odds that exp would overflow on."""
    for rung in SHORT.rungs:
        for _, _, outputs in specimen.tried(rung):
            log_odds = outputs["log_odds"].astype(np.float64)
            expected = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
            np.testing.assert_allclose(outputs["p_overstay"], expected, atol=1e-6)


def test_the_reference_is_the_first_rung(specimen: Specimen) -> None:
    """So the skill of the city's rate over itself is zero, but for the grid of its log-odds."""
    rung = SHORT.rungs[0]
    outputs = specimen.outputs(rung, specimen.inputs(rung))
    np.testing.assert_allclose(outputs["p_overstay"], outputs["p_reference"], atol=2**-11)


def test_a_rate_without_ai_needs_no_training_line(specimen: Specimen) -> None:
    """What `aune evaluate` compares a bundle with on other data."""
    from dataclasses import replace

    none = replace(
        specimen.training,
        **{name: getattr(specimen.training, name)[:0] for name in ("matrix", "target", "weight")},
    )
    for rung in SHORT.rungs[:3]:
        assert rung.kind == "no_ai"
        assert rung.fit(none).point.terms == (rung.name.replace("base", "city"),)


def test_a_fit_beats_the_city_rate_where_zones_differ(specimen: Specimen) -> None:
    """In-sample on simulated bays, whose kinds overstay by 6 to 12 % besides loading."""
    examples = SHORT.examples(specimen.dataset, specimen.fit_period)
    brier = {
        rung.name: metrics.value(
            SHORT.metrics[0], SHORT.scored(examples, specimen.outputs(rung, examples.inputs), {})
        )
        for rung in SHORT.rungs
    }
    assert brier["logistic"] < brier["base_rate"]
    assert brier["boosted"] < brier["base_rate"]


def test_trees_are_what_they_are_declared(specimen: Specimen) -> None:
    """Pairs compile to an additive head; without them the head is not additive."""
    few = Trees(5, leaves=4, min_rows=20, objective="binary")
    assert boosted(few, specimen.training).point.additive is False
    with_pairs = Trees(5, leaves=4, min_rows=20, pairs=PAIRS, objective="binary")
    assert partial(additive, with_pairs)(specimen.training).point.additive is True


def test_every_task_has_its_city_and_the_brief_s_test_window() -> None:
    """``briefs/delivery_zones.md`` 3.3, rule 1 (last days included there, excluded here)."""
    assert set(CITY_OF) == {task.id for task in OVERSTAY_TASKS}
    windows = {task.id: str(task.split.test) for task in OVERSTAY_TASKS}
    assert windows == {
        "overstay": "2018-08-09..2018-09-06",
        "overstay_hamburg": "2020-02-27..2020-03-04",
    }


def test_slices_are_french_and_cover_every_row(specimen: Specimen) -> None:
    for name, slice_of in SHORT.slices.items():
        labels = slice_of(specimen.examples)
        assert len(labels) == len(specimen.examples), name
        assert len(set(labels)) > 1, name
