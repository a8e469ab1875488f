"""The bench tests itself: error rates, intervals and power on contests of known truth.

``python -m benchmarks.selftest.simulation`` draws contests whose truth is known, judges them with
the very functions of a comparison and prints a table in Markdown. Hourly loss differences are AR(1)
with phi 0.8 or 0.95, as forecast errors are; the day means of such hours are drawn exactly
(`day_means`), so that a thousand contests of a year take seconds. On top of the hours come
differences between units, weeks common to all units, heavy tails. A naive t test over hours
stands beside, for what it would have said.
"""

import argparse
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.comparing.power import Design, Scatter, detectable
from common.edge.errors import UsageError
from common.lab.cells import Cells
from common.lab.statistics import PairedDifference, equivalence, paired_difference
from common.lab.usecase import Array

if TYPE_CHECKING:
    from numpy.random import Generator

__all__ = ["CASES", "Case", "Rates", "day_means", "main", "rates", "table"]

MARGIN = 0.02
"""Of the forecast task: what equivalence is judged against."""
LEVEL = 10.0
"""Mean loss of the second model; only ratios to it matter."""
DRAWS = 400
"""Bootstrap draws of each simulated contest; a real one takes 2,000."""
HOURS = 24


@dataclass(frozen=True)
class Case:
    """A contest that could be.

    Parameters
    ----------
    title
        In the table.
    n_units
        Meters.
    days
        Place of each target day in the year.
    phi
        Hour-to-hour correlation of the loss difference.
    unit_sd, week_sd
        Differences between units, and of weeks common to all units, in standard deviations of
        an hour's difference.
    tails
        Degrees of freedom of a Student factor common to a meter's day; None for Gaussian.
    """

    title: str
    n_units: int
    days: tuple[int, ...]
    phi: float
    unit_sd: float = 0.0
    week_sd: float = 0.0
    tails: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.phi < 1:
            raise UsageError(f"phi {self.phi}", expected="in [0, 1)")

    @property
    def design(self) -> Design:
        """Units and weeks."""
        return Design(self.n_units, len(set(self.weeks)))

    @property
    def weeks(self) -> list[int]:
        """Week of each target day."""
        return [day // 7 for day in self.days]

    def draw(self, rng: "Generator", n_trials: int) -> Array:
        """Return day means of the difference, shape (n_trials, n_units, n_days)."""
        gaps = day_means(rng, self.phi, (n_trials, self.n_units), self.days)
        if self.tails is not None:
            chi = rng.chisquare(self.tails, gaps.shape) / (self.tails - 2)
            gaps /= np.sqrt(chi)
        gaps += self.unit_sd * rng.standard_normal((n_trials, self.n_units, 1))
        weeks, column = np.unique(self.weeks, return_inverse=True)
        shared = self.week_sd * rng.standard_normal((n_trials, 1, len(weeks)))
        gaps += shared[:, :, column]
        return gaps


@dataclass(frozen=True)
class Rates:
    """What a case gave, as shares of trials.

    Parameters
    ----------
    false_positive
        ``better`` or ``worse`` of two equal models.
    naive
        A t test over hours that calls them different.
    coverage
        The 95 % interval holds the true difference.
    false_equivalence
        ``equivalent`` of a model that is worse by exactly the margin.
    equivalent
        ``equivalent`` of two equal models, on the same noise.
    power
        A difference of the announced size is found; the announcement is drawn from an
        independent contest of the same design.
    """

    case: Case
    n_trials: int
    false_positive: float
    naive: float
    coverage: float
    false_equivalence: float
    equivalent: float
    power: float


EIGHTH_DAYS = tuple(range(0, 360, 8))
"""The contest: every eighth day of a year, 45 target days."""
FULL_YEAR = tuple(range(364))


def _cases() -> Iterator[Case]:
    for phi in (0.8, 0.95):
        for days, words in ((EIGHTH_DAYS, "un jour sur huit"), (FULL_YEAR, "tous les jours")):
            for n_units in (10, 46):
                plain = Case(words, n_units, days, phi)
                yield plain
                yield replace(plain, title=f"{words}, unités inégales", unit_sd=0.3)
                yield replace(plain, title=f"{words}, semaines communes", week_sd=0.3)
                yield replace(plain, title=f"{words}, queues lourdes", unit_sd=0.1, tails=3)


CASES = tuple(_cases())


def day_means(rng: "Generator", phi: float, shape: tuple[int, ...], days: Sequence[int]) -> Array:
    """Draw means over the 24 hours of some days of AR(1) processes of variance 1.

    The mean of a day and its last hour, given the last hour of the day before, are jointly
    Gaussian: with weights w_k = phi^k, the last hour is phi^24 x + e and the mean is a x + m.
    Between two days asked the process runs on without being looked at.

    Parameters
    ----------
    rng
        Source of randomness.
    phi
        Correlation of neighbouring hours.
    shape
        Of independent processes.
    days
        Increasing places of the days asked.

    Returns
    -------
    Array
        Shape (*shape, n_days).
    """
    k = np.arange(HOURS)
    innovation_sd = math.sqrt(1 - phi**2)
    to_last = phi ** (HOURS - 1 - k) * innovation_sd
    to_mean = np.array([(phi ** np.arange(HOURS - i)).sum() for i in k]) / HOURS * innovation_sd
    carry_mean = float((phi ** (k + 1)).mean())
    lower = np.linalg.cholesky(
        [[to_last @ to_last, to_last @ to_mean], [to_last @ to_mean, to_mean @ to_mean]]
        + 1e-15 * np.eye(2)
    )
    last, before = rng.standard_normal(shape), days[0] - 1
    means = np.empty((*shape, len(days)))
    for place, day in enumerate(days):
        kept = phi ** (HOURS * (day - before - 1))
        last = kept * last + math.sqrt(1 - kept**2) * rng.standard_normal(shape)
        one, two = rng.standard_normal((2, *shape))
        means[..., place] = carry_mean * last + lower[1, 0] * one + lower[1, 1] * two
        last = phi**HOURS * last + lower[0, 0] * one
        before = day
    return means


def rates(case: Case, n_trials: int, seed: int = 0) -> Rates:
    """Judge ``n_trials`` contests of a case.

    The noise is scaled so that a standard error is 0.4 margins: small enough for equivalence
    to be possible, large enough for it to be doubtful. Error rates do not depend on it.
    """
    rng = np.random.default_rng(seed)
    gaps, pilots = case.draw(rng, n_trials), case.draw(rng, n_trials)
    hour_sd = math.sqrt(1 + case.unit_sd**2 + case.week_sd**2)
    naive_error = hour_sd / math.sqrt(gaps[0].size * HOURS)
    naive = float(np.mean(np.abs(gaps.mean(axis=(1, 2))) > 1.96 * naive_error))
    spread = gaps.mean(axis=(1, 2)).std()
    scale = 0.4 * MARGIN * LEVEL / spread
    equal, on_margin, powered = [], [], []
    for trial in range(n_trials):
        noise, pilot = scale * gaps[trial], scale * pilots[trial]
        announced = detectable(Scatter.of(_cells(case, pilot, 0.0)), case.design)
        equal.append(_judge(case, noise, 0.0, trial))
        on_margin.append(_judge(case, noise, MARGIN, trial))
        powered.append(_judge(case, noise, announced, trial))
    return Rates(
        case=case,
        n_trials=n_trials,
        false_positive=_share(_differs(found) for found in equal),
        naive=naive,
        coverage=_share(gap.relative_low <= MARGIN <= gap.relative_high for gap in on_margin),
        false_equivalence=_share(equivalence(gap, MARGIN) == "equivalent" for gap in on_margin),
        equivalent=_share(equivalence(gap, MARGIN) == "equivalent" for gap in equal),
        power=_share(_differs(found) for found in powered),
    )


def table(found: Iterable[Rates]) -> Iterator[str]:
    """Yield the lines of a Markdown table in French, each as soon as it is known."""
    yield (
        "| contest | phi | unités × jours | faux positifs | test t naïf | couverture 95 % "
        "| fausse équivalence | équivalence reconnue | puissance (80 % annoncés) |"
    )
    yield "|---|---|---|---|---|---|---|---|---|"
    yield from map(_line, found)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.selftest.simulation", description=__doc__
    )
    parser.add_argument("--trials", type=int, default=1000, help="contests of each case")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    begin = time.process_time()
    found = (rates(case, chosen.trials, chosen.seed + i) for i, case in enumerate(CASES))
    for line in table(found):
        print(line, flush=True)  # noqa: T201  # its job
    seconds = time.process_time() - begin
    print(f"\n{chosen.trials} contests a case, {seconds:.0f} CPU-s.")  # noqa: T201  # its job


def _line(found: Rates) -> str:
    case = found.case
    figures = (
        found.false_positive,
        found.naive,
        found.coverage,
        found.false_equivalence,
        found.equivalent,
        found.power,
    )
    cells = " | ".join(f"{100 * share:.1f}\u00a0%".replace(".", ",") for share in figures)
    phi = f"{case.phi}".replace(".", ",")
    return f"| {case.title} | {phi} | {case.n_units} × {len(case.days)} | {cells} |"


def _cells(case: Case, gaps: Array, relative: float) -> Cells:
    """Lay out two models that differ by ``relative`` on average, each day one row."""
    weeks, column = np.unique(case.weeks, return_inverse=True)
    rows = np.bincount(column)
    sums = gaps @ (column[:, np.newaxis] == np.arange(len(weeks)))
    counts = np.broadcast_to(rows, sums.shape).astype(np.float64)
    return Cells(
        LEVEL * (1 + relative) * counts + sums / 2, LEVEL * counts - sums / 2, counts, _same
    )


def _judge(case: Case, gaps: Array, relative: float, seed: int) -> PairedDifference:
    return paired_difference(_cells(case, gaps, relative), draws=DRAWS, seed=seed)


def _differs(found: PairedDifference) -> bool:
    """Whether a comparison calls two models different, equivalence apart."""
    return found.p_value < 0.05 and not found.relative_low <= 0 <= found.relative_high


def _same(values: Array) -> Array:
    return values


def _share(outcomes: Iterable[bool]) -> float:
    return float(np.mean(list(outcomes)))


if __name__ == "__main__":
    main()
