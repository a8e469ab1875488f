"""A small sealed contest: two schools, three days, morning and afternoon."""

from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from benchmarks.records import Entry, Evidence
from benchmarks.sealing.entries import Entered, own_submission
from benchmarks.sealing.packing import write_pack
from benchmarks.sealing.protocol import Protocol
from common.lab.contest import Column, Contest, Finding, Labels, Output, Paper, Questions
from common.lab.usecase import Period

UNKNOWN = Evidence(0, float("nan"), float("nan"), float("nan"), "train", "non déclarée")
MEASURED = Evidence(4, 0.001, 0.002, 0.003, "predict", "mesurée ici", cpu_seconds=0.5)
TRUTH = np.array([10.5, 0.1, np.nan, 40.0, 1 / 3, 60.0, 7.0, 80.25, 9.0, 1e-7, 11.0, 12.0])
COLUMNS = (
    Column("site", "text", "", "Bâtiment.", "Building."),
    Column("issue_time_utc", "time", "", "Heure d'émission.", "Issue time."),
    Column("target_time_utc", "time", "", "Heure visée.", "Target time."),
    Column("q10", "number", "kWh", "Quantile 10 %.", "10 % quantile.", 0, 1e6, required=False),
    Column("q50", "number", "kWh", "Prévision centrale.", "Central forecast.", 0, 1e6),
    Column("q90", "number", "kWh", "Quantile 90 %.", "90 % quantile.", 0, 1e6, required=False),
)


def small_paper():
    """Twelve questions; the third truth is unknown."""
    sites = np.repeat(["école", "mairie"], 6)
    days = np.tile(np.repeat(np.arange(3), 2), 2)
    issued = np.datetime64("2022-03-25T11:00:00", "s") + days * np.timedelta64(1, "D")
    step = np.tile([0, 1], 6)
    hours = pd.date_range("2022-03-01", periods=4, freq="h", tz="UTC")
    table = pd.DataFrame({"site": "école", "time": hours, "load_kwh": [1.0, np.nan, 0.1, 3.0]})
    questions = Questions(
        keys={
            "site": sites,
            "issue_time_utc": issued,
            "target_time_utc": issued + np.timedelta64(13, "h") + step * np.timedelta64(12, "h"),
        },
        units=sites,
        blocks=days,
        example=np.repeat(np.arange(6), 2),
        step=step,
        inputs={"load_kwh": np.arange(24, dtype=np.float32).reshape(6, 4), "day": np.arange(6)},
        scale=np.full(12, 5.0, dtype=np.float32),
        level=np.full(12, 20.0),
        later={"même heure, le lendemain": np.full(12, np.nan)},
        slices={"taille": np.repeat(["petit", "grand"], 6)},
    )
    return Paper(
        questions,
        Labels({"load_kwh": TRUTH.copy()}),
        {"history.csv": table},
        {"history.csv": ("Historique horaire.", "Hourly history.")},
    )


def entry(name, role="candidate", door="file", **changes):
    return Entry(
        id=name, title=f"Solution {name}", role=role, door=door, sha256="", n_missing=0, n_asked=12,
        predict=MEASURED, train=UNKNOWN, **changes,
    )  # fmt: skip


def entered(name, shift, **changes):
    """A candidate whose answers are the hundred first halves, shifted."""
    answers = {"q50": np.arange(12) / 2 + shift, "q90": np.arange(12) / 2 + shift + 1}
    return Entered(
        entry(name, findings=(Finding("missing-rows", "note", "Une ligne.", 1, (3,)),)),
        replace(own_submission(answers), sha256="ab" * 32),
        **changes,
    )


def own(name, role, level):
    return Entered(entry(name, role, "own"), own_submission({"q50": np.full(12, level)}))


@pytest.fixture
def paper():
    return small_paper()


@pytest.fixture
def sealed_task(toy):
    """A task whose contest has only what sealing reads."""
    refuse = None
    contest = Contest(
        columns=COLUMNS, outputs={"q50": Output("forecast")}, ask=refuse, parse=refuse,
        check=refuse, audit=refuse, unit_losses=refuse, scored=refuse, stress={"bruit": refuse},
        sealed_share="Un jour sur huit est demandé.",
    )  # fmt: skip
    return replace(toy.tasks[0], contest=contest)


@pytest.fixture
def protocol(tmp_path):
    bundle = tmp_path / "reference-bundle.zip"
    bundle.write_bytes(b"a signed bundle")
    return Protocol(
        usecase="toy",
        window=Period(date(2022, 3, 25), date(2022, 3, 28)),
        data={"name": "SIMULATED toy", "sha256": "cd" * 32, "simulated": True,
              "proxy": "Bibliothèques inventées.", "licences": ["Ville inventée (CC0)"]},
        code_commit="0" * 40,
        no_ai="last_week",
        reference="linear",
        minimum_detectable=0.034,
        reference_bundle=bundle,
        reference_training="2021-01-01..2022-01-01",
        demonstration=True,
        sealed_at=datetime(2026, 11, 23, 8, tzinfo=UTC),
    )  # fmt: skip


@pytest.fixture
def opponents():
    return {
        "last_week": own("last_week", "no_ai", 11.0),
        "linear": own("linear", "reference", 12.5),
    }


@pytest.fixture
def pack(sealed_task, paper, protocol, opponents, tmp_path):
    """The small contest, sealed."""
    return write_pack(sealed_task, paper, protocol, opponents, tmp_path / "pack")


@pytest.fixture
def candidate():
    """Make an Entered: ``candidate(name, shift)``."""
    return entered
