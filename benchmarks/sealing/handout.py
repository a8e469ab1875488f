"""Write what a vendor receives: questions, data, guides, example, offline check."""

from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.sealing.papers import write_arrays
from benchmarks.sealing.seal import texts
from common.edge.errors import UsageError
from common.lab.contest import Column, Contest, Paper, Questions
from common.lab.pages import french
from common.lab.usecase import Array

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EXAMPLE", "QUESTIONS", "write_handout"]

QUESTIONS, EXAMPLE = "questions.csv", "example_submission.csv"
TEMPLATES = Path(__file__).parent / "templates"

_INDEX = ("question_example", "question_step")


def write_handout(
    folder: Path,
    contest: Contest,
    paper: Paper,
    example: Mapping[str, Array],
    protocol: Mapping[str, Any],
) -> None:
    """Write the files that depend on the paper; the commitment and the sums come after.

    Parameters
    ----------
    folder
        ``vendor/``, empty.
    contest, paper
        Whose questions, tables and columns.
    example
        Answers of the rung without AI, column to values of shape (n,).
    protocol
        As in ``protocol.json``.

    Raises
    ------
    UsageError
        Two questions have the same keys, a table has times without a zone, or an input has
        a reserved name.
    """
    _write_questions(folder / QUESTIONS, paper.questions)
    (folder / "data").mkdir()
    for name, table in paper.tables.items():
        _write_table(folder / "data" / _file_name(name), table)
    _write_inputs(folder / "inputs.npz", paper.questions)
    _write_example(folder / EXAMPLE, contest, paper.questions, example)
    for name, words in (("LISEZMOI.md", _french(protocol)), ("README.md", _english(protocol))):
        filled = {**words, **_tables_told(paper, name), **_columns_told(contest, name)}
        text = Template((TEMPLATES / name).read_text(encoding="utf-8")).substitute(filled)
        (folder / name).write_text(text, encoding="utf-8")
    for name in ("declaration.toml", "check_submission.py"):
        (folder / name).write_bytes((TEMPLATES / name).read_bytes())


def _write_questions(path: Path, questions: Questions) -> None:
    import pandas as pd

    table = pd.DataFrame({name: texts(values) for name, values in questions.keys.items()})
    if table.duplicated().any():
        row = int(table.duplicated().to_numpy().argmax())
        raise UsageError(f"question {row} is asked twice", expected="keys that differ in each row")
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_table(path: Path, table: "pd.DataFrame") -> None:
    import pandas as pd

    table = table.copy(deep=False)
    for name in table.columns:
        if isinstance(table[name].dtype, pd.DatetimeTZDtype):
            times = table[name].dt.tz_convert("UTC")
            table[name] = times.dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        elif table[name].dtype.kind == "M":
            raise UsageError(f"{path.name}: {name} has times without a zone", expected="UTC times")
    table.to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _write_inputs(path: Path, questions: Questions) -> None:
    if reserved := set(_INDEX) & set(questions.inputs):
        raise UsageError(f"an input called {reserved.pop()}", expected="another name")
    places = (questions.example, questions.step)
    index = {name: np.asarray(values) for name, values in zip(_INDEX, places, strict=True)}
    write_arrays(path, {**questions.inputs, **index})


def _write_example(
    path: Path, contest: Contest, questions: Questions, answers: Mapping[str, Array]
) -> None:
    import pandas as pd

    names = [column.name for column in contest.answers if column.name in answers]
    told = {name: np.asarray(answers[name]) for name in names}
    known = np.logical_and.reduce([np.isfinite(values) for values in told.values()])
    columns: dict[str, Any] = {name: texts(questions.keys[name]) for name in contest.keys}
    table = pd.DataFrame({**columns, **told})
    table[known].to_csv(path, index=False, lineterminator="\n", encoding="utf-8")


def _file_name(name: str) -> str:
    if Path(name).name != name or not name.endswith(".csv"):
        raise UsageError(f"table {name!r}", expected="a plain file name that ends in .csv")
    return name


def _french(protocol: Mapping[str, Any]) -> dict[str, str]:
    notices = []
    if protocol["demonstration"]:
        notices.append(
            "**Scellé de démonstration.** Ces données sont publiques : les réponses peuvent être "
            "connues. L'engagement montre la procédure ; il ne garantit pas le secret."
        )
    if protocol["simulated"]:
        notices.append("**SIMULATED : données simulées.** Aucune mesure réelle n'est en jeu.")
    if protocol["proxy"]:
        notices.append(f"**Données de substitution.** {protocol['proxy']}")
    return {
        **_shared(protocol, notices),
        "n_rows": french.number(protocol["n_rows"], 0),
        "missing": french.percent(protocol["missing_share"], 0),
        "margin": french.percent(protocol["margin"], 0),
        "detectable": french.percent(protocol["minimum_detectable"], 1),
        "max_submissions": str(protocol["max_submissions"]),
    }


def _english(protocol: Mapping[str, Any]) -> dict[str, str]:
    notices = []
    if protocol["demonstration"]:
        notices.append(
            "**Demonstration seal.** These data are public: the answers may be known. The "
            "commitment shows the procedure; it does not guarantee secrecy."
        )
    if protocol["simulated"]:
        notices.append("**SIMULATED data.** No real measurement is involved.")
    if protocol["proxy"]:
        notices.append(f"**Proxy data.** In French: {protocol['proxy']}")
    return {
        **_shared(protocol, notices),
        "n_rows": f"{protocol['n_rows']:,}",
        "missing": f"{protocol['missing_share']:.0%}",
        "margin": f"{protocol['margin']:.0%}",
        "detectable": f"{protocol['minimum_detectable']:.1%}",
        "max_submissions": str(protocol["max_submissions"]),
    }


def _shared(protocol: Mapping[str, Any], notices: list[str]) -> dict[str, str]:
    names = ("question", "usecase", "task", "task_version", "window", "sealed_share", "lot",
             "protocol_version")  # fmt: skip
    return {
        **{name: str(protocol[name]) for name in names},
        "metrics": ", ".join(protocol["metrics"]),
        "notices": "\n\n".join(notices),
        "sources": "\n".join(f"- {line}" for line in protocol["sources"]) or "- —",
    }


def _tables_told(paper: Paper, name: str) -> dict[str, str]:
    language = 0 if name == "LISEZMOI.md" else 1
    lines = [f"- `data/{file}` : {words[language]}" for file, words in sorted(paper.about.items())]
    text = "\n".join(lines) or "- —"
    return {"tables": text if language == 0 else text.replace("` :", "`:")}


def _columns_told(contest: Contest, name: str) -> dict[str, str]:
    return {
        "columns": "\n".join(
            _column(c, french_words=name == "LISEZMOI.md") for c in contest.columns
        )
    }


def _column(column: Column, *, french_words: bool) -> str:
    kinds = {
        "text": ("texte", "text"),
        "time": ("heure UTC", "UTC time"),
        "number": ("nombre", "number"),
    }
    told = 0 if french_words else 1
    low, high = (
        _bound(column.low, french_words=french_words),
        _bound(column.high, french_words=french_words),
    )
    legal = "—" if low == high == "…" else f"{low} … {high}"
    needed = (("facultatif", "optional"), ("obligatoire", "required"))[column.required][told]
    meaning = column.meaning if french_words else column.english
    unit = column.unit or "—"
    cells = (f"`{column.name}`", kinds[column.kind][told], unit, legal, needed, meaning)
    return f"| {' | '.join(cells)} |"


def _bound(value: float | None, *, french_words: bool) -> str:
    if value is None:
        return "…"
    if not french_words:
        return f"{value:,g}"
    return french.number(value, 0 if value == int(value) else None)
