"""Weigh the signs of duplicates on SIMULATED pairs: same fault told twice, or something else."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from usecases.citizen_requests.duplicates.linking import Weights
from usecases.citizen_requests.duplicates.signs import Rarity, Received, prepared, signs_of
from usecases.citizen_requests.simulation.facts import FACTS, Fact
from usecases.citizen_requests.simulation.people import draw_person, draw_place
from usecases.citizen_requests.simulation.styles import REGISTERS, Message, joined, write

__all__ = ["Pair", "fit_weights", "simulated_pairs"]

START = datetime.fromisoformat("2024-01-01")
PLACED = [fact for fact in FACTS if fact.has_place]
NOWHERE = ("", "")
KINDS = ("duplicate", "same street", "same fault", "same service", "unrelated")
SHARES = (0.2, 0.25, 0.15, 0.2, 0.2)
"""Invented; negatives on the same street are more than duplicates (brief 3.A)."""
MEAN_DAYS = 10.0
"""Of all kinds: the delay must not give them away."""
NO_STREET_SHARE = 0.3
"""Pairs that name no street, as when the fault is in "the park"."""


@dataclass(frozen=True)
class Pair:
    """Two invented requests and whether they are about one fault."""

    one: Received
    other: Received
    kind: str

    @property
    def duplicate(self) -> bool:
        """Whether they are."""
        return self.kind == "duplicate"


def simulated_pairs(seed: int, n_pairs: int) -> list[Pair]:
    """Return invented pairs of the five `KINDS`; never a basis for a score."""
    rng = np.random.default_rng(seed)
    pairs = []
    for at in range(n_pairs):
        kind = str(rng.choice(KINDS, p=SHARES))
        fact, place = _pick(rng, PLACED), draw_place(rng)
        other_fact, other_place = fact, place
        if kind in ("same street", "unrelated"):
            other_fact = _pick(rng, [each for each in PLACED if each.code != fact.code])
        if kind == "same service":
            others = [each for each in FACTS if each.service == fact.service]
            other_fact = _pick(rng, [each for each in others if each.code != fact.code] or PLACED)
        if kind in ("same fault", "same service", "unrelated"):
            other_place = draw_place(rng)
        if kind != "same street" and rng.random() < NO_STREET_SHARE:
            place = other_place = NOWHERE
        days = float(rng.exponential(MEAN_DAYS))
        one = _told(rng, f"A{at}", fact, place, 0.0)
        pairs.append(Pair(one, _told(rng, f"B{at}", other_fact, other_place, days), kind))
    return [pair for pair in pairs if not (pair.kind == "same fault" and not pair.one.streets)]


def _pick(rng: np.random.Generator, facts: list[Fact]) -> Fact:
    return facts[int(rng.integers(len(facts)))]


def _told(
    rng: np.random.Generator, name: str, fact: Fact, place: tuple[str, str], days: float
) -> Received:
    def filled(choices: tuple[str, ...]) -> list[tuple[str, str]]:
        words = choices[int(rng.integers(len(choices)))]
        return [(words.replace("{at}", "".join(place)), "")]

    message = Message(filled(fact.what), filled(fact.more), filled(fact.ask), draw_person(rng), "")
    text, _ = joined(write(str(rng.choice(list(REGISTERS))), message, rng))
    return prepared(name, START + timedelta(days=days), text, fact.service)


def fit_weights(pairs: list[Pair]) -> Weights:
    """Fit a ridge logistic regression on the signs of pairs; coefficients to three decimals."""
    from sklearn.linear_model import LogisticRegression

    rarity = Rarity.of([each.grams for pair in pairs for each in (pair.one, pair.other)])
    columns = [signs_of(pair.one, pair.other, rarity).columns for pair in pairs]
    model = LogisticRegression(C=1.0, max_iter=1000)
    model.fit(np.array(columns), [pair.duplicate for pair in pairs])
    return Weights(
        tuple(round(float(each), 3) for each in model.coef_[0]),
        round(float(model.intercept_[0]), 3),
    )
