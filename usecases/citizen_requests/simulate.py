"""Simulate requests, so that everything runs where no data can be had; never a score.

Requests are composed of a fact, a place, a person and a way of writing; nothing was observed.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, Split
from usecases.citizen_requests.requests.collection import Collection, dataset_of
from usecases.citizen_requests.requests.paris import SERVICES as PARIS_SERVICES
from usecases.citizen_requests.requests.services import TITLES
from usecases.citizen_requests.sheets.library import THEMES
from usecases.citizen_requests.simulation.facts import FACTS, Fact
from usecases.citizen_requests.simulation.people import Person, draw_person, draw_place
from usecases.citizen_requests.simulation.styles import Message, Piece, joined, write

__all__ = ["LABELS", "simulate", "simulate_for"]

Labels = Literal["municipal", "paris", "themes"]

LABELS: Mapping[Labels, Mapping[str, str]] = {
    "municipal": TITLES,
    "paris": {service: service for service in PARIS_SERVICES},
    "themes": {theme: theme for theme in THEMES},
}
"""Label set to its services (code to title)."""

FIELD: Mapping[Labels, str] = {"municipal": "service", "paris": "directorate", "themes": "theme"}

FIRST_DAY, N_DAYS, N_REQUESTS = date(2024, 1, 1), 731, 1_500
CHANNELS = {"note": "phone", "soutenu": "mail", "fil": "mail", "agee": "mail"}
"""Register to channel; the others come by form, one in three by mail."""

REGISTER_SHARES = {
    "courant": 0.42, "soutenu": 0.16, "fil": 0.07, "sms": 0.10, "note": 0.08, "allophone": 0.07,
    "colere": 0.06, "agee": 0.04,
}  # fmt: skip
"""Invented round figures."""

DUPLICATE_SHARE, DUPLICATE_DAYS = 0.06, 9
"""Requests that repeat an earlier one on the same place, and within how many days."""
TRANSFER_SHARE = 0.12
"""Requests that were first sent to another service; an invented round figure."""
WEEKDAYS = (1.3, 1.1, 1.0, 1.0, 0.9, 0.4, 0.3)
ATTEMPTS = 30
WINTER, SUMMER_LULL = (12, 1, 2), 8


def simulate_for(
    split: Split, seed: int, labels: Labels = "municipal", n_requests: int = N_REQUESTS
) -> Dataset:
    """Draw invented requests over the days of a task's split (see `simulate`)."""
    n_days = (split.test.stop - split.train_start).days
    return simulate(seed, n_requests, labels, first_day=split.train_start, n_days=n_days)


def simulate(
    seed: int,
    n_requests: int = N_REQUESTS,
    labels: Labels = "municipal",
    *,
    first_day: date = FIRST_DAY,
    n_days: int = N_DAYS,
) -> Dataset:
    """Draw invented requests; never a basis for a score.

    The words of a fact are few, so a model learns them: what is seen of a rung here is that
    it runs, not how good it is.

    Parameters
    ----------
    seed
        Same seed, same data set.
    n_requests
        How many, duplicates included.
    labels
        ``municipal``: the 21 services; ``paris``, ``themes``: the label sets of the public
        data, with the facts that have a place there.
    first_day, n_days
        When they are received.

    Returns
    -------
    Dataset
        As `collection.dataset_of`; no two texts are the same. Extra columns of
        ``extras["requests"]``: ``fact``, ``first_service`` (where it was sent first),
        ``personal`` (JSON list of [kind, start, end] of what was inserted).

    Raises
    ------
    UsageError
        If ``labels`` is unknown, or ``n_requests`` or ``n_days`` is below 2.
    """
    if labels not in LABELS or n_requests < 2 or n_days < 2:
        raise UsageError(
            f"labels {labels!r}, {n_requests} requests, {n_days} days",
            expected="one of " + ", ".join(LABELS) + "; at least 2 requests and days",
        )
    rng = np.random.default_rng(seed)
    days = _days(rng, n_requests, first_day, n_days)
    writer = _Writer(rng, labels, days[0], n_days)
    rows = [writer.next(day) for day in days]
    return dataset_of(
        pd.DataFrame(rows),
        Collection(
            f"SIMULATED requests {labels}",
            LABELS[labels],
            "Données simulées : des demandes inventées, composées de faits et de styles.",
            simulated=True,
        ),
    )


def _days(
    rng: np.random.Generator, n_requests: int, first_day: date, n_days: int
) -> pd.DatetimeIndex:
    """Return sorted times: more on Mondays and in winter, fewer at weekends and in August."""
    days = pd.date_range(first_day, periods=n_days, freq="D", tz="UTC")
    weight = np.array(WEEKDAYS)[days.day_of_week]
    weight = weight * np.where(days.month.isin(WINTER), 1.2, 1.0)
    weight = weight * np.where(days.month == SUMMER_LULL, 0.6, 1.0)
    chosen = rng.choice(n_days, n_requests, p=weight / weight.sum())
    minutes = np.clip(rng.normal(13 * 60, 200, n_requests), 0, 24 * 60 - 1).astype(np.int64)
    return (days[chosen] + pd.to_timedelta(minutes, unit="min")).sort_values()


class _Writer:
    """Writes one request after the other and remembers them: texts differ, some repeat a fact."""

    def __init__(
        self, rng: np.random.Generator, labels: Labels, start: pd.Timestamp, n_days: int
    ) -> None:
        self._rng = rng
        self._field = FIELD[labels]
        self._facts = [fact for fact in FACTS if getattr(fact, self._field)]
        self._services = sorted({getattr(fact, self._field) for fact in self._facts})
        self._start, self._n_days = start, n_days
        self._seen: set[str] = set()
        self._recent: list[tuple[pd.Timestamp, str, Fact, tuple[str, str]]] = []
        self._count = 0

    def next(self, when: pd.Timestamp) -> dict[str, Any]:
        """Return the row of the request received at ``when``."""
        self._count += 1
        request_id = f"S{self._count:05d}"
        earlier = self._earlier(when)
        if earlier is None:
            fact, place, duplicate_of = self._fact(when), draw_place(self._rng), ""
        else:
            _, duplicate_of, fact, place = earlier
        register = str(self._rng.choice(list(REGISTER_SHARES), p=list(REGISTER_SHARES.values())))
        text, spans = self._text(fact, place, register, when)
        if fact.has_place and not duplicate_of:
            self._recent.append((when, request_id, fact, place))
        service = getattr(fact, self._field)
        return {
            "request_id": request_id,
            "received": when,
            "text": text,
            "service": service,
            "first_service": self._first_service(service),
            "unit": f"{when:%Y-%m} · {service}",
            "channel": self._channel(register),
            "register": register,
            "also_ok": "|".join(fact.also) if self._field == "service" else "",
            "action": "route" if fact.town_hall else "out_of_competence",
            "right_body": fact.body,
            "urgency": float(fact.urgency),
            "town_hall": float(fact.town_hall),
            "duplicate_of": duplicate_of,
            "place": "".join(place) if fact.has_place else "",
            "fact": fact.code,
            "personal": json.dumps(spans),
        }

    def _earlier(
        self, when: pd.Timestamp
    ) -> tuple[pd.Timestamp, str, Fact, tuple[str, str]] | None:
        oldest = when - pd.Timedelta(days=DUPLICATE_DAYS)
        self._recent = [each for each in self._recent if each[0] >= oldest]
        if not self._recent or self._rng.random() > DUPLICATE_SHARE:
            return None
        return self._recent[int(self._rng.integers(len(self._recent)))]

    def _fact(self, when: pd.Timestamp) -> Fact:
        passed = (when - self._start) / pd.Timedelta(days=self._n_days)
        current = [fact for fact in self._facts if fact.since <= passed]
        return current[int(self._rng.integers(len(current)))]

    def _text(
        self, fact: Fact, place: tuple[str, str], register: str, when: pd.Timestamp
    ) -> tuple[str, list[tuple[str, int, int]]]:
        """Return a text that was not written before, with its personal data."""
        for attempt in range(ATTEMPTS):
            person = draw_person(self._rng)
            more = self._filled(fact.more, place)
            if attempt or self._rng.random() < 0.5:
                more += self._since(when, person)
            message = Message(
                what=self._filled(fact.what, place),
                more=more,
                ask=self._filled(fact.ask, place),
                person=person,
                date=f"{when:%d/%m/%Y}",
            )
            text, spans = joined(write(register, message, self._rng))
            if text not in self._seen:
                self._seen.add(text)
                return text, spans
        raise UsageError(
            f"{self._count} requests, and no new words for {fact.code}",
            expected="fewer requests: texts must differ",
        )

    def _since(self, when: pd.Timestamp, person: Person) -> list[Piece]:
        """When it began or how to reach the writer: what makes most texts differ."""
        back = int(self._rng.integers(1, 40))
        began = f"{when - pd.Timedelta(days=back):%d/%m}"
        said: tuple[list[Piece], ...] = (
            [(f". Cela dure depuis le {began}", "")],
            [(f". Déjà dit le {began} par courrier", "")],
            [(". Mon numéro : ", ""), (person.phone, "phone")],
            [(f". J'attends depuis {back} jours", "")],
        )
        return said[int(self._rng.integers(len(said)))]

    def _filled(self, choices: Sequence[str], place: tuple[str, str]) -> list[Piece]:
        words = choices[int(self._rng.integers(len(choices)))]
        before, found, after = words.partition("{at}")
        if not found:
            return [(before, "")]
        kind = "address" if place[1][0].isdigit() else "street"
        pieces = [(before + place[0], ""), (place[1], kind), (after, "")]
        return [piece for piece in pieces if piece[0]]

    def _first_service(self, service: str) -> str:
        if self._rng.random() >= TRANSFER_SHARE:
            return service
        return str(self._rng.choice([each for each in self._services if each != service]))

    def _channel(self, register: str) -> str:
        known = CHANNELS.get(register)
        return known or ("mail" if self._rng.random() < 1 / 3 else "form")
