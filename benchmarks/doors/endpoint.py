"""The third door: a vendor's HTTP service, driven by us, its replies kept as they come."""

import hashlib
import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from benchmarks.declaration import Declaration, Endpoint
from benchmarks.doors.answered import Answered, Settings, parsed
from benchmarks.doors.http_calls import Caller, CallFailed
from benchmarks.doors.wire import Wire, wire_of
from benchmarks.energy.evidence import predict_evidence, train_evidence
from benchmarks.records import Latency
from benchmarks.sealing.protocol import contest_of
from common.edge.errors import DataError, UsageError
from common.lab.contest import Contest, Finding, Questions
from common.lab.usecase import Array, Task

__all__ = ["JOURNAL", "from_endpoint", "issue_order"]

JOURNAL = "endpoint.jsonl"
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})


def from_endpoint(
    task: Task,
    questions: Questions,
    folder: Path,
    declaration: Declaration,
    settings: Settings | None = None,
) -> Answered:
    """Ask a vendor's service for every example, in the order of issue times.

    One call at a time, at the declared rate at most. A call without an answer after its
    retries is a failure, and its rows are missing; so are rows answered with null or NaN.
    Every outcome is kept in ``settings.work``: a drive that was killed goes on from there.

    Parameters
    ----------
    task, questions
        What is asked.
    folder
        The candidate's folder, where its energy log may be.
    declaration
        With its ``[endpoint]``.
    settings
        Bounds, and where outcomes are kept.

    Raises
    ------
    UsageError
        No endpoint is declared.
    DataError
        The declared mapping does not fit the task, or not one call was answered.
    """
    settings = settings or Settings()
    contest = contest_of(task)
    endpoint = declaration.endpoint
    if endpoint is None:
        raise UsageError("aucune table [endpoint]", expected="une adresse dans declaration.toml")
    wire = wire_of(endpoint, contest, questions)
    energy = predict_evidence(declaration, folder), train_evidence(declaration, folder)
    with _work_folder(settings.work) as work:
        journal = _Journal(work / JOURNAL, _digest(endpoint, questions))
        _drive(endpoint, wire, issue_order(contest, questions), journal, settings)
    outcomes = journal.outcomes
    answers, answered = _rows(outcomes, contest, questions)
    if not answered.any():
        raise DataError(
            f"aucune réponse de {endpoint.url} : {_reasons(outcomes)}",
            expected="des réponses, au moins à 98 % des questions",
            remedy="vérifier l'adresse, le protocole et la correspondance de [endpoint]",
        )
    submission = parsed(contest, questions, answers, answered)
    return Answered(
        door="endpoint",
        submission=submission,
        predict=energy[0],
        train=energy[1],
        latency=_latency(outcomes, endpoint),
        explains="declared" if declaration.explains else "none",
        findings=tuple(_findings(endpoint, outcomes)),
    )


def issue_order(contest: Contest, questions: Questions) -> Array:
    """Return the examples that are asked, by issue time: the first key column that is a time."""
    examples, first = np.unique(questions.example, return_index=True)
    times = [column.name for column in contest.columns if column.kind == "time"]
    if not times:
        return examples
    return examples[np.argsort(questions.keys[times[0]][first], kind="stable")]


@dataclass(frozen=True)
class _Outcome:
    """What came of a call: answers by column, [example][step], or the reason of a failure."""

    examples: list[int]
    milliseconds: float = 0.0
    retries: int = 0
    failed: str = ""
    answers: Mapping[str, Any] | None = None


class _Journal:
    """Outcomes on disk, one a line, under a first line that says of what."""

    def __init__(self, path: Path, digest: str) -> None:
        self.outcomes: list[_Outcome] = []
        head = json.dumps({"drive": digest})
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else []
        kept = lines[:-1]  # what follows the last line feed was torn by a kill
        if kept and kept[0] == head:
            self.outcomes = [_Outcome(**json.loads(line)) for line in kept[1:]]
        self._path = path
        text = "".join(f"{line}\n" for line in kept) if self.outcomes else f"{head}\n"
        path.write_text(text, encoding="utf-8")

    def add(self, outcome: _Outcome) -> None:
        self.outcomes.append(outcome)
        with self._path.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps(asdict(outcome)) + "\n")


@contextmanager
def _work_folder(work: Path | None) -> Iterator[Path]:
    if work is not None:
        work.mkdir(parents=True, exist_ok=True)
        yield work
        return
    with tempfile.TemporaryDirectory(prefix="aune-endpoint-") as name:
        yield Path(name)


def _drive(
    endpoint: Endpoint, wire: Wire, order: Array, journal: _Journal, settings: Settings
) -> None:
    """Ask for what has no outcome yet, until the end, the deadline or too many failures."""
    done = {example for outcome in journal.outcomes for example in outcome.examples}
    todo = np.array([example for example in order.tolist() if example not in done], dtype=int)
    caller = Caller(endpoint, settings.response_bytes)
    stop_at = time.monotonic() + settings.wall_seconds
    failures = _trailing_failures(journal.outcomes)
    try:
        for start in range(0, len(todo), endpoint.predictions_per_call):
            examples = todo[start : start + endpoint.predictions_per_call]
            if time.monotonic() > stop_at:
                outcome = _Outcome(examples.tolist(), failed="durée totale dépassée")
            elif failures >= settings.give_up_after:
                outcome = _Outcome(examples.tolist(), failed="non demandé, trop d'échecs de suite")
            else:
                outcome = _asked(caller, wire, examples, stop_at)
            failures = failures + 1 if outcome.failed else 0
            journal.add(outcome)
    finally:
        caller.close()


def _trailing_failures(outcomes: list[_Outcome]) -> int:
    answered = [place for place, outcome in enumerate(outcomes, start=1) if not outcome.failed]
    return len(outcomes) - (answered[-1] if answered else 0)


def _asked(caller: Caller, wire: Wire, examples: Array, stop_at: float) -> _Outcome:
    try:
        reply = caller.post(wire.request(examples), stop_at)
    except CallFailed as failed:
        return _Outcome(examples.tolist(), failed=str(failed))
    try:
        answers = wire.answers(reply.body, examples)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError):
        why = "réponse illisible ou d'une autre forme"
        return _Outcome(examples.tolist(), reply.milliseconds, reply.retries, failed=why)
    plain = {
        column: [[None if not np.isfinite(v) else v for v in row] for row in values.tolist()]
        for column, values in answers.items()
    }
    return _Outcome(examples.tolist(), reply.milliseconds, reply.retries, answers=plain)


def _rows(
    outcomes: list[_Outcome], contest: Contest, questions: Questions
) -> tuple[dict[str, Array], Array]:
    """Return each column's answers by row, and which rows have all of them."""
    n_examples = len(next(iter(questions.inputs.values())))
    shape = (n_examples, int(questions.step.max()) + 1)
    given = {name for outcome in outcomes for name in outcome.answers or {}}
    tables = {
        column.name: np.full(shape, np.nan) for column in contest.answers if column.name in given
    }
    for outcome in outcomes:
        for column, values in (outcome.answers or {}).items():
            tables[column][outcome.examples] = np.array(values, dtype=np.float64)
    answers = {name: table[questions.example, questions.step] for name, table in tables.items()}
    answered = np.ones(len(questions), dtype=bool) if answers else np.zeros(len(questions), bool)
    for values in answers.values():
        answered &= np.isfinite(values)
    return answers, answered


def _latency(outcomes: list[_Outcome], endpoint: Endpoint) -> Latency:
    taken = [outcome.milliseconds for outcome in outcomes if not outcome.failed]
    p50, p95, p99 = (float(value) for value in np.percentile(taken, (50, 95, 99)))
    return Latency(
        p50,
        p95,
        p99,
        calls=len(outcomes),
        failures=sum(bool(outcome.failed) for outcome in outcomes),
        retries=sum(outcome.retries for outcome in outcomes),
        rows_per_call=endpoint.predictions_per_call,
    )


def _reasons(outcomes: list[_Outcome]) -> str:
    counted = Counter(outcome.failed for outcome in outcomes if outcome.failed)
    return ", ".join(f"{reason} ({count})" for reason, count in counted.most_common(5))


def _findings(endpoint: Endpoint, outcomes: list[_Outcome]) -> Iterator[Finding]:
    failures = sum(len(outcome.examples) for outcome in outcomes if outcome.failed)
    if failures:
        message = f"Prédictions sans réponse du service : {_reasons(outcomes)}."
        yield Finding("endpoint-failures", "note", message, failures)
    parts = urlsplit(endpoint.url)
    if parts.scheme == "http" and parts.hostname not in _LOCAL:
        message = "Service appelé en http : les données de la commune sont passées en clair."
        yield Finding("endpoint-plain-http", "note", message)


def _digest(endpoint: Endpoint, questions: Questions) -> str:
    """Identify a drive: the same service, asked the same, in the same way."""
    known = replace(endpoint, outputs={})
    text = json.dumps(asdict(known), sort_keys=True) + str(sorted(endpoint.outputs.items()))
    digest = hashlib.sha256(text.encode())
    for name in sorted(questions.inputs):
        digest.update(name.encode() + np.ascontiguousarray(questions.inputs[name]).tobytes())
    for values in (questions.example, questions.step):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
