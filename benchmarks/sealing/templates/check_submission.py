#!/usr/bin/env python3
"""Check a CSV of answers offline, before it is handed in: standard library only, Python 3.8+.

    python3 check_submission.py answers.csv

Contrôle un CSV de réponses hors ligne, avant la remise. Exit code: 0 acceptable, 3 refused,
2 wrong call. Reads ``protocol.json`` and ``questions.csv`` beside this file; writes nothing.
The rules are those of the buyer's own check, except unit errors, which need the sealed side.
"""

from __future__ import annotations

import csv
import json
import math
import os
import sys
from datetime import datetime, timezone
from typing import Any, BinaryIO, Iterator, NoReturn  # noqa: UP035 - Python 3.8

__all__ = ["Check", "main"]

MAX_LINE_BYTES = 65536
MAX_FILE_BYTES = 4 * 2**30
MAX_SHOWN = 10
FORMULA = ("=", "+", "-", "@")

RULES = {
    "file": ("fichier illisible ou hors limites", "unreadable file, or over the limits"),
    "compressed": ("ni CSV ni Parquet lisible ici", "neither CSV nor something readable here"),
    "encoding": ("texte qui n'est pas en UTF-8", "text that is not UTF-8"),
    "nul-byte": ("octet nul dans le texte", "NUL byte in the text"),
    "line-length": ("ligne démesurée", "line too long"),
    "quotes": ("guillemet non refermé ou retour à la ligne dans une cellule",
               "open quote or newline inside a cell"),
    "ragged-row": ("nombre de cellules différent de l'en-tête",
                   "another number of cells than the header"),
    "header": ("en-tête absent, doublé ou incomplet", "header missing, doubled or incomplete"),
    "extra-columns": ("colonnes en plus, non lues", "extra columns, not read"),
    "formula": ("cellule qui commence comme une formule", "cell that starts like a formula"),
    "time": ("heure illisible", "unreadable time"),
    "naive-time": ("heure sans décalage (ajouter Z ou +02:00)", "time without an offset (add Z)"),
    "not-asked": ("ligne qui ne répond à aucune question", "row that answers no question"),
    "duplicate": ("question répondue deux fois", "question answered twice"),
    "not-a-number": ("cellule qui n'est pas un nombre", "cell that is not a number"),
    "not-finite": ("réponse NaN ou infinie", "NaN or infinite answer"),
    "out-of-range": ("réponse hors des bornes", "answer out of range"),
    "quantile-order": ("quantiles qui se croisent ; ils ne sont jamais triés",
                       "crossing quantiles; they are never sorted"),
    "partial-column": ("colonne facultative remplie en partie", "optional column partly filled"),
    "empty-column": ("colonne facultative vide, tenue pour absente",
                     "empty optional column, taken as absent"),
    "missing-rows": ("questions sans réponse", "questions without an answer"),
}  # fmt: skip
NOTES = ("extra-columns", "empty-column")


class Refused(Exception):  # noqa: N818 - it is an outcome, not a mistake
    """The file cannot be read any further; its finding is noted."""


class Check:
    """One pass over a file.

    Parameters
    ----------
    folder
        The vendor folder: ``protocol.json`` and ``questions.csv``.
    """

    def __init__(self, folder: str) -> None:
        with open(os.path.join(folder, "protocol.json"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
            protocol = json.load(file)
        columns = protocol["columns"]
        self.keys = [c for c in columns if c["kind"] != "number"]
        self.answers = [c for c in columns if c["kind"] == "number"]
        self.ordered = protocol["ordered"]
        self.missing_share = protocol["missing_share"]
        self.found: dict[str, list[Any]] = {}  # rule: count, first lines, refused
        self.questions: dict[tuple[str, ...], int] = {}  # keys: line that answers, or 0
        with open(os.path.join(folder, "questions.csv"), encoding="utf-8", newline="") as file:  # noqa: PTH118, PTH123
            rows = csv.reader(file)
            next(rows)
            for row in rows:
                self.questions[tuple(row)] = 0
        self.filled: dict[str, int] = {}
        self.named: set[str] = set()
        self.n_lines = 0

    def note(self, rule: str, line: int = 0, *, refused: bool = True) -> None:
        """Count a finding and keep its first line numbers."""
        entry = self.found.setdefault(rule, [0, [], refused and rule not in NOTES])
        entry[0] += 1
        if line and len(entry[1]) < MAX_SHOWN:
            entry[1].append(line)

    def stop(self, rule: str, line: int = 0) -> NoReturn:
        """Note a finding after which nothing more can be read."""
        self.note(rule, line)
        raise Refused(rule)

    def lines(self, file: BinaryIO) -> Iterator[str]:
        """Yield decoded lines of bounded length, without a byte order mark."""
        number = 0
        while True:
            raw = file.readline(MAX_LINE_BYTES + 1)
            if not raw:
                return
            number += 1
            if len(raw) > MAX_LINE_BYTES:
                self.stop("line-length", number)
            if raw.startswith((b"\xff\xfe", b"\xfe\xff")) and number == 1:
                self.stop("encoding", number)
            if b"\0" in raw:
                self.stop("nul-byte", number)
            try:
                text = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError:
                self.stop("encoding", number)
            yield text

    def run(self, path: str) -> None:
        """Read the file; findings are in ``found``."""
        try:
            if not os.path.isfile(path) or not 0 < os.path.getsize(path) <= MAX_FILE_BYTES:  # noqa: PTH113, PTH202
                self.stop("file")
            with open(path, "rb") as file:  # noqa: PTH123
                if file.read(4) in (b"PK\x03\x04", b"PAR1", b"\x1f\x8b\x08\x00"):
                    self.stop("compressed")
                file.seek(0)
                self.read(self.lines(file))
        except Refused:
            return
        except (OSError, csv.Error):
            self.note("file")
            return
        self.finish()

    def read(self, lines: Iterator[str]) -> None:
        """Read the header, then every row."""
        header = next(lines, "")
        comma = "," if ";" not in header else ";"
        names = [name.strip() for name in next(csv.reader([header], delimiter=comma), [])]
        wanted = [c["name"] for c in self.keys] + [c["name"] for c in self.answers if c["required"]]
        if len(set(names)) < len(names) or any(name not in names for name in wanted):
            self.stop("header", 1)
        known = {c["name"] for c in self.keys + self.answers}
        for name in names:
            if name not in known:
                self.note("extra-columns", 1)
        place = {name: names.index(name) for name in names if name in known}
        self.named = set(place)
        reader = csv.reader(lines, delimiter=comma)
        number = 1
        for row in reader:
            number += 1
            if reader.line_num != number - 1:
                self.stop("quotes", number)
            self.n_lines += 1
            if len(row) != len(names):
                self.note("ragged-row", number)
            else:
                self.row(row, place, number, comma)

    def row(self, row: list[str], place: dict[str, int], number: int, comma: str) -> None:
        """Check one row: its keys, then its answers."""
        self.key(row, place, number)
        values = {}
        for column in self.answers:
            if column["name"] in place:
                text = row[place[column["name"]]].strip()
                values[column["name"]] = self.number(text, column, number, comma)
        known = {name: value for name, value in values.items() if value is not None}
        told = [known[name] for name in self.ordered if name in known]
        if any(left > right for left, right in zip(told, told[1:])):  # noqa: B905, RUF007 - Python 3.8
            self.note("quantile-order", number)

    def key(self, row: list[str], place: dict[str, int], number: int) -> None:
        """Mark the question that a row answers."""
        cells = [(column["kind"], row[place[column["name"]]]) for column in self.keys]
        texts = [self.time(text, number) if kind == "time" else text for kind, text in cells]
        known = tuple(text for text in texts if text is not None)
        if len(known) < len(texts):
            return
        if known not in self.questions:
            formula = any(text.startswith(FORMULA) for text in known)
            self.note("formula" if formula else "not-asked", number)
        elif self.questions[known]:
            self.note("duplicate", number)
        else:
            self.questions[known] = number

    def time(self, text: str, number: int) -> str | None:
        """Return a time as the questions write it, or None."""
        text = text.strip()
        try:
            moment = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "Zz" else text)
        except ValueError:
            self.note("time", number)
            return None
        if moment.tzinfo is None:
            self.note("naive-time", number)
            return None
        return moment.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: UP017 - Python 3.8

    def number(self, text: str, column: dict[str, Any], number: int, comma: str) -> float | None:
        """Return an answer, or None."""
        if not text:
            if column["required"]:
                self.note("not-a-number", number)
            return None
        try:
            if "_" in text:
                raise ValueError(text)
            value = float(text.replace(",", ".") if comma == ";" else text)
        except ValueError:
            self.note("formula" if text.startswith(FORMULA) else "not-a-number", number)
            return None
        if not math.isfinite(value):
            self.note("not-finite", number)
            return None
        self.filled[column["name"]] = self.filled.get(column["name"], 0) + 1
        low, high = column["low"], column["high"]
        if (low is not None and value < low) or (high is not None and value > high):
            self.note("out-of-range", number)
        return value

    def finish(self) -> None:
        """Check what only the whole file shows."""
        missing = sum(1 for line in self.questions.values() if not line)
        for _ in range(missing):
            self.note("missing-rows", refused=missing > self.missing_share * len(self.questions))
        for column in self.answers:
            filled = self.filled.get(column["name"], 0)
            if not column["required"] and 0 < filled < self.n_lines:
                self.note("partial-column")
            elif column["name"] in self.named and not filled and not column["required"]:
                self.note("empty-column")

    @property
    def refused(self) -> bool:
        """Whether any finding gets the file refused."""
        return any(refused for _, _, refused in self.found.values())

    def report(self) -> str:
        """Return what was found, in French and English."""
        told = [self.told(rule) for rule in self.found]
        if self.refused:
            told.append("REFUSÉ : corriger ce qui précède.\nREFUSED: mend the above.\n")
        else:
            counts = (self.n_lines, len(self.questions))
            told.append("Recevable : {} lignes pour {} questions.\n".format(*counts))
            told.append("Acceptable: {} lines for {} questions.\n".format(*counts))
        return "".join(told)

    def told(self, rule: str) -> str:
        """Return one finding in words."""
        count, lines, refused = self.found[rule]
        shown = ", ".join(map(str, lines)) + (", …" if count > len(lines) else "")
        where = f" (lignes / lines {shown})" if lines else ""
        word = "REFUSÉ / REFUSED" if refused else "note"
        return "{} [{}] × {}{}\n  {}\n  {}\n".format(word, rule, count, where, *RULES[rule])


def main(arguments: list[str]) -> int:
    """Check the file named on the command line; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("python3 check_submission.py reponses.csv\n")
        return 2
    check = Check(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    check.run(arguments[0])
    sys.stdout.buffer.write(check.report().encode("utf-8"))
    return 3 if check.refused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
