"""A hand-made Run, as a pilot would leave it, for the tests of pages, plots and MLflow."""

from copy import deepcopy
from dataclasses import replace

import pytest

from common.lab.record import Footprint, Run, RungResult, Score

FACTOR = {
    "value": 21.7,
    "unit": "gCO2e/kWh",
    "publisher": "RTE",
    "year": 2024,
    "scope": "production",
}


def footprint(stage, cpu_seconds, predictions=0, quality="low"):
    """Tier C with 10 W per core, a factor 2.5 either way (briefs/frugality.md 2.5)."""
    kwh = cpu_seconds * 10 / 3.6e6
    return Footprint(
        stage=stage,
        cpu_seconds=cpu_seconds,
        wall_seconds=1.1 * cpu_seconds,
        peak_rss_mib=310.0,
        kwh_low=kwh / 2.5,
        kwh_central=kwh,
        kwh_high=kwh * 2.5,
        tier="C_model",
        hardware="2 vCPU, modèle non nommé",
        repetitions=1 if quality == "low" else 7,
        cv=float("nan") if quality == "low" else 0.04,
        quality=quality,
        predictions=predictions,
        factor=FACTOR,
        co2_use_g=(kwh * 8.7, kwh * 21.7, kwh * 54.0),
        co2_embodied_g=(cpu_seconds * 1e-4, cpu_seconds * 2e-4, cpu_seconds * 3e-4),
        conditions={"load": 0.2},
    )


def score(metric, value, half, unit="%", better="lower"):
    return Score(metric, unit, better, value, value - half, value + half, 42, 88_704)


def rung(name, title, kind, error, increase, kilobytes, cpu_s, quality="low"):
    return RungResult(
        rung=name,
        title=title,
        kind=kind,
        scope="per_site" if kind == "linear" else "global",
        model_kb=kilobytes,
        tune_loss=error / 100,
        loss_increase=increase,
        loss_increase_high=increase + 0.011,
        qualifies=increase + 0.011 < 0.02,
        scores={
            "nrmse": score("nrmse", error, 0.6),
            "coverage": score("coverage", 80.6, 1.4, better="target"),
            "bias": score("bias", -0.4, 0.3, better="target"),
        },
        slices={"Type de bâtiment": {"bureaux": error, "enseignement": error * 1.2}},
        footprints={
            "train": footprint("train", cpu_s, quality=quality),
            "predict_1": footprint("predict_1", 0.5, 1000, quality),
            "predict_1000": footprint("predict_1000", 0.01 + cpu_s / 300, 1000, quality),
        },
    )


DATASET = {
    "name": "bdg2_fox",
    "digest": "5d41402abc4b2a76b9719d911017c592" * 2,
    "simulated": False,
    "proxy": "Campus universitaires d'Amérique du Nord, à la place de bâtiments communaux.",
    "licences": ["Building Data Genome 2, CC BY 4.0"],
    "n_rows": 736_344,
    "n_units": 42,
}
SPLIT = {
    "train": "2016-01-01..2017-01-01",
    "tune": "2017-01-01..2017-07-01",
    "test": "2017-07-01..2018-01-01",
}
EXPLANATION = {
    "Consommation récente": 6.1,
    "Calendrier": 2.9,
    "Température": 1.8,
    "Heure de la journée": 0.7,
}
ENVIRONMENT = {
    "python": "3.11.9",
    "cpu": "2 vCPU",
    "threads": 1,
    "code_commit": "edb73e7",
    "lock_sha256": "9f86d081884c7d65",
    "packages": {"lightgbm": "4.7.0", "onnxruntime": "1.32.0"},
}
FACTS = {
    "main_metric": "nrmse",
    "metric_titles": {"nrmse": "Erreur quadratique relative (NRMSE)"},
    "track_titles": {
        "T0": "Sans température",
        "T1": "Avec la température prévue",
        "zero_shot": "Bâtiment jamais vu",
    },
}


def sample_ladder():
    """Three rungs; the middle one is within 2 % of the last and is the one that ships."""
    return (
        rung("week_persistence", "Même jour, semaine précédente", "no_ai", 17.9, 0.39, 2.1, 0.02),
        rung("additive", "Modèle additif (GA2M)", "additive", 12.9, 0.004, 48.3, 21.0, "high"),
        rung("boosted", "Arbres renforcés", "boosted", 12.8, 0.0, 912.0, 74.0, "medium"),
    )


@pytest.fixture
def sample_run():
    """A run of three rungs where the middle one ships; each test has its own to alter."""
    dataset, split, explanation, environment, facts = (
        deepcopy(part) for part in (DATASET, SPLIT, EXPLANATION, ENVIRONMENT, FACTS)
    )
    return Run(
        id="20261122T081502Z-0a1b2c3d",
        usecase="building_energy",
        task="day_ahead",
        task_version=1,
        question="Combien d'électricité chaque bâtiment consommera-t-il demain, heure par heure ?",
        profile="quick",
        dataset=dataset,
        split=split,
        ladder=sample_ladder(),
        chosen="additive",
        reason="C'est le plus petit modèle dont l'erreur ne dépasse pas celle du meilleur de plus "
        "de 2 %.",
        margin=0.02,
        tracks={
            "T0": {"nrmse": score("nrmse", 13.4, 0.6)},
            "T1": {"nrmse": score("nrmse", 12.9, 0.6)},
            "zero_shot": {"nrmse": score("nrmse", 15.2, 1.1)},
        },
        explanation=explanation,
        parity={"worst_spread_ratio": 2.1e-6, "rows": 4096.0},
        environment=environment,
        seed=20261122,
        created="2026-11-22T08:15:02Z",
        facts=facts,
    )


@pytest.fixture
def simulated_run(sample_run):
    """The same run, had it been made on the simulator."""
    return replace(
        sample_run, dataset={**sample_run.dataset, "name": "SIMULATED_fox", "simulated": True}
    )


@pytest.fixture
def no_ai_run(sample_run):
    """A run where the rung without AI ships."""
    first = replace(sample_run.ladder[0], qualifies=True, loss_increase=0.004)
    return replace(
        sample_run,
        ladder=(first, *sample_run.ladder[1:]),
        chosen="week_persistence",
        reason="Le barreau sans IA n'est pas moins bon que le meilleur, à 2 % près.",
    )
