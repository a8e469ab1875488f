"""The public files become the reference tables, reading by reading."""

import hashlib
import os

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from common.lab.sources import load_sources
from common.lab.usecase import Dataset
from usecases.waste_collection.data import (
    SOURCES,
    blantyre,
    containers_of,
    dtu_messages,
    load,
    nantes_points,
    readings_of,
)
from usecases.waste_collection.fill.cleaning import is_reset, one_reading_a_day, run_lengths
from usecases.waste_collection.fill.dtu import MIN_PAST_MESSAGES, hourly_levels
from usecases.waste_collection.fill.wyndham import ALWAYS_IN_ALERT

NEEDS_MIRROR = pytest.mark.skipif(
    not os.environ.get("AUNE_MIRROR"), reason="the public originals are not at hand"
)

# sha256 over the sorted lines "container day tenths alert" of the prepared table
# wyndham_werribee_daily.csv (21,667 rows of 23 bins, one a bin and day once the fullest is kept:
# 21,667 - 528 doubles = 21,139), and "site second fill litres" of edinburgh_collections.csv.
WYNDHAM_REFERENCE = "3f47e6a974"
EDINBURGH_REFERENCE = "9319c9eb6b"


def digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()


@pytest.mark.public_data
def test_wyndham_is_the_prepared_table_once_doubles_are_merged(wyndham: Dataset) -> None:
    """23 bins with a position: 21,139 readings, each with its level and its alert."""
    containers = containers_of(wyndham)
    placed = set(containers.loc[containers["lat"].notna(), "container_id"])
    table = readings_of(wyndham)
    table = table[table["container_id"].isin(placed)]
    lines = [
        f"{name} {day:%Y-%m-%d} {level / 10:.0f} {alert:d}"
        for name, day, level, alert in zip(
            table["container_id"], table["day"], table["level_percent"], table["alert"], strict=True
        )
    ]
    assert len(table) == 21_667 - 528
    assert digest(lines)[:10] == WYNDHAM_REFERENCE


@pytest.mark.public_data
def test_wyndham_has_33_bins_of_which_22_are_the_headline(wyndham: Dataset) -> None:
    """The bin that is always in alert is in the file, not among the reference figures."""
    containers = containers_of(wyndham).set_index("container_id")
    assert (len(containers), int(containers["headline"].sum())) == (33, 22)
    assert not containers.loc[ALWAYS_IN_ALERT, "headline"]
    steps = wyndham.extras["cleaning"].set_index("operation")["lignes"]
    assert steps["lignes lues"] == 31_427
    # 1,043 days from 2018-06-26 to 2021-05-03, 966 present
    assert steps["jours absents pour tous, laissés manquants"] == 1_043 - 966


@pytest.mark.public_data
def test_missing_days_of_wyndham_stay_missing(wyndham: Dataset) -> None:
    """Runs of 20, 13, 13, 8 and 7 days without any bin are NaN and invalid, never zero."""
    day = wyndham.times.tz_convert(wyndham.timezone).normalize()
    read = pd.Series(np.asarray(wyndham.valid)).groupby(day).any()
    gaps = run_lengths(np.where(read.to_numpy(), np.nan, 0.0))
    ends = np.append(gaps[1:] == 0, gaps[-1] > 0)
    assert sorted(gaps[ends & (gaps > 0)].tolist())[-5:] == [7, 8, 13, 13, 20]
    assert np.isnan(wyndham.columns["level_percent"][~wyndham.valid]).all()


@pytest.mark.public_data
def test_the_thirteen_readings_of_24_january_2019_become_the_fullest(wyndham: Dataset) -> None:
    """22 bins were written down 13 times each under one day, with different levels."""
    table = readings_of(wyndham)
    that_day = table[table["day"] == "2019-01-24"]
    assert not that_day["container_id"].duplicated().any()
    assert (wyndham.extras["cleaning"]["lignes"] == 768).any()  # 31,427 - 30,659 kept


@pytest.mark.public_data
def test_alerts_are_kept_with_their_frozen_level(wyndham: Dataset) -> None:
    """12 alerts of three readings or more among the 23 bins with a position (brief 4.4)."""
    containers = containers_of(wyndham)
    placed = containers.loc[containers["lat"].notna(), "container_id"]
    table = readings_of(wyndham)
    table = table[table["container_id"].isin(placed)]
    lengths = []
    for _, alert in table.groupby("container_id")["alert"]:
        runs = run_lengths(np.where(alert.to_numpy(), 1.0, np.nan))
        lengths += runs[np.append(runs[1:] == 0, True)].tolist()
    assert sum(length >= 3 for length in lengths) == 12
    assert table["alert"].mean() == pytest.approx(0.032, abs=0.0005)  # 673 of 21,139


@pytest.mark.public_data
def test_bins_on_one_spot_share_a_pair(wyndham: Dataset) -> None:
    """Every headline bin but none alone: eleven spots, general waste beside recycling."""
    containers = containers_of(wyndham)
    headline = containers[containers["headline"]]
    assert headline.groupby("pair_id").size().tolist() == [2] * 11


@pytest.mark.public_data
def test_edinburgh_headline_is_the_prepared_table_and_all_334_sites_are_there(
    edinburgh: Dataset,
) -> None:
    """8,383 collections of 285 sites; the whole export holds 10,000 of 334: it was capped."""
    containers = containers_of(edinburgh)
    sites = set(containers.loc[containers["headline"], "container_id"])
    rows = np.isin(np.asarray(edinburgh.groups.astype(str)), sorted(sites))
    wall = edinburgh.times.tz_convert(edinburgh.timezone)
    lines = [
        f"{site} {when:%Y-%m-%d %H:%M:%S} {fill:.0f} {litres:.1f}"
        for site, when, fill, litres in zip(
            np.asarray(edinburgh.groups.astype(str))[rows], wall[rows],
            edinburgh.columns["fill_before_percent"][rows], edinburgh.columns["volume_l"][rows],
            strict=True,
        )
    ]  # fmt: skip
    assert (len(edinburgh.times), len(containers)) == (10_000, 334)
    assert (len(lines), len(sites)) == (8_383, 285)
    assert digest(lines)[:10] == EDINBURGH_REFERENCE


@pytest.mark.public_data
def test_edinburgh_weighs_nothing(edinburgh: Dataset) -> None:
    """Weight is 0.07 kg a litre in every row, and litres are the fill times a capacity: the
    two tell nothing that the fill does not."""
    volume, weight = (edinburgh.columns[name] for name in ("volume_l", "weight_kg"))
    known = (volume > 0) & ~np.isnan(weight)
    assert np.allclose(weight[known] / volume[known], 0.07, atol=1e-5)


@pytest.mark.public_data
def test_the_ceiling_of_edinburgh_is_counted(edinburgh: Dataset) -> None:
    """1,405 of 10,000 collections are at 100 %, which is a bin 80 % full."""
    assert int((edinburgh.columns["fill_before_percent"] >= 100).sum()) == 1_405
    assert (edinburgh.extras["cleaning"]["lignes"] == 1_405).any()


@pytest.mark.public_data
@NEEDS_MIRROR
def test_dtu_messages_are_the_prepared_table_without_doubles() -> None:
    """1,844 messages, 4 of them twice."""
    messages, n_doubles = dtu_messages()
    assert (len(messages), n_doubles) == (1_840, 4)
    assert messages.groupby("container_id").size().tolist() == [683, 323, 492, 342]


@pytest.mark.public_data
@NEEDS_MIRROR
def test_blantyre_and_nantes_have_the_rows_of_the_prepared_tables() -> None:
    """1,532 arrivals, a 56 x 56 road matrix, 1,145 points of which 536 take glass first."""
    found = blantyre()
    assert (len(found.arrivals), len(found.places)) == (1_532, 56)
    assert found.volumes["day"].nunique() == 345
    assert found.volumes["level_percent"].max() == pytest.approx(100 * 8 / 7)
    matrix = pd.read_csv(found.matrix)
    assert len(matrix) == 56**2
    points = nantes_points()
    assert (len(points), int((points["stream"] == "glass").sum())) == (1_145, 536)


@pytest.mark.public_data
@NEEDS_MIRROR
def test_quick_profiles_keep_whole_spots_and_streets() -> None:
    """A split by spot or by street must still be possible in the quick profile."""
    bins = containers_of(load("wyndham", "quick"))
    assert bins.groupby("pair_id").size().tolist() == [2] * 4
    sites = containers_of(load("edinburgh", "quick"))
    assert sites["headline"].all()
    assert sites["district"].nunique() == 19  # one in three of 57


def test_every_source_pins_its_files_and_names_a_licence() -> None:
    """10 sources; 210 + 145 files of instances."""
    sources = {source.name: source for source in load_sources(SOURCES)}
    assert len(sources["routing_instances"].files) == 210
    assert len(sources["irp_instances"].files) == 145
    assert all(source.licence and source.personal_data for source in sources.values())


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(UsageError, match="wyndham or edinburgh"):
        load("melbourne")  # type: ignore[arg-type]


def test_a_fall_of_forty_points_or_to_zero_is_a_collection() -> None:
    """A fall of 20 points is settling (brief 3.1)."""
    before, after = np.array([100.0, 40.0, 60.0, 0.0]), np.array([60.0, 0.0, 40.0, 0.0])
    assert is_reset(before, after).tolist() == [True, True, False, False]


def test_the_fullest_of_a_days_readings_is_kept_with_any_alert() -> None:
    """An alert of one of thirteen messages is an alert of the day."""
    day = pd.Timestamp("2019-01-24")
    readings = pd.DataFrame(
        {
            "container_id": ["a", "a", "b"], "day": [day] * 3, "level_percent": [20.0, 80.0, 0.0],
            "alert": [True, False, False], "threshold_percent": 80.0,
        }
    )  # fmt: skip
    kept, n_dropped = one_reading_a_day(readings)
    assert n_dropped == 1
    assert kept["level_percent"].tolist() == [80.0, 0.0]
    assert kept["alert"].tolist() == [True, False]


def test_the_empty_height_never_looks_ahead() -> None:
    """Distances after a message, however great, must not change its level."""
    start = pd.Timestamp("2016-05-10", tz="UTC")
    n_messages = 3 * MIN_PAST_MESSAGES
    times = start + pd.to_timedelta(np.arange(n_messages) * 30, unit="min")
    distances = np.where(np.arange(n_messages) % 2, 60.0, 30.0)
    messages = pd.DataFrame({"container_id": "x", "time": times, "distance_cm": distances})
    full = hourly_levels(messages)
    half = n_messages // 2
    altered = messages.assign(distance_cm=np.where(np.arange(n_messages) < half, distances, 500.0))
    before = full["hour"] < times[half].floor("h")
    assert hourly_levels(altered)[before].equals(full[before])
    known = full["level_percent"].dropna()
    assert known.iloc[0] == pytest.approx(100 * (1 - 60 / 60))  # the last of the hour is empty
