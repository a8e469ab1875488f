"""Nothing that identifies anyone is kept of a text; what decided is underlined and named."""

import numpy as np
import pytest

from usecases.citizen_requests.decision.pieces import (
    Piece,
    asked,
    deciding_words,
    pieces_of,
    underlined,
)

SIGNED = (
    "Bonjour,\nLe lampadaire du 12 rue des Lilas est éteint.\n"
    "Cordialement,\nPaul Martin\npaul.martin@exemple.fr\n06 39 98 14 22"
)


@pytest.mark.parametrize("planted", ["Paul", "Martin", "exemple.fr", "06 39", "12 rue"])
def test_a_piece_never_holds_what_was_masked(planted):
    """Pieces are all that pages know of a text: what is not in them can be on no page."""
    assert not any(planted in piece.text for piece in pieces_of(SIGNED))


def test_what_was_taken_away_is_shown_with_its_reason_and_not_read():
    pieces = pieces_of(SIGNED)
    assert {piece.removed for piece in pieces} == {
        "", "formule d'appel", "formule de fin", "signature",
    }  # fmt: skip
    assert asked(pieces).strip() == "Le lampadaire du [ADRESSE] est éteint."


def test_no_character_is_lost_or_doubled():
    """A text without anything personal comes back whole, in order."""
    text = "Bonjour,\nLe banc est cassé.\nMerci d'avance"
    assert "".join(piece.text for piece in pieces_of(text)) == text


def test_words_are_underlined_twice_from_six_tenths_of_the_strongest():
    """banc 4 x 1.0 = 4.0; cassé 5 x 0.4 = 2.0 (half of it: once); ici 3 x 0.1 = 0.3 (no)."""
    pieces, words = underlined([Piece("banc cassé ici")], np.repeat([1.0, 0.4, 0.1], [5, 6, 3]))
    assert [(piece.text, piece.strength) for piece in pieces] == [
        ("banc", 2), (" ", 0), ("cassé", 1), (" ici", 0),
    ]  # fmt: skip
    assert deciding_words(words) == "banc (fort), cassé (moyen)"


def test_underlining_counts_only_the_characters_that_were_read():
    """The greeting stands first in the text, but not in what the router read."""
    pieces = [Piece("Bonjour, ", removed="formule d'appel"), Piece("banc")]
    cut, _ = underlined(pieces, np.ones(4))
    assert [(piece.text, piece.strength) for piece in cut] == [("Bonjour, ", 0), ("banc", 2)]


def test_a_text_whose_words_speak_against_is_not_underlined():
    cut, words = underlined([Piece("banc")], -np.ones(4))
    assert (cut[0].strength, words) == (0, ())
    assert "aucun mot" in deciding_words(words)
