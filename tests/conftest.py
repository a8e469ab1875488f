"""A toy use case, small enough to read whole: visits to three libraries, morning and afternoon.

And what every test process does before its first test.
"""

import gc
from datetime import date, timedelta
from functools import partial

import numpy as np
import pandas as pd
import pytest

from common.lab import metrics
from common.lab.forecasts import Forecasts, seasonal_scale
from common.lab.graph.heads import LinearHead
from common.lab.usecase import (
    Dataset,
    Examples,
    Features,
    Field,
    Fitted,
    Period,
    Rung,
    Source,
    Split,
    Task,
    Term,
    UseCase,
)

HISTORY_DAYS = 14
N_STEPS = 2
FIRST_DAY, N_DAYS = date(2022, 1, 3), 140
SPLIT = Split(
    train_start=FIRST_DAY + timedelta(21),
    origins=(FIRST_DAY + timedelta(63), FIRST_DAY + timedelta(84)),
    test=Period(FIRST_DAY + timedelta(105), FIRST_DAY + timedelta(133)),
)


def pytest_collection():
    """Gather the tests without looking for rubbish: what is gathered stays until the end."""
    gc.disable()


def pytest_collection_finish():
    """Set five thousand tests and all imported modules apart from what is searched for rubbish.

    Every full search would walk through them again: a fifth of the CPU time of a test process.
    """
    gc.enable()
    gc.freeze()


def toy_simulate(_task, seed, n_units=3):
    """Visits per half-day: a weekly pattern per library, its size, noise, two lost half-days."""
    rng = np.random.default_rng(seed)
    pattern = np.array([[40, 60], [35, 50], [60, 80], [30, 45], [40, 70], [70, 90], [5, 5]])
    days = np.arange(N_DAYS)
    visits = np.stack([
        (1 + unit) * pattern[days % 7] * rng.lognormal(0, 0.1, (N_DAYS, N_STEPS))
        for unit in range(n_units)
    ])  # fmt: skip
    visits[0, 30, 0] = visits[-1, 50, 1] = np.nan
    times = pd.date_range(FIRST_DAY, periods=2 * N_DAYS, freq="12h", tz="UTC")
    values = visits.reshape(-1)
    return Dataset(
        name="SIMULATED toy",
        columns={"visits": values},
        units={"visits": "1"},
        times=pd.DatetimeIndex(np.tile(times.tz_localize(None).to_numpy(), n_units), tz="UTC"),
        groups=pd.Categorical.from_codes(
            np.repeat(np.arange(n_units), 2 * N_DAYS),
            categories=[f"library_{unit}" for unit in range(n_units)],
        ),
        valid=~np.isnan(values),
        timezone="UTC",
        simulated=True,
        proxy="Données simulées : bibliothèques inventées.",
    )


def toy_examples(dataset, period):
    """One row per library and day, issued at midnight with the 14 days before."""
    first = dataset.times.min().to_datetime64().astype("datetime64[D]")
    n_units = len(dataset.groups.categories)
    known = np.where(dataset.valid, dataset.columns["visits"], np.nan)
    table = known.reshape(n_units, -1, N_STEPS)
    wanted = np.arange(period.start, period.stop, dtype="datetime64[D]")
    place = (wanted - first).astype(np.int64)
    place = place[(place >= HISTORY_DAYS) & (place < table.shape[1])]
    unit, place = (axis.ravel() for axis in np.meshgrid(np.arange(n_units), place, indexing="ij"))
    days = first + place
    history = table[unit[:, None], place[:, None] - HISTORY_DAYS + np.arange(HISTORY_DAYS)]
    return Examples(
        inputs={
            "visits": history.astype(np.float32),
            "weekday": (days.astype(np.int64) + 3) % 7,
        },
        target=table[unit, place],
        slots=np.tile(np.arange(N_STEPS), (len(days), 1)),
        units=np.asarray(dataset.groups.categories, dtype=str)[unit],
        blocks=(days.astype(np.int64) + 3) // 7,
        issued=days.astype("datetime64[s]"),
        days=days,
    )


def toy_features(xp, inputs):
    """Last week's value and the mean of both weeks, relative to the mean level."""
    visits = inputs["visits"]
    unknown = xp.isnan(visits)
    filled = xp.where(unknown, xp.zeros_like(visits), visits)
    known = xp.astype(~unknown, xp.float32)
    one = xp.asarray(np.float32(1))
    level = xp.sum(filled, axis=(1, 2), keepdims=True) / xp.maximum(
        xp.sum(known, axis=(1, 2), keepdims=True), one
    )
    level = xp.maximum(level, one)
    relative = filled / level
    sunday = xp.astype(xp.reshape(inputs["weekday"], (-1, 1, 1)) == 6, xp.float32)
    return Features(
        columns={
            "last_week": relative[:, 7:8, :],
            "two_weeks": (relative[:, 7:8, :] + relative[:, 0:1, :]) * np.float32(0.5),
            "sunday": sunday,
        },
        context={"level": xp.reshape(level, (-1, 1))},
    )


def toy_finish(xp, _inputs, features, answer):
    """Bring the answer back to visits; the interval is 1.3 spreads either way."""
    level = features.context["level"]
    zero = xp.asarray(np.float32(0))
    forecast = xp.maximum(answer.raw * level, zero)
    spread = xp.maximum(answer.spread, xp.asarray(np.float32(0.01))) * level
    return {
        "forecast": forecast,
        "lower": xp.maximum(forecast - spread * np.float32(1.3), zero),
        "upper": forecast + spread * np.float32(1.3),
        "spread": spread,
        "baseline": xp.zeros_like(forecast) + level * np.float32(answer.baseline),
        "contributions": answer.contributions * xp.expand_dims(level, axis=2),
    }


def toy_train_on(examples, context):
    target = examples.target / context["level"]
    return target, np.ones_like(target)


def toy_losses(examples, outputs):
    error = np.abs(outputs["forecast"] - examples.target)
    return examples.units, examples.blocks, np.nanmean(error, axis=1) / 50


def toy_scored(examples, outputs, scale):
    kept = {name: values for name, values in outputs.items() if name == "forecast"}
    return Forecasts.from_examples(examples, kept, scale or None)


SPREAD = LinearHead(("two_weeks",), (0.1,), 0.0, (0.0,))


def toy_copy(term, _training):
    return Fitted(LinearHead((term,), (1.0,), 0.0, (0.0,)), SPREAD)


def toy_least_squares(training):
    names = tuple(term.name for term in training.terms)
    means = training.matrix.mean(axis=0, dtype=np.float64)
    centred = training.matrix - means
    coefficients = np.linalg.lstsq(centred, training.target - training.target.mean(), rcond=None)[0]
    base = float(training.target.mean())
    head = LinearHead(names, tuple(coefficients.tolist()), base, tuple(means.tolist()))
    return Fitted(head, SPREAD, lambda X: base + (X - means) @ coefficients)


def toy_rungs():
    return (
        Rung("last_week", "La semaine dernière", "no_ai", "global",
             partial(toy_copy, "last_week"), note="Même demi-journée, une semaine plus tôt."),
        Rung("two_weeks", "Moyenne de deux semaines", "no_ai", "global",
             partial(toy_copy, "two_weeks"), note="Moyenne des deux dernières semaines."),
        Rung("linear", "Régression linéaire", "linear", "global", toy_least_squares,
             note="Moindres carrés sur trois termes."),
    )  # fmt: skip


def toy_task():
    steps = ("n", N_STEPS)
    return Task(
        id="visits",
        version=1,
        question="Combien de visites demain, matin et après-midi ?",
        inputs=(
            Field("visits", "float32", ("n", HISTORY_DAYS, N_STEPS), "1",
                  "Visites des quatorze derniers jours.", 0, 1e5, missing=True),
            Field("weekday", "int64", ("n",), "1", "Jour visé, lundi = 0.", 0, 6),
        ),
        outputs=(
            Field("forecast", "float32", steps, "1", "Visites prévues.", low=0),
            Field("lower", "float32", steps, "1", "Borne basse.", low=0),
            Field("upper", "float32", steps, "1", "Borne haute.", low=0),
            Field("spread", "float32", steps, "1", "Demi-largeur.", low=0),
            Field("baseline", "float32", steps, "1", "Avant toute contribution."),
            Field("contributions", "float32", (*steps, "terms"), "1", "Part de chaque terme."),
        ),
        terms=(
            Term("last_week", "visites d'il y a une semaine", "passé récent"),
            Term("two_weeks", "moyenne de deux semaines", "passé récent"),
            Term("sunday", "dimanche", "calendrier"),
        ),
        split=SPLIT,
        metrics=(metrics.WAPE, metrics.MASE),
        slices={"demi-semaine": lambda examples: np.where(
            (examples.days.astype(int) + 3) % 7 < 3, "début", "fin")},
        examples=toy_examples,
        features=toy_features,
        finish=toy_finish,
        train_on=toy_train_on,
        unit_losses=toy_losses,
        transform=lambda losses: losses,
        scored=toy_scored,
        scale=seasonal_scale,
        rungs=toy_rungs(),
    )  # fmt: skip


def toy_usecase():
    return UseCase(
        name="toy",
        title="Bibliothèques",
        summary="Prévoir les visites de demain.",
        sources=(Source("counts", "Comptages", "Ville inventée", "CC0", "https://example.org/",
                        {"visits.csv": "0" * 64}, "2022", "aucune"),),
        load=toy_simulate,
        read=lambda _folder, task: toy_simulate(task, 0),
        simulate=toy_simulate,
        tasks=(toy_task(),),
        limits=("Une personne décide.",),
    )  # fmt: skip


@pytest.fixture(scope="session")
def toy():
    """The toy use case."""
    return toy_usecase()


@pytest.fixture(scope="session")
def toy_dataset(toy):
    """Twenty weeks of three libraries."""
    return toy.simulate(toy.tasks[0], 1)
