"""A small contest: libraries' visits, four models of known skill, answers in files."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.records import Entry, Evidence
from benchmarks.sealing.entries import Entered, own_submission
from common.lab.contest import Column, Contest, Finding, Labels, Output, Questions
from common.lab.forecasts import Forecasts

N_UNITS, N_BLOCKS, N_STEPS = 12, 20, 6

COLUMNS = (
    Column("library", "text", "", "Bibliothèque.", "Library."),
    Column("target_time_utc", "time", "", "Heure visée.", "Target hour."),
    Column("visits", "number", "1", "Visites prévues.", "Visits.", low=0),
)


def paper(n_units=N_UNITS, n_blocks=N_BLOCKS, n_steps=N_STEPS, seed=0):
    """Questions and labels: a level per library, an hourly pattern, noise."""
    rng = np.random.default_rng(seed)
    shape = n_units, n_blocks, n_steps
    names = np.array([f"library_{unit:04d}" for unit in range(n_units)])
    unit, block, step = (axis.ravel() for axis in np.indices(shape))
    truth = 50 * (1 + unit % 5) * (1 + 0.3 * np.sin(step)) * rng.lognormal(0, 0.1, len(unit))
    start = np.datetime64("2022-01-03", "s")
    hours = (block * 24 * 7 + step).astype("timedelta64[h]")
    level = 50.0 * (1 + unit % 5)
    questions = Questions(
        keys={"library": names[unit], "target_time_utc": start + hours},
        units=names[unit],
        blocks=block,
        example=unit * n_blocks + block,
        step=step,
        inputs={},
        scale=level,
        level=level,
        slices={
            "taille": np.where(unit % 5 < 3, "petites", "grandes"),
            "saison": np.where(block < n_blocks // 2, "hiver", "été"),
        },
    )
    return questions, Labels({"visits": truth})


def unit_losses(submission, questions, labels):
    error = (submission.answers["visits"] - labels.truth["visits"]) / questions.scale
    return questions.units, questions.blocks, np.square(error)


def scored(submission, questions, labels):
    time = questions.keys["target_time_utc"]
    day = time.astype("M8[D]")
    return Forecasts.from_columns(
        questions.units,
        labels.truth["visits"],
        submission.answers["visits"],
        hours=(day, (time - day).astype("timedelta64[h]").astype(int)),
        scale=dict(zip(questions.units.tolist(), questions.scale.tolist(), strict=True)),
    )


def audit(submission, _questions, labels, others):
    """A crude stand-in: equality with the truth asks for a person."""
    assert others, "the audit sees the other entries"
    equal = int((submission.answers["visits"] == labels.truth["visits"]).sum())
    if equal < len(submission.line) / 2:
        return ()
    return (Finding("equal", "review", "Réponses égales à la vérité.", equal),)


CONTEST = Contest(
    columns=COLUMNS,
    outputs={"visits": Output("forecast")},
    ask=lambda _dataset, _window: None,
    parse=lambda _file, _questions: None,
    check=lambda _submission, _questions: (),
    audit=audit,
    unit_losses=unit_losses,
    scored=scored,
)


def evidence(low, high, level=4, **more):
    return Evidence(level, low, (low + high) / 2, high, more.pop("what", "predict"), "", **more)


def entered(name, role, answers, door="file", wh=(1.0, 2.0), **more):
    """An entry with its answers; ``wh`` is its energy per 1,000 predictions."""
    submission = own_submission({"visits": answers})
    entry = Entry(
        id=name,
        title=f"Solution {name}",
        role=role,
        door=door,
        sha256=submission.sha256,
        n_missing=0,
        n_asked=len(answers),
        predict=evidence(*wh),
        train=evidence(100.0, 200.0, what="train"),
    )
    return Entered(replace(entry, **more), submission)


def noisy(labels, sd, seed):
    truth = labels.truth["visits"]
    return truth * np.exp(sd * np.random.default_rng(seed).standard_normal(len(truth)))


PROTOCOL = {
    "usecase": "toy",
    "task": "visits",
    "task_version": 1,
    "question": "Combien de visites ?",
    "window": "2022-01-03..2022-06-01",
    "margin": 0.02,
    "no_ai": "last_week",
    "minimum_detectable": 0.0312345678,
    "demonstration": True,
    "simulated": True,
    "proxy": "Données simulées : bibliothèques inventées.",
    "data_sha256": "0" * 64,
    "merkle_root": "1" * 64,
}


@pytest.fixture(scope="session")
def contest_task(toy):
    """The toy task with a contest and the square root that an RMSE takes."""
    return replace(toy.tasks[0], contest=CONTEST, transform=np.sqrt)


@pytest.fixture(scope="session")
def toy_paper():
    """Twelve libraries, twenty weeks, six hours each."""
    return paper()


@pytest.fixture(scope="session")
def opponents(toy_paper):
    """Two rungs without AI and the reference, at 20, 25 and 10 % of error."""
    labels = toy_paper[1]
    return (
        entered("last_week", "no_ai", noisy(labels, 0.20, 1), "own", wh=(0.01, 0.02)),
        entered("mean", "no_ai", noisy(labels, 0.25, 2), "own", wh=(0.01, 0.02)),
        entered("linear", "reference", noisy(labels, 0.10, 3), "own", wh=(0.1, 0.2)),
    )


@pytest.fixture(scope="session")
def candidates(toy_paper, opponents):
    """One that is better, one that is worse and wasteful, the reference under another name."""
    labels = toy_paper[1]
    same = opponents[2].submission.answers["visits"]
    return (
        entered("better", "candidate", noisy(labels, 0.06, 4), wh=(3.0, 5.0)),
        entered("worse", "candidate", noisy(labels, 0.15, 5), wh=(40.0, 50.0)),
        entered("twin", "candidate", same.copy(), wh=(0.1, 0.2)),
    )


@pytest.fixture
def kit():
    """The functions above, for tests that make their own entries."""
    from types import SimpleNamespace

    return SimpleNamespace(
        entered=entered, noisy=noisy, paper=paper, evidence=evidence, protocol=dict(PROTOCOL)
    )
