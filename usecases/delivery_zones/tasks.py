"""Will a bay be free: the availability tasks, and how an answer is scored."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from functools import partial

import numpy as np

from common.lab import probability_metrics as metrics
from common.lab.probabilities import Probabilities, as_they_are, no_scale, squared_losses
from common.lab.usecase import Array, Examples, Period, Split, Task, Track
from usecases.delivery_zones.availability.answers import finish, outputs
from usecases.delivery_zones.availability.examples import Scope, day_ahead_examples, examples_of
from usecases.delivery_zones.availability.inputs import AVAILABILITY_INPUTS, DAY_AHEAD_INPUTS
from usecases.delivery_zones.availability.kernels import HORIZON_MINUTES
from usecases.delivery_zones.contest import day_ahead_contest
from usecases.delivery_zones.data import City
from usecases.delivery_zones.features import (
    AVAILABILITY_TERMS,
    DAY_AHEAD_TERMS,
    availability_features,
    day_ahead_features,
)
from usecases.delivery_zones.figures import availability_figures, day_ahead_figures
from usecases.delivery_zones.model import AVAILABILITY_RUNGS, DAY_AHEAD_RUNGS

__all__ = ["AVAILABILITY_TASKS", "CITY_OF", "availability_task", "day_ahead_task"]

SPLITS: Mapping[City, Split] = {
    "dundee": Split(
        train_start=date(2018, 3, 5),
        origins=(date(2018, 5, 17), date(2018, 6, 28)),
        test=Period(date(2018, 8, 9), date(2018, 9, 6)),
    ),
    "hamburg": Split(
        train_start=date(2020, 2, 8),
        origins=(date(2020, 2, 20), date(2020, 2, 24)),
        test=Period(date(2020, 2, 27), date(2020, 3, 4)),
    ),
}
"""Training and test windows of ``briefs/delivery_zones.md`` 3.3, tuning inside training."""

PLACE: Mapping[City, str] = {"dundee": "", "hamburg": " (longs séjours, Hambourg)"}
"""Ends the question where a second public log answers it."""

MIN_STAYS: Mapping[City, int] = {"dundee": 60, "hamburg": 10}
EVERY: Mapping[City, int] = {"dundee": 3, "hamburg": 5}
"""One issue in so many is fitted on."""
FEW_DAYS = 14
LEAST_HISTORY_DAYS = 3.0
"""Weighted days below which a row has no habit to learn from: it is not fitted on."""
N_DAY_STEPS = 52

SKILL = replace(metrics.BRIER_SKILL, title="Gain de Brier sur l'habitude")
BY_HORIZON = tuple(
    metrics.at_step(metric, step, str(minutes), f"à {minutes} min")
    for step, minutes in enumerate(HORIZON_MINUTES)
    for metric in (metrics.BRIER, SKILL, metrics.ECE)
)
OVERALL = (SKILL, metrics.LOG_LOSS, metrics.ECE, metrics.BRIER_MEDIAN,
           metrics.BRIER_P90)  # fmt: skip


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return 0 and 1 as they are; rows with less than three days behind them weigh nothing."""
    target = np.where(examples.slots >= 0, examples.target, np.nan)
    enough = context["history"] >= LEAST_HISTORY_DAYS
    return target, np.broadcast_to(enough.astype(np.float64), target.shape)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each row's Brier loss, the mean over its instants; days are what is resampled."""
    return squared_losses(examples, outputs["p_free"], pooled=True)


def scored(
    examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]
) -> Probabilities:
    """Hold chances against what a driver found; the usual chance is the reference."""
    del scale
    return Probabilities.from_examples(examples, outputs["p_free"], outputs["p_usual"])


def by_area(examples: Examples) -> Array:
    """Return the area class of each row's zone, as the city gives it."""
    return np.asarray(examples.inputs["area_class"])


def by_size(examples: Examples) -> Array:
    """Return the size of each row's zone, in French."""
    bays = np.asarray(examples.inputs["bays"])
    return np.select([bays == 1, bays == 2], ["une place", "deux places"], "trois places et plus")


def by_time_of_day(examples: Examples) -> Array:
    """Return the part of the day in which each forecast is issued, in French."""
    hour = np.asarray(examples.inputs["quarter"]) // 4
    return np.select(
        [hour < 10, hour < 16], ["matin (avant 10 h)", "journée (10 h à 16 h)"], "fin de journée"
    )


def by_kind_of_day(examples: Examples) -> Array:
    """Return whether each target day is a Saturday, in French."""
    return np.where(np.asarray(examples.inputs["weekday"]) == 5, "samedis", "lundi à vendredi")


def by_turnover(examples: Examples) -> Array:
    """Return whether vehicles stay for long in each row's zone: its median stay, in French."""
    lengths = np.asarray(examples.inputs["median_stay_minutes"])
    return np.where(lengths <= 60, "séjours courts (médiane d'une heure au plus)", "séjours longs")


def _scope(city: City) -> Scope:
    split = SPLITS[city]
    return Scope(
        listed=Period(split.train_start, split.test.start),
        min_stays=MIN_STAYS[city],
        train_start=split.train_start,
        every=EVERY[city],
    )


def availability_task(city: City) -> Task:
    """Return the question 15, 30 and 60 min ahead, as it is put to one of the public logs."""
    scope = _scope(city)
    forgetful = replace(scope, forget_after_days=FEW_DAYS)
    tracks = (
        Track("cold_start", f"Zones jamais vues, {FEW_DAYS} jours d'historique",
              partial(examples_of, scope=forgetful), unseen_units=True),
        Track("silent", "Capteur muet le jour même",
              partial(examples_of, scope=replace(scope, silent_today=True))),
    )  # fmt: skip
    everywhere = Track(
        "every_zone",
        "Tous les emplacements du fichier",
        partial(examples_of, scope=replace(scope, headline=False, min_stays=1)),
    )
    return Task(
        id="availability" if city == "dundee" else f"availability_{city}",
        version=1,
        question="Une place sera-t-elle libre dans 15, 30 ou 60 minutes ?" + PLACE[city],
        inputs=AVAILABILITY_INPUTS,
        outputs=outputs(len(HORIZON_MINUTES)),
        terms=AVAILABILITY_TERMS,
        split=SPLITS[city],
        metrics=(metrics.BRIER, *BY_HORIZON, *OVERALL),
        slices={
            "quartier": by_area,
            "taille de la zone": by_size,
            "durée des séjours": by_turnover,
            "moment de la journée": by_time_of_day,
        },
        examples=partial(examples_of, scope=scope),
        features=availability_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=as_they_are,
        scored=scored,
        scale=no_scale,
        rungs=AVAILABILITY_RUNGS,
        tracks=tracks if city == "dundee" else (*tracks, everywhere),
        figures=availability_figures,
        functional_unit=(
            "la chance de trouver une place dans une zone à 15, 30 et 60 minutes, avec les places "
            "occupées attendues et les raisons"
        ),
    )


def day_ahead_task(city: City) -> Task:
    """Return the question of the day before at 18:00, for every quarter of the next day."""
    scope = _scope(city)
    base = availability_task(city)
    forgetful = replace(scope, forget_after_days=FEW_DAYS)
    task = replace(
        base,
        id="day_ahead" if city == "dundee" else f"day_ahead_{city}",
        question="Demain, à quelles heures trouvera-t-on une place ?" + PLACE[city],
        inputs=DAY_AHEAD_INPUTS,
        outputs=outputs(N_DAY_STEPS),
        terms=DAY_AHEAD_TERMS,
        metrics=(metrics.BRIER, *OVERALL),
        slices={
            "quartier": by_area,
            "taille de la zone": by_size,
            "durée des séjours": by_turnover,
            "type de jour": by_kind_of_day,
        },
        examples=partial(day_ahead_examples, scope=scope),
        features=day_ahead_features,
        rungs=DAY_AHEAD_RUNGS,
        tracks=(
            Track("cold_start", f"Zones jamais vues, {FEW_DAYS} jours d'historique",
                  partial(day_ahead_examples, scope=forgetful), unseen_units=True),
            Track("silent", "Capteur muet la veille",
                  partial(day_ahead_examples, scope=replace(scope, silent_today=True))),
        ),
        figures=day_ahead_figures,
        functional_unit=(
            "la chance de trouver une place dans une zone, quart d'heure par quart d'heure, pour "
            "la journée de demain"
        ),
    )  # fmt: skip
    return replace(task, contest=day_ahead_contest(scope, task.slices))


AVAILABILITY_TASKS = (
    availability_task("dundee"),
    availability_task("hamburg"),
    day_ahead_task("dundee"),
    day_ahead_task("hamburg"),
)
CITY_OF: Mapping[str, City] = {
    task.id: "hamburg" if task.id.endswith("_hamburg") else "dundee" for task in AVAILABILITY_TASKS
}
