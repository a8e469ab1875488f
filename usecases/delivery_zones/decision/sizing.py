"""How many bays a zone needs: replayed stays for fewer bays, a loss formula for more.

With fewer bays than today the answer needs no model: the stays really seen are replayed on the
bays that would be left. With as many or more, refused drivers left no trace, so that arrivals are
first corrected for the time when all bays were taken, then fed to Erlang B at the modified offered
load (`usecases.delivery_zones.demand.queueing`). Every figure carries a 90 % interval made of
resampled days and of the drift of demand from one month to the next, which no queueing theory
foresees (``briefs/delivery_zones.md`` 4 c: "demand drift, not queueing, breaks sizing").

What was measured (Dundee): the replay's blocking on fewer bays, told from
the past, errs by 0.025 (bias -0.009) on the brief's test month, the formula by 0.037 (+0.017). The
plain replay was preferred with that month seen: on three earlier months it errs by 0.036 to 0.047
(+0.025 to +0.038), and the variant that those months prefer (recency, common drift) by 0.036
(-0.032) on the test month. A month of real days alone scatters by 0.017. For
a bay *more*, tried where the truth is known (zones cut to k bays, k + 1 foretold from the accepted
stays alone), the formula errs by 0.056 (+0.020): trust it for the order of magnitude.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from common.edge.errors import DataError, UsageError
from common.lab.usecase import Array
from usecases.delivery_zones.demand.queueing import (
    bays_for_blocking,
    erlang_b,
    modified_offered_load,
    stay_profile,
)
from usecases.delivery_zones.demand.zone_demand import (
    DRIFT_SPREAD,
    HOURS,
    MAX_SHARE_FULL,
    Window,
    ZoneDemand,
    demand_of,
    drift_of,
    drift_spread,
    limited,
    replay,
)

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Blocking",
    "Scenario",
    "Uncertainty",
    "bays_by_hour",
    "blocking",
    "replay_check",
    "scenarios",
]

SERVICE_LEVEL = 0.05
"""Accepted share of refused arrivals (brief 3.2 c)."""

DRIFT_GRID = np.linspace(-1.0, 1.0, 9)


@dataclass(frozen=True)
class Uncertainty:
    """How intervals are drawn.

    Parameters
    ----------
    drift_spread
        Standard deviation of the log of demand between the window and what comes, in [0, 2].
    horizon_days
        Days that the figure is about: a month of real days varies more than an average.
    block_days
        Days drawn together, because long stays tie a day to the next.
    draws, seed, level
        Of the bootstrap; ``level`` in (0, 1).
    """

    drift_spread: float = DRIFT_SPREAD
    horizon_days: int = 24
    block_days: int = 2
    draws: int = 500
    seed: int = 0
    level: float = 0.9

    def __post_init__(self) -> None:
        if not (0 <= self.drift_spread <= 2 and 0 < self.level < 1):
            raise UsageError(
                f"drift spread {self.drift_spread}, level {self.level}",
                expected="a spread in [0, 2] and a level in (0, 1)",
                remedy="0.17 and 0.9 are the measured and the usual ones",
            )


@dataclass(frozen=True)
class Scenario:
    """A question: so many bays, perhaps a limit that stays keep, in these hours.

    Parameters
    ----------
    bays
        At least 1.
    limit_minutes
        A limit at which longer stays would end; none unless told.
    first_hour, end_hour
        Local hours of the arrivals that count, 0 <= first < end <= 24.
    """

    bays: int
    limit_minutes: float | None = None
    first_hour: int = 0
    end_hour: int = HOURS

    def __post_init__(self) -> None:
        if self.bays < 1 or not 0 <= self.first_hour < self.end_hour <= HOURS:
            raise UsageError(
                f"{self.bays} bays from {self.first_hour} to {self.end_hour} h",
                expected="at least 1 bay, and hours 0 <= first < end <= 24",
                remedy="ask about one bay or more, within a day",
            )
        if self.limit_minutes is not None and not self.limit_minutes > 0:
            raise UsageError(
                f"limit of {self.limit_minutes} minutes",
                expected="a limit above 0 minutes, or none",
                remedy="30 minutes is the usual limit of delivery bays",
            )

    @property
    def hours(self) -> slice:
        """The hours that count, as a slice of a day."""
        return slice(self.first_hour, self.end_hour)


@dataclass(frozen=True)
class Blocking:
    """A share of arrivals refused, with its interval and how it was found."""

    bays: int
    share: float
    low: float
    high: float
    method: Literal["replay", "formula"]


def blocking(
    demand: ZoneDemand, scenario: Scenario, uncertainty: Uncertainty | None = None
) -> Blocking:
    """Return the share of arrivals that would find no bay, with its interval.

    Fewer bays than today: the real stays are replayed. As many or more: Erlang B at the modified
    offered load of the corrected arrivals.

    Parameters
    ----------
    demand
        From `demand_of`.
    scenario
        Bays, limit and hours of the question.
    uncertainty
        How the interval is drawn; the measured drift unless told.

    Raises
    ------
    DataError
        Nobody came in the hours of the scenario.
    """
    drawn = uncertainty or Uncertainty()
    rng = np.random.default_rng([drawn.seed, scenario.bays])
    days = _days(demand, drawn, rng)
    drift = rng.normal(0.0, drawn.drift_spread, drawn.draws)
    curve = _curve(demand, scenario)
    middle = float(np.interp(0.0, DRIFT_GRID, curve))
    arrivals = demand.counts[:, scenario.hours].sum(axis=1)
    if scenario.bays < demand.bays:
        lost = _lost_by_day(demand, scenario)
        share = float(lost.sum() / arrivals.sum())
        varied = lost[days].sum(axis=1) / np.maximum(arrivals[days].sum(axis=1), 1)
        outcomes = varied + np.interp(drift, DRIFT_GRID, curve) - middle
    else:
        share = middle
        factor = np.maximum(arrivals[days].mean(axis=1), 1e-9) / arrivals.mean()
        outcomes = np.interp(np.log(factor) + drift, DRIFT_GRID, curve)
    edges = [(1 - drawn.level) / 2, (1 + drawn.level) / 2]
    low, high = np.quantile(np.clip(outcomes, 0, 1), edges)
    method: Literal["replay", "formula"] = "replay" if scenario.bays < demand.bays else "formula"
    return Blocking(scenario.bays, share, min(float(low), share), max(float(high), share), method)


def _lost_by_day(demand: ZoneDemand, scenario: Scenario) -> Array:
    stays = limited(demand.stay_minutes, scenario.limit_minutes)
    lost = replay(demand.start_minutes, stays, scenario.bays)
    lost &= (demand.hour >= scenario.first_hour) & (demand.hour < scenario.end_hour)
    return np.bincount(demand.day, lost, minlength=demand.n_days)


def _days(demand: ZoneDemand, drawn: Uncertainty, rng: np.random.Generator) -> Array:
    """Return resampled day numbers, shape (draws, about horizon_days)."""
    n_blocks = max(drawn.horizon_days // drawn.block_days, 1)
    starts = rng.integers(0, demand.n_days, size=(drawn.draws, n_blocks))
    days = (starts[:, :, None] + np.arange(drawn.block_days)) % demand.n_days
    flat: Array = days.reshape(drawn.draws, -1)
    return flat


def _curve(demand: ZoneDemand, scenario: Scenario) -> Array:
    """Return the formula's blocking for demand times exp(`DRIFT_GRID`)."""
    arrivals = demand.arrivals_by_hour[scenario.hours]
    if not arrivals.sum():
        raise DataError(
            f"zone {demand.zone}: no arrival from {scenario.first_hour} to {scenario.end_hour} h",
            expected="at least one arrival in the hours asked about",
            remedy="ask about hours in which the zone is used",
        )
    load = demand.load_by_hour(scenario.limit_minutes)[scenario.hours]
    blocked = erlang_b(scenario.bays, np.exp(DRIFT_GRID)[:, None] * load)
    curve: Array = blocked @ arrivals / arrivals.sum()
    return curve


def bays_by_hour(
    demand: ZoneDemand, level: float = SERVICE_LEVEL, uncertainty: Uncertainty | None = None
) -> "pd.DataFrame":
    """Return the bays that keep blocking at most ``level``, hour by hour.

    Returns
    -------
    pandas.DataFrame
        One row per local hour: ``hour``, ``arrivals`` (a day, corrected), ``load`` (erlang),
        ``bays``, ``bays_low``, ``bays_high`` (90 % unless told) and ``demand_hidden``.
    """
    import pandas as pd

    drawn = uncertainty or Uncertainty()
    rng = np.random.default_rng(drawn.seed)
    counts = demand.counts[_days(demand, drawn, rng)].mean(axis=1)
    seen = counts / (1 - np.minimum(demand.share_full, MAX_SHARE_FULL))
    profile = stay_profile(demand.stay_minutes, 60.0)
    loads = np.array([modified_offered_load(day, profile) for day in seen])
    loads *= np.exp(rng.normal(0.0, drawn.drift_spread, (drawn.draws, 1)))
    edges = np.quantile(loads, [(1 - drawn.level) / 2, (1 + drawn.level) / 2], axis=0)
    middle = demand.load_by_hour()
    return pd.DataFrame(
        {
            "hour": np.arange(HOURS),
            "arrivals": demand.arrivals_by_hour,
            "load": middle,
            "bays": [bays_for_blocking(float(a), level) for a in middle],
            "bays_low": [bays_for_blocking(float(a), level) for a in np.minimum(edges[0], middle)],
            "bays_high": [bays_for_blocking(float(a), level) for a in np.maximum(edges[1], middle)],
            "demand_hidden": np.isin(np.arange(HOURS), demand.hidden_hours),
        }
    )


def scenarios(
    demand: ZoneDemand, asked: Sequence[Scenario], uncertainty: Uncertainty | None = None
) -> "pd.DataFrame":
    """Return a table of what-if questions, today's bays first.

    Returns
    -------
    pandas.DataFrame
        One row per scenario: ``bays``, ``limit_minutes``, ``first_hour``, ``end_hour``,
        ``blocking``, ``blocking_low``, ``blocking_high``, ``lost_per_week`` with its ``_low`` and
        ``_high``, ``method`` and ``drift_flag``.
    """
    import pandas as pd

    flagged = drift_of(demand).flagged
    rows = []
    for scenario in (Scenario(demand.bays), *asked):
        found = blocking(demand, scenario, uncertainty)
        per_week = demand.arrivals_by_hour[scenario.hours].sum() * demand.days_per_week
        rows.append(
            {
                "bays": scenario.bays,
                "limit_minutes": scenario.limit_minutes,
                "first_hour": scenario.first_hour,
                "end_hour": scenario.end_hour,
                "blocking": found.share,
                "blocking_low": found.low,
                "blocking_high": found.high,
                "lost_per_week": found.share * per_week,
                "lost_per_week_low": found.low * per_week,
                "lost_per_week_high": found.high * per_week,
                "method": found.method,
                "drift_flag": flagged,
            }
        )
    return pd.DataFrame(rows)


def replay_check(
    sessions: "pd.DataFrame",
    bays: Mapping[str, int],
    train: Window,
    test: Window,
    uncertainty: Uncertainty | None = None,
) -> "pd.DataFrame":
    """Compare blocking said from the past with real later stays replayed on fewer bays.

    Parameters
    ----------
    sessions
        CDS sessions of all zones.
    bays
        Bays by zone; give zones that are almost never full, or the truth itself is censored.
    train, test
        The past that speaks and the days that judge; the drift's spread is taken from ``train``
        unless ``uncertainty`` is given.

    Returns
    -------
    pandas.DataFrame
        One row per zone and number of bays below today's: ``zone``, ``bays``, ``arrivals``,
        ``observed``, ``predicted``, ``low``, ``high``, ``formula`` (Erlang B at the modified
        offered load), ``share_full`` (of the test days from 7 to 20 h), ``covered``.
    """
    import pandas as pd

    known = {zone: demand_of(sessions, zone, count, train) for zone, count in bays.items()}
    drawn = uncertainty or Uncertainty(drift_spread=drift_spread(known.values()))
    rows = []
    for zone, past in known.items():
        later = demand_of(sessions, zone, past.bays, test)
        for count in range(1, past.bays):
            said = blocking(past, Scenario(count), drawn)
            observed = float(replay(later.start_minutes, later.stay_minutes, count).mean())
            formula = np.interp(0.0, DRIFT_GRID, _curve(past, Scenario(count)))
            rows.append(
                {
                    "zone": zone,
                    "bays": count,
                    "arrivals": len(later.start_minutes),
                    "observed": observed,
                    "predicted": said.share,
                    "low": said.low,
                    "high": said.high,
                    "formula": float(formula),
                    "share_full": float(later.share_full[7:20].mean()),
                    "covered": said.low <= observed <= said.high,
                }
            )
    return pd.DataFrame(rows)
