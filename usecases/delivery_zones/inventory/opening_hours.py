"""Goods hours of a delivery area: OSM ``opening_hours``, parsed and evaluated by a library.

The schema `aire-livraison` writes days and hours (INTERV_JH) in OpenStreetMap's grammar. It is
not parsed here: ``opening-hours-py`` (bindings of a Rust crate, MIT or Apache-2.0) does, with the
French public holidays, so that ``PH off`` means something on 14 July. CDS time spans are read off
the evaluated calendar of a year, and refused where they would not mean the same.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
from opening_hours import OpeningHours, State, validate

from common.edge.errors import TableError
from common.lab.usecase import Array

__all__ = [
    "ALWAYS",
    "Span",
    "canonical",
    "daily_hours",
    "from_clock",
    "from_time_spans",
    "goods_hours",
    "is_evaluated",
    "is_goods_time",
    "is_readable",
    "time_spans",
    "weekly_hours",
]

Span = Mapping[str, Any]
"""A CDS 1.0.1 Time Span, field by field."""

ALWAYS: Final = "24/7"
COUNTRY: Final = "FR"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OSM_DAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS: Final = (
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
)  # fmt: skip
NOT_EVALUATED: Final = re.compile(r"\bSH\b|\b(?:sunrise|sunset|dawn|dusk)\b")
"""School holidays are not in the library's calendar, and the sun needs a place: both would be
evaluated without a word, and wrongly."""
NOT_A_SPAN: Final = re.compile(r"\b(?:19|20)\d\d\b|\bweek\b|\bunknown\b|[\"+|]")
"""Years, weeks, doubts, comments and open ends, which spans read off one year would miss."""
YEAR: Final = 2026
"""The year a rule is read off; each month of it holds every weekday at least four times."""
MINUTES_A_DAY: Final = 24 * 60

Pieces = tuple[tuple[int, int], ...]
"""Open parts of a day, [start, stop) in minutes after midnight."""


def is_readable(expression: str) -> bool:
    """Tell whether the library reads ``expression``.

    >>> is_readable("Mo-Fr 07:00-19:00; PH off"), is_readable("Lu-Ve 7h-19h")
    (True, False)
    """
    return bool(expression.strip()) and validate(expression)


@lru_cache(maxsize=4096)
def goods_hours(expression: str) -> OpeningHours:
    """Return the parsed expression, with France's public holidays.

    Raises
    ------
    TableError
        If it is no OSM opening_hours expression, or one of school holidays or of the sun.
    """
    if not is_readable(expression):
        raise TableError(
            f"hours {expression!r}",
            expected="OSM opening_hours, such as Mo-Sa 07:00-13:00; PH off, or 24/7",
            remedy="write the days Mo Tu We Th Fr Sa Su and the hours as 07:00-13:00",
        )
    if not is_evaluated(expression):
        raise TableError(
            f"hours {expression!r}",
            expected="weekdays, months, dates, clock hours and public holidays (PH)",
            remedy="write school holidays as dates, and sunrise or sunset as clock hours",
        )
    return OpeningHours(expression, country=COUNTRY)


def is_evaluated(expression: str) -> bool:
    """Tell whether the expression holds nothing that the library would get silently wrong.

    >>> is_evaluated("Mo-Fr 07:00-19:00; PH off"), is_evaluated("Mo-Fr 07:00-19:00; SH off")
    (True, False)
    """
    return NOT_EVALUATED.search(expression) is None


def from_clock(start: str, stop: str) -> str:
    """Return the expression of a daily window; equal bounds are the whole day.

    >>> from_clock("07:00", "13:00"), from_clock("00:00", "00:00")
    ('07:00-13:00', '24/7')
    """
    return ALWAYS if start == stop else f"{start}-{stop}"


def is_goods_time(expression: str, local_times: Iterable[datetime]) -> Array:
    """Tell at which local times the area is kept for goods.

    Parameters
    ----------
    expression
        OSM opening_hours; empty means at all times (schema v0.1.0, INTERV_JH).
    local_times
        Civil times of the area, without time zone.

    Returns
    -------
    array of bool, shape (n,)

    Examples
    --------
    >>> is_goods_time("Mo-Sa 07:00-13:00; PH off",
    ...               [datetime(2026, 7, 13, 9), datetime(2026, 7, 14, 9)]).tolist()
    [True, False]
    """
    hours = goods_hours(expression or ALWAYS)
    return np.array([hours.is_open(moment) for moment in local_times], dtype=bool)


@lru_cache(maxsize=4096)
def weekly_hours(expression: str) -> float:
    """Return the goods hours of a mean week, over a year with its public holidays.

    >>> weekly_hours("Mo-Fr 07:00-13:00"), weekly_hours("24/7")
    (30.0, 168.0)
    """
    first = datetime(YEAR, 1, 5)  # noqa: DTZ001 - a Monday in civil time
    weeks = 52
    total = sum(
        (stop - start).total_seconds()
        for start, stop, state, _ in goods_hours(expression or ALWAYS).intervals(
            first, first + timedelta(weeks=weeks)
        )
        if state == State.OPEN
    )
    return total / 3600 / weeks


@lru_cache(maxsize=4096)
def daily_hours(expression: str) -> float:
    """Return the mean goods hours of the days that have any.

    >>> daily_hours("Mo-Fr 07:00-13:00; PH off"), daily_hours("24/7")
    (6.0, 24.0)
    """
    minutes = [
        sum(stop - start for start, stop in pieces)
        for pieces in _open_pieces(expression or ALWAYS).values()
        if pieces
    ]
    return sum(minutes) / len(minutes) / 60 if minutes else 0.0


@lru_cache(maxsize=4096)
def canonical(expression: str) -> str:
    """Return the one way in which Aune writes what ``expression`` means.

    >>> canonical("Mo,Tu,We,Th,Fr 13:00-17:30, Mo-Fr 08:00-12:00; Sa 08:00-12:00; PH off")
    'Mo-Fr 08:00-12:00,13:00-17:30; Sa 08:00-12:00; PH off'

    Raises
    ------
    TableError
        If it is not readable, or not a pattern of months, weekdays and public holidays.
    """
    return from_time_spans(time_spans(expression))


def time_spans(expression: str) -> list[dict[str, Any]]:
    """Return the CDS Time Spans that mean the same as ``expression``.

    A rule must be a pattern of months, weekdays and public holidays: what a time span can say
    (``months``, ``days_of_week``, ``time_of_day_start``, ``time_of_day_end``,
    ``designated_period`` holidays). An end at midnight is left out, as CDS has it. No span at
    all means at all times.

    Raises
    ------
    TableError
        If the expression is not readable or is no such pattern (a single day, school
        holidays, sunset, a comment).

    Examples
    --------
    >>> time_spans("Mo-Tu 10:00-13:00")
    [{'days_of_week': ['mon', 'tue'], 'time_of_day_start': '10:00', 'time_of_day_end': '13:00'}]
    """
    days = _open_pieces(expression)
    if NOT_A_SPAN.search(expression):
        raise _not_a_pattern(expression)
    weekday, holiday = _patterns(expression, days)
    if all(pieces == ((0, MINUTES_A_DAY),) for pieces in days.values()):
        return []
    if not any(days.values()):
        raise _not_a_pattern(expression)
    except_holidays = holiday is not None
    spans = [
        _span(months, pieces, weekdays, except_holidays=except_holidays)
        for months, week in _by_month(weekday)
        for weekdays, day in _by_pieces(week)
        for pieces in day
    ]
    spans += [
        {**_clock(piece), "designated_period": "holidays", "designated_period_except": False}
        for piece in holiday or ()
    ]
    return spans


def from_time_spans(spans: Sequence[Span]) -> str:
    """Return the expression of CDS Time Spans, in Aune's one way of writing.

    Parameters
    ----------
    spans
        As from `time_spans`; an empty list is at all times.

    Examples
    --------
    >>> from_time_spans([{"days_of_week": ["mon", "tue"], "time_of_day_start": "10:00"}])
    'Mo-Tu 10:00-24:00'

    Raises
    ------
    TableError
        If a span has a field that this cannot say (``start_date``, ``days_of_month``).
    """
    if not spans:
        return ALWAYS
    rules: dict[str, list[str]] = {}
    holiday: list[str] = []
    for span in spans:
        _refuse_foreign(span)
        piece = f"{span.get('time_of_day_start', '00:00')}-{span.get('time_of_day_end', '24:00')}"
        if span.get("designated_period") and not span.get("designated_period_except"):
            holiday.append(piece)
        else:
            rules.setdefault(_selector(span), []).append(piece)
    text = [f"{days} {','.join(sorted(pieces))}".strip() for days, pieces in rules.items()]
    if holiday:
        text.append(f"PH {','.join(sorted(holiday))}")
    elif any(span.get("designated_period_except") for span in spans):
        text.append("PH off")
    return "; ".join(text)


def _refuse_foreign(span: Span) -> None:
    known = {
        "days_of_week", "months", "time_of_day_start", "time_of_day_end", "designated_period",
        "designated_period_except",
    }  # fmt: skip
    foreign = sorted(set(span) - known)
    if foreign or span.get("designated_period", "holidays") != "holidays":
        raise TableError(
            f"CDS time span with {', '.join(foreign) or span['designated_period']!r}",
            expected=f"only {', '.join(sorted(known))}, the designated period being holidays",
            remedy="give this zone's hours by hand in INTERV_JH",
        )


def _selector(span: Span) -> str:
    """Return months and weekdays as OSM writes them, runs of two or more as a range."""
    months = [MONTHS[month - 1] for month in span.get("months", ())]
    days = [OSM_DAYS[DAYS.index(day)] for day in span.get("days_of_week", DAYS)]
    day_part = "" if len(days) == len(DAYS) else _ranges(days, OSM_DAYS)
    return " ".join(part for part in (_ranges(months, MONTHS), day_part) if part)


def _ranges(names: Sequence[str], order: Sequence[str]) -> str:
    """Return names as comma-separated runs, ``Mo-We,Fr``."""
    runs: list[list[int]] = []
    for place in sorted(order.index(name) for name in names):
        if runs and place == runs[-1][-1] + 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ",".join(
        order[run[0]] if len(run) == 1 else f"{order[run[0]]}-{order[run[-1]]}" for run in runs
    )


@lru_cache(maxsize=4096)
def _open_pieces(expression: str) -> Mapping[date, Pieces]:
    """Return the open parts of every day of the year."""
    start = datetime(YEAR, 1, 1)  # noqa: DTZ001 - civil time
    stop = datetime(YEAR + 1, 1, 1)  # noqa: DTZ001 - civil time
    found: dict[date, list[tuple[int, int]]] = {
        (start + timedelta(day)).date(): [] for day in range((stop - start).days)
    }
    for opens, closes, state, _ in goods_hours(expression).intervals(start, stop):
        if state != State.OPEN:
            continue
        day = opens
        while day < closes:
            midnight = datetime.combine(day.date() + timedelta(1), datetime.min.time())
            end = min(closes, midnight)
            first = day.hour * 60 + day.minute
            found[day.date()].append((first, first + round((end - day).total_seconds() / 60)))
            day = midnight
    return {day: tuple(pieces) for day, pieces in found.items()}


def _patterns(
    expression: str, days: Mapping[date, Pieces]
) -> tuple[dict[tuple[int, int], Pieces], Pieces | None]:
    """Return the pieces by (month, weekday), and those of holidays where they differ."""
    holidays = _public_holidays()
    weekday: dict[tuple[int, int], Pieces] = {}
    for day, pieces in days.items():
        key = (day.month, day.weekday())
        if day not in holidays and weekday.setdefault(key, pieces) != pieces:
            raise _not_a_pattern(expression)
    if all(days[day] == weekday[day.month, day.weekday()] for day in holidays):
        return weekday, None
    special = {days[day] for day in holidays}
    if len(special) != 1:
        raise _not_a_pattern(expression)
    return weekday, special.pop()


def _not_a_pattern(expression: str) -> TableError:
    return TableError(
        f"hours {expression!r}",
        expected="a pattern of months, weekdays and public holidays that is open at some time",
        remedy="a CDS time span cannot say this rule: simplify it or publish it by hand",
    )


@lru_cache(maxsize=1)
def _public_holidays() -> frozenset[date]:
    """Return the year's public holidays, as the library knows them."""
    hours = OpeningHours("PH", country=COUNTRY)
    start = datetime(YEAR, 1, 1, 12)  # noqa: DTZ001 - civil time
    noons = [start + timedelta(day) for day in range(365)]
    return frozenset(noon.date() for noon in noons if hours.is_open(noon))


def _by_month(
    weekday: Mapping[tuple[int, int], Pieces],
) -> list[tuple[tuple[int, ...], tuple[Pieces, ...]]]:
    """Group the months whose weeks are alike, in the order of the year."""
    groups: dict[tuple[Pieces, ...], list[int]] = {}
    for month in range(1, 13):
        week = tuple(weekday[month, day] for day in range(7))
        groups.setdefault(week, []).append(month)
    return [(tuple(months), week) for week, months in groups.items()]


def _by_pieces(week: tuple[Pieces, ...]) -> list[tuple[tuple[int, ...], Pieces]]:
    """Group the weekdays whose hours are alike; closed days are left out."""
    groups: dict[Pieces, list[int]] = {}
    for day, pieces in enumerate(week):
        if pieces:
            groups.setdefault(pieces, []).append(day)
    return [(tuple(days), pieces) for pieces, days in groups.items()]


def _span(
    months: tuple[int, ...],
    piece: tuple[int, int],
    weekdays: tuple[int, ...],
    *,
    except_holidays: bool,
) -> dict[str, Any]:
    """Return one time span; whole weeks and whole years are not spelt out."""
    span: dict[str, Any] = {}
    if len(months) < len(MONTHS):
        span["months"] = list(months)
    if len(weekdays) < len(DAYS):
        span["days_of_week"] = [DAYS[day] for day in weekdays]
    span |= _clock(piece)
    if except_holidays:
        span |= {"designated_period": "holidays", "designated_period_except": True}
    return span


def _clock(piece: tuple[int, int]) -> dict[str, str]:
    """Return the clock bounds of a piece; midnight at either end is left out, as CDS has it."""
    start, stop = piece
    bounds = {}
    if start:
        bounds["time_of_day_start"] = f"{start // 60:02d}:{start % 60:02d}"
    if stop < MINUTES_A_DAY:
        bounds["time_of_day_end"] = f"{stop // 60:02d}:{stop % 60:02d}"
    return bounds
