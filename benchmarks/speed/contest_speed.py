"""Time a whole contest: five candidates of a million predictions each.

``python -m benchmarks.speed.contest_speed --rows 1000000`` seals a simulated contest (the tables
handed out left aside), then, in a process of its own, checks and submits five CSV files, scores and
reports them, and prints the process CPU time and peak memory of each step. Goal: at most 60 CPU-s
and 1 GiB for check, submit, score and report together.
"""

import argparse
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks import steps
from benchmarks.records import Entry, Evidence
from benchmarks.sealing.entries import Entered, own_submission
from benchmarks.sealing.pack import Pack
from benchmarks.sealing.packing import write_pack
from benchmarks.sealing.protocol import Protocol
from benchmarks.selftest.practice import COLUMNS, Practice, practice
from common.lab import metrics
from common.lab.contest import (
    Contest,
    Labels,
    Paper,
    Questions,
    Submission,
    audit_rows,
    check_rows,
    parse_rows,
)
from common.lab.forecasts import Forecasts
from common.lab.statistics import Losses
from common.lab.usecase import Period, Task

__all__ = ["main", "practice_task"]

ANSWER = "forecast_kwh"
N_DAYS = 45
NOTHING = Evidence(4, 1e-6, 2e-6, 3e-6, "predict", "SIMULÉ")
DECLARATION = """schema = 1
licence = "SIMULÉ"
[candidate]
id = "{name}"
name = "{name}"
version = "1"
[hosting]
country = "FRA"
provider = "SIMULÉ"
data_leave_eu = false
[data]
destination = "nulle part"
"""


def practice_task() -> Task:
    """Return the forecast task with the practice contest in place of its own."""
    from usecases import discover

    task = discover()["building_energy"].task("forecast")
    contest = Contest(
        columns=COLUMNS,
        outputs={},
        ask=lambda _dataset, _window: _paper(practice(0, 1, N_DAYS)),
        parse=partial(parse_rows, columns=COLUMNS),
        check=partial(check_rows, columns=COLUMNS),
        audit=partial(audit_rows, columns=COLUMNS),
        unit_losses=_losses,
        scored=_scored,
        sealed_share="Tout est demandé (SIMULÉ).",
    )
    return replace(task, contest=contest, metrics=(metrics.NRMSE, metrics.WAPE))


def main(arguments: list[str] | None = None) -> None:
    """Seal, then time a contest of the size asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--pack", type=Path, help="time the steps on this pack (used internally)")
    asked = parser.parse_args(arguments)
    if asked.pack:
        _time_steps(asked.pack)
        return
    with TemporaryDirectory(prefix="aune-contest-") as folder:
        pack = _seal(Path(folder), max(1, asked.rows // (24 * N_DAYS)))
        command = [sys.executable, "-m", "benchmarks.speed.contest_speed", "--pack", str(pack)]
        subprocess.run(command, check=True)  # noqa: S603 - ourselves, no shell


def _time_steps(pack: Path) -> None:
    task = practice_task()
    start = time.process_time()
    sealed = Pack.open(pack)
    for candidate in sorted(pack.with_name("candidates").iterdir()):
        before = time.process_time()
        entered, receipt = steps.submit(sealed, task, candidate)
        assert receipt is not None, entered.entry.findings
        _say(f"check and submit {candidate.name}", time.process_time() - before)
    before = time.process_time()
    report = steps.score(sealed, task)
    _say("score and report", time.process_time() - before)
    _say(
        f"all, {len(sealed.questions())} rows, {report.body_hash[:12]}", time.process_time() - start
    )


def _say(step: str, cpu_seconds: float) -> None:
    # Not ru_maxrss, which a child takes over from the process that started it.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak_mib = int(status.split("VmHWM:")[1].split()[0]) / 1024
    sys.stdout.write(f"{step:<44} {cpu_seconds:7.1f} CPU-s   peak {peak_mib:6.0f} MiB\n")
    sys.stdout.flush()


def _paper(made: Practice) -> Paper:
    questions = made.questions
    keys = {
        name: values.astype(str) if values.dtype.kind == "O" else values
        for name, values in questions.keys.items()
    }
    plain = replace(questions, keys=keys, units=questions.units.astype(str))
    return Paper(plain, made.labels, {}, {})


def _seal(folder: Path, n_units: int) -> Path:
    """Write a pack of ``n_units`` x 45 days x 24 h and five candidates' CSV files."""
    task = practice_task()
    made = practice(0, n_units, N_DAYS)
    opponents = {
        name: _entered(name, "no_ai" if name != "regression" else "reference", submission)
        for name, submission in made.opponents.items()
        if name in ("last_week", "regression")
    }
    protocol = Protocol(
        usecase="building_energy",
        window=Period(date(2022, 3, 14), date(2022, 4, 28)),
        data={"name": "SIMULATED practice", "sha256": "0" * 64, "simulated": True},
        code_commit="",
        no_ai="last_week",
        reference="regression",
        minimum_detectable=0.01,
        demonstration=True,
    )
    paper = _paper(made)
    write_pack(task, paper, protocol, opponents, folder / "pack")
    rng = np.random.default_rng(1)
    for number in range(5):
        _hand_in(folder / "candidates" / f"candidate_{number}", paper.questions, rng.lognormal(
            0, 0.05 + 0.02 * number, len(made.questions)
        ) * made.candidates["blend"].answers[ANSWER])  # fmt: skip
    return folder / "pack"


def _hand_in(
    folder: Path, questions: Questions, answers: "np.ndarray[tuple[int], np.dtype[np.float64]]"
) -> None:
    import pandas as pd

    folder.mkdir(parents=True)
    columns = {
        name: values
        if values.dtype.kind != "M"
        else np.char.add(np.datetime_as_string(values), "Z")
        for name, values in questions.keys.items()
    }
    table = pd.DataFrame({**columns, ANSWER: answers.round(3)})
    table.to_csv(folder / "predictions.csv", index=False)
    (folder / "declaration.toml").write_text(DECLARATION.format(name=folder.name), "utf-8")


def _entered(name: str, role: str, submission: Submission) -> Entered:
    entry = Entry(
        id=name,
        title=f"{name} (SIMULÉ)",
        role=role,  # type: ignore[arg-type]  # one of the two above
        door="own",
        sha256="",
        n_missing=0,
        n_asked=len(submission.line),
        predict=NOTHING,
        train=replace(NOTHING, what="train"),
    )
    return Entered(entry, own_submission(submission.answers))


def _losses(submission: Submission, questions: Questions, labels: Labels) -> Losses:
    error = submission.answers[ANSWER] - labels.truth[ANSWER]
    return questions.units, questions.blocks, np.square(error / questions.scale)


def _scored(submission: Submission, questions: Questions, labels: Labels) -> Forecasts:
    target = questions.keys["target_utc"]
    day = target.astype("datetime64[D]")
    slot = (target - day).astype("timedelta64[h]").astype(np.int64)
    return Forecasts.from_columns(
        questions.units, labels.truth[ANSWER], submission.answers[ANSWER], hours=(day, slot)
    )


if __name__ == "__main__":
    main()
