"""A linear head over the grams of a text: scores, families of reasons, share of each character.

Weights are integers and their sums are exact, so a score does not depend on the order in which a
machine adds: Python, Node and a browser give the same one up to a rounding of the last scaling.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.graph.arrays import rows_of
from common.lab.graph.text import KINDS, N_BUCKETS, Grams
from common.lab.graph.text_traced import read_texts, spread

__all__ = ["BLOCKS", "CHARACTERS", "PRIOR", "TEXT_TERMS", "TextHead", "TextTable"]

CHARACTERS = "character_contributions"
"""Name of the detail that gives each character's share, shape (n, length)."""
PRIOR = "prior"
"""Term of what is known before the text is read: how often each class is asked for."""
TEXT_TERMS = ("words", "word_pairs", "letters")
BLOCKS: Mapping[str, tuple[str, ...]] = {
    "words": ("word", "word_pair"),
    "letters": ("letters_2", "letters_3", "letters_4", "letters_5"),
}
"""Kinds of gram that share a norm."""
HIGHEST = 2**15 - 1
MOST_GRAMS = 2**16 - 1
"""Known grams that two bytes can number."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class TextTable:
    """What each known gram adds to each class, as integers.

    Parameters
    ----------
    slots
        Shape (N_BUCKETS,): row of each bucket in ``rows``; 0 where the gram is not known.
    rows
        Shape (n_known + 1, n_classes + 1), int16: weights, then the gram's squared
        importance, in their steps; row 0 holds zeros.
    weight_step, importance_step
        What one unit of a weight and of a squared importance is.
    """

    slots: npt.NDArray[np.uint16]
    rows: npt.NDArray[np.int16]
    weight_step: float
    importance_step: float

    def __post_init__(self) -> None:
        if self.slots.shape != (N_BUCKETS,) or self.rows.ndim != 2 or self.rows[0].any():
            raise UsageError(
                f"a text table of {self.slots.shape} buckets and {self.rows.shape} rows",
                expected=f"{N_BUCKETS} buckets; rows of which the first is zero",
            )

    @classmethod
    def of(cls, buckets: npt.ArrayLike, weights: Floats, importance: Floats) -> "TextTable":
        """Round weights and importances to integers, the largest of each to 32,767.

        Parameters
        ----------
        buckets
            The known grams' buckets, shape (n_known,).
        weights
            What each adds to each class, importance included, shape (n_known, n_classes).
        importance
            Weight of each gram in the norm of its text, at least 0, shape (n_known,).
        """
        known = np.asarray(buckets, dtype=np.int64)
        if len(known) > MOST_GRAMS:
            raise UsageError(f"{len(known)} grams", expected=f"at most {MOST_GRAMS}")
        slots = np.zeros(N_BUCKETS, dtype=np.uint16)
        slots[known] = np.arange(1, len(known) + 1)
        squares = np.asarray(importance, dtype=np.float64) ** 2
        weight_step = float(np.abs(weights).max(initial=0.0)) / HIGHEST or 1.0
        importance_step = float(squares.max(initial=0.0)) / HIGHEST or 1.0
        rows = np.zeros((len(known) + 1, weights.shape[1] + 1), dtype=np.int16)
        rows[1:, :-1] = np.round(weights / weight_step)
        rows[1:, -1] = np.round(squares / importance_step)
        return cls(slots, rows, weight_step, importance_step)

    @property
    def n_classes(self) -> int:
        """How many classes a text is scored for."""
        return int(self.rows.shape[1]) - 1


@dataclass(frozen=True)
class TextHead:
    """Score a text for each class: prior, grams and, where there are any, numbers beside it.

    ``raw[k] = prior[k] + sum over grams (weight[k] / norm of its block) + slope * column``.
    The norm of a block is the square root of the sum of the squared importances of the known
    grams in the text (each as often as it occurs), as the cosine norm of TF-IDF with linear
    counts; what is not known weighs nothing, so that an unknown signature dilutes nothing.

    Parameters
    ----------
    table
        Weights of the grams.
    prior
        One number per class.
    columns, slopes
        Names of matrix columns (one value per class) and their slopes.
    normalised
        False where the norm is 1: rules that count words.
    text_input
        Name of the graph input that holds the codes.
    """

    table: TextTable
    prior: tuple[float, ...]
    columns: tuple[str, ...] = ()
    slopes: tuple[float, ...] = ()
    normalised: bool = True
    text_input: str = "codes"
    additive: bool = False

    def __post_init__(self) -> None:
        if len(self.prior) != self.table.n_classes or len(self.columns) != len(self.slopes):
            raise UsageError(
                f"{len(self.prior)} priors for {self.table.n_classes} classes, "
                f"{len(self.slopes)} slopes for {len(self.columns)} columns",
                expected="one of each",
            )

    @property
    def reads(self) -> tuple[str, ...]:
        """The columns beside the text."""
        return self.columns

    @property
    def terms(self) -> tuple[str, ...]:
        """The columns, the prior and the families of grams."""
        return (*self.columns, PRIOR, *TEXT_TERMS)

    @property
    def baseline(self) -> float:
        """Zero: what is known beforehand differs by class and is a term of its own."""
        return 0.0

    @property
    def n_parameters(self) -> int:
        """Weights that are not zero, priors and slopes."""
        weights = int(np.count_nonzero(self.table.rows[:, :-1]))
        return weights + len(self.prior) + len(self.slopes)

    def thresholds(self) -> tuple[npt.ArrayLike, ...]:
        """Return zero for each column: nothing is routed."""
        return tuple([0.0] for _ in self.columns)

    def __call__(self, xp: Any, matrix: Any, inputs: Mapping[str, Any]) -> tuple[Any, Any]:
        """Return ``raw`` (n * n_classes,) and ``contributions`` (n * n_classes, n_terms)."""
        raw, contributions, _ = self.with_details(xp, matrix, inputs)
        return raw, contributions

    def with_details(
        self, xp: Any, matrix: Any, inputs: Mapping[str, Any]
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Return scores, contributions and what each character adds to the highest score."""
        if not self.table.slots.any():
            return self._without_text(xp, matrix, inputs)
        folded, found, words = read_texts(xp, inputs[self.text_input])
        read = _Reading(self, xp, found)
        families = [read.family(name) for name in TEXT_TERMS]
        prior = _constant(xp, np.array([self.prior], dtype=np.float32))
        stacked = self._stacked(xp, matrix, [prior + xp.zeros_like(families[0]), *families])
        raw = xp.sum(stacked, axis=1)
        highest = xp.argmax(xp.reshape(raw, (-1, self.table.n_classes)), axis=1, keepdims=True)
        shares = {gram.kind.name: read.share(gram, highest) for gram in found}
        return raw, stacked, {CHARACTERS: spread(xp, folded, words, shares)}

    def _without_text(
        self, xp: Any, matrix: Any, inputs: Mapping[str, Any]
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Answer where no gram is known: the text is counted, not read."""
        codes = inputs[self.text_input]
        nothing = xp.zeros_like(xp.astype(codes, xp.float32))
        blank = xp.sum(nothing, axis=1, keepdims=True)
        prior = _constant(xp, np.array([self.prior], dtype=np.float32)) + blank
        stacked = self._stacked(xp, matrix, [prior, *[0 * prior] * len(TEXT_TERMS)])
        return xp.sum(stacked, axis=1), stacked, {CHARACTERS: nothing}

    def _stacked(self, xp: Any, matrix: Any, parts: list[Any]) -> Any:
        """Return the columns' parts and the text's, shape (n * n_classes, n_terms)."""
        stacked = xp.reshape(xp.stack(parts, axis=2), (-1, len(parts)))
        if not self.columns:
            return stacked
        slopes = _constant(xp, np.array(self.slopes, dtype=np.float32))
        return xp.concat([matrix * slopes, stacked], axis=1)

    @cached_property
    def block_of(self) -> Mapping[str, str]:
        """The block of each kind of gram."""
        return {kind: block for block, kinds in BLOCKS.items() for kind in kinds}


class _Reading:
    """One reading of a batch of texts through a table; sums are exact integers."""

    def __init__(self, head: TextHead, xp: Any, found: tuple[Grams, ...]) -> None:
        self.xp, self.table = xp, head.table
        self.slots: dict[str, Any] = {}
        self.sums: dict[str, Any] = {}
        rows = _constant(xp, head.table.rows)
        slots = _constant(xp, head.table.slots)
        self.flat = xp.reshape(rows, (-1,))
        for gram in found:
            slot = xp.astype(rows_of(xp, slots, gram.buckets), xp.int64)
            slot = xp.where(gram.present, slot, xp.zeros_like(slot))
            values = xp.astype(rows_of(xp, rows, slot), xp.int32)
            self.slots[gram.kind.name] = slot
            self.sums[gram.kind.name] = xp.sum(values, axis=1, dtype=xp.int32)
        self.factors = {name: self._factor(kinds, head) for name, kinds in BLOCKS.items()}
        self.block_of = head.block_of

    def _factor(self, kinds: tuple[str, ...], head: TextHead) -> Any:
        """Return the weight step over the block's norm, shape (n, 1); 0 without known gram."""
        xp = self.xp
        step = np.float32(self.table.weight_step)
        counted = sum(self.sums[kind][:, -1:] for kind in kinds)
        squares = xp.astype(counted, xp.float32) * np.float32(self.table.importance_step)
        ones = xp.ones_like(squares)
        if not head.normalised:
            return ones * step
        known = squares > 0
        return xp.where(known, step / xp.sqrt(xp.where(known, squares, ones)), 0 * ones)

    def family(self, name: str) -> Any:
        """Return what a family of grams adds to each class, shape (n, n_classes)."""
        xp = self.xp
        kinds = [kind.name for kind in KINDS if kind.family == name]
        sums = sum(self.sums[kind][:, :-1] for kind in kinds)
        return xp.astype(sums, xp.float32) * self.factors[self.block_of[kinds[0]]]

    def share(self, gram: Grams, chosen: Any) -> Any:
        """Return what each gram adds to each row's chosen class, shape (n, m)."""
        xp, name = self.xp, gram.kind.name
        width = self.table.n_classes + 1
        place = self.slots[name] * width + chosen
        weights = xp.astype(rows_of(xp, self.flat, place), xp.float32)
        return weights * self.factors[self.block_of[name]]


def _constant(xp: Any, values: Any) -> Any:
    return xp.asarray(np.ascontiguousarray(values))
