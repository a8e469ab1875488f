"""The second door: an ONNX model or a bundle that we run and measure ourselves, isolated."""

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.declaration import Declaration
from benchmarks.doors import isolation
from benchmarks.doors.answered import Answered, Settings, parsed
from benchmarks.energy.evidence import measured, train_evidence
from benchmarks.records import Evidence, Latency
from benchmarks.sealing.protocol import contest_of
from common.edge import errors
from common.edge.errors import AuneError, DataError, UsageError
from common.lab.contest import Contest, Finding, Output, Questions
from common.lab.record import Footprint
from common.lab.usecase import Array, Field, Task

__all__ = ["from_model"]

LARGEST_REPORT_BYTES = 8 * 2**20
_KILL_WAIT_SECONDS = 10


def from_model(
    task: Task,
    questions: Questions,
    path: Path,
    declaration: Declaration | None = None,
    settings: Settings | None = None,
) -> Answered:
    """Run ``model.onnx`` or a bundle in a child process without network, and measure it.

    Our own rungs and vendors' models go through here alike: chunks of 512 examples to answer,
    blocks of calls of 1,000 examples to measure (or the batch that a graph imposes), calls of
    one example for latency, one thread.

    Parameters
    ----------
    task, questions
        What is asked; ``questions.inputs`` are offered by name, and the task's defaults for
        those of its inputs that are not there.
    path
        The ``.onnx`` file or the bundle's ``.zip``.
    declaration
        The vendor's; None for our own models.
    settings
        Bounds and protocol.

    Raises
    ------
    OperatorError
        The graph is malformed, or needs code or files beside it.
    IntegrityError
        A bundle is damaged.
    DataError
        The interface is not the task's, or the model used up its memory or time.
    """
    settings = settings or Settings()
    contest = contest_of(task)
    _require_plain_file(path, settings)
    offered = _offered(task, questions)
    with tempfile.TemporaryDirectory(prefix="aune-model-") as name:
        folder = Path(name)
        job = _Job(task.outputs[0], offered, declaration, settings)
        titles = _write_job(folder, path, contest, questions, job)
        report = _run_child(folder, settings)
        answers = _read_answers(folder / "answers", report["columns"], questions)
        stress = {
            title: _read_answers(folder / f"stress{number}", report["columns"], questions)
            for number, title in enumerate(titles)
        }
    everything = np.ones(len(questions), dtype=bool)
    submission = parsed(contest, questions, answers, everything)
    return Answered(
        door="model" if declaration else "own",
        submission=dataclasses.replace(submission, sha256=_sha256(path)),
        predict=_evidence(report),
        train=_training(declaration, path),
        latency=_latency(report),
        model_bytes=int(report["model_bytes"]),
        explains=_explains(report, declaration),
        stress=stress,
        findings=tuple(_findings(report)),
    )


@dataclasses.dataclass(frozen=True)
class _Job:
    prediction: Field
    offered: Mapping[str, Array]
    declaration: Declaration | None
    settings: Settings


def _require_plain_file(path: Path, settings: Settings) -> None:
    try:
        status = path.lstat()
    except OSError as error:
        raise UsageError(f"{path.name} est absent", expected="model.onnx ou un paquet") from error
    if not stat.S_ISREG(status.st_mode):
        raise DataError(f"{path.name} est un lien ou un objet spécial", expected="un fichier")
    if status.st_size > settings.model_bytes:
        raise DataError(
            f"{path.name} : {status.st_size} octets",
            expected=f"{settings.model_bytes} octets au plus",
        )


def _offered(task: Task, questions: Questions) -> dict[str, Array]:
    offered = {name: np.asarray(values) for name, values in questions.inputs.items()}
    n_examples = len(next(iter(offered.values())))
    for item in task.inputs:
        if item.name not in offered and item.default is not None:
            value = np.asarray(item.default, dtype=item.dtype)
            offered[item.name] = np.broadcast_to(value, (n_examples, *value.shape))
    return offered


def _write_job(
    folder: Path, path: Path, contest: Contest, questions: Questions, job: _Job
) -> list[str]:
    """Write the job with its arrays; return the titles of its damages, in order."""
    settings = job.settings
    names = _write_arrays(folder, "in", job.offered)
    titles = list(contest.stress) if settings.stress else []
    stress = []
    for number, title in enumerate(titles):
        damaged = contest.stress[title](job.offered)
        changed = {n: v for n, v in damaged.items() if v is not job.offered.get(n)}
        stress.append(_write_arrays(folder, f"s{number}-", changed))
    declared = job.declaration.outputs if job.declaration else {}
    outputs: dict[str, Output] = {**contest.outputs, **declared}
    main = next((column for column in contest.answers if column.required), contest.answers[0])
    required = {column.name for column in contest.answers if column.required}
    described = {
        "limits": {
            "memory_bytes": settings.memory_mib * 2**20,
            "cpu_seconds": settings.cpu_seconds,
            "file_bytes": 2**30,
        },
        "candidate": str(path.resolve()),
        "trusted": [str(key.resolve()) for key in settings.trusted],
        "model_bytes": settings.model_bytes,
        "inputs": names,
        "outputs": {column: (output.name, output.place) for column, output in outputs.items()},
        "required": sorted(required | declared.keys()),
        "prediction": job.prediction.name,
        "prediction_range": (job.prediction.low, job.prediction.high),
        "main": main.name,
        "range": (main.low, main.high),
        "n_steps": int(questions.step.max()) + 1,
        "stress": stress,
        "protocol": dataclasses.asdict(settings.protocol),
    }
    (folder / "job.json").write_text(json.dumps(described), encoding="utf-8")
    return titles


def _write_arrays(folder: Path, prefix: str, arrays: Mapping[str, Array]) -> dict[str, str]:
    names = {name: f"{prefix}{number}.npy" for number, name in enumerate(arrays)}
    for name, file in names.items():
        np.save(folder / file, np.asarray(arrays[name]), allow_pickle=False)
    return names


def _run_child(folder: Path, settings: Settings) -> dict[str, Any]:
    """Run the child to its end or its bounds, and return its report."""
    command = [sys.executable, "-I", str(Path(isolation.__file__).resolve()), str(folder)]
    environment = {
        "LANG": "C.UTF-8",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "HOME": str(folder),
    }
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(  # noqa: S603  # our own interpreter and our own file
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            code = child.wait(settings.wall_seconds)
        except subprocess.TimeoutExpired as error:
            raise DataError(
                f"le modèle n'a pas fini en {settings.wall_seconds:g} s",
                expected="une exécution plus courte",
            ) from error
        finally:
            _kill(child)
    return _report(folder, code, settings)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    """End the child and whatever it started: they share a session of their own."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait(_KILL_WAIT_SECONDS)


def _report(folder: Path, code: int, settings: Settings) -> dict[str, Any]:
    try:
        with (folder / "report.json").open("rb") as handle:
            report: dict[str, Any] = json.loads(handle.read(LARGEST_REPORT_BYTES))
    except (OSError, ValueError) as error:
        raise _crash(folder, code, settings) from error
    if "error" in report:
        said = report["error"]
        kind = getattr(errors, str(said.pop("kind")), DataError)
        if not (isinstance(kind, type) and issubclass(kind, AuneError)):
            kind = DataError
        raise kind(**said)
    return report


def _crash(folder: Path, code: int, settings: Settings) -> DataError:
    if code in (-signal.SIGXCPU, -signal.SIGKILL):
        found = f"le modèle a épuisé ses {settings.cpu_seconds} s de processeur, ou la mémoire"
    elif code < 0:
        found = f"le modèle a fait tomber son processus ({signal.Signals(-code).name})"
    else:
        log = (folder / "log").read_bytes()[-400:].decode("utf-8", errors="replace")
        found = f"le processus du modèle s'est arrêté (code {code}) : {log}"
    return DataError(
        found,
        expected=f"{settings.memory_mib} Mio et {settings.cpu_seconds} s au plus, un fil",
        remedy="remettre un modèle plus petit, ou un fichier de prédictions",
    )


def _read_answers(folder: Path, columns: list[str], questions: Questions) -> dict[str, Array]:
    """Return each column's answers row by row: ``answers[example, step]``."""
    return {
        column: np.load(folder / f"{number}.npy", allow_pickle=False)[
            questions.example, questions.step
        ]
        for number, column in enumerate(columns)
    }


def _evidence(report: Mapping[str, Any]) -> Evidence:
    evidence = measured(Footprint(**report["footprint"]))
    return dataclasses.replace(
        evidence, words=f"{evidence.words}, appels de {report['batch']} prédictions"
    )


def _training(declaration: Declaration | None, path: Path) -> Evidence:
    if declaration is not None:
        return train_evidence(declaration, path.parent)
    nothing = float("nan")
    return Evidence(0, nothing, nothing, nothing, "train", "non mesurée par cette porte")


def _latency(report: Mapping[str, Any]) -> Latency:
    taken = report["latency_ms"]
    p50, p95, p99 = (float(value) for value in np.percentile(taken, (50, 95, 99)))
    return Latency(p50, p95, p99, len(taken), rows_per_call=int(report["rows_per_call"]))


def _explains(report: Mapping[str, Any], declaration: Declaration | None) -> Any:
    if report["explains"]:
        return "contributions"
    return "declared" if declaration is not None and declaration.explains else "none"


def _findings(report: Mapping[str, Any]) -> list[Finding]:
    said = [Finding("isolation", "note", f"Modèle exécuté ici : {report['isolation']}.")]
    if report["signature"]:
        said.append(Finding("signature", "note", f"Signature : {report['signature']}."))
    if report["explains"] is False:
        said.append(
            Finding(
                "contributions",
                "review",
                "Base et contributions ne redonnent pas la réponse : l'explication rendue "
                "n'est pas celle du calcul. Attendu : leur somme, bornée comme la réponse.",
            )
        )
    return said


def _sha256(path: Path) -> str:
    from common.lab.stamps import sha256_of

    return sha256_of(path)
