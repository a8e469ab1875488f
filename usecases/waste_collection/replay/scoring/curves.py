"""Compare policies at equal overflows: curves read by interpolation, paired over scenarios."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from usecases.waste_collection.replay.scoring.outcome import Outcome

__all__ = [
    "DRAWS",
    "RATES",
    "Curve",
    "Gain",
    "Reading",
    "curves_of",
    "gain_at",
    "gain_over_curve",
    "read_at",
]

RATES = (1.0, 2.0, 5.0)
"""Overflow-days per 1,000 container-days at which curves are read (brief 3.3.4)."""
DRAWS = 2000
"""Resamples of the scenarios."""

LEAST_SHARE = 0.3

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Curve:
    """One family of policies, its parameter swept over the same scenarios.

    Parameters
    ----------
    family
        Name.
    parameters
        (p,) ascending.
    scenarios
        Names, the same order as the columns below.
    figures
        Name of the figure to (p, s) values: ``km``, ``rate``, ``truck_hours``,
        ``worst_decile``, ``stops``.
    """

    family: str
    parameters: tuple[float, ...]
    scenarios: tuple[str, ...]
    figures: Mapping[str, Floats]


@dataclass(frozen=True)
class Reading:
    """A figure at a rate of overflows, with its 95 % interval over scenarios.

    NaN where the curve does not come to that rate: nothing is extrapolated.
    """

    rate: float
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Gain:
    """Relative change of a figure against a reference at the same overflows.

    Parameters
    ----------
    figure
        ``km``, ``truck_hours``...
    ratio
        -0.31 for 31 % less.
    low, high
        95 % interval, scenarios resampled in pairs.
    read
        Share of the draws in which the curve came to the target: below 0.95 the interval is
        not to be trusted.
    n_scenarios
        Scenarios that both were driven on.
    """

    figure: str
    ratio: float
    low: float
    high: float
    read: float
    n_scenarios: int


FIGURES = (
    "km",
    "rate",
    "truck_hours",
    "stops",
    "rounds",
    "fill_mean_percent",
    "worst_decile",
    "worst_district",
    "gini_waits",
    "last_level_percent",
    "plan_cpu_s",
)
"""What is read along a curve."""


def curves_of(outcomes: Sequence[Outcome]) -> tuple[Curve, ...]:
    """Lay outcomes out as curves, by family.

    A parameter that was driven on less than 30 % of the scenarios that its family's best
    driven one was is left out, and the others are compared on the scenarios that all have: a
    bench that was stopped half-way does not shrink to its last setting.

    Raises
    ------
    UsageError
        If there is no outcome.
    """
    if not outcomes:
        raise UsageError("no outcome", expected="replays of one policy at least")
    table: dict[str, dict[float, dict[str, Outcome]]] = {}
    for one in outcomes:
        points = table.setdefault(one.family, {})
        points.setdefault(one.parameter, {})[one.scenario] = one
    return tuple(_curve(family, table[family]) for family in sorted(table))


def read_at(curve: Curve, rate: float, figure: str = "km", *, seed: int = 0) -> Reading:
    """Read a figure of a curve at a rate of overflows.

    The means over scenarios of rate and figure are taken for each parameter, and the figure
    is interpolated between the two parameters around the rate.
    """
    whole = np.arange(len(curve.scenarios))
    drawn = [_at(curve, figure, rate, rows) for rows in _resamples(len(whole), seed)]
    return Reading(rate, _at(curve, figure, rate, whole), *_ends(np.array(drawn)))


def gain_at(
    curve: Curve, reference: Curve, point: float, figure: str = "km", *, seed: int = 0
) -> Gain:
    """Compare a curve with one point of the reference at that point's own overflows.

    Parameters
    ----------
    curve, reference
        Curves that share scenarios: the others are left out.
    point
        Parameter of the reference: 3 for the own three-day round.
    figure
        What is compared.
    seed
        Of the resampling; in each draw the target is the reference's rate in that draw.

    Raises
    ------
    UsageError
        If they share no scenario, or the reference lacks the point.
    """
    if point not in reference.parameters:
        raise UsageError(
            f"{curve.family} against {reference.family} at {point:g}",
            expected="a parameter of the reference",
        )
    curve, reference = _paired(curve, reference)
    row = reference.parameters.index(point)

    def ratio(rows: Rows) -> float:
        target = float(reference.figures["rate"][row, rows].mean())
        other = float(reference.figures[figure][row, rows].mean())
        return _at(curve, figure, target, rows) / other - 1 if other else float("nan")

    return _gain(figure, ratio, len(curve.scenarios), seed)


def gain_over_curve(
    curve: Curve, reference: Curve, rate: float, figure: str = "km", *, seed: int = 0
) -> Gain:
    """Compare two curves where both come to ``rate`` overflow-days per 1,000.

    Between two settings of the reference its figure is interpolated, as if its cadences were
    mixed.

    Raises
    ------
    UsageError
        If the curves share no scenario.
    """
    curve, reference = _paired(curve, reference)

    def ratio(rows: Rows) -> float:
        return _at(curve, figure, rate, rows) / _at(reference, figure, rate, rows) - 1

    return _gain(figure, ratio, len(curve.scenarios), seed)


def _gain(figure: str, ratio: Callable[[Rows], float], size: int, seed: int) -> Gain:
    drawn = np.array([ratio(rows) for rows in _resamples(size, seed)])
    low, high = _ends(drawn)
    return Gain(figure, ratio(np.arange(size)), low, high, float(np.isfinite(drawn).mean()), size)


def _paired(curve: Curve, reference: Curve) -> tuple[Curve, Curve]:
    """Return both curves on the scenarios that they share."""
    shared = [one for one in curve.scenarios if one in reference.scenarios]
    if not shared:
        raise UsageError(
            f"{curve.family} against {reference.family}", expected="scenarios in common"
        )
    return _on(curve, shared), _on(reference, shared)


def _curve(family: str, points: Mapping[float, Mapping[str, Outcome]]) -> Curve:
    most = max(len(found) for found in points.values())
    enough = LEAST_SHARE * most
    parameters = tuple(sorted(p for p, found in points.items() if len(found) >= enough))
    scenarios = tuple(sorted(set.intersection(*(set(points[p]) for p in parameters))))
    figures = {
        figure: np.array(
            [[float(getattr(points[p][one], figure)) for one in scenarios] for p in parameters]
        )
        for figure in FIGURES
    }
    return Curve(family, parameters, scenarios, figures)


def _on(curve: Curve, scenarios: Sequence[str]) -> Curve:
    """Return a curve on some of its scenarios."""
    columns = [curve.scenarios.index(one) for one in scenarios]
    figures = {name: values[:, columns] for name, values in curve.figures.items()}
    return Curve(curve.family, curve.parameters, tuple(scenarios), figures)


def _at(curve: Curve, figure: str, rate: float, rows: Rows) -> float:
    """Return the mean of a figure over some scenarios where their mean rate is ``rate``."""
    rates = curve.figures["rate"][:, rows].mean(axis=1)
    values = curve.figures[figure][:, rows].mean(axis=1)
    order = np.lexsort((values, rates))
    return float(np.interp(rate, rates[order], values[order], left=np.nan, right=np.nan))


def _resamples(size: int, seed: int) -> Rows:
    return np.random.default_rng(seed).integers(size, size=(DRAWS, size)).astype(np.intp)


def _ends(drawn: Floats) -> tuple[float, float]:
    known = drawn[np.isfinite(drawn)]
    if len(known) < 0.5 * len(drawn):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [0.025, 0.975])
    return float(low), float(high)
