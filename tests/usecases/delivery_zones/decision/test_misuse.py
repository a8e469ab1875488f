"""Misuse counts minutes past the limit in goods hours, and nobody's in particular."""

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError, UsageError
from usecases.delivery_zones.decision.misuse import Misuse, Policy, misuse, patrol_hours
from usecases.delivery_zones.demand.dwell import thinned


def _goods(local: pd.DatetimeIndex) -> np.ndarray:
    """Monday to Saturday, 7 to 20 h."""
    return np.asarray((local.day_of_week < 6) & (local.hour >= 7) & (local.hour < 20))


WEEKS = Policy(30.0, _goods, "Europe/Paris", "2026-03-02", "2026-03-16")
"""Two weeks: 12 days of 13 goods hours = 156 hours a bay."""


def _daily(clock: str, minutes: float, space: str = "a") -> pd.DataFrame:
    """Return one stay on each of the 14 days, from a local time on."""
    start = pd.date_range(f"2026-03-02T{clock}", periods=14, freq="D", tz="Europe/Paris")
    start = start.tz_convert("UTC")
    return pd.DataFrame(
        {
            "curb_space_id": space,
            "event_time_start": start,
            "event_time_end": start + pd.Timedelta(minutes=minutes),
        }
    )


def _row(found: Misuse, hour: int) -> pd.Series:
    return found.by_hour.set_index("hour").loc[hour]


def test_minutes_past_the_limit_fall_in_their_own_hour() -> None:
    """09:45 for 60 min, limit 30: 10:15 to 10:45 is misuse, 30 minutes in the hour of 10.

    The bay counts from its first stay on: 156 h less 2.75 h of the first morning.
    """
    found = misuse(_daily("09:45", 60), WEEKS)
    assert _row(found, 10)["minutes_per_bay_hour"] == pytest.approx(30.0)
    assert _row(found, 9)["minutes_per_bay_hour"] == 0.0
    assert found.bay_hours == pytest.approx(156 - 2.75)
    assert found.minutes_per_bay_hour == pytest.approx(12 * 30 / (156 - 2.75))


def test_a_car_at_night_is_legal_and_its_allowance_starts_in_the_morning() -> None:
    """22:00 to 08:00: 60 goods minutes, 30 past the limit, all from 7:30 on; 11 of 14 mornings.

    Nights that end on a Sunday (2) and the one that ends after the period do not count.
    """
    found = misuse(_daily("22:00", 600), WEEKS)
    assert found.n_stays == 11
    assert found.minutes_per_bay_hour * found.bay_hours == pytest.approx(11 * 30)
    assert _row(found, 7)["minutes_per_bay_hour"] == pytest.approx(30.0)


def test_stays_within_the_limit_are_no_misuse() -> None:
    """Exactly 30 minutes is allowed."""
    assert misuse(_daily("09:00", 30), WEEKS).minutes_per_bay_hour == 0.0


def test_few_stays_are_hidden() -> None:
    """Nine stays: no figure, no count by hour, no patrol hour."""
    few = misuse(_daily("09:45", 60).head(9), WEEKS)
    assert np.isnan(few.minutes_per_bay_hour)
    assert few.by_hour["minutes_per_bay_hour"].isna().all()
    assert (few.by_hour["n_stays"] == 0).all()
    assert patrol_hours(few) == []


def test_an_outage_is_unknown_not_free() -> None:
    """The second week is silent: 6 days of 13 h and their stays are out, the rate stays.

    Two weeks more are given so that ten stays are left to tell.
    """
    policy = Policy(30.0, _goods, "Europe/Paris", "2026-03-02", "2026-03-30")
    later = _daily("09:45", 60)
    later[["event_time_start", "event_time_end"]] += pd.Timedelta(days=14)
    stays = pd.concat([_daily("09:45", 60), later])
    outage = pd.DataFrame(
        {
            "curb_space_id": ["a"],
            "start": [pd.Timestamp("2026-03-09", tz="Europe/Paris").tz_convert("UTC")],
            "end": [pd.Timestamp("2026-03-16", tz="Europe/Paris").tz_convert("UTC")],
        }
    )
    whole, cut = misuse(stays, policy), misuse(stays, policy, outage)
    assert whole.bay_hours - cut.bay_hours == pytest.approx(6 * 13)
    assert _row(cut, 10)["minutes_per_bay_hour"] == pytest.approx(30.0)


def test_the_interval_holds_the_figure_and_patrols_follow_it() -> None:
    """All misuse is in the hour of 10: it is the one hour above the mean."""
    found = misuse(_daily("09:45", 60), WEEKS)
    assert found.low <= found.minutes_per_bay_hour <= found.high
    assert patrol_hours(found) == [10]


def test_slow_polls_and_empty_rules_are_refused() -> None:
    """15-minute polls and a rule without goods hours give no figure."""
    with pytest.raises(DataError, match="every 15 minutes"):
        misuse(_daily("09:45", 60), WEEKS, poll_minutes=15)
    never = Policy(
        30.0, lambda local: np.zeros(len(local), bool), "UTC", "2026-03-02", "2026-03-09"
    )
    with pytest.raises(DataError, match="no known goods hour"):
        misuse(_daily("09:45", 60), never)
    with pytest.raises(UsageError):
        Policy(0.0, _goods, "UTC", "2026-03-02", "2026-03-09")


@pytest.mark.public_data
@pytest.mark.slow
def test_real_misuse_is_the_same_from_five_minute_polls() -> None:
    """Goal 11 of the brief: minutes per bay-hour within 3 % on Dundee's four busiest zones."""
    from usecases.delivery_zones.data import load, sessions_of

    sessions = sessions_of(load("dundee", "full"))
    rapid = sessions[sessions["use_class"] == "rapid"]
    policy = Policy(30.0, _goods, "Europe/London", "2018-03-05", "2018-09-06")
    for zone in rapid["curb_zone_id"].value_counts().index[:4]:
        here = rapid[rapid["curb_zone_id"] == zone]
        truth, told = misuse(here, policy), misuse(thinned(here, 5), policy, poll_minutes=5)
        assert told.minutes_per_bay_hour == pytest.approx(truth.minutes_per_bay_hour, rel=0.03)
