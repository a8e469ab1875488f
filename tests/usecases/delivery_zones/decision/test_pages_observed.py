"""What the bays were seen to do: unknown is never free, and figures agree by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError, UsageError
from usecases.delivery_zones.decision.observed import FREE, FULL, UNKNOWN, observe
from usecases.delivery_zones.decision.week_grid import (
    MIN_DAYS,
    WeekGrid,
    chance_of,
    chance_short,
    observed_grid,
)
from usecases.delivery_zones.kerb.events import Place, dataset_of

MONDAY = pd.Timestamp("2025-03-03T00:00", tz="Europe/Paris")
"""A Monday in winter time."""


def at(day, clock):
    """A local time of a day counted from the Monday."""
    return (MONDAY + pd.Timedelta(days=day) + pd.Timedelta(f"{clock}:00")).tz_convert("UTC")


def log(stays, outages=()):
    """A data set of one zone; stays and outages are (bay, start, end)."""
    bays, starts, ends = zip(*stays, strict=True)
    sessions = pd.DataFrame(
        {"curb_zone_id": "z", "curb_space_id": bays, "event_time_start": pd.to_datetime(starts),
         "event_time_end": pd.to_datetime(ends), "quality": "ok"}
    )  # fmt: skip
    spells = pd.DataFrame(
        [("z", *spell) for spell in outages],
        columns=["curb_zone_id", "curb_space_id", "start", "end"],
    )
    zones = pd.DataFrame({"curb_zone_id": ["z"], "name": ["Rue"], "max_stay_minutes": [30.0]})
    place = Place("own", "Europe/Paris")
    return dataset_of(place, zones, sessions, spells if len(spells) else None)


@pytest.fixture
def fortnight():
    """One bay, taken each Monday 8:00 to 8:30, over two weeks; the last day is cut off."""
    stays = [("b", at(day, "00:00"), at(day, "00:10")) for day in (0, 1)]
    stays += [("b", at(day, "08:00"), at(day, "08:30")) for day in (0, 7)]
    stays.append(("b", at(14, "00:00"), at(14, "00:05")))
    return log(stays)


def state_at(seen, when):
    """State of the only zone at a local time."""
    return seen.state[0, seen.instants.get_loc(when.tz_convert("Europe/Paris"))]


def test_a_bay_is_full_while_taken_and_free_after(fortnight):
    """A bay left at 8:30 is free at 8:30."""
    seen = observe(fortnight)
    assert state_at(seen, at(0, "08:15")) == FULL
    assert state_at(seen, at(0, "08:30")) == FREE


def test_the_chance_of_a_cell_is_the_share_of_its_quarter_hours(fortnight):
    """Mondays at 8 h: 8:00 and 8:15 are full, 8:30 and 8:45 free, on 2 days: 4 / 8."""
    grid = observed_grid(observe(fortnight))
    chance, days = grid.of("z")
    assert chance[0, 8] == 0.5
    assert days[0, 8] == 2
    assert chance[0, 9] == 1.0


def test_an_outage_is_unknown_and_leaves_the_chance_untouched():
    """The sensor is silent on the first Monday: one day is left, fewer than the two asked for."""
    stays = [("b", at(0, "00:00"), at(0, "00:10")), ("b", at(7, "08:00"), at(7, "09:00")),
             ("b", at(14, "00:00"), at(14, "00:05"))]  # fmt: skip
    seen = observe(log(stays, [("b", at(0, "06:00"), at(1, "00:00"))]))
    assert state_at(seen, at(0, "08:15")) == UNKNOWN
    chance, days = observed_grid(seen).of("z")
    assert days[0, 8] == 1 < MIN_DAYS
    assert np.isnan(chance[0, 8])
    assert chance[1, 8] == 1.0  # Tuesdays were seen


def test_a_zone_with_half_its_bays_silent_is_unknown():
    """One of two bays known is 50 %, below the 80 % of the brief, though the known one is free."""
    stays = [(bay, at(0, "00:00"), at(0, "00:10")) for bay in "ab"]
    stays += [("a", at(2, "00:00"), at(2, "00:10"))]
    seen = observe(log(stays, [("b", at(1, "08:00"), at(1, "09:00"))]))
    assert state_at(seen, at(1, "08:30")) == UNKNOWN
    assert state_at(seen, at(1, "09:30")) == FREE


def test_a_bay_is_unknown_before_its_first_stay():
    """The site may not have been open: nothing is said of the first day."""
    stays = [("a", at(0, "12:00"), at(0, "12:10")), ("a", at(2, "00:00"), at(2, "00:10"))]
    seen = observe(log(stays))
    assert state_at(seen, at(0, "11:45")) == UNKNOWN
    assert state_at(seen, at(0, "12:15")) == FREE


def test_a_bay_not_taken_for_sixty_days_is_out_of_service():
    """Bay b closed: the zone has one bay left, and it is full when that one is taken."""
    stays = [("b", at(0, "08:00"), at(0, "09:00"))]
    stays += [("a", at(day, "08:00"), at(day, "09:00")) for day in range(62)]
    seen = observe(log(stays))
    assert int(seen.zones["n_spaces"].iloc[0]) == 1
    assert state_at(seen, at(50, "08:30")) == FULL


def test_the_share_of_time_full_counts_goods_hours_only():
    """Six working days of 13 h; full 8:00 to 9:00 on one of them: 4 / (6 x 52) quarter hours."""
    spells = ((0, "00:00", "00:10"), (1, "08:00", "09:00"), (2, "22:00", "23:00"),
              (7, "00:00", "00:10"))  # fmt: skip
    stays = [("a", at(day, start), at(day, end)) for day, start, end in spells]
    row = observe(log(stays)).share_full.loc["z"]
    assert row["share"] == pytest.approx(4 / (6 * 52))
    assert row["low"] <= row["share"] <= row["high"]
    assert row["days"] == 6


def test_the_hours_of_a_by_law_replace_the_supposed_ones():
    """Goods hours of 8 to 9 h only: full 4 of the 4 x 7 quarter hours of the week."""
    stays = [("a", at(0, "00:00"), at(0, "00:10")), ("a", at(1, "08:00"), at(1, "09:00")),
             ("a", at(7, "00:00"), at(7, "00:10"))]  # fmt: skip
    seen = observe(log(stays))
    told = replace(seen, zones=seen.zones.assign(opening_hours="08:00-09:00"))
    assert "HYPOTHÈSE" in seen.hours_words
    assert told.hours_words == "celles de l'arrêté"
    assert told.share_full.loc["z", "share"] == pytest.approx(4 / 28)


def test_a_log_without_a_whole_day_is_refused():
    """There is no week to show."""
    with pytest.raises(DataError, match="one whole day"):
        observe(log([("a", at(0, "08:00"), at(0, "09:00"))]))


@pytest.mark.parametrize("chance", np.linspace(0, 1, 101))
def test_no_chance_is_ever_said_certain(chance):
    """Never « libre », never 0 nor 10 on 10."""
    words = chance_of(chance)
    assert "libre" not in words
    assert not words.startswith(("0", "10"))
    assert chance_short(chance) not in ("0", "10")


def test_a_grid_refuses_what_is_no_probability():
    """A percentage handed over as a chance would print nonsense."""
    days = np.ones((1, 7, 24), dtype=int)
    with pytest.raises(UsageError, match="probabilities"):
        WeekGrid(("z",), np.full((1, 7, 24), 80.0), days)
    with pytest.raises(UsageError, match="name of the model"):
        WeekGrid(("z",), np.full((1, 7, 24), 0.8))
