"""Read a vendor's ranked answers, line by line: JSON Lines, TREC runs, and lists of ids.

The formats are those of ``briefs/citizen_requests.md`` 3.C. A ranked list does not fit
`common.lab.contest.Contest`, whose rows each hold numbers for one known question and step: why is
said in ``docs/decisions/retrieval.md``.
"""

import hashlib
import json
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.edge.errors import TableError

__all__ = ["MOST_BYTES", "MOST_RANKED", "VendorRun", "from_lists", "read_run", "write_trec"]

MOST_BYTES = 50 * 2**20
MOST_RANKED = 1_000
"""Documents ranked for one question."""
SHOWN = 5


@dataclass(frozen=True)
class VendorRun:
    """Ranked answers by question.

    Parameters
    ----------
    system
        As the file names it.
    ranked
        Question id to document ids, the best first.
    missing
        Questions without a line: they count as not found.
    unknown_documents
        Ids ranked that are not in the collection: wrong answers, which take a place.
    sha256
        Of the file as received.
    answerable
        Question id to the probability that a document answers; empty where none is given.
    """

    system: str
    ranked: Mapping[str, tuple[str, ...]]
    missing: tuple[str, ...]
    unknown_documents: int
    sha256: str
    answerable: Mapping[str, float]


def read_run(file: Path, questions: Collection[str], documents: Collection[str]) -> VendorRun:
    """Read a file of either format; a first character ``{`` makes it JSON Lines.

    Parameters
    ----------
    file
        In UTF-8, of at most `MOST_BYTES`.
    questions, documents
        Ids that are asked, and those of the collection.

    Raises
    ------
    TableError
        The file is missing, too large or not UTF-8, or lines are refused: another form, a
        question that was not asked or is answered twice, a document ranked twice. Names up
        to five lines with their reasons.
    """
    content = _content(file)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TableError(f"{file.name}: {error}", expected="UTF-8") from error
    reader = _Reader(frozenset(questions))
    json_lines = text.lstrip().startswith("{")
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            (reader.json_line if json_lines else reader.trec_line)(number, line)
    return reader.run(file.name, hashlib.sha256(content).hexdigest(), frozenset(documents))


def from_lists(
    system: str,
    lists: Mapping[str, Sequence[str]],
    documents: Collection[str],
    sha256: str = "",
) -> VendorRun:
    """Return lists of ids, as a vendor's engine exports them, as a run.

    A document named twice keeps its first place.
    """
    ranked = {question: tuple(dict.fromkeys(ids)) for question, ids in lists.items()}
    known = frozenset(documents)
    unknown = sum(one not in known for ids in ranked.values() for one in ids)
    missing = tuple(question for question, ids in ranked.items() if not ids)
    return VendorRun(system, ranked, missing, unknown, sha256, {})


def write_trec(run: VendorRun) -> str:
    """Return a run as lines ``qid Q0 docid rank score tag``; the score is one over the rank."""
    return "".join(
        f"{question} Q0 {document} {rank} {1 / rank:.6f} {run.system}\n"
        for question, ranked in run.ranked.items()
        for rank, document in enumerate(ranked, start=1)
    )


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise TableError(f"{file}: {error.strerror}", expected="a run file") from error
    if len(content) > MOST_BYTES or not content.strip():
        raise TableError(f"{file.name}: {len(content)} bytes", expected=f"1 to {MOST_BYTES}")
    return content


class _Reader:
    """Collects lines, and what is wrong with them."""

    def __init__(self, questions: frozenset[str]) -> None:
        self._questions = questions
        self._wrong: list[str] = []
        self._lists: dict[str, tuple[str, ...]] = {}
        self._trec: dict[str, list[tuple[float, int, str]]] = {}
        self._systems: dict[str, None] = {}
        self._answerable: dict[str, float] = {}

    def json_line(self, number: int, line: str) -> None:
        """Take ``{"qid", "ranked": [{"doc_id", ...}], "answerable_p", "system", ...}``."""
        try:
            raw = json.loads(line)
            question = raw["qid"]
            ranked = [item["doc_id"] for item in raw["ranked"]]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            self._refuse(number, f"not {{qid, ranked: [{{doc_id}}]}}: {str(error)[:60]}")
            return
        if not isinstance(question, str) or not all(isinstance(one, str) for one in ranked):
            self._refuse(number, "qid and doc_id must be texts")
        elif question in self._lists:
            self._refuse(number, f"question {question!r} for the second time")
        elif self._asked(number, question):
            self._lists[question] = tuple(ranked)
            self._systems[str(raw.get("system", ""))] = None
            self._take_probability(number, question, raw.get("answerable_p"))

    def trec_line(self, number: int, line: str) -> None:
        """Take ``qid Q0 docid rank score tag``; order is by falling score, then by rank."""
        parts = line.split()
        try:
            question, _, document, rank, score, tag = parts
            entry = (-float(score), int(rank), document)
        except ValueError:
            self._refuse(number, f"{len(parts)} columns or no numbers, not qid Q0 docid rank ...")
            return
        if not math.isfinite(entry[0]):
            self._refuse(number, f"score {score}")
        elif self._asked(number, question):
            self._trec.setdefault(question, []).append(entry)
            self._systems[tag] = None

    def run(self, name: str, sha256: str, documents: frozenset[str]) -> VendorRun:
        """Return what was read, or refuse all of it."""
        for question, entries in self._trec.items():
            self._lists[question] = tuple(document for _, _, document in sorted(entries))
        for question, ranked in self._lists.items():
            if len(set(ranked)) < len(ranked):
                self._wrong.append(f"question {question!r}: a document ranked twice")
            if len(ranked) > MOST_RANKED:
                self._wrong.append(f"question {question!r}: {len(ranked)} documents")
        if self._wrong:
            more = len(self._wrong) - SHOWN
            raise TableError(
                f"{name}: " + "; ".join(self._wrong[:SHOWN]) + (f"; {more} more" * (more > 0)),
                expected="each asked question once, each document once, at most "
                f"{MOST_RANKED} of them",
                remedy="see briefs 3.C for both formats; the file is scored only as a whole",
            )
        unknown = sum(one not in documents for ids in self._lists.values() for one in ids)
        missing = tuple(sorted(self._questions - self._lists.keys()))
        system = " / ".join(filter(None, self._systems)) or name
        return VendorRun(system, self._lists, missing, unknown, sha256, self._answerable)

    def _asked(self, number: int, question: str) -> bool:
        if question not in self._questions:
            self._refuse(number, f"question {question!r} was not asked")
        return question in self._questions

    def _take_probability(self, number: int, question: str, value: Any) -> None:
        if value is None:
            return
        if type(value) not in (int, float) or not 0 <= value <= 1:
            self._refuse(number, f"answerable_p {value!r}, not in [0, 1]")
        else:
            self._answerable[question] = float(value)

    def _refuse(self, number: int, reason: str) -> None:
        self._wrong.append(f"line {number}: {reason}")
