"""What sixteen weeks of levels become: tables, paces, times; and what the graph costs."""

import time

import numpy as np
import pytest

from common.lab import graph
from common.lab.candidate import model_without_ai
from usecases.waste_collection.features import OVERFLOW_TERMS, overflow_features
from usecases.waste_collection.overflow.inputs import OVERFLOW_INPUTS
from usecases.waste_collection.overflow.levels.kernels import HISTORY_DAYS
from usecases.waste_collection.tasks import OVERFLOW_TASK


def inputs(*levels: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs of containers with these levels at the end of the window, Mondays."""
    series = np.full((len(levels), HISTORY_DAYS), np.nan, dtype=np.float32)
    for row, values in enumerate(levels):
        series[row, HISTORY_DAYS - len(values) :] = values
    found = {"level_percent": series, "alert": np.zeros_like(series),
             "weekday": np.zeros(len(levels), np.int64)}  # fmt: skip
    for field in OVERFLOW_INPUTS:
        if field.default is not None:
            found[field.name] = np.broadcast_to(field.default, (len(levels), *field.default.shape))
    return found


def column(name: str, given: dict[str, np.ndarray]) -> np.ndarray:
    return np.asarray(overflow_features(np, given).columns[name])[:, 0]


SAWTOOTH = np.tile([0.0, 20.0, 40.0, 60.0, 80.0], 20)


def test_a_container_that_rises_by_20_a_day_has_that_pace() -> None:
    """Four rises of 20 and a collection down to 0, each five days: 80 / 5 = 16 points a day."""
    # 99 steps: 20 cycles of 80 less nothing at the ends, and 3 days of 11 held against them
    expected = (20 * 80 + 3 * 11) / (99 + 3)
    assert column("usual_pace", inputs(SAWTOOTH))[0, 0] == pytest.approx(expected, rel=1e-5)


def test_time_since_the_collection_counts_the_target_day() -> None:
    """Emptied four days ago (the 0 of the last cycle): five days on the first target day."""
    assert column("since_collection", inputs(SAWTOOTH))[0, :2].tolist() == [5.0, 6.0]


def test_a_container_seen_to_go_from_20_to_80_is_expected_to() -> None:
    """Ten times from 20 to 80 in a day: its table says more than the city's."""
    jumps = np.tile([0.0, 20.0, 80.0], 10)
    own = column("table", inputs(np.append(jumps, [0.0, 20.0])))[0, 0]
    nobody = column("table", inputs(np.array([20.0])))[0, 0]
    assert own > nobody + 1


def test_a_level_under_alert_is_not_known() -> None:
    """100 % under alert today: the answer starts from yesterday's 40 %, a day older."""
    given = inputs(np.append(SAWTOOTH, [0.0, 20.0, 40.0, 100.0]))
    given["alert"] = given["alert"].copy()
    given["alert"][:, -1] = 1
    without = inputs(np.append(SAWTOOTH, [0.0, 20.0, 40.0, np.nan]))
    for name in (term.name for term in OVERFLOW_TERMS):
        np.testing.assert_array_equal(column(name, given), column(name, without))


def test_a_full_container_that_fell_silent_has_most_likely_been_emptied() -> None:
    """At 80 % two days ago, in a town that empties 87 % of such containers in a day."""
    silent = inputs(np.append(SAWTOOTH, [np.nan, np.nan]))
    full = np.asarray(overflow_features(np, silent).context["full"])
    assert full.item() < 0.2
    assert column("expected", silent)[0, 0] < 60
    read = overflow_features(np, inputs(SAWTOOTH)).context["full"]
    assert np.asarray(read).item() == 1.0


def test_a_thousand_containers_take_less_than_a_second_and_the_graph_less_than_100_kb() -> None:
    """The goals are 1 s on one thread and 1 MB; the table's rung holds the whole roll-out."""
    rung = next(rung for rung in OVERFLOW_TASK.rungs if rung.name == "markov")
    model = model_without_ai(OVERFLOW_TASK, rung)
    given = inputs(*[SAWTOOTH] * 1000)
    opened = graph.session(model)
    start = time.process_time()
    found = graph.run(opened, given)
    assert found["p_ge80"].shape == (1000, 7)
    assert time.process_time() - start < 1
    assert len(model) < 100_000
