"""Stays become events and come back, and nothing later leaks into what was known before."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import UsageError
from common.lab.usecase import Dataset
from usecases.delivery_zones.kerb.events import (
    ARRIVED,
    LEFT,
    Place,
    dataset_of,
    outages_of,
    sessions_of,
    spaces_seen,
    zones_of,
)

PLACE = Place("test", "Europe/Paris")
ZONES = pd.DataFrame({"curb_zone_id": ["z1", "z2"], "use_class": ["rapid", "slow"]})
MIDNIGHT = pd.Timestamp("2025-03-03", tz="UTC")


def at(minutes: float | None) -> pd.Timestamp:
    return pd.NaT if minutes is None else MIDNIGHT + pd.Timedelta(minutes=minutes)


def stays(*rows: tuple[str, str, float, float | None]) -> pd.DataFrame:
    """(zone, bay, start minute, end minute or None)."""
    return pd.DataFrame(
        {
            "curb_zone_id": [row[0] for row in rows],
            "curb_space_id": [row[1] for row in rows],
            "event_time_start": pd.DatetimeIndex([at(row[2]) for row in rows]),
            "event_time_end": pd.to_datetime([at(row[3]) for row in rows], utc=True),
            "quality": "ok",
        }
    )


def outages(*rows: tuple[str, str, float, float | None]) -> pd.DataFrame:
    table = stays(*rows).drop(columns="quality")
    return table.rename(columns={"event_time_start": "start", "event_time_end": "end"})


def cut(dataset: Dataset, minutes: float) -> Dataset:
    """What was known at an instant: later rows are not there."""
    return dataset.at(np.asarray(dataset.times <= at(minutes)))


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["z1-a", "z1-b", "z2-a"]), st.integers(0, 30), st.integers(1, 90)
        ),
        min_size=1, max_size=25,
    )
)  # fmt: skip
def test_stays_survive_the_way_to_events_and_back(drawn: list[tuple[str, int, int]]) -> None:
    """Any stays that follow each other on their bays, back to back ones included."""
    clock: dict[str, int] = {}
    rows = []
    for bay, pause, minutes in drawn:
        start = clock.get(bay, 0) + pause
        clock[bay] = start + minutes
        rows.append((bay[:2], bay, start, start + minutes))
    table = stays(*rows)
    found = sessions_of(dataset_of(PLACE, ZONES, table))
    keys = ["curb_zone_id", "curb_space_id", "event_time_start", "event_time_end", "quality"]
    expected = table.sort_values(["event_time_start", "curb_space_id"], ignore_index=True)[keys]
    got = found.sort_values(["event_time_start", "curb_space_id"], ignore_index=True)[keys]
    assert got.to_csv() == expected.to_csv()


def test_a_stay_in_progress_has_no_end() -> None:
    """At 10 minutes the stay of 5 to 20 minutes has not ended: nobody knows when it will."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 5, 20), ("z1", "b", 12, 14)))
    known = sessions_of(cut(dataset, 10))
    assert known["curb_space_id"].tolist() == ["a"]
    assert known["event_time_end"].isna().all()
    assert known["use_class"].tolist() == ["rapid"]


def test_rows_made_invalid_are_as_if_they_were_not_there() -> None:
    """The conformance suite hides the future so."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 5, 20), ("z1", "b", 12, 14)))
    later = np.asarray(dataset.times > at(10))
    hidden = replace(
        dataset,
        columns={name: np.where(later, np.nan, v) for name, v in dataset.columns.items()},
        valid=~later,
    )
    assert sessions_of(hidden).to_csv() == sessions_of(cut(dataset, 10)).to_csv()


def test_at_the_same_instant_a_bay_is_left_before_it_is_taken() -> None:
    """Back-to-back stays never look like two vehicles on one bay."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 0, 10), ("z1", "a", 10, 20)))
    assert dataset.columns["change"].tolist() == [ARRIVED, LEFT, ARRIVED, LEFT]


def test_bays_are_numbered_by_first_arrival() -> None:
    """So the bays known at an instant are the first ones: no number tells of the future."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "late", 50, 60), ("z1", "early", 5, 20)))
    spaces = dataset.extras["spaces"].set_index("curb_space_id")["space"]
    assert spaces.to_dict() == {"early": 0, "late": 1}
    assert zones_of(dataset).set_index("curb_zone_id")["n_spaces"].to_dict() == {"z1": 2, "z2": 0}


def test_the_capacity_of_a_window_counts_bays_taken_in_it() -> None:
    """Bay b is first taken at minute 50; the arrival at 50 is outside [0, 50)."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 5, 20), ("z1", "b", 50, 60)))
    assert spaces_seen(dataset, at(0), at(50)).to_dict() == {"z1": 1, "z2": 0}
    assert spaces_seen(dataset, at(0), at(51)).to_dict() == {"z1": 2, "z2": 0}


def test_outages_that_overlap_are_one_and_an_open_one_stays_open() -> None:
    """10-30 and 20-40 make 10-40; the one from 60 never ended."""
    dataset = dataset_of(
        PLACE, ZONES, stays(("z1", "a", 0, 5), ("z1", "a", 70, 80)),
        outages(("z1", "a", 20, 40), ("z1", "a", 10, 30), ("z1", "a", 60, None)),
    )  # fmt: skip
    found = outages_of(dataset)
    assert found["start"].tolist() == [at(10), at(60)]
    assert found["end"].iloc[0] == at(40)
    assert pd.isna(found["end"].iloc[1])
    assert len(sessions_of(dataset)) == 2


def test_an_outage_is_known_when_it_begins_and_open_until_it_ends() -> None:
    """At minute 20 nobody knows when the sensor will be back."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 0, 5)), outages(("z1", "a", 10, 30)))
    assert outages_of(cut(dataset, 9)).empty
    assert outages_of(cut(dataset, 20))["end"].isna().tolist() == [True]


def test_overlapping_stays_and_unknown_zones_are_refused() -> None:
    """A bay holds one vehicle; a stay needs its zone."""
    with pytest.raises(UsageError, match="one vehicle at a time"):
        dataset_of(PLACE, ZONES, stays(("z1", "a", 0, 10), ("z1", "a", 9, 20)))
    with pytest.raises(UsageError, match="each zone"):
        dataset_of(PLACE, ZONES, stays(("z9", "a", 0, 10)))


def test_a_departure_without_an_arrival_makes_no_stay() -> None:
    """A vehicle that stood there when recording began: its length is not known."""
    dataset = dataset_of(PLACE, ZONES, stays(("z1", "a", 5, 20), ("z1", "a", 30, 40)))
    begun = dataset.at(np.asarray(dataset.times >= at(10)))
    assert sessions_of(begun)["event_time_start"].tolist() == [at(30)]
