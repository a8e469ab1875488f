"""How vendors are held against the chances of overflow: questions, sealed weeks, losses.

In a rolling test the levels of one week are an input of the next. The contest therefore issues
one forecast in fifteen days, for the seven days that follow, and takes those seven days out of
every history handed out, ours included: no level, no alert, no collection of a sealed week can be
read anywhere. Fifteen and seven share no factor, so that the weekday of issue turns; eight days in
fifteen stay open, the last of them, the issue day, with a level that is known.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
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
from common.lab.statistics import Losses
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.waste_collection.fill.readings import CONTAINER_COLUMNS, containers_of, readings_of
from usecases.waste_collection.overflow.examples import SLOTS, Scope, examples_of
from usecases.waste_collection.overflow.inputs import OVERFLOW_INPUTS
from usecases.waste_collection.overflow.levels.history import history_of
from usecases.waste_collection.overflow.levels.kernels import (
    HISTORY_DAYS,
    HORIZON_DAYS,
    OVERFLOW_PERCENT,
)
from usecases.waste_collection.overflow.scores import Held, held_of, ipcw_losses

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "COLUMNS",
    "FEW_DAYS",
    "ISSUED_EVERY_DAYS",
    "SILENT_DAYS",
    "ask",
    "audit",
    "check",
    "overflow_contest",
    "scored",
    "unit_losses",
    "without_weeks",
]

ISSUED_EVERY_DAYS = 15
FEW_DAYS, SILENT_DAYS = 14, 3
LEVEL_HISTORY_DAYS = 365
"""Days before the window from which the usual share of each container is counted."""
CHANCE, FULL = "p_ge80", "p_full"
QUANTILES, INTERVAL = ("q10", "q50", "q90"), ("low_80", "high_80")
LABELS = {
    "reached": SLOTS.reached,
    "weight": SLOTS.weight,
    "level_percent": SLOTS.level,
    "seen_percent": SLOTS.seen,
}
ROUNDING = 1e-5
"""A chance may fall by this much from one day to the next: what float32 loses."""
FUTURE_RULE = "future-copied"
BOOKINGS_RULE = "too-favourable"
"""Rule of `check_chances` on bookings taken for occupancy: it does not carry over to fill."""
Slice = Callable[[Examples], Array]


def _percent(name: str, meaning: str, english: str) -> Column:
    return Column(name, "number", "%", meaning, english, low=0.0, high=150.0, required=False)


COLUMNS = (
    Column("container_id", "text", "", "Identifiant du conteneur.", "Container identifier."),
    Column("issued_at", "time", "", "Instant du dernier relevé connu : 6 h, heure locale.",
           "Time of the last reading known: 06:00 local time."),
    Column("horizon_d", "text", "", "Échéance en jours, de 1 à 7.", "Horizon in days, 1 to 7."),
    _percent("q10", "Niveau dépassé neuf fois sur dix, sans collecte.",
             "Level exceeded nine times in ten, left alone."),
    _percent("q50", "Niveau médian, sans collecte.", "Median level, left alone."),
    _percent("q90", "Niveau dépassé une fois sur dix, sans collecte.",
             "Level exceeded once in ten, left alone."),
    _percent("low_80", "Borne basse de l'intervalle à 80 %, si ce n'est pas q10.",
             "Lower bound of the 80 % interval, where it is not q10."),
    _percent("high_80", "Borne haute de l'intervalle à 80 %, si ce n'est pas q90.",
             "Upper bound of the 80 % interval, where it is not q90."),
    Column(CHANCE, "number", "1",
           "Chance d'avoir atteint 80 % ce jour-là au plus tard, sans collecte ; ne décroît pas "
           "avec l'échéance.",
           "Chance of having reached 80 % by that day, left alone; never falls with the horizon.",
           low=0.0, high=1.0),
    Column(FULL, "number", "1",
           "Chance d'être plein (100 %) ce jour-là au plus tard ; contrôlée, non notée.",
           "Chance of being full (100 %) by that day; checked, not scored.",
           low=0.0, high=1.0, required=False),
)  # fmt: skip
"""Names of ``briefs/waste_collection.md`` 3.5; ``run_id`` may stand beside them, unread."""

FALLING = Rule(
    "falling-chance", "refused", "chance qui décroît quand l'échéance s'éloigne",
    "une chance « ce jour-là au plus tard », qui ne décroît pas de 1 à 7 jours",
    "cumuler les jours avant de déposer ; rien n'est redressé à votre place",
)  # fmt: skip
FULL_BEFORE_80 = Rule(
    "full-before-80", "review", "chance d'être plein au-dessus de celle d'atteindre 80 %",
    "p_full au plus égal à p_ge80", "demander au candidat ce que compte sa colonne",
)  # fmt: skip
CROSSED = Rule(
    "interval-order", "refused", "intervalle à 80 % retourné", "low_80 au plus égal à high_80",
    "vérifier l'ordre des deux colonnes",
)  # fmt: skip


def ask(
    dataset: Dataset, window: Period, scope: Scope, slices: Mapping[str, Slice] | None = None
) -> Paper:
    """Ask for seven days after every fifteenth day of the window, and seal them.

    Parameters
    ----------
    dataset
        Daily readings, with months before the window: rhythms and weights come from there.
    window
        Local civil days; the first is the first issue day.
    scope
        Which containers; weights are counted before the window at the latest.
    slices
        French name to the class of each row of the examples, for equity.

    Raises
    ------
    DataError
        If fewer than two weeks would be sealed, or no container can be asked.

    Notes
    -----
    A question exists for every container whose level is believed and below 80 % on the issue
    day, whatever followed: a collection or a failure of the sealed week must not show either.
    """
    scope = replace(scope, weights_until=min(scope.weights_until, window.start))
    issues = _issue_days(window)
    hidden = without_weeks(dataset, issues, window)
    asked = examples_of(hidden, window, scope)
    asked = asked.take(np.isin(asked.days, issues))
    if not len(asked):
        raise DataError(
            f"no container can be asked on {len(issues)} days of {window}",
            expected="a believed level below 80 % on an issue day",
        )
    whole = examples_of(without_weeks(dataset, issues[:0], window), window, scope)
    before = Period(window.start - timedelta(days=LEVEL_HISTORY_DAYS), window.start)
    usual = _usual_share(asked, examples_of(dataset, before, scope))
    questions = _questions(asked, usual, _later(hidden, asked), slices or {})
    return Paper(
        questions=questions,
        labels=_labels(asked, whole, questions),
        tables=_tables(hidden),
        about=ABOUT,
    )


def unit_losses(submission: Submission, questions: Questions, labels: Labels) -> Losses:
    """Return container, issue day and loss of each forecast: the task's own censored loss.

    One loss a forecast, not a row, see `overflow.scores.ipcw_losses`; NaN where none of its
    horizons is counted. Blocks are issue days, fifteen days apart.
    """
    return ipcw_losses(*_as_examples(submission, questions, labels))


def scored(submission: Submission, questions: Questions, labels: Labels) -> Held:
    """Hold chances and, where they were handed in, levels against what was seen.

    The interval is ``low_80`` to ``high_80`` where given, else ``q10`` to ``q90``.
    """
    return held_of(*_as_examples(submission, questions, labels))


def check(submission: Submission, questions: Questions) -> tuple[Finding, ...]:
    """Check the chances, that they never fall with the horizon, and that bounds are in order."""
    found = [
        finding
        for finding in check_chances(submission, questions, COLUMNS)
        if finding.rule != BOOKINGS_RULE
    ]
    answers = submission.answers
    for name in (CHANCE, FULL):
        if name in answers:
            found += _broken(FALLING, _falls(answers[name], questions), submission, name)
    if CHANCE in answers and FULL in answers:
        over = answers[FULL] > answers[CHANCE] + ROUNDING
        found += _broken(FULL_BEFORE_80, over, submission, "")
    if all(name in answers for name in INTERVAL):
        crossed = answers["low_80"] > answers["high_80"]
        found += _broken(CROSSED, crossed, submission, "")
    return tuple(found)


def audit(
    submission: Submission,
    questions: Questions,
    labels: Labels,
    others: Mapping[str, Submission],
) -> tuple[Finding, ...]:
    """Audit the chances; answers that are the same for all containers cannot copy any of them."""
    found = audit_chances(submission, questions, labels, others, COLUMNS)
    if _tells_containers_apart(submission, questions):
        return found
    return tuple(finding for finding in found if finding.rule != FUTURE_RULE)


def overflow_contest(scope: Scope, slices: Mapping[str, Slice]) -> Contest:
    """Return the contest of the overflow task; ``slices`` are the task's."""
    return Contest(
        columns=COLUMNS,
        outputs={column.name: Output(column.name) for column in COLUMNS if column.kind == "number"},
        ask=partial(ask, scope=scope, slices=slices),
        parse=partial(parse_rows, columns=COLUMNS),
        check=check,
        audit=audit,
        unit_losses=unit_losses,
        scored=scored,
        stress={
            f"capteur muet depuis {SILENT_DAYS} jours": partial(_forget, last=SILENT_DAYS),
            f"{FEW_DAYS} jours d'historique seulement": partial(
                _forget, first=HISTORY_DAYS - FEW_DAYS
            ),
        },
        units="conteneurs",
        sealed_share=(
            "Une prévision est demandée tous les quinze jours, pour les sept jours qui suivent. "
            "Ces sept jours sont retirés de tous les historiques remis, y compris de ceux de nos "
            "modèles : niveaux, alertes et collectes y sont inconnus, jamais vides. La perte est "
            "pondérée : une collecte d'avant 80 % cache la suite."
        ),
    )


def without_weeks(dataset: Dataset, issues: Array, window: Period) -> Dataset:
    """Return the readings without the week after each issue day, nor anything after the window.

    What is hidden is unknown (no level, no alert), exactly as where nothing was read.
    """
    day = _local_days(dataset)
    ahead = np.arange(1, HORIZON_DAYS + 1).astype("m8[D]")
    sealed = (issues[:, None] + ahead).ravel()
    hidden = np.isin(day, sealed) | (day >= np.datetime64(window.stop, "D"))
    columns = {
        name: np.where(hidden, np.array(np.nan, values.dtype), values)
        for name, values in dataset.columns.items()
    }
    return replace(dataset, columns=columns, valid=dataset.valid & ~hidden)


def _local_days(dataset: Dataset) -> Array:
    local = dataset.times.tz_convert(dataset.timezone).tz_localize(None)
    days: Array = local.to_numpy().astype("datetime64[D]")
    return days


def _issue_days(window: Period) -> Array:
    """Return the issue days whose seven days lie within the window."""
    days = np.arange(np.datetime64(window.start, "D"), np.datetime64(window.stop, "D"))
    issues: Array = days[: max(len(days) - HORIZON_DAYS, 0) : ISSUED_EVERY_DAYS]
    if len(issues) < 2:
        raise DataError(
            f"a window of {len(days)} days seals {len(issues)} weeks",
            expected=f"two at least: {ISSUED_EVERY_DAYS + HORIZON_DAYS + 1} days",
        )
    return issues


def _labels(asked: Examples, whole: Examples, questions: Questions) -> Labels:
    """Return the truth of the untouched readings, found by container and day."""
    places = {key: at for at, key in enumerate(zip(whole.units, whole.days, strict=True))}
    rows = np.array([places[key] for key in zip(asked.units, asked.days, strict=True)])
    place = questions.example, questions.step
    return Labels({name: whole.target[rows][:, part][place] for name, part in LABELS.items()})


def _as_examples(
    submission: Submission, questions: Questions, labels: Labels
) -> tuple[Examples, dict[str, Array]]:
    """Lay rows out as the task sees them, one line a forecast, and the answers as its outputs.

    Levels of a submission without quantiles are not scored: their truth is left out.
    """
    _, first, place = np.unique(questions.example, return_index=True, return_inverse=True)

    def grid(values: Array | float) -> Array:
        laid = np.full((len(first), HORIZON_DAYS), np.nan)
        laid[place, questions.step] = values
        return laid

    answers = {name: grid(values) for name, values in submission.answers.items()}
    leveled = all(name in answers for name in QUANTILES)
    for bound, quantile in zip(INTERVAL, (QUANTILES[0], QUANTILES[-1]), strict=True):
        if not all(name in submission.answers for name in INTERVAL) or not leveled:
            answers[bound] = answers.get(quantile, grid(np.nan))
    target = np.full((len(first), HORIZON_DAYS * len(LABELS)), np.nan)
    for name, part in LABELS.items():
        if leveled or name in ("reached", "weight"):
            target[:, part] = grid(labels.truth[name])
    blank = {name: grid(np.nan) for name in QUANTILES}
    no_slots = np.full(target.shape, -1)
    days = questions.blocks[first].astype("datetime64[D]")
    units, blocks = questions.units[first], questions.blocks[first]
    examples = Examples({}, target, no_slots, units, blocks, days.astype("M8[s]"), days)
    return examples, blank | answers


def _usual_share(asked: Examples, before: Examples) -> Array:
    """Return how often 80 % was reached by each day before the window, weighted, (n, 7).

    Of the container where it has a known window, of all containers otherwise.
    """
    reached = before.target[:, SLOTS.reached]
    weight = np.where(np.isfinite(reached), np.nan_to_num(before.target[:, SLOTS.weight]), 0.0)
    events = weight * np.nan_to_num(reached)
    overall = events.sum(axis=0) / np.maximum(weight.sum(axis=0), 1e-9)
    shares = np.tile(overall, (len(asked), 1))
    for unit in np.unique(asked.units):
        mine = before.units == unit
        total = weight[mine].sum(axis=0)
        own = events[mine].sum(axis=0) / np.maximum(total, 1e-9)
        shares[asked.units == unit] = np.where(total > 0, own, overall)
    return shares


def _questions(
    asked: Examples, usual: Array, later: Mapping[str, Array], slices: Mapping[str, Slice]
) -> Questions:
    example, step = (part.ravel() for part in np.indices((len(asked), HORIZON_DAYS)))
    units = asked.units.astype(str)[example]
    return Questions(
        keys={
            "container_id": units,
            # Examples know the reading of their issue's own second: one more stands there.
            "issued_at": (asked.issued - np.timedelta64(1, "s"))[example],
            "horizon_d": (step + 1).astype(str),
        },
        units=units,
        blocks=asked.days.astype(np.int64)[example],
        example=example,
        step=step,
        inputs={spec.name: np.asarray(asked.inputs[spec.name]) for spec in OVERFLOW_INPUTS},
        scale=np.ones(len(units)),
        level=usual[example, step],
        later={name: values[example] for name, values in later.items()},
        slices={name: np.asarray(label(asked), str)[example] for name, label in slices.items()},
    )


def _later(hidden: Dataset, asked: Examples) -> dict[str, Array]:
    """Return whether the files show 80 % once the week reopens: never to be used."""
    history = history_of(hidden, headline=False)
    level = history.believed_percent
    container = np.searchsorted(history.containers, asked.units)
    place = (asked.days - history.days[0]).astype(np.int64)
    found = {}
    for title, ahead in (("80 % le premier jour rouvert", 8), ("80 % le deuxième", 9)):
        inside = place + ahead < len(history.days)
        seen = level[container, np.minimum(place + ahead, len(history.days) - 1)]
        full = (seen >= OVERFLOW_PERCENT).astype(np.float64)
        found[title] = np.where(inside & np.isfinite(seen), full, np.nan)
    return found


def _tells_containers_apart(submission: Submission, questions: Questions) -> bool:
    """Tell whether any day's answers differ at one horizon by more than rounding."""
    answer = submission.answers.get(CHANCE, np.full(len(questions), np.nan))
    lowest, highest = np.full(HORIZON_DAYS, np.inf), np.full(HORIZON_DAYS, -np.inf)
    np.fmin.at(lowest, questions.step, answer)
    np.fmax.at(highest, questions.step, answer)
    return bool((highest - lowest > ROUNDING).any())


def _falls(chance: Array, questions: Questions) -> Array:
    """Tell the rows whose chance lies below that of an earlier day of the same forecast."""
    _, place = np.unique(questions.example, return_inverse=True)
    by_day = np.full((int(place.max()) + 1, HORIZON_DAYS), np.nan)
    by_day[place, questions.step] = chance
    highest = np.fmax.accumulate(by_day, axis=1)[place, questions.step]
    falls: Array = chance < highest - ROUNDING
    return falls


def _broken(rule: Rule, broken: Array, submission: Submission, detail: str) -> list[Finding]:
    rows = np.flatnonzero(broken)
    if not len(rows):
        return []
    lines = tuple(int(line) for line in np.sort(submission.line[rows])[:FIRST_LINES])
    shown = detail or f"{french.percent(len(rows) / len(broken))} des lignes"
    return [rule.finding(shown, len(rows), lines)]


def _forget(inputs: Mapping[str, Array], *, first: int = 0, last: int = 0) -> dict[str, Array]:
    """Return the inputs without the first or the last days of levels and alerts."""
    damaged = dict(inputs)
    for name in ("level_percent", "alert"):
        damaged[name] = np.array(inputs[name])
        damaged[name][:, :first] = np.nan
        damaged[name][:, HISTORY_DAYS - last :] = np.nan
    return damaged


def _tables(hidden: Dataset) -> dict[str, "pd.DataFrame"]:
    """Return what a vendor receives beside the questions: containers and open readings."""
    readings = readings_of(hidden)
    local = readings["day"] + np.timedelta64(6, "h")
    read_at = local.dt.tz_localize(hidden.timezone).dt.tz_convert("UTC").dt.as_unit("s")
    readings = readings.assign(read_at=read_at, alert=readings["alert"].astype(int))
    return {
        "containers.csv": containers_of(hidden)[list(CONTAINER_COLUMNS)],
        "readings.csv": readings[["container_id", "read_at", "level_percent", "alert"]],
    }


ABOUT: Mapping[str, tuple[str, str]] = {
    "containers.csv": (
        "Conteneurs : position, flux, volume, quartier ; ceux d'une même paire (pair_id) sont au "
        "même endroit. headline : ceux qui sont demandés.",
        "Containers: position, stream, volume, district; those of a pair (pair_id) stand on the "
        "same spot. headline: those that are asked.",
    ),
    "readings.csv": (
        "Relevés connus, un par jour à 6 h. Les semaines scellées en sont retirées. Sous alerte, "
        "le niveau n'est pas cru. N'utilisez pour une prévision que ce qui précède son émission.",
        "Known readings, one a day at 06:00. Sealed weeks are taken out. Under alert the level is "
        "not believed. For a forecast use only what precedes its issue time.",
    ),
}
