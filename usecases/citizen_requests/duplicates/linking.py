"""Link a request to earlier ones on the same fault, chance and reasons given; close nothing."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from common.edge.errors import UsageError
from usecases.citizen_requests.duplicates.signs import (
    LONGEST_DELAY_DAYS,
    Rarity,
    Received,
    Signs,
    signs_of,
)

__all__ = ["THRESHOLD", "Link", "Weights", "b_cubed_f1", "clusters", "links"]


@dataclass(frozen=True)
class Weights:
    """Coefficients of `Signs.columns` and the intercept, on the scale of log-odds."""

    coefficients: tuple[float, ...]
    intercept: float

    def chance(self, signs: Signs) -> float:
        """Return the chance that both requests are about one fault."""
        columns = zip(self.coefficients, signs.columns, strict=True)
        return 1 / (1 + math.exp(-(self.intercept + sum(a * b for a, b in columns))))


FITTED = Weights((0.964, -1.044, 0.902, 1.776, 4.479, 5.255, 0.367, 0.117), -2.96)
"""Fitted on simulated pairs by `fitting.fit_weights` (seed 0, 800 pairs): SIMULATED, hence a chance
to rank with rather than one to believe."""
THRESHOLD = 0.5
MOST_LINKS = 5
NEAR_STREET, SAME_STREET = 0.4, 0.7
"""Shares of common letters from which a page calls two streets near, or one and the same."""
LIKELY_SAME, SAME = 0.8, 0.999
"""How alike the chances of services must be for a page to say so."""


@dataclass(frozen=True)
class Link:
    """A link from a request to an earlier one, for an agent to confirm.

    Parameters
    ----------
    id, earlier_id
        The two requests.
    chance
        Chance that they are about one fault.
    reasons
        French phrases, strongest first.
    """

    id: str
    earlier_id: str
    chance: float
    reasons: tuple[str, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.chance <= 1:
            raise UsageError(f"link {self.id}: chance {self.chance}", expected="in [0, 1]")


def links(
    request: Received,
    earlier: Sequence[Received],
    *,
    weights: Weights = FITTED,
    threshold: float = THRESHOLD,
) -> tuple[Link, ...]:
    """Return up to five earlier requests that may be about the same fault, likeliest first.

    Parameters
    ----------
    request
        The one that has just come in.
    earlier
        Those to look among; older than sixty days are left out, later ones too.
    weights, threshold
        How signs are weighed, and the least chance of a link.
    """
    pool = [each for each in earlier if each.id != request.id and _near(each, request)]
    rarity = Rarity.of([*(each.grams for each in pool), request.grams])
    found = []
    for each in pool:
        signs = signs_of(request, each, rarity)
        chance = weights.chance(signs)
        if chance >= threshold:
            found.append(Link(request.id, each.id, chance, _reasons(signs)))
    return tuple(sorted(found, key=lambda link: (-link.chance, link.earlier_id))[:MOST_LINKS])


def _near(earlier: Received, request: Received) -> bool:
    days = (request.received - earlier.received).total_seconds() / 86_400
    return 0 <= days <= LONGEST_DELAY_DAYS


def _reasons(signs: Signs) -> tuple[str, ...]:
    said = {
        "même rue": signs.street >= SAME_STREET,
        "rues aux noms proches": NEAR_STREET <= signs.street < SAME_STREET,
        "même numéro": signs.same_number,
        "même service": signs.service >= SAME,
        "sans doute le même service": LIKELY_SAME <= signs.service < SAME,
        f"mots communs ({signs.words:.0%})".replace("%", "\u00a0%"): signs.words >= 0.1,
        "à un jour près": signs.days <= 1,
    }
    return tuple(words for words, holds in said.items() if holds)


def clusters(pairs: Sequence[tuple[str, str]], ids: Sequence[str]) -> Mapping[str, str]:
    """Return each request's group, named by its first member: links joined end to end.

    Examples
    --------
    >>> clusters([("b", "a"), ("c", "b")], ["a", "b", "c", "d"])
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'd'}
    """
    parent = {each: each for each in ids}

    def root(each: str) -> str:
        while parent[each] != each:
            each = parent[each]
        return each

    for one, other in pairs:
        first, second = sorted((root(one), root(other)), key=list(ids).index)
        parent[second] = first
    return {each: root(each) for each in ids}


def b_cubed_f1(found: Mapping[str, str], truth: Mapping[str, str]) -> float:
    """Return the B-cubed F1 of groups (Bagga and Baldwin 1998), requests weighing the same.

    Examples
    --------
    Two of three put together rightly, the third wrongly with them: precision
    (2/3 + 2/3 + 1/3) / 3 = 5/9, recall 1, F1 = 2 * 5/9 / (14/9) = 5/7.

    >>> round(b_cubed_f1({"a": "x", "b": "x", "c": "x"}, {"a": "1", "b": "1", "c": "2"}), 4)
    0.7143
    """
    precision = recall = 0.0
    for one in truth:
        own = {other for other in truth if found[other] == found[one]}
        right = {other for other in truth if truth[other] == truth[one]}
        precision += len(own & right) / len(own) / len(truth)
        recall += len(own & right) / len(right) / len(truth)
    return 2 * precision * recall / (precision + recall)
