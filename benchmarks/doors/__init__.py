"""Three ways in for a vendor: a file, a model that we run, an endpoint that we drive."""

from pathlib import Path

from benchmarks.declaration import Declaration
from benchmarks.doors.answered import MEASURING, Answered, Settings
from benchmarks.doors.endpoint import from_endpoint
from benchmarks.doors.file import from_file
from benchmarks.doors.model import from_model
from common.edge.errors import UsageError
from common.lab.contest import Questions
from common.lab.usecase import Task

__all__ = [
    "MEASURING",
    "Answered",
    "Settings",
    "answer",
    "from_endpoint",
    "from_file",
    "from_model",
    "opened_by",
]

FILES = ("predictions.csv", "predictions.parquet")
MODEL = "model.onnx"


def answer(
    task: Task,
    questions: Questions,
    folder: Path,
    declaration: Declaration,
    settings: Settings | None = None,
) -> Answered:
    """Take a candidate through the door that its folder opens.

    Nothing is scored and no label is needed.

    Parameters
    ----------
    task, questions
        What is asked; the task's contest says how.
    folder
        ``declaration.toml`` and one of ``predictions.csv``, ``predictions.parquet``,
        ``model.onnx``, a bundle's ``.zip``, or an ``[endpoint]`` in the declaration.
    declaration
        Read from the folder.
    settings
        Bounds, the same for all candidates.

    Raises
    ------
    UsageError
        The folder opens no door, or several.
    AuneError
        What the door refuses, see `from_file`, `from_model` and `from_endpoint`.
    """
    settings = settings or Settings()
    path = opened_by(folder, declaration)
    if path is None:
        return from_endpoint(task, questions, folder, declaration, settings)
    if path.name in FILES:
        return from_file(task, questions, path, declaration)
    return from_model(task, questions, path, declaration, settings)


def opened_by(folder: Path, declaration: Declaration) -> Path | None:
    """Return the one file that answers, or None where an endpoint does.

    Raises
    ------
    UsageError
        There is nothing, or more than one way in.
    """
    found = [folder / name for name in (*FILES, MODEL) if (folder / name).exists()]
    found += sorted(folder.glob("*.zip"))
    ways = [path.name for path in found] + ["[endpoint]"] * (declaration.endpoint is not None)
    if len(ways) != 1:
        raise UsageError(
            f"{folder.name} : {', '.join(ways) or 'rien à évaluer'}",
            expected="une seule voie : " + ", ".join((*FILES, MODEL, "un paquet .zip, [endpoint]")),
            remedy="un dossier par candidat ; retirer ce qui est de trop",
        )
    return found[0] if found else None
