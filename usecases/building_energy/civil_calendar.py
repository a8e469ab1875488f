"""Say what kind of day a civil day is: weekday, public holiday, school holiday."""

from datetime import date
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import UsageError
from common.lab.usecase import Array, Dataset

if TYPE_CHECKING:
    from vacances_scolaires_france import SchoolHolidayDates

__all__ = ["calendar", "country_of"]

SUBDIVISIONS = {"GB": "ENG"}
"""Where public holidays differ within a country: the part that the data come from."""

FRENCH_SCHOOL_ZONE = "C"
"""Paris, Créteil, Versailles, Montpellier, Toulouse."""

COUNTRIES = {"Europe/London": "GB", "Europe/Paris": "FR"}


def calendar(days: Array, country: str) -> dict[str, Array]:
    """Describe civil days, all of it known long in advance.

    Parameters
    ----------
    days
        Shape (d,), datetime64[D].
    country
        ISO 3166 code: ``GB`` is read as England, ``FR`` as metropolitan France with
        school zone C.

    Returns
    -------
    dict
        ``weekday`` (Monday 0) and ``day_of_year`` (1 to 366), int64; ``is_holiday`` and
        ``is_school_holiday``, bool. Outside France no school calendar is distributed
        with this project: ``is_school_holiday`` is False throughout.

    Raises
    ------
    UsageError
        If the country has no holiday calendar, or a day lies outside the school
        calendar's years.

    Examples
    --------
    >>> days = np.array(["2022-07-14", "2022-07-16"], dtype="datetime64[D]")
    >>> kind = calendar(days, "FR")
    >>> kind["weekday"].tolist(), kind["is_holiday"].tolist()
    ([3, 5], [True, False])
    >>> kind["is_school_holiday"].tolist()
    [True, True]
    """
    days = np.asarray(days, dtype="datetime64[D]")
    # 1970-01-01 was a Thursday, weekday 3.
    weekday = (days.astype(np.int64) + 3) % 7
    day_of_year = (days - days.astype("datetime64[Y]")).astype(np.int64) + 1
    return {
        "weekday": weekday,
        "day_of_year": day_of_year,
        "is_holiday": np.isin(days, _public_holidays(days, country)),
        "is_school_holiday": np.isin(days, _school_holidays(days, country)),
    }


def country_of(dataset: Dataset) -> str:
    """Return the ISO code of the country a data set comes from.

    ``extras["place"]`` says it; otherwise it follows from the time zone.

    Raises
    ------
    UsageError
        If neither tells.
    """
    place = dataset.extras.get("place")
    if place is not None:
        return str(place["country"].iloc[0])
    if dataset.timezone in COUNTRIES:
        return COUNTRIES[dataset.timezone]
    raise UsageError(
        f"data set {dataset.name}: no country for time zone {dataset.timezone}",
        expected="extras['place'] with a column country, or one of " + ", ".join(COUNTRIES),
    )


def _years(days: Array) -> range:
    if not len(days):
        return range(0)
    years = days.astype("datetime64[Y]").astype(np.int64) + 1970
    return range(int(years.min()), int(years.max()) + 1)


def _public_holidays(days: Array, country: str) -> Array:
    import holidays

    try:
        found = holidays.country_holidays(
            country, subdiv=SUBDIVISIONS.get(country), years=_years(days)
        )
    except NotImplementedError as error:
        raise UsageError(
            f"no public holidays for country {country!r}", expected="an ISO code such as FR or GB"
        ) from error
    return np.array(sorted(found), dtype="datetime64[D]")


def _school_holidays(days: Array, country: str) -> Array:
    if country != "FR":
        return np.array([], dtype="datetime64[D]")
    found = [day for year in _years(days) for day in _french_school_holidays(year)]
    return np.array(found, dtype="datetime64[D]")


@cache
def _french_school_holidays(year: int) -> tuple[date, ...]:
    import vacances_scolaires_france as school

    try:
        found = _french_school_calendar().holidays_for_year_and_zone(year, FRENCH_SCHOOL_ZONE)
    except school.UnsupportedYearException as error:
        raise UsageError(
            f"no French school calendar for {year}",
            expected="a year covered by the installed vacances-scolaires-france",
            remedy="update that package, or leave that year out",
        ) from error
    return tuple(sorted(found))


@cache
def _french_school_calendar() -> "SchoolHolidayDates":
    from vacances_scolaires_france import SchoolHolidayDates

    return SchoolHolidayDates()
