"""Bays in civil quarters: what is occupied, what is unknown, what counts as a bay."""

import numpy as np
import pandas as pd

from usecases.delivery_zones.availability.occupancy import timeline_of
from usecases.delivery_zones.kerb.events import Place, dataset_of


def stays(*rows):
    """Stays of zone z as (bay, start, end), UTC."""
    return pd.DataFrame(
        {
            "curb_zone_id": "z",
            "curb_space_id": [row[0] for row in rows],
            "event_time_start": pd.to_datetime([row[1] for row in rows], utc=True),
            "event_time_end": pd.to_datetime([row[2] for row in rows], utc=True),
            "quality": "ok",
        }
    )


def timeline(sessions, outages=None, timezone="UTC"):
    zones = pd.DataFrame({"curb_zone_id": ["z"]})
    dataset = dataset_of(Place("own", timezone), zones, sessions, outages)
    return timeline_of(dataset, np.array(["z"]), width=2)


TWO_DAYS = stays(
    ("z-1", "2025-03-03T08:00Z", "2025-03-03T08:20Z"),
    ("z-1", "2025-03-04T08:00Z", "2025-03-04T08:20Z"),
)


def test_a_bay_counts_from_the_day_after_its_first_arrival():
    """Nobody knows on the first morning that the bay exists."""
    found = timeline(TWO_DAYS)
    assert found.bays.tolist() == [[0, 1]]
    assert np.isnan(found.occupied[0, 0]).all()


def test_a_bay_is_occupied_from_its_arrival_to_its_departure():
    """08:00 to 08:20: the quarters 32 (08:00) and 33 (08:15), not 34 (08:30)."""
    found = timeline(TWO_DAYS)
    assert found.occupied[0, 1, 31:35].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert found.elapsed_minutes[0, 1, 33, 0] == 15
    assert found.arrivals[0, 1, 31:34].tolist() == [0.0, 1.0, 0.0]


def test_an_outage_is_unknown_and_not_free():
    """08:00 to 10:00 lost: quarters 32 to 39 are unknown, 40 is known again."""
    lost = pd.DataFrame(
        {
            "curb_zone_id": ["z"],
            "curb_space_id": ["z-1"],
            "start": pd.to_datetime(["2025-03-04T12:00Z"]),
            "end": pd.to_datetime(["2025-03-04T14:00Z"]),
        }
    )
    found = timeline(TWO_DAYS, lost)
    assert np.isnan(found.occupied[0, 1, 48:56]).all()
    assert found.occupied[0, 1, [47, 56]].tolist() == [0.0, 0.0]


def test_the_spring_clock_skips_four_quarters():
    """On 30 March 2025 in Paris 02:00 to 03:00 does not exist: quarters 8 to 11."""
    sessions = stays(
        ("z-1", "2025-03-29T08:00Z", "2025-03-29T08:20Z"),
        ("z-1", "2025-03-30T08:00Z", "2025-03-30T08:20Z"),
    )
    found = timeline(sessions, timezone="Europe/Paris")
    assert (found.seconds[1, 8:12] == 0).all()
    assert found.occupied[0, 1, 40] == 1  # 08:00 UTC is 10:00 there


def test_the_longest_stay_in_progress_comes_first():
    """Two bays: 40 and 10 minutes at 08:45, whichever bay they are on."""
    day = "2025-03-03T08:00Z", "2025-03-03T08:20Z"
    sessions = stays(
        ("z-1", *day),
        ("z-2", *day),
        ("z-1", "2025-03-04T08:35Z", "2025-03-04T09:30Z"),
        ("z-2", "2025-03-04T08:05Z", "2025-03-04T09:30Z"),
    )
    found = timeline(sessions)
    assert found.elapsed_minutes[0, 1, 35].tolist() == [40.0, 10.0]
    assert found.occupied[0, 1, 35] == 2
