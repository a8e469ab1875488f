"""Will a vehicle stay beyond its limit: the question, and how an answer is scored."""

from collections.abc import Mapping
from datetime import date
from functools import partial
from typing import Any

import numpy as np

from common.lab import probability_metrics as metrics
from common.lab.pages.figure import Figure
from common.lab.pages.reliability import reliability
from common.lab.probabilities import Probabilities, as_they_are, no_scale, squared_losses
from common.lab.usecase import (
    Answer,
    Array,
    Examples,
    Features,
    Field,
    Period,
    Split,
    Task,
    Track,
)
from usecases.delivery_zones.data import City
from usecases.delivery_zones.overstay.examples import (
    LONGEST_GAP_MINUTES,
    N_BINS,
    N_RECENT,
    N_STEPS,
    STEP_TITLES,
    examples_of,
)
from usecases.delivery_zones.overstay.features import OVERSTAY_TERMS, overstay_features
from usecases.delivery_zones.overstay.model import overstay_rungs

__all__ = ["CITY_OF", "OVERSTAY_TASKS", "overstay_task"]

SPLITS: Mapping[City, Split] = {
    "dundee": Split(
        train_start=date(2017, 9, 15),
        origins=(date(2018, 5, 14), date(2018, 6, 25)),
        test=Period(date(2018, 8, 9), date(2018, 9, 6)),
    ),
    "hamburg": Split(
        train_start=date(2020, 2, 12),
        origins=(date(2020, 2, 18), date(2020, 2, 22)),
        test=Period(date(2020, 2, 27), date(2020, 3, 4)),
    ),
}
"""Test windows of the brief (3.3). As in its table 4 (b), Dundee is fitted from September 2017
on; the first two weeks there, and four days in Hamburg, only feed the rates."""

MOST_STAYS = 1e6
LONGEST_STAY_MINUTES = 20_160.0

STEP_NAMES = ("arrival", "half")
HEADLINE = (
    metrics.BRIER,
    *(
        metrics.at_step(metric, step, STEP_NAMES[step], STEP_TITLES[step])
        for step in range(N_STEPS)
        for metric in (metrics.BRIER, metrics.BRIER_SKILL, metrics.AUROC, metrics.ECE)
    ),
    metrics.LOG_LOSS,
    metrics.BRIER_MEDIAN,
    metrics.BRIER_P90,
)


def _count(name: str, shape: tuple[str | int, ...], meaning: str) -> Field:
    return Field(name, "float32", shape, "1", meaning, low=0, high=MOST_STAYS)


INPUTS = (
    _count(
        "reached_stays",
        ("n", N_STEPS, N_BINS),
        "Stationnements terminés de la zone par tranche de trois heures d'arrivée : tous, puis "
        "ceux qui avaient atteint la moitié de la limite.",
    ),
    _count(
        "over_stays",
        ("n", N_BINS),
        "Parmi eux, ceux qui ont dépassé la limite, par tranche de trois heures d'arrivée.",
    ),
    _count(
        "city_reached_stays",
        ("n", N_STEPS),
        "Stationnements terminés de toute la ville : tous, puis ceux qui avaient atteint la "
        "moitié de la limite.",
    ),
    _count("city_over_stays", ("n",), "Parmi eux, ceux qui ont dépassé la limite."),
    Field(
        "recent_stay_minutes",
        "float32",
        ("n", N_RECENT),
        "min",
        f"Durée des {N_RECENT} derniers stationnements terminés de la zone, le dernier à la fin.",
        low=0,
        high=LONGEST_STAY_MINUTES,
        missing=True,
    ),
    Field(
        "bays_taken",
        "float32",
        ("n",),
        "1",
        "Places de la zone occupées juste avant l'arrivée.",
        low=0,
        high=1000,
    ),
    Field(
        "empty_minutes",
        "float32",
        ("n",),
        "min",
        "Temps depuis le dernier départ de cette place, inconnu si elle n'a jamais servi.",
        low=0,
        high=LONGEST_GAP_MINUTES,
        missing=True,
    ),
    Field(
        "limit_minutes", "float32", ("n",), "min", "Limite de stationnement de la zone.", 1, 1440
    ),
    Field("arrival_minute", "int64", ("n",), "min", "Minute locale de l'arrivée.", 0, 1439),
    Field("weekday", "int64", ("n",), "1", "Jour de l'arrivée, lundi = 0.", 0, 6),
)

_STEPS: tuple[str | int, ...] = ("n", N_STEPS)
OUTPUTS = (
    Field(
        "log_odds",
        "float32",
        _STEPS,
        "1",
        "Logarithme du rapport des chances de dépasser la limite, à l'arrivée puis à mi-limite.",
    ),
    Field(
        "p_overstay",
        "float32",
        _STEPS,
        "1",
        "Probabilité de dépasser la limite : à l'arrivée, puis à mi-limite pour un véhicule "
        "encore là.",
        low=0,
        high=1,
    ),
    Field(
        "p_reference",
        "float32",
        _STEPS,
        "1",
        "Part des stationnements de la ville qui ont dépassé jusque-là : la référence.",
        low=0,
        high=1,
    ),
    Field("baseline", "float32", _STEPS, "1", "Réponse avant toute contribution."),
    Field(
        "contributions",
        "float32",
        (*_STEPS, "terms"),
        "1",
        "Part de chaque terme ; base plus parts = logarithme du rapport des chances.",
    ),
)


def finish(
    xp: Any,
    inputs: Mapping[str, Any],  # noqa: ARG001 - the protocol of Task.finish
    features: Features,
    answer: Answer,
) -> dict[str, Any]:
    """Give log-odds and probability; contributions add up to the log-odds.

    The logistic function is written with tanh, which no log-odds overflow.
    """
    half = np.float32(0.5)
    return {
        "log_odds": answer.raw,
        "p_overstay": xp.tanh(answer.raw * half) * half + half,
        "p_reference": features.context["city_rate"] + np.float32(0),
        "baseline": xp.zeros_like(answer.raw) + np.float32(answer.baseline),
        "contributions": answer.contributions,
    }


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return 0 and 1 as they are; every question asked counts the same."""
    del context
    return examples.target, np.ones_like(examples.target)


def unit_losses(examples: Examples, outputs: Mapping[str, Array]) -> tuple[Array, Array, Array]:
    """Return each arrival's Brier loss; arrivals count the same, whichever zone they are in.

    As the headline does. Seven zones, or 300 with ten arrivals each, bear no resampling.
    """
    return squared_losses(examples, outputs["p_overstay"], pooled=True)


def scored(
    examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]
) -> Probabilities:
    """Hold probabilities against what happened; the city's own rate is the reference."""
    del scale
    return Probabilities.from_examples(examples, outputs["p_overstay"], outputs["p_reference"])


def by_kind_of_day(examples: Examples) -> Array:
    """Return whether each arrival is on a working day or at the week-end, in French."""
    return np.where(
        np.asarray(examples.inputs["weekday"]) < 5, "jours ouvrables", "samedis et dimanches"
    )


def by_time_of_day(examples: Examples) -> Array:
    """Return the part of the day of each arrival, in French."""
    hour = np.asarray(examples.inputs["arrival_minute"]) // 60
    names = np.array(["nuit (20 h à 7 h)", "matin (7 h à 12 h)", "après-midi (12 h à 20 h)"])
    parts: Array = names[np.select([(hour >= 7) & (hour < 12), (hour >= 12) & (hour < 20)], [1, 2])]
    return parts


def overstay_figures(examples: Examples, outputs: Mapping[str, Array]) -> list[Figure]:
    """Return, for each step, whether the chances announced came true."""
    held = scored(examples, outputs, {})
    return [
        reliability(
            f"Les dépassements annoncés {title} arrivent-ils ?",
            metrics.calibration_bins(held.at_step(step)),
            "stationnements",
        )
        for step, title in enumerate(STEP_TITLES)
    ]


UNSEEN = Track("unseen_zones", "Zones jamais vues à l'apprentissage", unseen_units=True)
EVERY_ZONE = Track(
    "every_zone", "Toutes les zones du fichier", partial(examples_of, every_zone=True)
)


def overstay_task(city: City) -> Task:
    """Return the overstay question as it is put to one of the public logs."""
    at_dundee = city == "dundee"
    return Task(
        id="overstay" if at_dundee else "overstay_hamburg",
        version=1,
        question="Ce véhicule restera-t-il au-delà de la limite : à l'arrivée, puis à mi-limite ?"
        + (" (longs séjours, Hambourg)" if city == "hamburg" else ""),
        inputs=INPUTS,
        outputs=OUTPUTS,
        terms=OVERSTAY_TERMS,
        split=SPLITS[city],
        metrics=HEADLINE,
        slices={"type de jour": by_kind_of_day, "moment de la journée": by_time_of_day},
        examples=examples_of,
        features=overstay_features,
        finish=finish,
        train_on=train_on,
        unit_losses=unit_losses,
        transform=as_they_are,
        scored=scored,
        scale=no_scale,
        rungs=overstay_rungs(),
        tracks=(UNSEEN,) if at_dundee else (EVERY_ZONE, UNSEEN),
        figures=overstay_figures,
        functional_unit=(
            "la probabilité qu'un stationnement dépasse sa limite, à l'arrivée et à mi-limite"
        ),
    )


OVERSTAY_TASKS = (overstay_task("dundee"), overstay_task("hamburg"))
CITY_OF: Mapping[str, City] = {"overstay": "dundee", "overstay_hamburg": "hamburg"}
