"""When does a container reach 80 % if nobody comes: the question, and how it is scored."""

from collections.abc import Mapping
from datetime import date
from functools import partial

import numpy as np

from common.lab.probabilities import as_they_are, no_scale
from common.lab.usecase import Array, Examples, Period, Split, Task, Track
from usecases.waste_collection.contest import FEW_DAYS, SILENT_DAYS, overflow_contest
from usecases.waste_collection.features import OVERFLOW_TERMS, overflow_features
from usecases.waste_collection.figures import overflow_figures
from usecases.waste_collection.model import OVERFLOW_RUNGS
from usecases.waste_collection.overflow.answers import finish, outputs
from usecases.waste_collection.overflow.examples import SLOTS, Scope, examples_of
from usecases.waste_collection.overflow.inputs import OVERFLOW_INPUTS
from usecases.waste_collection.overflow.scores import METRICS, Held, held_of, ipcw_losses

__all__ = ["OVERFLOW_SCOPE", "OVERFLOW_TASK", "train_on"]

SPLIT = Split(
    train_start=date(2018, 7, 26),
    origins=(date(2019, 10, 1), date(2020, 1, 1), date(2020, 4, 1), date(2020, 5, 16)),
    test=Period(date(2020, 7, 1), date(2021, 5, 4)),
)
"""Test period of ``briefs/waste_collection.md`` 3.1; the first thirty days only feed histories.

The brief tunes on April to June 2020, the first weeks of a lockdown: rungs chosen there are
chosen for a shock. Half a year of ordinary months stands before it, with rolling origins."""
OVERFLOW_SCOPE = Scope(weights_until=date(2020, 4, 1))
FAST_POINTS_PER_DAY = 11.0
LOCKDOWN = (np.datetime64("2020-07-08"), np.datetime64("2020-10-28"))
"""Melbourne's second stay-at-home order, which covered Wyndham."""


def train_on(examples: Examples, context: Mapping[str, Array]) -> tuple[Array, Array]:
    """Return whether 80 % was reached on each day, of days on which it could be, and weights.

    A day counts while 80 % had not been reached before it and nobody had collected: what heads
    predict is the chance of one day's step, and the graph multiplies seven of them.
    """
    del context
    reached = examples.target[:, SLOTS.reached]
    before = np.concatenate([np.zeros((len(reached), 1)), reached[:, :-1]], axis=1)
    target, weight = np.full_like(examples.target, np.nan), np.zeros_like(examples.target)
    target[:, SLOTS.reached] = np.where(before == 0, reached, np.nan)
    weight[:, SLOTS.reached] = np.nan_to_num(examples.target[:, SLOTS.weight])
    return target, weight


def scored(examples: Examples, outputs: Mapping[str, Array], scale: Mapping[str, float]) -> Held:
    """Hold chances and levels against what was seen."""
    del scale
    return held_of(examples, outputs)


def by_stream(examples: Examples) -> Array:
    """Return what each container takes, in French."""
    names = {"general": "ordures", "recycling": "recyclables", "glass": "verre", "paper": "papier",
             "packaging": "emballages", "unknown": "non renseigné"}  # fmt: skip
    return np.array([names.get(name, name) for name in np.asarray(examples.inputs["stream"])])


def by_speed(examples: Examples) -> Array:
    """Return whether each container filled fast before the period, in French."""
    fast = np.asarray(examples.inputs["points_per_day"]) >= FAST_POINTS_PER_DAY
    return np.where(fast, "rapides (11 points par jour et plus)", "lents")


def by_spot(examples: Examples) -> Array:
    """Return the spot on which each container stands, alone or in a pair."""
    return np.asarray(examples.inputs["pair_id"])


def by_lockdown(examples: Examples) -> Array:
    """Return whether each forecast was issued in the lockdown of 2020, in French."""
    inside = (examples.days >= LOCKDOWN[0]) & (examples.days < LOCKDOWN[1])
    return np.where(inside, "confinement (juillet à octobre 2020)", "autres mois")


def _track(name: str, title: str, scope: Scope, *, unseen_units: bool = False) -> Track:
    return Track(name, title, partial(examples_of, scope=scope), unseen_units=unseen_units)


TRACKS = (
    _track("every_bin", "Toutes les corbeilles du fichier (33)",
           Scope(OVERFLOW_SCOPE.weights_until, headline=False)),
    _track("cold_start", f"Conteneurs jamais vus, {FEW_DAYS} jours d'historique",
           Scope(OVERFLOW_SCOPE.weights_until, keep_days=FEW_DAYS), unseen_units=True),
    _track("silent", f"Capteur muet depuis {SILENT_DAYS} jours",
           Scope(OVERFLOW_SCOPE.weights_until, silent_days=SILENT_DAYS)),
)  # fmt: skip

SLICES = {
    "flux": by_stream,
    "vitesse de remplissage": by_speed,
    "emplacement": by_spot,
    "confinement": by_lockdown,
}

OVERFLOW_TASK = Task(
    id="overflow",
    version=1,
    question="Ce conteneur atteindra-t-il 80 % d'ici 1 à 7 jours si personne ne le vide ?",
    inputs=OVERFLOW_INPUTS,
    outputs=outputs(),
    terms=OVERFLOW_TERMS,
    split=SPLIT,
    metrics=METRICS,
    slices=SLICES,
    examples=partial(examples_of, scope=OVERFLOW_SCOPE),
    features=overflow_features,
    finish=finish,
    train_on=train_on,
    unit_losses=ipcw_losses,
    transform=as_they_are,
    scored=scored,
    scale=no_scale,
    rungs=OVERFLOW_RUNGS,
    tracks=TRACKS,
    figures=overflow_figures,
    contest=overflow_contest(OVERFLOW_SCOPE, SLICES),
    functional_unit=(
        "la chance qu'un conteneur atteigne 80 % et soit plein, jour par jour sur une semaine, "
        "avec l'intervalle du niveau et les raisons"
    ),
)
