"""How vendors are held against the day-ahead chances: questions, sealed days, losses.

In a rolling day-ahead test the truth of one day is an input of later ones. The contest therefore
asks every fourth civil day only and takes those days out of every history handed out, ours
included. Four and seven share no factor, so that the weekday turns; the issue day (one day
before) and the same day of the week before are never sealed. Days are few: the city whose test
lasts four weeks gives six, one of each weekday, the other two.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from common.edge.errors import DataError
from common.lab.contest import (
    Column,
    Contest,
    Finding,
    Labels,
    Output,
    Paper,
    Questions,
    Submission,
)
from common.lab.contest.chances import audit_chances, check_chances
from common.lab.contest.rows import parse_rows
from common.lab.contest.tally import FIRST_LINES, Rule
from common.lab.pages import french
from common.lab.probabilities import Probabilities
from common.lab.statistics import Losses
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.delivery_zones.availability.examples import Scope, day_ahead_examples
from usecases.delivery_zones.availability.inputs import DAY_AHEAD_INPUTS
from usecases.delivery_zones.availability.kernels import (
    DAY_QUARTERS,
    FIRST_TARGET,
    HISTORY_DAYS,
    LAST_TARGET,
    MAX_BAYS,
)
from usecases.delivery_zones.availability.occupancy import ACTIVE_DAYS, timeline_of
from usecases.delivery_zones.features import day_ahead_features
from usecases.delivery_zones.kerb.events import (
    Place,
    dataset_of,
    outages_of,
    sessions_of,
    spaces_seen,
    zones_of,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "SEALED_EVERY_DAYS",
    "ask",
    "check",
    "day_ahead_contest",
    "scored",
    "unit_losses",
    "without_days",
]

SEALED_EVERY_DAYS = 4
SUNDAY = 6
FEW_DAYS = 14
TRUTH, CHANCE, COUNT = "free", "p_free", "occupied"
QUARTER = np.timedelta64(15, "m")
Slice = Callable[[Examples], Array]
BAY = ["curb_zone_id", "curb_space_id"]
ZONE_COLUMNS = (
    "curb_zone_id", "n_spaces", "timezone", "lon", "lat", "area_class", "max_stay_min",
    "opening_hours", "valid_from", "valid_to",
)  # fmt: skip
STAY_COLUMNS = (
    "event_session_id", "curb_zone_id", "curb_space_id", "event_time_start", "event_time_end",
    "quality",
)  # fmt: skip

COLUMNS = (
    Column("curb_zone_id", "text", "", "Identifiant de la zone.", "Zone identifier."),
    Column("issue_time_utc", "time", "",
           "Instant de la prévision : la veille à 18 h, heure locale.",
           "Issue time: 18:00 local time on the day before."),
    Column("target_time_utc", "time", "", "Début du quart d'heure visé.",
           "Start of the quarter-hour that is forecast."),
    Column(CHANCE, "number", "1",
           "Chance qu'une place au moins soit libre à cet instant, de 0 à 1. Un 0 ou un 1 démenti "
           "est tenu pour un millième dans la perte logarithmique, jamais écarté.",
           "Chance that one bay at least is free at that instant, 0 to 1. A 0 or 1 that proves "
           "wrong counts as a thousandth in the log score and is never dropped.",
           low=0.0, high=1.0),
    Column(COUNT, "number", "places", "Places occupées attendues ; contrôlées, non notées.",
           "Occupied bays expected; checked, not scored.", low=0.0, high=1000.0, required=False),
)  # fmt: skip

OVER_CAPACITY = Rule(
    "over-capacity", "review", "plus de places occupées que la zone n'en a",
    "au plus les places de la zone (n_spaces de zones.csv)",
    "demander au candidat ce que compte sa colonne",
)  # fmt: skip
ROUNDING_BAYS = 0.01
"""Bays by which a rounded count may pass the number there are."""


def ask(
    dataset: Dataset, window: Period, scope: Scope, slices: Mapping[str, Slice] | None = None
) -> Paper:
    """Seal every fourth civil day of the window and ask for its 52 quarters.

    Parameters
    ----------
    dataset
        Kerb events, with weeks before the window: habits come from there.
    window
        Civil days; the first is the first sealed day. Sundays are not asked.
    scope
        Which zones.
    slices
        French name to the class of each row of the examples, for equity.

    Raises
    ------
    DataError
        If fewer than two days would be sealed, or no zone has a row on them.

    Notes
    -----
    A question exists wherever the histories handed out allow a forecast, whether or not its
    truth is known: an outage of the sealed day must not show either.
    """
    sealed = _sealed_days(window)
    hidden = without_days(dataset, sealed, window)
    asked = day_ahead_examples(hidden, window, scope)
    asked = asked.take(np.isin(asked.days, sealed))
    if not len(asked):
        raise DataError(
            f"no zone can be asked on {len(sealed)} days of {window}",
            expected=f"zones with {scope.min_stays} stays before",
        )
    whole = day_ahead_examples(dataset, window, scope)
    questions = _questions(asked, dataset.timezone, hidden, slices or {})
    return Paper(
        questions=questions,
        labels=Labels({TRUTH: _truth(asked, whole)[questions.example, questions.step]}),
        tables=_tables(hidden, window),
        about=ABOUT,
    )


def unit_losses(submission: Submission, questions: Questions, labels: Labels) -> Losses:
    """Return each quarter's squared error; units are zones, blocks are civil days.

    Days, not weeks, are what is resampled: a city gives four weeks of test at most, of which
    one day in four is asked, too few weeks to draw from.
    """
    error = submission.answers[CHANCE] - labels.truth[TRUTH]
    return questions.units, questions.blocks, np.square(error)


def scored(submission: Submission, questions: Questions, labels: Labels) -> Probabilities:
    """Hold the chances against what a driver found; the usual chance is the reference.

    The reference is computed from the questions' own inputs: nobody has to hand it in.
    """
    return Probabilities.from_columns(
        questions.units,
        labels.truth[TRUTH],
        submission.answers[CHANCE],
        blocks=questions.blocks,
        steps=questions.step,
        reference=_usual(questions),
    )


def day_ahead_contest(scope: Scope, slices: Mapping[str, Slice]) -> Contest:
    """Return the contest of one city's day-ahead chances; ``slices`` are the task's."""
    return Contest(
        columns=COLUMNS,
        outputs={CHANCE: Output(CHANCE), COUNT: Output(COUNT)},
        ask=partial(ask, scope=scope, slices=slices),
        parse=partial(parse_rows, columns=COLUMNS),
        check=check,
        audit=partial(audit_chances, columns=COLUMNS),
        unit_losses=unit_losses,
        scored=scored,
        stress={
            "capteur muet la veille": _silent,
            f"{FEW_DAYS} jours d'historique seulement": _forgetful,
        },
        units="zones",
        sealed_share=(
            "Un jour sur quatre de la période est demandé (le dimanche jamais) et retiré de tous "
            "les historiques remis, y compris de celui de la référence : ce jour-là, l'état de "
            "chaque place est inconnu, jamais libre."
        ),
    )


def check(submission: Submission, questions: Questions) -> tuple[Finding, ...]:
    """Check the chances, and that no zone holds more vehicles than it has bays."""
    found = list(check_chances(submission, questions, COLUMNS))
    if COUNT in submission.answers:
        bays = questions.inputs["bays"][questions.example]
        over = np.flatnonzero(submission.answers[COUNT] > bays + ROUNDING_BAYS)
        if len(over):
            worst = float(submission.answers[COUNT][over].max())
            lines = tuple(int(line) for line in np.sort(submission.line[over])[:FIRST_LINES])
            detail = f"jusqu'à {french.number(worst)}"
            found.append(OVER_CAPACITY.finding(detail, len(over), lines))
    return tuple(found)


def _sealed_days(window: Period) -> Array:
    days = np.arange(np.datetime64(window.start, "D"), np.datetime64(window.stop, "D"))
    sealed: Array = days[::SEALED_EVERY_DAYS]
    sealed = sealed[_weekday(sealed) != SUNDAY]
    if len(sealed) < 2:
        raise DataError(
            f"a window of {len(days)} days seals {len(sealed)}",
            expected="two sealed days at least; four weeks seal one of each weekday",
        )
    return sealed


def _weekday(days: Array) -> Array:
    """Return the day of the week, Monday 0: 1970-01-01 was a Thursday."""
    weekday: Array = (days.astype(np.int64) + 3) % 7
    return weekday


def _truth(asked: Examples, whole: Examples) -> Array:
    """Return 1 where a bay was free, 0 where none was, NaN where unknown; (n, 52)."""
    places = {key: at for at, key in enumerate(zip(whole.units, whole.days, strict=True))}
    found = np.array(
        [places.get(key, -1) for key in zip(asked.units, asked.days, strict=True)], dtype=np.int64
    )
    n_steps = int(asked.slots.max()) + 1
    truth: Array = np.where(found[:, None] >= 0, whole.target[found, :n_steps], np.nan)
    return truth


def _questions(
    asked: Examples, timezone: str, hidden: Dataset, slices: Mapping[str, Slice]
) -> Questions:
    example, step = np.nonzero(asked.slots >= 0)
    units = asked.units[example].astype(str)
    target = _instants(asked.days, timezone)[example, step]
    return Questions(
        keys={
            "curb_zone_id": units,
            # Examples know the events of their issue's own second: one more stands there.
            "issue_time_utc": (asked.issued - np.timedelta64(1, "s"))[example],
            "target_time_utc": target,
        },
        units=units,
        blocks=asked.blocks[example],
        example=example,
        step=step,
        inputs={spec.name: np.asarray(asked.inputs[spec.name]) for spec in DAY_AHEAD_INPUTS},
        scale=np.ones(len(units)),
        level=_usual_share(asked)[example],
        later=_later(hidden, asked, example, step),
        slices={name: np.asarray(label(asked), str)[example] for name, label in slices.items()},
    )


def _instants(days: Array, timezone: str) -> Array:
    """Return the UTC instants of each civil day's quarters asked, datetime64[s], (n, 52)."""
    import pandas as pd

    clock = np.arange(FIRST_TARGET, LAST_TARGET + 1) * QUARTER
    civil = (days.astype("datetime64[s]")[:, None] + clock).ravel()
    utc = pd.DatetimeIndex(civil).tz_localize(timezone).tz_convert("UTC").tz_localize(None)
    instants: Array = utc.to_numpy().astype("datetime64[s]").reshape(len(days), -1)
    return instants


def _usual_share(asked: Examples) -> Array:
    """Return the share of known quarters of the history with a free bay, (n,)."""
    occupied = np.asarray(asked.inputs["occupied_history"])
    occupied = occupied[:, :, FIRST_TARGET - DAY_QUARTERS.start :]
    known = np.isfinite(occupied)
    free = known & (np.nan_to_num(occupied) < np.asarray(asked.inputs["bays"])[:, None, None])
    n_known = known.sum(axis=(1, 2))
    share = free.sum(axis=(1, 2)) / np.maximum(n_known, 1)
    overall = free.sum() / max(n_known.sum(), 1)
    levels: Array = np.where(n_known > 0, share, overall)
    return levels


def _later(hidden: Dataset, asked: Examples, example: Array, step: Array) -> dict[str, Array]:
    """Return what the files show of the same quarter on later days: never to be used."""
    zones = np.unique(asked.units)
    timeline = timeline_of(hidden, zones, MAX_BAYS)
    zone = np.searchsorted(zones, asked.units)[example]
    place = np.searchsorted(timeline.days, asked.days)[example]
    found = {}
    titles = (("même quart d'heure, le lendemain", 1), ("même quart d'heure, une semaine après", 7))
    for name, ahead in titles:
        inside = place + ahead < len(timeline.days)
        day = np.minimum(place + ahead, len(timeline.days) - 1)
        occupied = timeline.occupied[zone, day, FIRST_TARGET + step]
        free = (occupied < timeline.bays[zone, day]).astype(np.float64)
        found[name] = np.where(inside & np.isfinite(occupied), free, np.nan)
    return found


def _usual(questions: Questions) -> Array:
    """Return the usual chance of a free bay in each row, by the features' own formula."""
    log_odds = np.asarray(day_ahead_features(np, questions.inputs).context["usual"], np.float64)
    usual: Array = 1 / (1 + np.exp(-log_odds[questions.example, questions.step]))
    return usual


def _silent(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs without anything of the issue day."""
    unknown = ("occupied_now", "occupied_today")
    return {**inputs, **{name: np.full_like(inputs[name], np.nan) for name in unknown}}


def _forgetful(inputs: Mapping[str, Array]) -> dict[str, Array]:
    """Return the inputs with the last fourteen days of history only."""
    damaged = dict(inputs)
    for name in ("occupied_history", "arrivals_history"):
        damaged[name] = np.array(inputs[name])
        damaged[name][:, : HISTORY_DAYS - FEW_DAYS] = np.nan
    return damaged


def without_days(dataset: Dataset, sealed: Array, window: Period) -> Dataset:
    """Return the events up to the window's end, nothing of the sealed civil days left in them.

    On a sealed day every bay is in an outage: unknown, never free. A stay that crosses its
    midnight is cut there, and both parts are marked ``cut_by_outage``: neither length is true.
    Bays are numbered anew, since their order could tell when one was first taken.
    """
    import pandas as pd

    sessions = sessions_of(dataset)
    stop = _midnight(np.datetime64(window.stop, "D"), dataset.timezone)
    sessions = sessions[sessions["event_time_start"] < stop]
    ended = sessions["event_time_end"].where(sessions["event_time_end"] < stop)
    sessions = sessions.assign(event_time_end=ended)
    outages = _named_outages(dataset)
    outages = outages[outages["start"] < stop]
    spells = [_spell(day, dataset.timezone) for day in sealed]
    for spell in spells:
        sessions = _cut(sessions, *spell)
        outages = outages[(outages["start"] < spell[0]) | ~(outages["end"] <= spell[1])]
    bays = pd.concat([sessions[BAY], outages[BAY]]).drop_duplicates()
    silent = [bays.assign(start=start, end=end) for start, end in spells]
    zones = zones_of(dataset).drop(columns="valid_from", errors="ignore")
    place = Place(
        dataset.name, dataset.timezone, dataset.proxy, dataset.sources, simulated=dataset.simulated
    )
    return dataset_of(place, zones, sessions, pd.concat([outages, *silent], ignore_index=True))


def _midnight(day: np.datetime64, timezone: str) -> "pd.Timestamp":
    import pandas as pd

    return pd.Timestamp(str(day), tz=timezone).tz_convert("UTC").as_unit("s")


def _spell(day: np.datetime64, timezone: str) -> tuple["pd.Timestamp", "pd.Timestamp"]:
    """Return when a civil day begins and ends."""
    return _midnight(day, timezone), _midnight(day + np.timedelta64(1, "D"), timezone)


def _cut(sessions: "pd.DataFrame", start: "pd.Timestamp", stop: "pd.Timestamp") -> "pd.DataFrame":
    """Take a spell out of the stays: what lies before it, and what lies after."""
    import pandas as pd

    begins, ends = sessions["event_time_start"], sessions["event_time_end"]
    lasts_in, lasts_out = ~(ends <= start), ~(ends <= stop)
    before = sessions.assign(
        event_time_end=ends.where(~lasts_in, start),
        quality=sessions["quality"].where(~lasts_in, "cut_by_outage"),
    )[begins < start]
    after = sessions.assign(
        event_time_start=begins.where(begins >= stop, stop),
        quality=sessions["quality"].where(begins >= stop, "cut_by_outage"),
    )[lasts_out]
    return pd.concat([before, after], ignore_index=True)


def _named_outages(dataset: Dataset) -> "pd.DataFrame":
    """Return the outages with their bays' names."""
    table = outages_of(dataset).astype({"space": np.int64})
    names = dataset.extras["spaces"][[*BAY, "space"]].astype({"space": np.int64})
    return table.merge(names, on=["curb_zone_id", "space"])[[*BAY, "start", "end"]]


def _tables(hidden: Dataset, window: Period) -> dict[str, "pd.DataFrame"]:
    """Return what a vendor receives beside the questions, in the form of the brief's 3.1."""
    import pandas as pd

    first = _midnight(np.datetime64(window.start, "D"), hidden.timezone)
    sessions = sessions_of(hidden)
    zones = zones_of(hidden).rename(columns={"max_stay_minutes": "max_stay_min"})
    bays = spaces_seen(hidden, first - pd.Timedelta(days=ACTIVE_DAYS), first)
    opened = sessions.groupby("curb_zone_id")["event_time_start"].min()
    zones = zones.assign(
        n_spaces=zones["curb_zone_id"].map(bays),
        timezone=hidden.timezone,
        valid_from=zones["curb_zone_id"].map(opened),
    )
    return {
        "zones.csv": zones.reindex(columns=ZONE_COLUMNS),
        "sessions.csv": sessions[list(STAY_COLUMNS)],
        "outages.csv": _named_outages(hidden)[["curb_space_id", "start", "end"]],
    }


ABOUT: Mapping[str, tuple[str, str]] = {
    "zones.csv": (
        "Zones : places qui ont servi dans les 60 jours avant la période, position, quartier. "
        "max_stay_min est une hypothèse sur les données publiques.",
        "Zones: bays taken in the 60 days before the window, position, area class. max_stay_min "
        "is a hypothesis on public data.",
    ),
    "sessions.csv": (
        "Stationnements connus. Les jours scellés en sont retirés ; un stationnement qui en "
        "franchit minuit y est coupé (cut_by_outage). Fin vide : en cours. N'utilisez pour une "
        "prévision que ce qui précède son émission : une fin postérieure n'est pas connue.",
        "Known stays. Sealed days are taken out; a stay that crosses their midnight is cut "
        "there (cut_by_outage). Empty end: in progress. For a forecast use only what precedes "
        "its issue time: a later end is not known.",
    ),
    "outages.csv": (
        "Temps où l'état d'une place est inconnu (comms_lost), jours scellés compris. Inconnu "
        "n'est pas libre.",
        "Times at which a bay's state is unknown (comms_lost), sealed days included. Unknown "
        "is not free.",
    ),
}
