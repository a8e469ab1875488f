"""What an agent is shown: the sheet's first words, its best section, link, date and warning.

Nothing is written by a machine: every sentence stands word for word in the sheet. "The lead
sentence is the answer" in two cases of three (``briefs/citizen_requests.md`` 0, finding 10), so the
lead comes first, then the section that shares most with the question.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.retrieval.inputs import Index
from common.edge.retrieval.passages import Library, Passage

__all__ = [
    "FRESH_MONTHS",
    "Answer",
    "Citation",
    "freshness",
    "is_fresh",
    "is_verbatim",
    "propose",
]

FRESH_MONTHS = 18
"""Months after which a sheet is no longer presented as current (brief 3.B)."""
SHOWN_SHEETS = 3
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre",
    "octobre", "novembre", "décembre",
)  # fmt: skip


@dataclass(frozen=True)
class Citation:
    """A passage with what a reader needs to check it.

    Parameters
    ----------
    sheet_id, title, url
        Of the sheet.
    day
        Of its last change, ISO; empty where unknown.
    warning
        In French; empty for a sheet that may be presented as current.
    lead
        The sheet's first passage.
    section
        The passage that shares most with the question; None where it is the lead itself.
    """

    sheet_id: str
    title: str
    url: str
    day: str
    warning: str
    lead: Passage | None
    section: Passage | None

    @property
    def current(self) -> bool:
        """Whether the sheet may be presented as current."""
        return not self.warning


@dataclass(frozen=True)
class Answer:
    """What is proposed for one request.

    Parameters
    ----------
    citations
        Of up to three sheets, the best first; empty where nothing was found.
    features
        What the search says of itself: the input ``retrieval_features`` of the task
        ``answers``, whose probability decides whether to propose at all.
    repaired
        Word of the request to what it was taken for.
    """

    citations: tuple[Citation, ...]
    features: tuple[float, ...]
    repaired: tuple[tuple[str, str], ...]


def propose(
    index: Index, text: str, today: date, audiences: Collection[str] = ("particuliers",)
) -> Answer:
    """Return the sheets and passages to propose for a request.

    Parameters
    ----------
    index
        Of the sheets.
    text
        The request, cleaned.
    today
        Against which a sheet's age is told.
    audiences
        Whose sheets may answer; the others act as if they did not exist.
    """
    retrieval, library = index.retrieval, index.library
    shut_out = _shut_out(library, retrieval.settings.documents, frozenset(audiences))
    found = retrieval.search(text, SHOWN_SHEETS, without=shut_out)
    query = retrieval.query(text)
    return Answer(
        tuple(_citation(index, query.stems, place, today) for place in found.documents.tolist()),
        tuple(found.features.tolist()),
        tuple(query.repaired.items()),
    )


@lru_cache(maxsize=8)
def _shut_out(
    library: Library, n_documents: int, audiences: frozenset[str]
) -> npt.NDArray[np.int64]:
    """Return the documents of other audiences; read once for each index."""
    of = [library.record(place).get("audience", "particuliers") for place in range(n_documents)]
    return np.flatnonzero([one not in audiences for one in of])


def is_fresh(day: str, today: date) -> bool:
    """Return whether a sheet changed or was confirmed within `FRESH_MONTHS`.

    >>> is_fresh("2020-11-12", date(2022, 5, 12)), is_fresh("2020-11-12", date(2022, 5, 13))
    (True, False)
    >>> is_fresh("", date(2022, 5, 13))  # an unknown date is no proof
    False
    """
    try:
        changed = date.fromisoformat(day)
    except ValueError:
        return False
    months = (today.year - changed.year) * 12 + today.month - changed.month
    return (months, today.day) <= (FRESH_MONTHS, changed.day)


def freshness(day: str, today: date) -> str:
    """Return the French warning of a sheet that is not fresh; empty for a fresh one."""
    if is_fresh(day, today):
        return ""
    when = f"datée du {_in_words(day)}" if day else "sans date connue"
    return (
        f"Fiche {when} : ce n'est pas le droit en vigueur. Vérifiez à la source avant de répondre."
    )


def _in_words(day: str) -> str:
    try:
        of = date.fromisoformat(day)
    except ValueError:
        return day
    return f"{'1er' if of.day == 1 else of.day} {_MONTHS[of.month - 1]} {of.year}"


def is_verbatim(index: Index, passage: Passage) -> bool:
    """Return whether a passage stands in its document where it says."""
    return index.library.text(passage.document)[passage.start : passage.stop] == passage.text


def _citation(index: Index, stems: tuple[str, ...], place: int, today: date) -> Citation:
    record: dict[str, Any] = index.library.record(place)
    lead = index.library.lead(place)
    best = next(iter(index.library.passages(stems, [place], 1)), None)
    day = str(record["date"])
    return Citation(
        sheet_id=str(record["id"]),
        title=str(record["title"]),
        url=str(record["url"]),
        day=day,
        warning=freshness(day, today),
        lead=lead,
        section=None if best is None or _same(best, lead) or best.score == 0 else best,
    )


def _same(one: Passage, other: Passage | None) -> bool:
    return other is not None and (one.start, one.stop) == (other.start, other.stop)
