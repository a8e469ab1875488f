"""Overstay features: shrunk rates on the logit scale, clock waves, state; the same in the graph."""

import numpy as np
import pytest

from common.lab import graph
from common.lab.checks.specimen import legal_values
from usecases.delivery_zones.overstay.features import OVERSTAY_TERMS, overstay_features
from usecases.delivery_zones.overstay.tasks import INPUTS, OVERSTAY_TASKS


def inputs_of(**changed: np.ndarray) -> dict[str, np.ndarray]:
    """One arrival on a Tuesday at 9 h in a zone that nobody knows yet."""
    blank = {
        "reached_stays": np.zeros((1, 2, 8)),
        "over_stays": np.zeros((1, 8)),
        "city_reached_stays": np.zeros((1, 2)),
        "city_over_stays": np.zeros(1),
        "recent_stay_minutes": np.full((1, 20), np.nan),
        "bays_taken": np.zeros(1),
        "empty_minutes": np.full(1, np.nan),
        "limit_minutes": np.full(1, 30.0),
    }
    arrays = {name: values.astype(np.float32) for name, values in (blank | changed).items()}
    return {**arrays, "arrival_minute": np.array([540]), "weekday": np.array([1])}


def columns_of(**changed: np.ndarray) -> dict[str, np.ndarray]:
    columns = overstay_features(np, inputs_of(**changed)).columns
    return {name: np.asarray(values)[0, 0] for name, values in columns.items()}


def logit(rate: float) -> float:
    return float(np.log(rate / (1 - rate)))


def test_without_a_past_every_rate_is_a_half() -> None:
    """(0 + 20 * 0.5) / (0 + 20) = 0.5, whose log-odds are 0."""
    columns = columns_of()
    for name in ("city_rate", "zone_rate", "zone_hour_rate"):
        assert columns[name].tolist() == [0, 0]


def test_rates_are_shrunk_from_city_to_zone_to_hours() -> None:
    """Twenty stays pull the zone half-way from the city, and its hour half-way from the zone."""
    reached, over = np.zeros((1, 2, 8)), np.zeros((1, 8))
    reached[0, :, 3], over[0, 3] = 20, 16
    columns = columns_of(
        reached_stays=reached,
        over_stays=over,
        city_reached_stays=np.array([[980.0, 480.0]]),
        city_over_stays=np.array([290.0]),
    )
    city = (290 + 10) / 1000, (290 + 10) / 500
    zone = [(16 + 20 * rate) / 40 for rate in city]
    hour = [(16 + 20 * rate) / 40 for rate in zone]
    for name, rates in (("city_rate", city), ("zone_rate", zone), ("zone_hour_rate", hour)):
        np.testing.assert_allclose(columns[name], [logit(rate) for rate in rates], rtol=1e-5)


def test_another_hour_says_nothing_of_this_one() -> None:
    """All stays arrived at noon: the rate of nine o'clock is that of the zone."""
    reached, over = np.zeros((1, 2, 8)), np.zeros((1, 8))
    reached[0, :, 4], over[0, 4] = 20, 20
    columns = columns_of(reached_stays=reached, over_stays=over)
    np.testing.assert_allclose(columns["zone_hour_rate"], columns["zone_rate"], rtol=1e-6)


def test_the_clock_turns_and_the_week_end_has_its_own() -> None:
    """9 h is 3/8 of a day: sin(3/4 pi) = 0.7071; a Tuesday has no week-end wave."""
    columns = columns_of()
    assert columns["clock_hour"] == pytest.approx(9)
    assert columns["sin_1"] == pytest.approx(np.sqrt(0.5), abs=1e-6)
    assert columns["weekend_sin_1"] == 0
    assert columns["half_limit"].tolist() == [0, 1]


def test_stays_are_measured_in_limits() -> None:
    """15 and 60 minutes of a limit of 30: (ln 0.5 + ln 2) / 2 = 0; none known: 0 too."""
    recent = np.full((1, 20), np.nan)
    recent[0, -2:] = 15, 60
    assert columns_of(recent_stay_minutes=recent)["recent_stays"] == pytest.approx(0, abs=1e-6)
    assert columns_of()["recent_stays"] == 0


def test_a_bay_never_used_is_like_one_left_a_day_ago() -> None:
    for empty in (np.nan, 1440.0, 10_080.0):
        found = columns_of(empty_minutes=np.array([empty]))["empty_time"]
        assert found == pytest.approx(np.log(1441), rel=1e-6)


def test_the_traced_graph_gives_the_same_columns() -> None:
    """Hostile but legal inputs, numpy against onnxruntime, within one step of the grid."""
    rng = np.random.default_rng(5)
    inputs = {item.name: legal_values(item, 60, rng) for item in INPUTS}
    matrix = graph.run(graph.trace(OVERSTAY_TASKS[0]), inputs)["matrix"]
    columns = overstay_features(np, inputs).columns
    for place, term in enumerate(OVERSTAY_TERMS):
        expected = np.broadcast_to(columns[term.name][:, 0], (60, 2))
        np.testing.assert_allclose(matrix[:, :, place], expected, atol=term.grid)
