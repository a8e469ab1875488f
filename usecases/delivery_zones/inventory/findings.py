"""What a check of an inventory found: one finding per rule, a report of them all."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import pandas as pd

from common.edge.errors import UsageError
from common.lab.pages.french import plural
from common.lab.usecase import Array

__all__ = ["Finding", "Level", "Report", "found"]

Level = Literal["erreur", "avertissement", "information"]
LEVELS: Final = get_args(Level)
SHOWN_IDS: Final = 5


@dataclass(frozen=True)
class Finding:
    """One rule that some rows break.

    Parameters
    ----------
    rule
        Id of the rule, as ``longueur_nulle`` or ``schema.enum.INTERV_REGIME``.
    level
        ``erreur`` (the schema or the law is not kept), ``avertissement`` (probably wrong),
        ``information`` (worth knowing).
    rows
        Row numbers from 0, ascending; empty where the table as a whole is meant.
    ids
        Identifier of each of these rows.
    sentence
        What was met and what to do, in French.
    """

    rule: str
    level: Level
    rows: tuple[int, ...]
    ids: tuple[str, ...]
    sentence: str

    def __post_init__(self) -> None:
        if self.level not in LEVELS or len(self.rows) != len(self.ids):
            raise UsageError(
                f"finding {self.rule}: level {self.level!r}, {len(self.rows)} rows, "
                f"{len(self.ids)} ids",
                expected=f"a level of {', '.join(LEVELS)} and one id per row",
            )

    @property
    def count(self) -> int:
        """Number of rows that break the rule."""
        return len(self.rows)


@dataclass(frozen=True)
class Report:
    """All findings of one inventory, the gravest first.

    Parameters
    ----------
    findings
        Those of every rule that is broken at least once.
    n_rows
        Number of areas that were checked.
    """

    findings: tuple[Finding, ...]
    n_rows: int

    def __post_init__(self) -> None:
        if self.n_rows < 0:
            raise UsageError(f"report on {self.n_rows} rows", expected="0 rows or more")

    def __getitem__(self, rule: str) -> Finding:
        """Return the finding of a rule; KeyError where the rule is kept everywhere."""
        return {finding.rule: finding for finding in self.findings}[rule]

    @property
    def rules(self) -> tuple[str, ...]:
        """Ids of the rules that are broken, the gravest first."""
        return tuple(finding.rule for finding in self.findings)

    def counts(self) -> dict[Level, int]:
        """Return the number of findings by level."""
        return {level: sum(f.level == level for f in self.findings) for level in LEVELS}

    def table(self) -> pd.DataFrame:
        """Return the summary that a page prints: one row per finding.

        Returns
        -------
        DataFrame
            ``règle``, ``niveau``, ``lignes``, ``part`` (0 to 1), ``constat``, ``exemples``.
        """
        return pd.DataFrame(
            [
                (f.rule, f.level, f.count, self._share(f), f.sentence, _examples(f))
                for f in self.findings
            ],
            columns=["règle", "niveau", "lignes", "part", "constat", "exemples"],
        )

    def rows(self) -> pd.DataFrame:
        """Return one row per area and finding, for the agent who corrects the file.

        Returns
        -------
        DataFrame
            ``ligne`` (of the file, header is 1), ``identifiant``, ``règle``, ``niveau``,
            ``constat``.
        """
        return pd.DataFrame(
            [
                (row + 2, area, f.rule, f.level, f.sentence)
                for f in self.findings
                for row, area in zip(f.rows, f.ids, strict=True)
            ],
            columns=["ligne", "identifiant", "règle", "niveau", "constat"],
        )

    def write_csv(self, path: Path) -> None:
        """Write `rows` for a French spreadsheet: semicolons, UTF-8 with BOM."""
        self.rows().to_csv(path, sep=";", index=False, encoding="utf-8-sig", lineterminator="\n")

    def _share(self, finding: Finding) -> float:
        return finding.count / self.n_rows if self.n_rows else 0.0


def found(rule: str, level: Level, mask: Array, ids: Array, advice: str) -> list[Finding]:
    """Return the finding of a rule, or none where no row breaks it.

    Parameters
    ----------
    mask, ids
        One entry per row: whether it breaks the rule, and its identifier.
    advice
        The sentence after the count: what was met and what to do.
    """
    rows = tuple(int(row) for row in mask.nonzero()[0])
    if not rows:
        return []
    sentence = f"{plural(len(rows), 'ligne')} : {advice}"
    return [Finding(rule, level, rows, tuple(str(ids[row]) for row in rows), sentence)]


def _examples(finding: Finding) -> str:
    more = "…" if finding.count > SHOWN_IDS else ""
    return ", ".join(finding.ids[:SHOWN_IDS]) + more
