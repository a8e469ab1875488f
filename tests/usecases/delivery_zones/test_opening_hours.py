"""Hours mean the same in OSM's words and in CDS time spans, on every quarter of an hour."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.errors import TableError
from usecases.delivery_zones.inventory.opening_hours import (
    canonical,
    daily_hours,
    from_time_spans,
    is_goods_time,
    time_spans,
    weekly_hours,
)

MONDAY = datetime.fromisoformat("2026-07-06")
DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
clock = st.integers(0, 95).map(lambda quarter: (quarter // 4, 15 * (quarter % 4)))


@st.composite
def expressions(draw):
    """Up to two rules of days and hours, over midnight too, with or without public holidays."""
    rules = []
    for _ in range(draw(st.integers(1, 2))):
        days = sorted(draw(st.sets(st.sampled_from(DAYS), min_size=1)), key=DAYS.index)
        opens, closes = draw(clock), draw(clock)
        hours = f"{opens[0]:02d}:{opens[1]:02d}-{closes[0]:02d}:{closes[1]:02d}"
        rules.append(f"{','.join(days)} {hours}")
    return "; ".join(rules)


@given(expression=expressions())
@settings(max_examples=40, deadline=None)
def test_the_canonical_text_means_the_same_all_through_a_fortnight(expression):
    """Evaluated by the library at every quarter of an hour of two weeks of July."""
    moments = [MONDAY + timedelta(minutes=15 * i) for i in range(14 * 96)]
    meant, written = (
        is_goods_time(expression, moments),
        is_goods_time(canonical(expression), moments),
    )
    assert (meant == written).all()
    assert canonical(canonical(expression)) == canonical(expression)


def test_public_holidays_are_french():
    """14 July 2026 is a Tuesday; with PH off it is no goods time."""
    moments = [MONDAY + timedelta(days=day, hours=9) for day in (8, 9)]
    assert is_goods_time("Mo-Sa 07:00-13:00; PH off", moments).tolist() == [False, True]
    assert is_goods_time("Mo-Sa 07:00-13:00", moments).tolist() == [True, True]


def test_holidays_become_a_designated_period():
    """CDS says "not on holidays" by except, and holiday hours by a span of their own."""
    off = time_spans("Mo-Fr 08:00-12:00; PH off")
    assert off == [{
        "days_of_week": ["mon", "tue", "wed", "thu", "fri"], "time_of_day_start": "08:00",
        "time_of_day_end": "12:00", "designated_period": "holidays",
        "designated_period_except": True,
    }]  # fmt: skip
    some = time_spans("08:00-19:00; PH 10:00-12:00")
    assert from_time_spans(some) == "08:00-19:00; PH 10:00-12:00"


def test_months_are_kept():
    """Summer and winter hours are two rules."""
    text = "Jan-Mar,Oct-Dec Mo-Sa 07:00-12:00; Apr-Sep Mo-Sa 06:00-11:00"
    assert canonical(text) == text


def test_no_hours_are_all_hours():
    """The schema: an empty INTERV_JH is a delivery area at all times."""
    assert is_goods_time("", [MONDAY]).all()
    assert weekly_hours("") == 168.0
    assert time_spans("24/7") == []


def test_daily_hours_count_only_days_that_have_any():
    """5 h on Saturday and 10 h on Monday to Friday: (5 x 10 + 5) / 6, over the year's 52 weeks."""
    assert daily_hours("Mo-Fr 08:00-18:00; Sa 08:00-13:00") == pytest.approx(55 / 6, abs=0.01)


@pytest.mark.parametrize("text", ["Lu-Ve 8h-12h", "", "Mo-Fr 08:00-49:00", "matin"])
def test_what_is_no_opening_hours_is_refused_with_an_example(text):
    """The agent sees how to write it."""
    with pytest.raises(TableError, match="Mo-Sa 07:00-13:00; PH off"):
        time_spans(text)


@pytest.mark.parametrize(
    "text", ["2026 Mo 08:00-12:00", 'Mo 08:00-12:00 "x"', "Dec 24 08:00-12:00", "off"]
)
def test_what_a_time_span_cannot_say_is_refused(text):
    """Never a silent approximation."""
    with pytest.raises(TableError, match="a CDS time span cannot say this rule"):
        time_spans(text)


@pytest.mark.parametrize("text", ["Mo-Fr sunrise-sunset", "Mo-Fr 08:00-12:00; SH off"])
def test_what_the_library_would_get_silently_wrong_is_refused(text):
    """It knows no school holidays and, without a place, takes the sun to rise at 7."""
    with pytest.raises(TableError, match="school holidays as dates"):
        is_goods_time(text, [MONDAY])


@pytest.mark.parametrize(
    "span", [{"days_of_month": [1]}, {"designated_period": "snow emergency"}], ids=["day", "snow"]
)
def test_time_spans_that_the_schema_cannot_say_are_refused(span):
    """A snow emergency is no part of a French by-law on deliveries."""
    with pytest.raises(TableError, match="INTERV_JH"):
        from_time_spans([span])
