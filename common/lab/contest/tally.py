"""Counting what is off in a file, rule by rule, into findings with line numbers."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from common.lab.contest.records import Finding
from common.lab.pages import french
from common.lab.usecase import Array

__all__ = ["FIRST_LINES", "Rule", "Tally", "excerpt"]

FIRST_LINES = 10
"""Line numbers that a finding carries at most."""

_EXCERPT_CHARACTERS = 40


@dataclass(frozen=True)
class Rule:
    """What a file must keep to, in French.

    Parameters
    ----------
    id
        Of the findings that it makes.
    severity
        Of the findings that it makes.
    found
        What was met: ``cellule vide``; the count comes before it, a detail after it.
    expected, remedy
        What would have been right, and what to do.
    """

    id: str
    severity: Literal["refused", "review", "note"]
    found: str
    expected: str
    remedy: str

    def finding(self, detail: str = "", count: int = 0, rows: tuple[int, ...] = ()) -> Finding:
        """Return the finding; ``detail`` says what exactly was met, ``count`` how often.

        >>> rule = Rule("negative", "refused", "valeur négative", "zéro ou plus", "corriger")
        >>> rule.finding("q50 = -3", 2, (5, 9)).message
        'valeur négative, 2 fois (q50 = -3). Attendu : zéro ou plus. À faire : corriger.'
        """
        times = f", {french.number(count, 0)} fois" if count else ""
        example = f" ({detail})" if detail else ""
        message = (
            f"{self.found}{times}{example}. Attendu : {self.expected}. À faire : {self.remedy}."
        )
        return Finding(self.id, self.severity, message, count, rows)


@dataclass
class _Count:
    count: int = 0
    rows: list[int] = field(default_factory=list)
    detail: str = ""


@dataclass
class Tally:
    """Counts by rule, filled block by block, in the order in which rules were first broken."""

    counts: dict[Rule, _Count] = field(default_factory=dict)

    def add(self, rule: Rule, lines: Array, detail: str = "") -> None:
        """Note the lines that break a rule, shape (n,); the first ``detail`` given is kept."""
        if not len(lines):
            return
        entry = self.counts.setdefault(rule, _Count())
        entry.count += len(lines)
        room = FIRST_LINES - len(entry.rows)
        entry.rows.extend(int(line) for line in np.sort(lines)[:room])
        entry.detail = entry.detail or detail

    def note(self, rule: Rule, detail: str = "", count: int = 0) -> None:
        """Note a rule that the file as a whole breaks, or ``count`` rows that have no line."""
        entry = self.counts.setdefault(rule, _Count())
        entry.count += count
        entry.detail = entry.detail or detail

    def count(self, rule: Rule) -> int:
        """Return how many rows broke a rule so far."""
        return self.counts[rule].count if rule in self.counts else 0

    def explain(self, rule: Rule, detail: str) -> None:
        """Say more on a rule that was broken."""
        if rule in self.counts:
            before = self.counts[rule].detail
            self.counts[rule].detail = f"{before} ; {detail}" if before else detail

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding per broken rule."""
        return tuple(
            rule.finding(entry.detail, entry.count, tuple(entry.rows))
            for rule, entry in self.counts.items()
        )


def excerpt(text: str) -> str:
    r"""Return a hostile text made harmless: quoted, without control characters, cut short.

    >>> excerpt("=1+1" + "x" * 99).replace("\u202f", " ")
    '« =1+1xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx… »'
    """
    start = text[: 2 * _EXCERPT_CHARACTERS]
    shown = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in start)
    cut = shown if len(shown) <= _EXCERPT_CHARACTERS else shown[:_EXCERPT_CHARACTERS] + "…"
    return f"«\u202f{cut}\u202f»"
