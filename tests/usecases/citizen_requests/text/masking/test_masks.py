"""What identifies persons disappears; what they ask and where stays."""

import re
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import UsageError
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.text.masking.addresses import locations
from usecases.citizen_requests.text.masking.masks import Masked, mask
from usecases.citizen_requests.text.masking.spans import Span, merged

from .inserted_names import NAMES
from .insertions import STRUCTURED, planted

LEAST_STRUCTURED_RECALL, LEAST_NAME_RECALL = 0.98, 0.95
N_PLANTED = 80
ANNOUNCED = re.compile(r"(?:M\.|Mme veuve|Mme|Dr|CAF n°) ")
CARRIERS = [request.text for request in frozen_requests() if not request.personal]


def covered(masked: Masked, start: int, end: int) -> bool:
    """Return whether every letter and digit of a stretch was replaced."""
    hidden = {place for span in masked.found for place in range(span.start, span.end)}
    return all(place in hidden for place in range(start, end) if masked.source[place].isalnum())


def recall(kind: str, carriers: list[str], seed: int, n_planted: int = N_PLANTED) -> float:
    """Return the share of planted values that nobody can read afterwards."""
    rng = np.random.default_rng(seed)
    hidden = []
    for _ in range(n_planted):
        text, values = planted(carriers[int(rng.integers(len(carriers)))], kind, rng)
        masked = mask(text)
        for value in values:
            start = masked.source.find(value)
            hidden.append(start >= 0 and covered(masked, start, start + len(value)))
    return float(np.mean(hidden))


@pytest.mark.parametrize("kind", STRUCTURED)
def test_planted_identifiers_disappear(kind: str) -> None:
    """Goal 12 of the brief (.98); the grammar was written before the rules."""
    assert recall(kind, CARRIERS, seed=1) >= LEAST_STRUCTURED_RECALL


def test_planted_names_disappear() -> None:
    """Goal 12 of the brief (.95); names drawn from 20 locales before the gazetteer was written."""
    assert recall("person", CARRIERS, seed=2, n_planted=400) >= LEAST_NAME_RECALL


def test_many_of_the_planted_names_are_in_no_list() -> None:
    """Rules, not the gazetteer alone, must find them: a third of first names is unknown to it."""
    from usecases.citizen_requests.text.first_names import FIRST_NAMES
    from usecases.citizen_requests.text.plain_words import plain

    known = [plain(first) in FIRST_NAMES for first, _ in NAMES]
    assert 0.4 < np.mean(known) < 0.8


@pytest.mark.public_data
@pytest.mark.slow
def test_recall_and_precision_on_public_texts() -> None:
    """Real sentences as carriers; without anything planted, hardly one of them is touched."""
    from usecases.citizen_requests import data

    leads = [text for text in data.sheets()["lead"] if text][:1500]
    titles = list(data.paris()["text"])
    for kind in STRUCTURED:
        assert recall(kind, [*leads, *titles], seed=3, n_planted=400) >= LEAST_STRUCTURED_RECALL
    assert recall("person", [*leads, *titles], 4, 1200) >= LEAST_NAME_RECALL
    # 19 leads of 1,500; in eight of them a plate, an address, a birth date or a name does stand.
    assert np.mean([bool(mask(text).found) for text in leads]) < 0.015
    named = [any(span.kind == "person" for span in mask(text).found) for text in titles]
    assert np.mean(named) < 0.025


def test_what_the_authored_requests_hold_disappears() -> None:
    """Names, phones, addresses and the rest of the frozen set, all kinds together."""
    hidden = []
    for request in frozen_requests():
        masked = mask(request.text)
        for span in request.personal:
            if span.kind not in ("street", "health"):
                said = ANNOUNCED.match(request.text, span.start, span.end)
                hidden.append(covered(masked, said.end() if said else span.start, span.end))
    assert np.mean(hidden) >= LEAST_NAME_RECALL


def test_authored_requests_without_personal_data_are_left_alone() -> None:
    """A mask on an ordinary word costs the routing what it needs."""
    touched = [text for text in CARRIERS if mask(text).found]
    assert len(touched) <= 0.02 * len(CARRIERS)


def test_streets_of_the_authored_requests_reach_the_agent() -> None:
    """Where the fault is: kept apart, and left in the text where no number stands before it."""
    found = total = 0
    for request in frozen_requests():
        places = locations(request.text)
        ends = [(place.start, place.end) for place in places]
        for span in request.personal:
            if span.kind in ("street", "address"):
                total += 1
                found += any(start < span.end and span.start < end for start, end in ends)
    assert found >= 0.9 * total


def test_health_is_flagged_but_stays() -> None:
    """Article 9 asks for care, not for silence: the request is often about it."""
    masked = mask("Mon fils est asthmatique.")
    assert masked.text == "Mon fils est asthmatique."
    assert [span.kind for span in masked.flagged] == ["health"]


@pytest.mark.parametrize(
    "text",
    [
        "Rénover la rue Victor Hugo et l'école Jules Ferry.",
        "Le 01/02/2025 à 10:30, dossier de 2025.",
        "Il faut 250 m de trottoir, 1 200 EUR et 4 passages piétons.",
        "Monsieur le Maire, Madame la directrice",
        "Cerfa à envoyer avant le 31 décembre 2020",
        "FR, IBAN et RIB ne sont pas acceptés",
    ],
)
def test_what_looks_personal_but_is_not_stays(text: str) -> None:
    """Streets, dates, sums and roles name nobody."""
    assert mask(text).text == text


def test_spans_that_overlap_become_one_of_the_surer_kind() -> None:
    """An address inside a link is a link."""
    assert merged([Span(5, 9, "person"), Span(0, 7, "url")]) == (Span(0, 9, "url"),)
    with pytest.raises(UsageError, match="start < end"):
        Span(4, 4, "url")


@given(st.text(max_size=400))
def test_masking_any_text_keeps_what_is_not_found(text: str) -> None:
    """Rules must neither raise nor lose characters, whatever people paste."""
    masked = mask(text)
    starts = [0, *(span.end for span in masked.found)]
    ends = [*(span.start for span in masked.found), len(masked.source)]
    assert all(
        masked.source[start:end] in masked.text for start, end in zip(starts, ends, strict=True)
    )
    assert len(masked.found) == 0 or masked.text != masked.source


@pytest.mark.parametrize(
    "piece",
    ["A ", "M. ", ">\n", "rue ", "3 RUE DU POISSON ", "n° 1 ", "a@", "Le 1\n", " ", "né le "],
)
def test_twenty_thousand_characters_take_no_minute(piece: str) -> None:
    """No text may hang the mailbox: the longest one allowed, made of what the rules look for."""
    begun = time.process_time()
    mask(piece * (20_000 // len(piece)))
    assert time.process_time() - begun < 5
