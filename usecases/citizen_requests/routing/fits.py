"""Fit each step of the routing ladder: from counting services to words, letters and neighbours."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from common.edge.textcodes import codes_of
from common.lab.graph.text import KINDS
from common.lab.graph.text_head import TextHead, TextTable
from common.lab.textmodel import Weighing, counted, linear_fit, softmax
from common.lab.usecase import Array, Fitted, Training
from usecases.citizen_requests.routing.lessons import Lessons

__all__ = ["Linear", "bayes", "from_votes", "keywords", "linear", "majority"]

Fit = Callable[[Lessons], tuple[Weighing, Array, Array]]
"""From requests to the known grams, their coefficients and the intercepts."""

RULE_SLOPE = 1.5
"""Score of a keyword that one service alone names; nothing is fitted."""
PENALTY = 0.02
"""Ridge that keeps the three scales of a calibration near 1, 0 and 0 on few requests."""
LEAST_HELD = 20
"""Held-out requests under which scores are left as they are."""
FIRST_PAIR = KINDS[1].start
"""Buckets below are words, those from here on pairs of words."""
MOST_OWNERS = 2
"""Services that may name a keyword; a word that more of them name says nothing."""
SMOOTHING = 1.0
"""Texts added to each service when services are counted (Laplace)."""


def majority(n_services: int, training: Training) -> Fitted:
    """Answer how often each service was asked for, whatever the text."""
    lessons = Lessons.of(training, n_services).requests()
    return Fitted(TextHead(_nothing(n_services), tuple(_shares(lessons, n_services).tolist())))


def keywords(phrases: Sequence[str], training: Training) -> Fitted:
    """Count the words of each service's catalogue in the text: a rule, nothing is learnt.

    Parameters
    ----------
    phrases
        The catalogue of each service as one text.
    """
    del training
    counts = counted(codes_of(list(phrases)))
    words = Weighing.of(counts, families=("words",)).buckets
    words = words[words < FIRST_PAIR]
    named = np.asarray((counts[:, words] > 0).todense())
    owners = named.sum(axis=0)
    weights = RULE_SLOPE * named.T * (owners[:, None] <= MOST_OWNERS) / owners[:, None]
    table = TextTable.of(words, weights, np.zeros(len(words)))
    return Fitted(TextHead(table, (0.0,) * len(phrases), normalised=False))


def bayes(n_services: int, training: Training) -> Fitted:
    """Fit complement naive Bayes on words (Rennie et al. 2003), then scale its scores."""
    from sklearn.naive_bayes import ComplementNB

    lessons = Lessons.of(training, n_services).requests()

    def fit(known: Lessons) -> tuple[Weighing, Array, Array]:
        weighing = Weighing.of(known.counts, families=("words",))
        model = ComplementNB()
        model.fit(weighing.features(known.counts), known.classes, sample_weight=known.weight)
        found = np.zeros((len(weighing.buckets), n_services))
        found[:, model.classes_] = model.feature_log_prob_.T
        return weighing, found, np.zeros(n_services)

    return _calibrated(lessons, n_services, fit)


@dataclass(frozen=True)
class Linear:
    """How a multinomial ridge regression on grams is set.

    Parameters
    ----------
    families
        ``words``, ``letters`` or both.
    strength
        Inverse strength ``C`` of the ridge.
    catalogue_weight
        Weight of a phrase of the catalogue beside a request; 0 leaves the catalogue out.
    at_least
        Texts in which a gram must occur.
    votes
        Whether the votes of similar texts are weighed beside the text.
    """

    families: tuple[str, ...]
    strength: float = 10.0
    catalogue_weight: float = 0.0
    at_least: int = 1
    votes: bool = False


def linear(settings: Linear, n_services: int, training: Training) -> Fitted:
    """Fit a linear model on grams, then scale text, votes and prior on the latest requests."""
    lessons = Lessons.of(training, n_services)
    if not settings.catalogue_weight:
        lessons = lessons.requests()
    weight = np.where(lessons.described, settings.catalogue_weight, lessons.weight)
    lessons = replace(lessons, weight=weight)

    def fit(known: Lessons) -> tuple[Weighing, Array, Array]:
        weighing = Weighing.of(known.counts, at_least=settings.at_least, families=settings.families)
        coefficients, intercepts = linear_fit(
            weighing.features(known.counts),
            known.classes,
            n_services,
            strength=settings.strength,
            weight=known.weight,
        )
        return weighing, coefficients, intercepts

    return _calibrated(lessons, n_services, fit, votes=settings.votes)


def from_votes(n_services: int, training: Training) -> Fitted:
    """Weigh the votes of similar texts and the usual share of each service."""
    lessons = Lessons.of(training, n_services).requests()
    shares = _shares(lessons, n_services)
    scales = _scales(np.zeros((len(lessons), n_services)), lessons, shares, votes=True)
    return Fitted(
        TextHead(
            _nothing(n_services),
            tuple((scales[2] * shares).tolist()),
            columns=("votes",),
            slopes=(float(scales[1]),),
        )
    )


def _calibrated(lessons: Lessons, n_services: int, fit: Fit, *, votes: bool = False) -> Fitted:
    """Fit on earlier requests, scale on the latest, fit again on all with these scales."""
    earlier, latest = lessons.held_out()
    scales = np.array([1.0, 0.0, 0.0])
    if len(latest) >= LEAST_HELD and len(earlier) >= LEAST_HELD:
        weighing, coefficients, intercepts = fit(earlier)
        scores = weighing.features(latest.counts) @ coefficients + intercepts
        scales = _scales(scores, latest, _shares(earlier.requests(), n_services), votes=votes)
    weighing, coefficients, intercepts = fit(lessons)
    shares = _shares(lessons.requests(), n_services)
    head = TextHead(
        weighing.table(scales[0] * coefficients),
        tuple((scales[0] * intercepts + scales[2] * shares).tolist()),
        columns=("votes",) if votes else (),
        slopes=(float(scales[1]),) if votes else (),
    )
    return Fitted(head)


def _scales(scores: Array, lessons: Lessons, shares: Array, *, votes: bool) -> Array:
    """Return what text, votes and log shares are multiplied by, by least log loss.

    One temperature for all services (Guo et al. 2017), the same for the votes, and how far the
    usual shares count: services drift, and a model may hold on to them too much.
    """
    from scipy.optimize import minimize

    start = np.array([1.0, 0.5 if votes else 0.0, 0.0])

    def loss(scales: Array) -> float:
        weighed = scales[0] * scores + scales[1] * votes * lessons.votes + scales[2] * shares
        p = softmax(weighed)[np.arange(len(lessons)), lessons.classes]
        away = ((scales - [1.0, 0.0, 0.0]) ** 2).sum()
        return float(-np.log(np.clip(p, 1e-9, 1)).mean() + PENALTY * away)

    if not len(lessons):
        return start
    found = minimize(loss, start, bounds=[(0.05, 20.0), (0.0, 5.0), (-1.0, 1.5)])
    scales: Array = np.round(found.x, 4) * np.array([1.0, float(votes), 1.0])
    return scales


def _shares(lessons: Lessons, n_services: int) -> Array:
    """Return the centred logarithm of each service's share, shape (K,)."""
    counts = np.bincount(lessons.classes, lessons.weight, minlength=n_services) + SMOOTHING
    logs = np.log(counts / counts.sum())
    centred: Array = logs - logs.mean()
    return centred


def _nothing(n_services: int) -> TextTable:
    """Return a table that knows no gram."""
    return TextTable.of(np.empty(0, np.int64), np.empty((0, n_services)), np.empty(0))
