"""Texts as code points, and their folding: what every graph and index reads."""

import hashlib
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import TableError
from common.edge.textcodes import LONGEST_TEXT, codes_of, text_of
from common.edge.textfold import BLANK, fold, fold_places, fold_table

TEXTS = st.text(
    st.one_of(
        st.sampled_from("aeiouéèêëàâçùïôÉÈÀÇœŒæß  ''’-.,!?\u0301\u00ad\u200d\n\t😀0123"),
        st.characters(),
    ),
    max_size=60,
)


def folded(text: str) -> str:
    return text_of(fold(codes_of([text]))[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", " "),
        ("  \t\n ", " "),
        ("ÉCOLE Élisée-Reclus", " ecole elisee reclus "),
        ("l'Œuvre, l’œuvre", " l oeuvre l oeuvre "),
        ("n° 12 ; 3ᵉ étage", " n 12 3e etage "),
        ("admi\u00adnistration", " administration "),
        ("feu 🔥🔥 urgent", " feu urgent "),
        ("Straße ŁÓDŹ", " strasse lodz "),
    ],
)
def test_words_are_left_in_lower_case_between_single_blanks(text: str, expected: str) -> None:
    """What search and routing read is the same however a citizen typed it."""
    assert folded(text) == expected


@given(TEXTS)
def test_decomposed_text_folds_as_composed_text(text: str) -> None:
    """A Mac sends é as two code points; the client step makes them one."""
    assert folded(unicodedata.normalize("NFD", text)) == folded(text)


@given(TEXTS, st.integers(0, 30))
def test_padding_changes_nothing(text: str, more: int) -> None:
    """A text means the same alone and beside a longer one."""
    codes = codes_of([text])
    wide = np.pad(codes, ((0, 0), (0, more)))
    assert np.array_equal(fold(codes), fold(wide))


@given(TEXTS)
def test_folding_twice_changes_nothing(text: str) -> None:
    """A folded text is its own folding."""
    once = folded(text)
    assert folded(once) == once


@given(TEXTS)
def test_each_letter_is_found_where_it_went(text: str) -> None:
    """Contributions are carried back along these places: none may be lost or moved."""
    codes = codes_of([text])
    row, places = fold_places(codes)
    table = fold_table()
    found = []
    for code, where in zip(codes[0], places[0], strict=True):
        symbols = [s for s in table[code] if s not in (0, BLANK)] if code < len(table) else []
        assert [row[0, place] for place in where if place] == symbols
        found += [place for place in where if place]
    assert found == np.flatnonzero((row[0] != BLANK) & (row[0] != 0)).tolist()


def test_the_table_is_the_one_that_bundles_were_made_with() -> None:
    """Another table would silently part graphs from indices: it may not change unseen."""
    digest = hashlib.sha256(fold_table().astype("<i8").tobytes()).hexdigest()
    assert digest.startswith("684abdf621214bff33f5ba2f")


def test_a_text_too_long_is_refused_not_cut() -> None:
    """What is cut off is not read, and nobody would know."""
    assert codes_of(["a" * LONGEST_TEXT]).shape == (1, LONGEST_TEXT)
    with pytest.raises(TableError, match="text 1 has 20001 characters"):
        codes_of(["a", "a" * (LONGEST_TEXT + 1)])
