"""The first door: a file of predictions, which the task parses."""

from pathlib import Path

from benchmarks.declaration import Declaration
from benchmarks.doors.answered import Answered
from benchmarks.energy.evidence import predict_evidence, train_evidence
from benchmarks.sealing.protocol import contest_of
from common.lab.contest import Questions
from common.lab.usecase import Task

__all__ = ["from_file"]


def from_file(task: Task, questions: Questions, path: Path, declaration: Declaration) -> Answered:
    """Parse a vendor's file; nothing about how it was made can be seen from here."""
    return Answered(
        door="file",
        submission=contest_of(task).parse(path, questions),
        predict=predict_evidence(declaration, path.parent),
        train=train_evidence(declaration, path.parent),
        explains="declared" if declaration.explains else "none",
    )
