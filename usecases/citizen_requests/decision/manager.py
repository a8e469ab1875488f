"""What a head of service wants to know: volumes, abstention, promises kept, equity, drift.

Everything that says how right the router is comes from the latest quarter of the closed requests,
which it neither learnt from nor set its thresholds on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pandas as pd

from common.lab.choice_metrics import equal_mass_bins
from common.lab.pages.reliability import Bin, wilson
from common.lab.usecase import Array
from usecases.citizen_requests.decision.inbox import SPOKEN_CHANNELS, Inbox
from usecases.citizen_requests.decision.router import Closed, Opinion, Router, words_of
from usecases.citizen_requests.routing.answers import ROUTE
from usecases.citizen_requests.text.writing_level import terciles

__all__ = [
    "WRITING",
    "Alert",
    "Group",
    "Management",
    "Share",
    "Transfers",
    "chance_index",
    "manage",
    "stability_index",
]

N_WEEKS: Final = 8
WRITING: Final = "écriture"
"""Family of the groups by how requests are written."""
KEPT_SHARE: Final = 0.5
"""Equity is read at equal abstention: each group's surer half."""
WATCH, ALARM = "à surveiller", "alerte"
INDEX_BOUNDS: Final = (0.1, 0.25)
"""Population stability index: bounds in common use (Siddiqi, *Credit Risk Scorecards*, 2006)."""
WORD_BOUNDS: Final = (1.5, 2.0)
"""How many times the share of new words of the requests held out; chosen for Aune, to be
set again after three months of use."""
ABSTENTION_BOUNDS: Final = (0.10, 0.20)
"""Rise of the share left to a person, low end of its interval; chosen for Aune, as above."""
FEWEST: Final = 30
"""Waiting requests under which nothing is said of drift."""


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Wilson 1927); NaN of nothing."""

    hits: int
    count: int

    @property
    def value(self) -> float:
        """The share."""
        return self.hits / self.count if self.count else float("nan")

    @property
    def interval(self) -> tuple[float, float]:
        """Bounds of the share."""
        return wilson(self.value, self.count) if self.count else (float("nan"),) * 2


@dataclass(frozen=True)
class Group:
    """How a group of requests fares: proposed outright; right, all and in its surer half."""

    family: str
    name: str
    proposed: Share
    right: Share
    right_surer: Share


@dataclass(frozen=True)
class Transfers:
    """First service against last: passed on; of them sent right at once; right ones misled."""

    passed_on: Share
    avoided: Share
    misled: Share


@dataclass(frozen=True)
class Alert:
    """A sign of drift: French name, reference, now, and ``""``, « à surveiller » or « alerte »."""

    name: str
    reference: float
    now: float
    level: str
    unit: Literal["share", "index"] = "share"


@dataclass(frozen=True)
class Management:
    """All of it.

    Parameters
    ----------
    weeks, volumes
        First days of the last weeks of closed requests; title of each service and its
        number of requests a week.
    waiting
        Waiting requests by likeliest service, same order as ``volumes``.
    left_held, left_waiting
        Share not proposed outright, among held and waiting requests.
    precision
        Right among those proposed outright, held requests.
    bins
        Chance announced against what happened, held requests.
    transfers
        None where the requests are invented or their first service is unknown.
    groups
        By writing level, then by channel.
    alerts
        Drift; empty where too few requests wait.
    simulated
        Whether the closed requests were invented: then nothing here is a score.
    """

    weeks: tuple[pd.Timestamp, ...]
    volumes: tuple[tuple[str, tuple[int, ...]], ...]
    waiting: tuple[int, ...]
    left_held: Share
    left_waiting: Share
    precision: Share
    bins: tuple[Bin, ...]
    transfers: Transfers | None
    groups: tuple[Group, ...]
    alerts: tuple[Alert, ...]
    simulated: bool


def manage(
    router: Router, closed: Closed, held: pd.DataFrame, inbox: Inbox, opinion: Opinion
) -> Management:
    """Return what the manager's page says.

    Parameters
    ----------
    router, closed
        What reads, and what it learnt from.
    held
        Closed requests that it never read (`router.learn`).
    inbox, opinion
        What waits and what the router says of it.
    """
    read = router.read(held["text"].tolist())
    best = np.array(router.services)[read.p.argmax(axis=1)]
    hit = best == held["service"].to_numpy()
    acted = read.decision == ROUTE
    weeks, volumes = _volumes(closed, router)
    proposed = np.bincount(opinion.p.argmax(axis=1), minlength=len(router.services))
    left = Share(int((opinion.decision != ROUTE).sum()), len(opinion.decision))
    left_held = Share(int((~acted).sum()), len(held))
    return Management(
        weeks=weeks,
        volumes=volumes,
        waiting=tuple(proposed.tolist()),
        left_held=left_held,
        left_waiting=left,
        precision=Share(int(hit[acted].sum()), int(acted.sum())),
        bins=_bins(read.p.max(axis=1), hit),
        transfers=None if closed.simulated else _transfers(held, best, acted),
        groups=_groups(held, read.p.max(axis=1), hit, acted),
        alerts=_alerts(router, held["text"].tolist(), inbox, (left_held, left), proposed),
        simulated=closed.simulated,
    )


def _volumes(
    closed: Closed, router: Router
) -> tuple[tuple[pd.Timestamp, ...], tuple[tuple[str, tuple[int, ...]], ...]]:
    days = closed.rows["received"].dt.tz_localize(None)
    week = days.dt.normalize() - pd.to_timedelta(days.dt.day_of_week, unit="D")
    last = week.max()
    weeks = tuple(last - pd.Timedelta(weeks=back) for back in reversed(range(N_WEEKS)))
    table = pd.crosstab(closed.rows["service"], week)
    table = table.reindex(index=list(router.services), columns=list(weeks), fill_value=0)
    rows = zip(router.services, table.to_numpy().tolist(), strict=True)
    return weeks, tuple((router.titles[code], tuple(counts)) for code, counts in rows)


def _bins(confidence: Array, hit: Array) -> tuple[Bin, ...]:
    bins = equal_mass_bins(confidence, np.ones(len(confidence)))
    return tuple(
        (float(confidence[rows].mean()), float(hit[rows].mean()), int(rows.sum()))
        for rows in (bins == each for each in np.unique(bins))
    )


def _transfers(held: pd.DataFrame, best: Array, acted: Array) -> Transfers | None:
    first = held["first_service"].fillna("").to_numpy()
    last = held["service"].to_numpy()
    known = first != ""
    if not known.any():
        return None
    moved = known & (first != last)
    stayed = known & (first == last)
    return Transfers(
        Share(int(moved.sum()), int(known.sum())),
        Share(int((moved & acted & (best == last)).sum()), int(moved.sum())),
        Share(int((stayed & acted & (best != last)).sum()), int(stayed.sum())),
    )


def _groups(held: pd.DataFrame, confidence: Array, hit: Array, acted: Array) -> tuple[Group, ...]:
    channel = held["channel"].map(lambda code: SPOKEN_CHANNELS.get(code, code or "non dit"))
    families = {
        WRITING: terciles(held["text"].tolist()),
        "canal": channel.to_numpy().astype(str),
    }
    return tuple(
        _group(family, str(name), of == name, confidence, hit, acted)
        for family, of in families.items()
        for name in np.unique(of)
    )


def _group(
    family: str, name: str, rows: Array, confidence: Array, hit: Array, acted: Array
) -> Group:
    n = int(rows.sum())
    surest = np.argsort(-confidence[rows], kind="stable")[: max(int(KEPT_SHARE * n), 1)]
    return Group(
        family,
        name,
        Share(int(acted[rows].sum()), n),
        Share(int(hit[rows].sum()), n),
        Share(int(hit[rows][surest].sum()), len(surest)),
    )


def _alerts(
    router: Router,
    held: Sequence[str],
    inbox: Inbox,
    left: tuple[Share, Share],
    proposed: Array,
) -> tuple[Alert, ...]:
    if len(inbox.requests) < FEWEST:
        return ()
    old = _new_share(router, held)
    new = _new_share(router, [each.text for each in inbox.requests])
    index = stability_index(router.shares, proposed / proposed.sum())
    risen = left[1].interval[0] - left[0].value
    chance = chance_index(len(proposed), int(proposed.sum()))
    words = _level(new / max(old, 0.01), WORD_BOUNDS)
    spread = _level(index, INDEX_BOUNDS) if index > chance else ""
    return (
        Alert("Mots jamais vus à l'apprentissage", old, new, words),
        Alert(
            "Part non transmise d'emblée",
            left[0].value,
            left[1].value,
            _level(risen, ABSTENTION_BOUNDS),
        ),
        Alert(
            "Répartition entre services (indice ; référence : ce que le hasard donne)",
            chance,
            index,
            spread,
            "index",
        ),
    )


def _new_share(router: Router, texts: Sequence[str]) -> float:
    words = [word for text in texts for word in words_of(text)]
    return sum(word not in router.words for word in words) / max(len(words), 1)


def stability_index(reference: Array, now: Array) -> float:
    """Return the population stability index of two sets of shares, floored at 0.5 %.

    Examples
    --------
    (0.6 - 0.4) ln(0.6/0.4) + (0.4 - 0.6) ln(0.4/0.6) = 0.4 ln 1.5 = 0.162

    >>> round(stability_index(np.array([0.4, 0.6]), np.array([0.6, 0.4])), 3)
    0.162
    """
    old, new = np.maximum(reference, 0.005), np.maximum(now, 0.005)
    return float(((new - old) * np.log(new / old)).sum())


def chance_index(n_services: int, n_requests: int) -> float:
    """Return the index that chance alone exceeds once in twenty, for few requests.

    The index times the number of requests follows a chi-square law of K - 1 degrees where
    nothing has changed (Yurdakul, *Statistical properties of the population stability
    index*, 2018).

    Examples
    --------
    Two services, 100 requests: 3.841 / 100

    >>> round(chance_index(2, 100), 4)
    0.0384
    """
    from scipy.stats import chi2

    return float(chi2.ppf(0.95, n_services - 1)) / n_requests


def _level(value: float, bounds: tuple[float, float]) -> str:
    """Return what a value calls for.

    >>> _level(0.2, (0.1, 0.25)), _level(0.3, (0.1, 0.25)), _level(0.0, (0.1, 0.25))
    ('à surveiller', 'alerte', '')
    """
    return ALARM if value >= bounds[1] else WATCH if value >= bounds[0] else ""
