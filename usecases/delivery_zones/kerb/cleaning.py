"""Repair and refuse rows of the public logs, by rules that are proven and counted."""

import itertools
import re
from collections.abc import Sequence
from datetime import date, datetime

import numpy as np
import pandas as pd

from common.edge.errors import SourceError
from common.lab.usecase import Array

__all__ = [
    "GAP_HOURS",
    "MAX_STAY_HOURS",
    "civil_days",
    "coverage_gaps",
    "truncate_overlaps",
    "window_of",
]

MAX_STAY_HOURS = 48
"""A longer stay is a fault of the log (PROVENANCE 2)."""

GAP_HOURS = 10.0
"""Time between two files' rows above which nothing was recorded: with about 150 arrivals a
day, the longest silence inside a file lasts 7 h 14 min (evening of 2018-03-18)."""

WINDOW = re.compile(r"(\d{6})\s*-\s*(\d{6})\.csv$")
ISO_DAY = r"^(\d{4})-(\d{2})-(\d{2})T00:00:00$"
FRENCH_DAY = r"^(\d{2})/(\d{2})/(\d{4})$"


def window_of(name: str) -> tuple[date, date]:
    """Return the first and last day that a Dundee file's name announces.

    >>> window_of("Charging Sessions Dundee 021217- 020318.csv")
    (datetime.date(2017, 12, 2), datetime.date(2018, 3, 2))
    """
    match = WINDOW.search(name)
    if match is None:
        raise SourceError(f"{name}: no window in the name", expected="... ddmmyy - ddmmyy.csv")
    first, last = (datetime.strptime(text, "%d%m%y").date() for text in match.groups())  # noqa: DTZ007 - a day
    return first, last


def civil_days(table: pd.DataFrame, name: str) -> tuple[pd.DataFrame, int]:
    """Read the days of a Dundee file, swapping day and month back where they were swapped.

    In the files with ISO dates somebody's spreadsheet read day/month as month/day whenever
    the day could be a month, that is, was at most 12. The swap is not assumed, it is
    proven: after it every row lies in the window of the file's name and the rows are in
    order of time from last to first, and before it they are not.

    Parameters
    ----------
    table
        ``Start Date``, ``Start Time``, ``End Date`` as text, in file order.
    name
        Name of the file, which holds its window.

    Returns
    -------
    days, n_swapped
        Columns ``Start Date`` and ``End Date`` as datetime64[s] (NaT where empty), and the
        number of rows whose start day was swapped back.

    Raises
    ------
    SourceError
        If the proof fails: with or without the swap.
    """
    start = _parts(table["Start Date"], name)
    if start.attrs["iso"]:
        if _in_order(_days(start), table["Start Time"], window_of(name)):
            raise SourceError(
                f"{name}: days as written already agree with the file's window and order",
                expected="days and months swapped, as in the pinned file",
                remedy="drop the swap for this file: it would spoil right dates",
            )
        start = _swapped(start)
    days = _days(start)
    if not _in_order(days, table["Start Time"], window_of(name)):
        raise SourceError(
            f"{name}: days from {days.min():%Y-%m-%d} to {days.max():%Y-%m-%d}, or not in "
            "order of time from last to first",
            expected="rows inside the window of the file's name, in that order, once day and "
            "month are swapped back",
            remedy="look at the file: another repair is needed",
        )
    end = _parts(table["End Date"], name)
    end = _swapped(end) if start.attrs["iso"] else end
    n_swapped = int(start["swapped"].sum()) if start.attrs["iso"] else 0
    return pd.DataFrame({"Start Date": days, "End Date": _days(end)}), n_swapped


def truncate_overlaps(sessions: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """End a stay where the next one begins on the same bay, and flag it.

    A bay holds one vehicle: the next arrival proves that the one before had left. Stays
    that this leaves without length are dropped.

    Parameters
    ----------
    sessions
        ``curb_space_id``, ``event_time_start``, ``event_time_end``, ``quality``.

    Returns
    -------
    sessions, n_dropped
        In order of bay and arrival; the number of stays without length.
    """
    keys = ["curb_space_id", "event_time_start", "event_time_end"]
    ordered = sessions.sort_values(keys, kind="stable", ignore_index=True)
    following = ordered.groupby("curb_space_id")["event_time_start"].shift(-1)
    late = (following < ordered["event_time_end"]) | (
        ordered["event_time_end"].isna() & following.notna()
    )
    ordered.loc[late, "event_time_end"] = following[late]
    ordered.loc[late, "quality"] = "truncated_at_next_arrival"
    empty = ordered["event_time_end"] <= ordered["event_time_start"]
    return ordered[~empty].reset_index(drop=True), int(empty.sum())


def coverage_gaps(
    spans: Sequence[tuple[pd.Timestamp, pd.Timestamp]],
) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """Return the times between consecutive files in which nothing was recorded.

    Parameters
    ----------
    spans
        First and last arrival of each file, in order of time.

    Returns
    -------
    list
        (last arrival before, first arrival after) wherever they are more than
        `GAP_HOURS` apart.
    """
    limit = pd.Timedelta(hours=GAP_HOURS)
    pairs = itertools.pairwise(spans)
    return [(before[1], after[0]) for before, after in pairs if after[0] - before[1] > limit]


def _parts(text: pd.Series, name: str) -> pd.DataFrame:
    """Return year, month and day of each cell (NaN where empty); ``attrs`` tells if ISO."""
    filled = text[text != ""]
    for iso, pattern in ((True, ISO_DAY), (False, FRENCH_DAY)):
        found = filled.str.extract(pattern)
        if found.notna().all(axis=None):
            found.columns = pd.Index(["year", "month", "day"] if iso else ["day", "month", "year"])
            parts = found.astype(np.float64).reindex(text.index)
            parts.attrs["iso"] = iso
            return parts
    raise SourceError(
        f"{name}: dates of several forms, such as {filled.iloc[0]!r}",
        expected="2018-05-06T00:00:00 in all rows, or 06/05/2018 in all rows",
    )


def _swapped(parts: pd.DataFrame) -> pd.DataFrame:
    """Exchange day and month wherever the day could be a month."""
    swapped = parts["day"] <= 12
    exchanged = parts.assign(
        day=parts["month"].where(swapped, parts["day"]),
        month=parts["day"].where(swapped, parts["month"]),
        swapped=swapped,
    )
    exchanged.attrs["iso"] = True
    return exchanged


def _days(parts: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(parts[["year", "month", "day"]]).dt.as_unit("s")


def _in_order(days: pd.Series, clock: pd.Series, window: tuple[date, date]) -> bool:
    """Tell whether rows lie in the window, reach its end and run from last to first."""
    stamps = days + pd.to_timedelta(clock + ":00").dt.as_unit("s")
    first, last = (np.datetime64(day) for day in window)
    inside = (days >= first) & (days <= last)
    falling: Array = np.diff(stamps.to_numpy()) <= np.timedelta64(0, "s")
    return bool(inside.all() and falling.all() and days.max() == last)
