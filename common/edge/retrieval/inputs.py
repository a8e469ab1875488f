"""Fill a graph's inputs from a text: what stands between a bundle's index and its graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits
from common.edge.errors import GoldenRowError, TableError
from common.edge.retrieval.passages import Library, Strings
from common.edge.retrieval.search import Retrieval
from common.edge.retrieval.settings import RetrievalSettings
from common.edge.textcodes import text_of

__all__ = ["CODES", "FEATURES", "GOLDEN", "VOTES", "Index"]

Array = npt.NDArray[Any]

VOTES, FEATURES = "votes", "retrieval_features"
CODES = "codes"
"""Name under which a text is given where the graph itself takes none."""
GOLDEN = "golden"
"""Prefix of the arrays that hold texts to search again, and what was found."""


@dataclass(frozen=True)
class Index:
    """A bundle's index, opened.

    Parameters
    ----------
    retrieval
        Finds documents.
    library
        Their records and passages.
    """

    retrieval: Retrieval
    library: Library

    @classmethod
    def open(cls, arrays: Mapping[str, Array], settings: RetrievalSettings) -> "Index":
        """Open the arrays of a bundle.

        Raises
        ------
        ManifestError
            An array is missing or does not fit the settings.
        """
        library = Library(arrays, settings.documents, settings.passages)
        return cls(Retrieval(arrays, settings), library)

    @property
    def text_name(self) -> str:
        """Name under which callers give the text."""
        return self.retrieval.settings.text_input or CODES

    def fill(self, inputs: Mapping[str, npt.ArrayLike], limits: Limits) -> dict[str, npt.ArrayLike]:
        """Return the inputs with those that the index computes; what the caller gave stays.

        Parameters
        ----------
        inputs
            By name; the text as code points of shape (n, length).
        limits
            Bounds of the call.

        Raises
        ------
        TableError
            The text is no table of whole numbers, or too long, or there are too many rows.
        """
        settings = self.retrieval.settings
        filled = dict(inputs)
        given = filled.get(self.text_name)
        if settings.text_input is None:
            filled.pop(CODES, None)
        absent = [name for name in settings.fills if name not in inputs]
        if given is None or not absent:
            return filled
        found = self.evidence(self.texts(given, limits))
        return filled | {name: found[name] for name in absent}

    def texts(self, codes: npt.ArrayLike, limits: Limits) -> list[str]:
        """Return code points of shape (n, length) as texts.

        Raises
        ------
        TableError
            No table of whole numbers, or too long, or too many rows.
        """
        return _texts(self.text_name, codes, limits)

    def evidence(self, texts: Sequence[str]) -> dict[str, npt.NDArray[np.float32]]:
        """Return votes (n, n_labels) and features (n, n_features) of texts, as graph inputs."""
        found = [self.retrieval.search(text, k=1) for text in texts]
        votes = np.array([one.votes for one in found], dtype=np.float32)
        features = np.array([one.features for one in found], dtype=np.float32)
        return {
            VOTES: votes.reshape(len(texts), len(self.retrieval.settings.labels)),
            FEATURES: features.reshape(len(texts), len(self.retrieval.feature_names)),
        }

    def replay(self, arrays: Mapping[str, Array]) -> None:
        """Search the golden texts again and compare with what the lab recorded.

        Parameters
        ----------
        arrays
            The bundle's: texts ``golden_bytes`` and ``golden_starts``, and for each of the
            inputs what was found, ``golden_votes`` and ``golden_retrieval_features``
            (`common.lab.index.with_golden_texts`); without them nothing is replayed.

        Raises
        ------
        GoldenRowError
            Names input, row and position.
        """
        if f"{GOLDEN}_bytes" not in arrays:
            return
        count = len(arrays[f"{GOLDEN}_starts"]) - 1
        kept = Strings.of(arrays, GOLDEN, count)
        found = self.evidence([kept[row] for row in range(count)])
        for name, values in found.items():
            _compare(name, values, arrays[f"{GOLDEN}_{name}"])


def _texts(name: str, given: npt.ArrayLike, limits: Limits) -> list[str]:
    codes = np.asarray(given)
    if codes.ndim != 2 or codes.dtype.kind not in "iu":
        raise TableError(
            f"input {name}: {codes.dtype} of {codes.ndim} axes",
            expected="whole numbers of shape (n, length): the code points of each text",
        )
    if len(codes) > limits.rows or codes.size > limits.values:
        raise TableError(
            f"input {name}: {codes.shape[0]} rows of {codes.shape[1]}",
            expected=f"at most {limits.rows} rows and {limits.values} values",
        )
    if codes.size and (int(codes.min()) < 0 or int(codes.max()) > 0x10FFFF):
        raise TableError(f"input {name}: not a code point", expected="0 to 1,114,111")
    return [text_of(row.astype(np.int64)) for row in codes]


def _compare(name: str, found: Array, expected: Array) -> None:
    """Refuse a difference beyond 1e-6: logarithms may differ by a last bit, ranks may not."""
    if found.shape != expected.shape:
        raise GoldenRowError(
            f"golden {name} of shape {found.shape}", expected=f"shape {expected.shape}"
        )
    close = np.isclose(found, expected, rtol=1e-6, atol=1e-6)
    if close.all():
        return
    row, place = (int(i) for i in np.argwhere(~close)[0])
    raise GoldenRowError(
        f"golden text {row}: {name}, position {place}: {found[row, place]!r}",
        expected=f"{expected[row, place]!r}",
        remedy="do not use this bundle here: its index does not answer as in the lab",
    )
