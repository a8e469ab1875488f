"""The cleaner opens envelopes and never eats the letter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.text.cleaning.cleaner import REASONS, clean
from usecases.citizen_requests.text.noise import noisy

from .envelopes import DEVELOPMENT, HELD_OUT, SECOND_HELD_OUT

REQUESTS = (
    "Le lampadaire devant l'école ne s'allume plus.",
    "Comment obtenir un acte de naissance ?",
    "un trou dans la rue",
    "Végétalisation de la place et jardin partagé",
)
LEAST_OPENED_UNSEEN = 36
"""Of 40: ten envelopes whose failures nobody has read, around four requests."""


def opened(envelope: tuple[str, str], request: str) -> bool:
    """Return whether the request comes back, a last full stop aside."""
    before, after = envelope
    wrapped = "\n".join(part for part in (before, request, after) if part)
    return clean(wrapped).kept.rstrip(" .") == request.rstrip(" .")


@pytest.mark.parametrize("envelope", [*DEVELOPMENT, *HELD_OUT])
def test_an_envelope_is_opened_and_the_request_left_as_it_was(envelope: tuple[str, str]) -> None:
    """The held-out ones gave 96 of 120 before any was read; their failures then were repaired."""
    assert all(opened(envelope, request) for request in REQUESTS)


def test_envelopes_that_nobody_tuned_on_are_mostly_opened() -> None:
    """28 of 40 with the first rules, 36 since; the failures stay unread, so the rate is fair."""
    results = [opened(envelope, text) for envelope in SECOND_HELD_OUT for text in REQUESTS]
    assert sum(results) >= LEAST_OPENED_UNSEEN


@pytest.mark.parametrize("name", ["greet", "thread"])
def test_the_noise_of_the_brief_is_taken_away_again(name: str) -> None:
    """Brief 0.5: the 45-word envelope costs half of the recall unless it is stripped."""
    wrapped = noisy(REQUESTS, name)
    assert [clean(text).kept.rstrip(" .") for text in wrapped] == [
        text.rstrip(" .") for text in REQUESTS
    ]


@pytest.mark.parametrize(
    "request_text",
    [
        "Monsieur Lebrun est tombé devant la mairie.",
        "M. Traoré demande un rendez-vous.",
        "Urbanisme : quelle est la durée de validité ?",
        "Re-mise en valeur du parc",
        "Pouvez-vous me rappeler au sujet de ma demande ?",
    ],
)
def test_a_request_that_looks_polite_is_left_alone(request_text: str) -> None:
    """A name, a subject or a question is no formula."""
    assert clean(request_text).kept == request_text


NUMBER = "06 39 98 14 22"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            f"Merci de votre aide\nLe banc est cassé\n{NUMBER}",
            "Merci de votre aide\nLe banc est cassé",
        ),
        (f"Merci de votre aide\nBanc cassé\n{NUMBER}", "Merci de votre aide\nBanc cassé"),
        (
            f"Qui vient ? Cordialement\nLe banc est cassé\n{NUMBER}",
            "Qui vient ? Cordialement\nLe banc est cassé",
        ),
        (f"Rue Foch\nBanc cassé, tél {NUMBER}", f"Rue Foch\nBanc cassé, tél {NUMBER}"),
        (f"Rue Foch.\nLe banc ne tient plus\nTél : {NUMBER}", "Rue Foch.\nLe banc ne tient plus"),
        (f"1\nLe banc est cassé\n{NUMBER}", "1\nLe banc est cassé"),
    ],
)
def test_a_number_below_does_not_make_a_sentence_a_signature(text: str, kept: str) -> None:
    """It used to go with the number, wherever politeness or a bare number stood above it."""
    assert clean(text).kept == kept


def test_a_card_under_a_formula_still_goes() -> None:
    """Who signs, for whom, where and how to reach them; a quarter of the town is no verb."""
    card = "Collectif du quartier Est\nMairie annexe\n06 39 98 14 22\nwww.riverains.example"
    cleaned = clean(f"Le bac n'a pas été vidé.\nBien à vous,\n{card}")
    assert cleaned.kept == "Le bac n'a pas été vidé."
    assert cleaned.source[cleaned.removed[-1].start :] == card


@pytest.mark.parametrize("text", ["Merci beaucoup !", "Bonjour", "> Cordialement", "Cdlt\nPaul"])
def test_a_message_of_politeness_alone_is_never_emptied(text: str) -> None:
    """An agent must see what came, even if it asks for nothing."""
    assert clean(text).kept


def test_a_forwarded_request_is_opened_but_an_old_thread_is_cut() -> None:
    """Whoever forwards a mail without a word forwards the request itself."""
    forwarded = "---------- Forwarded message ---------\nFrom: A\nDate: 3 mars\n\nBanc cassé."
    assert clean(forwarded).kept == "Banc cassé."
    assert clean("Banc cassé.\n" + forwarded.replace("Banc", "Mur")).kept == "Banc cassé."


def test_answers_written_between_quoted_lines_are_kept() -> None:
    """Some people answer below each question."""
    cleaned = clean("> Quelle rue ?\nRue Hoche\n> Quel jour ?\nMardi")
    assert cleaned.kept == "Rue Hoche\nMardi"
    assert [span.reason for span in cleaned.removed] == ["thread", "thread"]


@given(st.text(max_size=300))
def test_kept_and_removed_together_are_the_source(text: str) -> None:
    """Nothing is invented, spans lie in order inside the source, and cleaning never raises."""
    cleaned = clean(text)
    at = 0
    outside = ""
    for span in cleaned.removed:
        assert at <= span.start <= span.end <= len(cleaned.source)
        assert span.reason in REASONS
        outside += cleaned.source[at : span.start]
        at = span.end
    outside += cleaned.source[at:]
    assert cleaned.kept in outside
    assert bool(cleaned.kept) == bool(cleaned.source.strip())


def test_no_authored_request_loses_what_it_asks() -> None:
    """What is taken from them is politeness: hardly ever more than half of the words."""
    for request in frozen_requests():
        words, kept = len(request.text.split()), len(clean(request.text).kept.split())
        assert kept >= 0.4 * words, request.id
