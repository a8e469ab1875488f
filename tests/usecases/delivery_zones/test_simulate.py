"""Simulated bays are said to be so, are reproducible, and are no queue's own assumption."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, Period, Split
from usecases.delivery_zones.kerb.events import outages_of, sessions_of, zones_of
from usecases.delivery_zones.simulate import (
    LOADING_MEDIAN_MINUTES,
    LOADING_SIGMA,
    _as_recorded,
    simulate,
    simulate_for,
)


@pytest.fixture(scope="module")
def bays() -> Dataset:
    return simulate(seed=7)


def test_it_is_labelled_simulated_and_reproducible(bays: Dataset) -> None:
    """The same seed gives the same bytes, another seed others."""
    assert bays.simulated
    assert bays.name.startswith("SIMULATED")
    assert bays.proxy.startswith("Données simulées")
    assert bays.digest == simulate(seed=7).digest != simulate(seed=8).digest


def test_its_size_is_small_and_its_span_holds_the_spring_night(bays: Dataset) -> None:
    """Twelve zones over sixteen weeks from 6 January 2025."""
    assert len(zones_of(bays)) == 12
    assert 20_000 < len(bays.times) < 80_000
    assert bays.times[0] >= pd.Timestamp("2025-01-05T23:00Z")
    assert bays.times.is_monotonic_increasing
    assert bays.times[-1] > pd.Timestamp("2025-04-20", tz="UTC")


def test_loading_stays_have_the_published_quantiles() -> None:
    """Dundee rapid: median 23, p90 43, 29 % above 30 min (brief 1.1)."""
    drawn = LOADING_MEDIAN_MINUTES * np.random.default_rng(0).lognormal(0, LOADING_SIGMA, 200_000)
    assert np.quantile(drawn, [0.5, 0.9]) == pytest.approx([23, 43], rel=0.02)
    assert (drawn > 30).mean() == pytest.approx(0.29, abs=0.01)


def test_it_is_not_a_queue_with_random_arrivals_and_memoryless_stays(bays: Dataset) -> None:
    """Daily counts vary by more than Poisson's law, and stays are no exponential."""
    sessions = sessions_of(bays)
    zone = sessions[sessions["curb_zone_id"] == "sim-04"]
    days = zone.groupby(zone["event_time_start"].dt.date).size()
    weekdays = days[[day.weekday() in (1, 2, 3) for day in days.index]]
    assert weekdays.var() > 1.3 * weekdays.mean()  # Poisson: variance = mean
    minutes = (zone["event_time_end"] - zone["event_time_start"]).dt.total_seconds() / 60
    assert (minutes < 5).mean() < 0.03  # an exponential of mean 34 would have 14 %


def test_arrivals_that_find_no_bay_are_counted_not_recorded(bays: Dataset) -> None:
    """They double-park: the log knows nothing of them, the count does."""
    table = bays.extras["double_parking"]
    assert (table["blocked"] > 0).all()
    recorded = sessions_of(bays).groupby("curb_zone_id").size()
    seen = table.set_index("curb_zone_id")
    assert (recorded <= seen["arrivals"] - seen["blocked"]).all()


def test_long_stays_and_outages_occur_and_one_zone_opens_late(bays: Dataset) -> None:
    """What the use case must cope with is there to cope with."""
    sessions = sessions_of(bays)
    minutes = (sessions["event_time_end"] - sessions["event_time_start"]).dt.total_seconds() / 60
    assert 0.02 < (minutes > 90).mean() < 0.2
    assert len(outages_of(bays)) > 5
    opened = zones_of(bays).set_index("curb_zone_id")["valid_from"]
    assert opened["sim-12"] > pd.Timestamp("2025-02-02", tz="UTC")  # after four weeks


def test_what_happens_in_an_outage_is_not_seen() -> None:
    """Lost 100-200: an arrival at 150 (to 230) is unseen, a stay 90-120 is cut at 100."""
    stays = pd.DataFrame(
        {"bay": 0, "start": [10.0, 90.0, 150.0, 300.0], "end": [20.0, 120.0, 230.0, 310.0]}
    )
    lost = pd.DataFrame({"bay": [0], "start": [100.0], "end": [200.0]})
    seen, unknown = _as_recorded(stays, lost)
    assert seen["start"].tolist() == [10.0, 90.0, 300.0]
    assert seen["end"].tolist() == [20.0, 100.0, 310.0]
    assert seen["quality"].tolist() == ["ok", "cut_by_outage", "ok"]
    assert unknown["end"].tolist() == [230.0]  # until the unseen vehicle leaves


def test_nothing_to_simulate_is_refused() -> None:
    """No zone, no week."""
    with pytest.raises(UsageError, match="at least one"):
        simulate(seed=1, n_zones=0)


def test_it_covers_a_split_of_any_year() -> None:
    """Two weeks and more before the first day, and past the end of the test period."""
    split = Split(
        date(2020, 2, 12), (date(2020, 2, 18),), Period(date(2020, 2, 27), date(2020, 3, 4))
    )
    found = simulate_for(split, seed=1, n_zones=1)
    assert found.times[0] < pd.Timestamp("2020-01-31", tz="UTC")
    assert found.times[-1] >= pd.Timestamp("2020-03-04", tz="UTC")


def test_it_starts_on_a_monday() -> None:
    with pytest.raises(UsageError, match="a Monday"):
        simulate(seed=1, first_day=date(2025, 1, 7))
