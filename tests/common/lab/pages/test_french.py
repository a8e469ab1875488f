"""French typography: what a city officer reads must be right to the space."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.edge.errors import UsageError
from common.lab.pages import french


def test_thousands_take_a_narrow_no_break_space_and_decimals_a_comma():
    """1 234,5: U+202F, not a plain space that a line break could split."""
    assert french.number(1234.5, 1) == "1\u202f234,5"
    assert french.number(1234567, 0) == "1\u202f234\u202f567"


def test_negative_numbers_take_a_true_minus_sign():
    """A hyphen is read as a dash by screen readers."""
    assert french.number(-3.25, 2) == "\u22123,25"


def test_a_rounded_zero_has_no_sign():
    """-0.001 with one decimal is zero; « -0,0 » would puzzle the reader."""
    assert french.number(-0.001, 1) == "0,0"


@pytest.mark.parametrize("value", [None, float("nan"), float("inf"), float("-inf")])
def test_what_nobody_measured_says_so(value):
    """A page never shows nan, nor a unit behind words."""
    for text in (
        french.number(value),
        french.percent(value),
        french.energy_wh(value),
        french.quantity(value, "kWh"),
    ):
        assert text == "non mesuré"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_float_prints_nan_a_dot_or_a_plain_space(value):
    """Whatever the float, the text is either words or a French number."""
    text = french.number(value)
    assert "nan" not in text
    assert "inf" not in text
    if text != french.MISSING:
        assert "." not in text
        assert " " not in text


def test_percentages_come_from_ratios():
    """0.079 is 7,9 % behind a no-break space."""
    assert french.percent(0.079) == "7,9\u00a0%"


@pytest.mark.parametrize(
    ("wh", "text"),
    [
        (0.000_52, "0,520\u00a0mWh"),  # 0.52 mWh
        (0.25, "250\u00a0mWh"),
        (1.0, "1,00\u00a0Wh"),
        (999.0, "999\u00a0Wh"),
        (1500.0, "1,50\u00a0kWh"),
        (0.0, "0\u00a0mWh"),
    ],
)
def test_energy_takes_the_largest_unit_that_it_fills(wh, text):
    """One unit per size: nobody reads 0,00052 Wh."""
    assert french.energy_wh(wh) == text


def test_bounds_of_an_energy_share_one_unit():
    """0.4 mWh to 2.5 mWh: the unit is that of the high bound, once."""
    assert french.bounds(0.0004, 0.0025, "Wh") == "0,40 à 2,50\u00a0mWh"


def test_intervals_are_words():
    """« entre a et b » reads aloud better than brackets."""
    assert french.interval(7.91, 9.12, "%", 1) == "entre 7,9 et 9,1\u00a0%"
    assert french.interval(float("nan"), 1.0) == "non mesuré"


def test_dates_are_french_from_objects_and_from_iso_text():
    """The first of a month is « 1er »."""
    assert french.date_fr(dt.date(2026, 11, 22)) == "22\u00a0nov. 2026"
    assert french.date_fr("2026-08-01T23:00:00Z") == "1er\u00a0août 2026"
    with pytest.raises(UsageError, match="ISO 8601"):
        french.date_fr("22/11/2026")


def test_plural_begins_at_two():
    """In French 1,5 is singular."""
    assert french.plural(1.5, "jour", digits=1) == "1,5\u00a0jour"
    assert french.plural(2, "cheval", "chevaux") == "2\u00a0chevaux"
    assert french.plural(0, "bâtiment") == "0\u00a0bâtiment"
