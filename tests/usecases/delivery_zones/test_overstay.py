"""Overstay examples hold what was known when a vehicle arrived, and nothing that came after."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError
from common.lab.usecase import Dataset, Period
from usecases.delivery_zones.kerb.events import Place, dataset_of
from usecases.delivery_zones.overstay.examples import N_RECENT, examples_of, stays_of
from usecases.delivery_zones.simulate import simulate

DAY = Period(date(2025, 3, 4), date(2025, 3, 5))


def city(stays, zones=None) -> Dataset:
    """Zones a and b with a limit of 30 minutes; (zone, bay, start, end, quality) in Paris time."""
    table = pd.DataFrame(
        stays, columns=["curb_zone_id", "bay", "event_time_start", "event_time_end", "quality"]
    )
    table["curb_space_id"] = table["curb_zone_id"] + table["bay"].astype(str)
    for name in ("event_time_start", "event_time_end"):
        times = pd.to_datetime(table[name], format="ISO8601").dt.as_unit("s")
        table[name] = times.dt.tz_localize("Europe/Paris").dt.tz_convert("UTC")
    limits = {"curb_zone_id": ["a", "b"], "max_stay_minutes": [30.0, 30.0]}
    return dataset_of(Place("own", "Europe/Paris"), pd.DataFrame(zones or limits), table)


STAYS = [
    ("a", 1, "2025-03-03 08:00", "2025-03-03 08:20", "ok"),  # 20 min
    ("a", 1, "2025-03-03 10:00", "2025-03-03 11:00", "ok"),  # 60 min, over
    ("b", 1, "2025-03-03 10:00", "2025-03-03 10:10", "ok"),  # 10 min: gone at half the limit
    ("a", 2, "2025-03-04 08:30", "2025-03-04 12:00", "ok"),  # over, still there at nine
    ("a", 1, "2025-03-04 09:00", "2025-03-04 09:15", "ok"),  # the row looked at
]


def row_at_nine(dataset: Dataset) -> dict[str, np.ndarray]:
    found = examples_of(dataset, DAY)
    assert found.issued[1] == np.datetime64("2025-03-04T08:00:01")  # 9 h in Paris, a second later
    return {name: values[1] for name, values in found.inputs.items()}


def test_a_row_counts_the_stays_that_had_ended() -> None:
    """At nine: two in zone a (bins 6-9 h and 9-12 h), one over; a third in the city, gone early."""
    row = row_at_nine(city(STAYS))
    assert row["reached_stays"].tolist() == [[0, 0, 1, 1, 0, 0, 0, 0], [0, 0, 1, 1, 0, 0, 0, 0]]
    assert row["over_stays"].tolist() == [0, 0, 0, 1, 0, 0, 0, 0]
    assert row["city_reached_stays"].tolist() == [3, 2]
    assert row["city_over_stays"] == 1


def test_a_row_knows_the_state_of_its_zone_and_bay() -> None:
    """One vehicle on the other bay; the own bay left at 11 h the day before: 22 h."""
    row = row_at_nine(city(STAYS))
    assert row["bays_taken"] == 1
    assert row["empty_minutes"] == 22 * 60
    assert row["limit_minutes"] == 30
    assert row["recent_stay_minutes"][-2:].tolist() == [20, 60]
    assert np.isnan(row["recent_stay_minutes"][: N_RECENT - 2]).all()
    assert (row["arrival_minute"], row["weekday"]) == (540, 1)  # 4 March 2025 is a Tuesday


def test_the_truth_is_of_both_steps_and_unknown_for_those_who_left() -> None:
    """210 minutes: over. 15 minutes: not over, and not beyond half of 30 either."""
    found = examples_of(city(STAYS), DAY)
    np.testing.assert_array_equal(found.target, [[1, 1], [0, np.nan]])
    assert found.units.tolist() == ["a", "a"]
    assert found.slots.tolist() == [[0, 1], [0, 1]]


def test_a_stay_that_ends_as_another_begins_is_known_and_one_second_later_is_not() -> None:
    """Ends at 9 h 00 min 00 s are seen by the sensor before the arrival of that second."""
    for end, expected in (("2025-03-04 09:00:00", 3), ("2025-03-04 09:00:01", 2)):
        stays = [*STAYS[:3], ("a", 2, "2025-03-04 08:30", end, "ok"), STAYS[4]]
        assert row_at_nine(city(stays))["reached_stays"][0].sum() == expected


def test_what_nobody_knows_is_neither_over_nor_within() -> None:
    """A stay cut by an outage after 20 minutes is unknown, after 40 it is over; open: unknown."""
    stays = [
        ("a", 1, "2025-03-04 08:00", "2025-03-04 08:20", "cut_by_outage"),
        ("a", 1, "2025-03-04 09:00", "2025-03-04 09:40", "cut_by_outage"),
        ("a", 1, "2025-03-04 10:00", None, "ok"),
    ]
    found = examples_of(city(stays), DAY)
    np.testing.assert_array_equal(found.target, [[np.nan, np.nan], [1, 1], [np.nan, np.nan]])
    assert found.inputs["reached_stays"][2].sum(axis=1).tolist() == [1, 1]


def test_zones_without_a_limit_are_not_asked_and_others_only_where_headline() -> None:
    zones = {
        "curb_zone_id": ["a", "b", "c"],
        "max_stay_minutes": [30.0, 30.0, np.nan],
        "headline": [True, False, True],
    }
    dataset = city([*STAYS, ("c", 1, "2025-03-04 08:00", "2025-03-04 09:00", "ok")], zones)
    assert stays_of(dataset).names.tolist() == ["a"]
    assert stays_of(dataset, every_zone=True).names.tolist() == ["a", "b"]


def test_the_limit_is_that_of_each_zone() -> None:
    """60 minutes are over 30, not over 180; half of 180 is not reached."""
    zones = {"curb_zone_id": ["a", "b"], "max_stay_minutes": [30.0, 180.0]}
    stays = [(zone, 1, "2025-03-04 10:00", "2025-03-04 11:00", "ok") for zone in "ab"]
    found = examples_of(city(stays, zones), DAY)
    np.testing.assert_array_equal(found.target, [[1, 1], [0, np.nan]])


def test_a_period_without_an_arrival_is_refused() -> None:
    with pytest.raises(DataError, match="no arrival in a zone with a limit"):
        examples_of(city(STAYS), Period(date(2025, 4, 1), date(2025, 4, 2)))


def test_counts_agree_with_a_naive_count() -> None:
    """Every tenth arrival of a simulated fortnight, counted one by one."""
    dataset = simulate(seed=3, n_zones=4, weeks=3)
    found = examples_of(dataset, Period(date(2025, 1, 13), date(2025, 1, 27)))
    stays = stays_of(dataset)
    by_issue = {
        (stays.names[zone], int(arrival) + 1): place
        for place, (zone, arrival) in enumerate(zip(stays.zone, stays.arrival_s, strict=True))
    }
    for row in range(0, len(found), 10):
        here = by_issue[found.units[row], int(found.issued[row].astype(np.int64))]
        now, zone = stays.arrival_s[here], stays.zone[here]
        known = (stays.end_s <= now) & np.isfinite(stays.over)
        mine = known & (stays.zone == zone)
        assert found.inputs["city_over_stays"][row] == stays.over[known].sum()
        assert found.inputs["reached_stays"][row].sum(axis=1).tolist() == [
            mine.sum(),
            (mine & (stays.minutes > 15)).sum(),
        ]
        taken = (stays.zone == zone) & (stays.arrival_s < now) & (stays.end_s > now)
        assert found.inputs["bays_taken"][row] == taken.sum()
