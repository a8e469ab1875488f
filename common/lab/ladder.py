"""The frugality ladder: choose the smallest rung shown not to be worse than the best.

The rule of DESIGN 2.3: a rung qualifies when the upper 95 % bound (one-sided) of its paired
block-bootstrap loss increase over the best rung stays below the margin. A rung that is merely
*not shown to be worse* does not qualify: noise keeps the best.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from common.edge.errors import UsageError
from common.lab.pages.french import percent
from common.lab.statistics import (
    Losses,
    PairedDifference,
    Transform,
    paired_block_bootstrap,
    per_unit_loss,
)

__all__ = ["Choice", "Row", "Step", "choose"]


class Step(Protocol):
    """What the choice needs to know of a rung; `common.lab.usecase.Rung` is one."""

    @property
    def name(self) -> str:
        """Identifier."""

    @property
    def title(self) -> str:
        """French name."""

    @property
    def kind(self) -> str:
        """``no_ai`` for the rungs that learn nothing."""


@dataclass(frozen=True)
class Row:
    """One rung's standing on the tuning period.

    Parameters
    ----------
    rung
        Its name.
    loss
        Mean over units of the (transformed) mean loss.
    increase, increase_high
        Relative loss increase over the best rung, and its upper 95 % bound (one-sided).
    qualifies
        Whether that bound is below the margin.
    shippable
        Whether the rung may be chosen at all.
    difference
        The comparison with the best, with all its figures; None for the best itself.
    """

    rung: str
    loss: float
    increase: float
    increase_high: float
    qualifies: bool
    shippable: bool
    difference: PairedDifference | None = None

    def undetermined(self, margin: float) -> bool:
        """Whether the data neither show the rung within the margin nor beyond it."""
        return (
            self.difference is not None
            and not self.qualifies
            and self.difference.relative_lower < margin
        )


@dataclass(frozen=True)
class Choice:
    """Which rung ships, and why.

    Parameters
    ----------
    best
        The rung with the lowest loss, shippable or not.
    chosen
        The rung that ships.
    rows
        One per rung, in the ladder's order.
    reason
        Why, in French.
    no_ai_needed
        True where a rung without AI was chosen.
    """

    best: str
    chosen: str
    rows: tuple[Row, ...]
    reason: str
    no_ai_needed: bool

    def row(self, rung: str) -> Row:
        """Return the row of ``rung``."""
        for row in self.rows:
            if row.rung == rung:
                return row
        raise UsageError(
            f"the ladder has no rung {rung!r}",
            expected="one of " + ", ".join(row.rung for row in self.rows),
        )


def choose(
    losses: Mapping[str, Losses],
    steps: Sequence[Step],
    margin: float = 0.02,
    *,
    shippable: Collection[str] | None = None,
    transform: Transform | None = None,
    seed: int = 0,
) -> Choice:
    """Choose the first rung that ties with the best.

    Parameters
    ----------
    losses
        Rung name to (unit, block, loss) on the tuning period: the same rows for every rung,
        NaN where the truth is unknown.
    steps
        The rungs by rising cost, those without AI first.
    margin
        Relative loss increase, in (0, 0.5], under which a rung counts as not worse.
    shippable
        Names that may be chosen; all unless told. The others are still compared, and the best
        of all rungs stays the yardstick.
    transform
        See `common.lab.statistics.paired_block_bootstrap`.
    seed
        Of the bootstrap; the same draws for every rung.

    Raises
    ------
    UsageError
        If rungs and losses do not match, nothing may ship or the margin is out of range.
    DataError
        If the rungs were not scored on the same rows.
    """
    names = [step.name for step in steps]
    allowed = set(names) if shippable is None else set(shippable) & set(names)
    _check(losses, names, allowed, margin)
    means = {name: float(per_unit_loss(losses[name], transform)[1].mean()) for name in names}
    best = min(names, key=means.__getitem__)
    differences = {
        name: paired_block_bootstrap(losses[name], losses[best], transform=transform, seed=seed)
        for name in names
        if name != best
    }
    rows = [
        _row(name, means[name], differences.get(name), margin, shippable=name in allowed)
        for name in names
    ]
    candidates = [row for row in rows if row.shippable]
    ties = [row for row in candidates if row.qualifies]
    chosen = ties[0] if ties else min(candidates, key=lambda row: row.loss)
    kinds = {step.name: step.kind for step in steps}
    return Choice(
        best=best,
        chosen=chosen.rung,
        rows=tuple(rows),
        reason=_reason(steps, rows, chosen, margin),
        no_ai_needed=kinds[chosen.rung] == "no_ai",
    )


def _row(
    name: str, loss: float, difference: PairedDifference | None, margin: float, *, shippable: bool
) -> Row:
    """Judge one rung; the best has no difference and always qualifies."""
    if difference is None:
        return Row(name, loss, 0.0, 0.0, qualifies=True, shippable=shippable)
    return Row(
        rung=name,
        loss=loss,
        increase=difference.relative,
        increase_high=difference.relative_upper,
        qualifies=difference.relative_upper < margin,
        shippable=shippable,
        difference=difference,
    )


def _check(
    losses: Mapping[str, Losses], names: list[str], allowed: set[str], margin: float
) -> None:
    if set(losses) != set(names) or len(set(names)) != len(names):
        raise UsageError(
            f"losses of {sorted(losses)} for the rungs {names}",
            expected="the losses of every rung, once",
        )
    if not allowed:
        raise UsageError(f"none of the rungs {names} may ship", expected="one at least")
    if not 0 < margin <= 0.5:
        raise UsageError(f"margin {margin}", expected="in (0, 0.5]")


def _reason(steps: Sequence[Step], rows: list[Row], chosen: Row, margin: float) -> str:
    """Say in French why ``chosen`` ships."""
    step = next(step for step in steps if step.name == chosen.rung)
    best_row = next(row for row in rows if row.difference is None)
    best = next(step for step in steps if step.name == best_row.rung)
    found = (
        f"hausse {percent(chosen.increase)}, "
        f"borne supérieure à 95\u00a0% {percent(chosen.increase_high)}"
    )
    if chosen is best_row:
        text = f"«\u00a0{step.title}\u00a0» est le meilleur barreau{_no_smaller(rows, margin)}"
    elif chosen.qualifies:
        text = (
            f"«\u00a0{step.title}\u00a0» est le plus petit barreau dont il est montré que "
            f"l'erreur ne dépasse pas de plus de {_margin(margin)} celle du meilleur, "
            f"«\u00a0{best.title}\u00a0» ({found})."
        )
    else:
        text = (
            f"«\u00a0{step.title}\u00a0» est le meilleur des barreaux livrables\u202f; "
            f"«\u00a0{best.title}\u00a0» fait mieux mais ne peut pas être livré ({found})."
        )
    if step.kind == "no_ai":
        text += " Conclusion\u00a0: aucune IA n'est nécessaire."
    return text


def _margin(margin: float) -> str:
    """Print the margin without useless decimals."""
    return percent(margin, 0 if (100 * margin).is_integer() else 1)


def _no_smaller(rows: list[Row], margin: float) -> str:
    """End of the sentence when the best ships: what became of the smaller rungs."""
    smaller = [row for row in rows[: _place_of_best(rows)] if row.shippable]
    if not smaller:
        return " et le plus petit."
    doubtful = sum(row.undetermined(margin) for row in smaller)
    text = f"\u202f; aucun plus petit n'est montré équivalent à {_margin(margin)} près"
    if doubtful:
        text += (
            f" (pour {doubtful} d'entre eux les données ne permettent pas de conclure, "
            "ce qui ne vaut pas égalité)"
        )
    return text + "."


def _place_of_best(rows: list[Row]) -> int:
    return next(place for place, row in enumerate(rows) if row.difference is None)
