"""Prediction rows of a CSV or Parquet file, brought to the order of the questions."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from common.edge.errors import UsageError
from common.lab.contest import rules
from common.lab.contest.blocks import Block, Table
from common.lab.contest.files import LIMITS, Handed, Limits, handed
from common.lab.contest.lookup import Lookup
from common.lab.contest.parquetfile import read_parquet
from common.lab.contest.reading import Reading, without_blank
from common.lab.contest.records import Column, Questions, Submission
from common.lab.contest.shift import Sample
from common.lab.contest.tally import Tally
from common.lab.contest.textfile import read_text
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["MISSING_SHARE", "parse_rows"]

MISSING_SHARE = 0.02
"""Questions that may stay without an answer (``briefs/building_energy.md`` 3.2)."""


def parse_rows(
    file: Path, questions: Questions, columns: Sequence[Column], limits: Limits = LIMITS
) -> Submission:
    """Read a file of predictions; whatever is off in it is a finding, never an exception.

    The file is read block by block and its keys are matched as sorted integers: 5 million rows
    of seven answers stay under 1 GiB. A row whose required answers are empty counts as missing.
    Answers are never sorted, filled or clipped. Of two rows that answer one question the first
    is kept (and the file is refused).

    Parameters
    ----------
    file
        CSV (UTF-8; commas, or semicolons and then decimal commas are read too) or Parquet, told
        apart by the first bytes.
    questions
        What is asked, n rows.
    columns
        Of the contest: keys (1 to 4 texts or times), then answers.
    limits
        On sizes.

    Returns
    -------
    Submission
        Without any answer where the file as a whole is refused.

    Raises
    ------
    UsageError
        If the columns are not those of the questions, or hold no answer.
    """
    if not any(column.kind == "number" and column.required for column in columns):
        raise UsageError("no required answer among the columns", expected="one at least")
    lookup, tally = Lookup.of(questions, columns), Tally()
    sheet = _Sheet(lookup, columns, len(questions), tally)
    with handed(Path(file), limits, tally) as opened:
        digest = opened.sha256 if isinstance(opened, Handed) else opened
        if isinstance(opened, Handed):
            read = read_parquet if opened.kind == "parquet" else read_text
            table = read(opened.stream, columns, limits, tally)
            if table is not None:
                sheet.fill(table)
    sheet.conclude(questions)
    return Submission(sheet.answers, sheet.line, sheet.n_lines, digest, tally.findings())


@dataclass
class _Sheet:
    """The answers as they come in."""

    lookup: Lookup
    columns: Sequence[Column]
    n_rows: int
    tally: Tally
    answers: dict[str, Array] = field(default_factory=dict)
    line: Array = field(init=False)
    n_lines: int = 0
    sample: Sample = field(init=False)
    opened: bool = False

    def __post_init__(self) -> None:
        self.line = np.zeros(self.n_rows, np.int64)
        self.sample = Sample(self.lookup)

    def fill(self, table: Table) -> None:
        """Take all rows of a file, up to more than could be asked for twice."""
        self.opened = True
        given = {column.name: column for column in self.columns if column.name in table.names}
        for name, column in given.items():
            if column.kind == "number":
                self.answers[name] = np.full(self.n_rows, np.nan)
        reading = Reading(self.lookup, given, table.decimal_comma, self.tally, self.sample)
        for block in table.blocks:
            self._take(without_blank(block), reading)
            if self.n_lines > 2 * self.n_rows + 1000:
                read = french.number(self.n_lines, 0)
                self.tally.note(rules.TOO_MANY_ROWS, f"plus de {read} lignes")
                return

    def _take(self, block: Block, reading: Reading) -> None:
        if not len(block.lines):
            return
        self.n_lines += len(block.lines)
        rows = reading.questions_of(block)
        values = reading.values_of(block)
        reading.check_order(values, block.lines)
        required = [values[name] for name in values if reading.columns[name].required]
        answered = ~np.any(np.isnan(required), axis=0)
        self._place(rows, values, block.lines, answered)

    def _place(self, rows: Array, values: dict[str, Array], lines: Array, answered: Array) -> None:
        """Put each row's answers where its question is; the first of two rows counts."""
        known = np.flatnonzero((rows >= 0) & answered)
        rows, lines = rows[known], lines[known]
        free = self.line[rows] == 0
        # Written backwards, so that of two rows of this block the first is the last written.
        self.line[rows[free][::-1]] = lines[free][::-1]
        kept = self.line[rows] == lines
        if not kept.all():
            second = int(np.flatnonzero(~kept)[0])
            first = self.line[rows[second]]
            detail = f"la ligne {lines[second]} répète la ligne {first}"
            self.tally.add(rules.DUPLICATE, lines[~kept], detail)
        for name, answer in self.answers.items():
            answer[rows[kept]] = values[name][known[kept]]

    def conclude(self, questions: Questions) -> None:
        """Say what only the whole file shows: shifted times, empty columns, missing rows."""
        if not self.opened:
            return
        if self.tally.count(rules.NOT_ASKED):
            self.tally.explain(rules.NOT_ASKED, self.sample.explain())
        if not self.n_lines:
            self.tally.note(rules.EMPTY, "un en-tête et aucune ligne")
        present = self.line > 0
        for column in self.columns:
            if column.name in self.answers and not column.required:
                self._conclude_optional(column.name, present)
        n_missing = self.n_rows - int(present.sum())
        if n_missing:
            refused = n_missing > MISSING_SHARE * self.n_rows
            share = french.percent(n_missing / self.n_rows)
            first = _question_words(questions, self.lookup, int(np.flatnonzero(~present)[0]))
            self.tally.note(
                rules.MISSING if refused else rules.MISSING_NOTE,
                f"{share} des questions, la première : {first}",
                n_missing,
            )

    def _conclude_optional(self, name: str, present: Array) -> None:
        empty = present & np.isnan(self.answers[name])
        if not empty.any():
            return
        if (empty == present).all():
            del self.answers[name]
            self.tally.note(rules.ALL_EMPTY, name)
        else:
            lines = np.sort(self.line[empty])
            self.tally.add(rules.PARTIAL, lines, name)


def _question_words(questions: Questions, lookup: Lookup, row: int) -> str:
    """Show a question's keys."""
    shown = []
    for column in lookup.keys:
        value = questions.keys[column.name][row]
        shown.append(f"{value}Z" if column.kind == "time" else str(value))
    return ", ".join(shown)
