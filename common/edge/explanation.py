"""Turn contributions into reasons: French labels, summed by group, the strongest first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.manifest import FieldSpec, Manifest

__all__ = [
    "APART",
    "Explanation",
    "Reason",
    "Reasons",
    "bounded",
    "explain_rows",
    "headline",
]

Array = npt.NDArray[Any]

APART = (
    "lower",
    "upper",
    "baseline",
    "contributions",
    "log_odds",
    "score",
    "latent_percent",
)
"""Outputs that no person would call the prediction: bounds, reasons, and the scale on which the
reasons add up where that is not the one of the answer."""


@dataclass(frozen=True)
class Reason:
    """What a term, or a group of terms, adds to a prediction.

    Parameters
    ----------
    name
        Identifier of the term; the group's French name for a group.
    label
        French words for a city officer.
    values
        The contribution to each predicted step, shape of one row of the prediction.
    terms
        The terms of a group, the strongest first; empty for a term.
    """

    name: str
    label: str
    values: Array
    terms: tuple["Reason", ...] = ()

    @property
    def total(self) -> float:
        """Sum over the steps: what it adds to the row's total."""
        return float(self.values.sum())

    @property
    def strength(self) -> float:
        """Sum of absolute values over the steps: what it is sorted by.

        A term that adds 3 in the morning and takes 3 off in the evening matters, though
        its total is 0.
        """
        return float(np.abs(self.values).sum())


@dataclass(frozen=True)
class Explanation:
    """Why one row's prediction is what it is.

    On the scale of the heads, baseline plus the groups' values is the prediction.

    Parameters
    ----------
    baseline
        What is predicted before any reason, shape of one row of the prediction.
    groups
        Reasons by group, the strongest first.
    additive
        False where the values are path contributions of trees.
    """

    baseline: Array
    groups: tuple[Reason, ...]
    additive: bool


def explain_rows(manifest: Manifest, outputs: Mapping[str, Array]) -> tuple[Explanation, ...]:
    """Return an explanation for each row.

    Parameters
    ----------
    manifest
        Gives the terms of the last axis of ``contributions``.
    outputs
        ``contributions`` of shape (n, ..., n_terms) and ``baseline``, of shape (n, ...) or
        fewer axes: it is broadcast to the steps.
    """
    contributions = np.asarray(outputs["contributions"], dtype=np.float64)
    baseline = np.asarray(outputs["baseline"], dtype=np.float64)
    steps = contributions.shape[:-1]
    baseline = np.broadcast_to(baseline.reshape(_aligned(baseline.shape, steps)), steps)
    return tuple(
        Explanation(baseline[row], _groups(manifest, contributions[row]), manifest.additive)
        for row in range(len(contributions))
    )


def _aligned(shape: tuple[int, ...], steps: tuple[int, ...]) -> tuple[int, ...]:
    """Bring (n,) or (n, 1) in front of the steps' missing axes."""
    return shape + (1,) * (len(steps) - len(shape))


def _groups(manifest: Manifest, contributions: Array) -> tuple[Reason, ...]:
    members: dict[str, list[Reason]] = {}
    for index, term in enumerate(manifest.terms):
        reason = Reason(term.name, term.label, contributions[..., index])
        members.setdefault(term.group, []).append(reason)
    return _sorted(
        [
            Reason(
                group,
                group,
                np.sum([reason.values for reason in reasons], axis=0),
                _sorted(reasons),
            )
            for group, reasons in members.items()
        ]
    )


def _sorted(reasons: list[Reason]) -> tuple[Reason, ...]:
    return tuple(sorted(reasons, key=lambda reason: (-reason.strength, reason.name)))


class Reasons:
    """The totals of the groups of many rows at once, in the order of `explain_rows`.

    Parameters
    ----------
    manifest
        Whose terms have groups.
    """

    def __init__(self, manifest: Manifest) -> None:
        terms = manifest.terms
        self.groups = tuple(sorted({term.group for term in terms}))
        self._members = np.zeros((len(terms), len(self.groups)))
        for index, term in enumerate(terms):
            self._members[index, self.groups.index(term.group)] = 1

    def strongest(self, contributions: Array, count: int) -> list[list[tuple[str, float]]]:
        """Return for each row its strongest groups with their totals over the steps.

        Sorted by the sum of absolute values over the steps, then by name.
        """
        rows, terms = len(contributions), contributions.shape[-1]
        sums = contributions.reshape(rows, -1, terms).astype(np.float64) @ self._members
        if sums.shape[1] == 1:  # the sum of one step is that step
            totals, strengths = sums[:, 0], np.abs(sums[:, 0])
        else:
            totals, strengths = sums.sum(axis=1), np.abs(sums).sum(axis=1)
        order = np.argsort(-strengths, axis=1, kind="stable")[:, :count]
        return [
            [(self.groups[index], row[index]) for index in indices]
            for row, indices in zip(totals.tolist(), order.tolist(), strict=True)
        ]


def headline(outputs: Sequence[FieldSpec]) -> FieldSpec:
    """Return the output that a person would call the prediction: the first that is not apart.

    >>> names = ("log_odds", "p_free", "occupied", "lower", "upper")
    >>> headline([FieldSpec(name, "float32", ("n",), "1", "") for name in names]).name
    'p_free'
    """
    return next((field for field in outputs if field.name not in APART), outputs[0])


def bounded(outputs: Sequence[str]) -> str:
    """Return the output whose bounds stand right behind it; empty where there are none.

    >>> bounded(["p_free", "occupied", "lower", "upper"]), bounded(["p_free"])
    ('occupied', '')
    """
    if "lower" not in outputs or "upper" not in outputs:
        return ""
    return outputs[max(0, outputs.index("lower") - 1)]
