"""How vendors are held against the day-ahead forecast: questions, sealed days, losses.

In a rolling day-ahead test the truth of one day is an input of later ones. The contest therefore
asks every eighth day only and takes those days out of every history handed out, ours included:
eight days make the weekday turn, and the lags of 2, 7, 14, 21 and 28 days never meet another
sealed day.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import DataError
from common.lab.contest import (
    Column,
    Contest,
    Labels,
    Output,
    Paper,
    Questions,
    Submission,
)
from common.lab.contest.audit import audit_rows
from common.lab.contest.checks import check_rows
from common.lab.contest.rows import parse_rows
from common.lab.forecasts import LEVELS, Forecasts, seasonal_scale
from common.lab.statistics import Losses
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.building_energy.damage import Damage, lose_hours, outage
from usecases.building_energy.data import clock_grid
from usecases.building_energy.forecast import Horizon, closures, examples_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "SEALED_EVERY_DAYS", "ask", "forecast_contest", "scored", "unit_losses"]

SEALED_EVERY_DAYS = 8
HISTORY_DAYS_FOR_SCALE = 365
TRUTH = "load_kwh"
QUANTILES = tuple(f"q{round(100 * level):02d}" for level in LEVELS)
CENTRAL = "q50"

COLUMNS = (
    Column("meter_id", "text", "", "Identifiant du compteur.", "Meter identifier."),
    Column(
        "issue_time_utc",
        "time",
        "",
        "Instant de la prévision : la veille à midi, heure locale.",
        "Issue time: noon local time on the day before.",
    ),
    Column(
        "target_time_utc",
        "time",
        "",
        "Début de l'heure visée.",
        "Start of the hour that is forecast.",
    ),
    *(
        Column(
            name,
            "number",
            "kWh",
            f"Quantile {round(100 * level)} % de la consommation de l'heure"
            + (" (la prévision centrale)." if name == CENTRAL else "."),
            f"{round(100 * level)} % quantile of the hour's load"
            + (" (the central forecast)." if name == CENTRAL else "."),
            low=0.0,
            high=1e6,
            required=name == CENTRAL,
        )
        for name, level in zip(QUANTILES, LEVELS, strict=True)
    ),
)


def ask(dataset: Dataset, window: Period, horizon: Horizon) -> Paper:
    """Seal every eighth day of the window and ask for its hours.

    Parameters
    ----------
    dataset
        Hourly loads with a year before the window: scales and sizes come from it.
    window
        Civil days; the first is the first sealed day.
    horizon
        What is known at issue time.

    Raises
    ------
    DataError
        If the window is shorter than two sealed days or a meter has no history before it.
    """
    days = np.arange(np.datetime64(window.start, "D"), np.datetime64(window.stop, "D"))
    sealed = days[::SEALED_EVERY_DAYS]
    if len(sealed) < 2:
        raise DataError(
            f"a window of {len(days)} days seals {len(sealed)}",
            expected=f"{SEALED_EVERY_DAYS + 1} days at least; a year to conclude",
        )
    hidden = _without_days(dataset, sealed)
    shown = examples_of(hidden, window, horizon)
    asked = shown.take(np.isin(shown.days, sealed))
    before = _before(dataset, window, horizon)
    known = np.isin(asked.units, sorted(seasonal_scale(before)))
    asked = asked.take(known)
    truth = _targets_of(asked, examples_of(dataset, window, horizon))
    example, slot = np.nonzero(asked.slots >= 0)
    questions = _questions(asked, example, slot, before, dataset)
    return Paper(
        questions=replace(questions, later=_later(hidden, questions)),
        labels=Labels({TRUTH: truth[example, slot]}),
        tables=_tables(hidden, window, asked),
        about=ABOUT,
    )


def unit_losses(submission: Submission, questions: Questions, labels: Labels) -> Losses:
    """Return each hour's squared error over the square of its meter's usual weekly change.

    With the square root taken per meter this is the RMSSE of the M5 competition, the loss by
    which the ladder chose, its denominator taken from the year before the window.
    """
    error = submission.answers[CENTRAL] - labels.truth[TRUTH]
    return questions.units, questions.blocks, np.square(error / questions.scale)


def scored(submission: Submission, questions: Questions, labels: Labels) -> Forecasts:
    """Hold the answers against the truth; without all quantiles only the centre is scored."""
    answers = submission.answers
    quantiles = None
    if all(name in answers for name in QUANTILES):
        quantiles = np.stack([answers[name] for name in QUANTILES], axis=1)
    target = questions.keys["target_time_utc"]
    scale = dict(zip(questions.units.tolist(), questions.scale.tolist(), strict=True))
    day = target.astype("datetime64[D]")
    return Forecasts.from_columns(
        questions.units,
        labels.truth[TRUTH],
        answers[CENTRAL],
        quantiles=quantiles,
        hours=(day, (target - day).astype("timedelta64[h]").astype(np.int64)),
        scale=scale,
    )


def forecast_contest(horizon: Horizon) -> Contest:
    """Return the contest of one energy's day-ahead forecast."""
    return Contest(
        columns=COLUMNS,
        outputs={
            name: Output("quantiles", place) if name != CENTRAL else Output("forecast")
            for place, name in enumerate(QUANTILES)
        },
        ask=partial(ask, horizon=horizon),
        parse=partial(parse_rows, columns=COLUMNS),
        check=partial(check_rows, columns=COLUMNS),
        audit=partial(audit_rows, columns=COLUMNS),
        unit_losses=unit_losses,
        scored=scored,
        stress={
            "5 % des heures perdues": partial(_damaged, lose_hours),
            "panne de trois jours": partial(_damaged, partial(outage, np.nan, 28)),
            "panne de trois jours écrite en zéros": partial(_damaged, partial(outage, 0.0, 28)),
        },
        sealed_share=(
            "Un jour sur huit de la période est demandé et retiré de tous les historiques remis, "
            "y compris de celui de la référence : aucune réponse ne se lit dans les données."
        ),
    )


def _without_days(dataset: Dataset, sealed: Array) -> Dataset:
    """Return the data set without the loads of the sealed civil days."""
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None)
    hidden = np.isin(local.to_numpy().astype("datetime64[D]"), sealed)
    columns = {
        name: np.where(hidden, np.array(np.nan, values.dtype), values)
        for name, values in dataset.columns.items()
    }
    return replace(dataset, columns=columns, valid=dataset.valid & ~hidden)


def _before(dataset: Dataset, window: Period, horizon: Horizon) -> Examples:
    start = window.start - timedelta(days=HISTORY_DAYS_FOR_SCALE)
    return examples_of(dataset, Period(start, window.start), horizon)


def _targets_of(asked: Examples, whole: Examples) -> Array:
    """Return the truth of the rows asked, found by meter and day in the untouched data."""
    names = np.unique(whole.units)
    first = whole.days.min()

    def key(examples: Examples) -> Array:
        day = (examples.days - first).astype(np.int64)
        return np.asarray(np.searchsorted(names, examples.units) * (1 << 32) + day)

    keys = key(whole)
    order = np.argsort(keys)
    truth: Array = whole.target[order[np.searchsorted(keys[order], key(asked))]]
    return truth


def _questions(
    asked: Examples, example: Array, slot: Array, before: Examples, dataset: Dataset
) -> Questions:
    scale, level = seasonal_scale(before), _levels(before)
    units = asked.units[example]
    sizes = np.array([level[unit] for unit in asked.units])
    return Questions(
        keys={
            "meter_id": units,
            "issue_time_utc": asked.issued[example],
            "target_time_utc": _midnights(asked.days, dataset.timezone)[example]
            + slot.astype("timedelta64[h]"),
        },
        units=units,
        blocks=asked.blocks[example],
        example=example,
        step=asked.slots[example, slot],
        inputs={name: np.asarray(values) for name, values in asked.inputs.items()},
        scale=np.array([scale[unit] for unit in asked.units])[example],
        level=sizes[example],
        slices={
            "taille": _size_classes(level, units),
            "saison": _seasons(asked.days)[example],
            "type de jour": _kinds_of_day(asked.days)[example],
        },
    )


def _levels(before: Examples) -> dict[str, float]:
    """Return each meter's mean load of the year before the window."""
    names, code = np.unique(before.units, return_inverse=True)
    total = np.bincount(code, np.nansum(before.target, axis=1))
    count = np.bincount(code, np.isfinite(before.target).sum(axis=1))
    return {str(n): float(t / max(c, 1)) for n, t, c in zip(names, total, count, strict=True)}


def _size_classes(level: Mapping[str, float], units: Array) -> Array:
    """Return terciles of mean load over the meters asked, in French."""
    present = np.unique(units)
    sizes = np.array([level[unit] for unit in present])
    third = np.searchsorted(np.quantile(sizes, [1 / 3, 2 / 3]), sizes)
    words = np.array(["petits compteurs", "compteurs moyens", "gros compteurs"])[third]
    classes: Array = words[np.searchsorted(present, units)]
    return classes


def _seasons(days: Array) -> Array:
    month = days.astype("datetime64[M]").astype(int) % 12
    seasons: Array = np.array(["hiver", "printemps", "été", "automne"])[(month + 1) % 12 // 3]
    return seasons


def _kinds_of_day(days: Array) -> Array:
    weekday = (days.astype(np.int64) + 3) % 7
    return np.where(weekday < 5, "jours ouvrables", "samedis et dimanches")


def _later(hidden: Dataset, questions: Questions) -> dict[str, Array]:
    """Return what the files show of the same hour on later days: never to be used."""
    grid = clock_grid(hidden)
    meter = np.searchsorted(grid.meters, questions.units)
    midnight = _midnights(grid.days, hidden.timezone)
    target = questions.keys["target_time_utc"]
    place = np.searchsorted(midnight, target, side="right") - 1
    clock = questions.step
    found = {}
    for name, days in (("même heure, le lendemain", 1), ("même heure, une semaine après", 7)):
        later = place + days
        inside = later < len(grid.days)
        values = grid.load_kwh[meter, np.minimum(later, len(grid.days) - 1), clock]
        found[name] = np.where(inside, values, np.nan).astype(np.float64)
    return found


def _midnights(days: Array, timezone: str) -> Array:
    """Return the UTC instant at which each civil day begins, datetime64[s]."""
    import pandas as pd

    local = pd.DatetimeIndex(days).tz_localize(timezone)
    midnights: Array = local.tz_convert("UTC").tz_localize(None).to_numpy().astype("M8[s]")
    return midnights


ABOUT: Mapping[str, tuple[str, str]] = {
    "history.csv": (
        "Consommations horaires en kWh, une colonne par compteur ; vide : inconnue ou scellée. "
        "N'utilisez pour une prévision que ce qui précède minuit du jour d'émission.",
        "Hourly loads in kWh, one column per meter; empty: unknown or sealed. For a forecast "
        "use only what precedes midnight of the issue day.",
    ),
    "weather_forecast.csv": (
        "Température (°C) connue à l'émission pour le jour d'émission et le jour visé : "
        "observée jusqu'à midi, prévue ensuite.",
        "Temperature (°C) known at issue time for the issue day and the target day: observed "
        "until noon, forecast after.",
    ),
    "weather.csv": (
        "Température observée (°C) ; même règle que les consommations.",
        "Observed temperature (°C); the same rule as for loads.",
    ),
    "closures.csv": (
        "Jours fériés et de fermeture, connus d'avance.",
        "Public holidays and closures, known in advance.",
    ),
}


def _tables(hidden: Dataset, window: Period, asked: Examples) -> dict[str, "pd.DataFrame"]:
    """Return what a vendor receives beside the questions."""
    import pandas as pd

    grid = clock_grid(hidden)
    days = grid.days[grid.days < np.datetime64(window.stop, "D")]
    stop = pd.Timestamp(window.stop, tz=hidden.timezone).tz_convert("UTC")
    return {
        "history.csv": _history(hidden, stop),
        "weather.csv": _weather(hidden, stop, np.unique(asked.days)),
        "weather_forecast.csv": _weather_forecasts(asked),
        "closures.csv": pd.DataFrame({"day": _dates(days[closures(days, hidden) == 1])}),
    }


def _history(hidden: Dataset, stop: "pd.Timestamp") -> "pd.DataFrame":
    """Return known loads by UTC hour, one column per meter."""
    import pandas as pd

    rows = hidden.at(np.asarray(hidden.times < stop))
    long = pd.DataFrame(
        {
            "time_utc": rows.times,
            "meter": np.asarray(rows.groups, str),
            "load": np.where(rows.valid, rows.columns[TRUTH], np.nan),
        }
    )
    wide = long.pivot(index="time_utc", columns="meter", values="load").reset_index()
    return wide.rename_axis(columns=None)


def _weather(hidden: Dataset, stop: "pd.Timestamp", sealed: Array) -> "pd.DataFrame":
    """Return observed temperatures, empty from noon of each issue day to the end of the next."""
    import pandas as pd

    observed = hidden.extras.get("weather")
    if observed is None:
        return pd.DataFrame({"time_utc": [], "temperature_celsius": []})
    table = observed[observed.index < stop]
    local = table.index.tz_convert(hidden.timezone).tz_localize(None).to_numpy()
    shifted = (local + np.timedelta64(12, "h")).astype("datetime64[D]")
    day = local.astype("datetime64[D]")
    covered = np.isin(day, sealed) | np.isin(shifted, sealed)
    shown = np.where(covered, np.nan, table["temperature_celsius"].to_numpy())
    return pd.DataFrame({"time_utc": table.index, "temperature_celsius": shown})


def _weather_forecasts(asked: Examples) -> "pd.DataFrame":
    """Return what each issue knew of the temperature, from its own day to the target day."""
    import pandas as pd

    days, first = np.unique(asked.days, return_index=True)
    air = np.asarray(asked.inputs["temperature_celsius"][first])
    n_days = int((days[0] - asked.issued[first[0]].astype("datetime64[D]")).astype(int)) + 1
    known = air[:, -n_days:]
    ahead = np.arange(n_days) - n_days + 1
    return pd.DataFrame(
        {
            "issue_time_utc": np.repeat(
                pd.DatetimeIndex(asked.issued[first]).tz_localize("UTC"), 24 * n_days
            ),
            "day": np.repeat(_dates((days[:, None] + ahead).ravel()), 24),
            "clock_hour": np.tile(np.arange(24), len(days) * n_days),
            "temperature_celsius": known.ravel(),
        }
    )


def _dates(days: Array) -> Array:
    """Return civil days as text: a day has no time zone."""
    texts: Array = np.datetime_as_string(days, unit="D").astype(object)
    return texts


def _damaged(damage: Damage, inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs with damaged histories."""
    load = inputs["load_kwh"]
    return {**inputs, "load_kwh": damage(np.array(load), np.arange(len(load)))}
