"""Repairs are proven on the file itself, or refused."""

import pandas as pd
import pytest

from common.edge.errors import SourceError
from usecases.delivery_zones.kerb.cleaning import civil_days, coverage_gaps, truncate_overlaps

NAME = "Charging Sessions Dundee 050318 - 050618.csv"


def swapped(*days: str) -> pd.DataFrame:
    """Rows at noon; ``days`` as the spreadsheet left them, year-month-day."""
    iso = [f"{day}T00:00:00" for day in days]
    return pd.DataFrame({"Start Date": iso, "Start Time": "12:00", "End Date": iso})


def test_day_and_month_are_swapped_back_where_the_day_could_be_a_month() -> None:
    """5 June was written 2018-05-06; 13 May stayed 2018-05-13 as there is no 13th month."""
    table = swapped("2018-05-06", "2018-05-13", "2018-12-05", "2018-05-03")
    days, n_swapped = civil_days(table, NAME)
    found = days["Start Date"].dt.strftime("%Y-%m-%d").tolist()
    assert found == ["2018-06-05", "2018-05-13", "2018-05-12", "2018-03-05"]
    assert n_swapped == 3
    assert days["End Date"].equals(days["Start Date"].rename("End Date"))


def test_a_file_that_is_right_as_it_stands_is_not_spoiled() -> None:
    """If the days already fit window and order, swapping would be the fault."""
    with pytest.raises(SourceError, match="already agree"):
        civil_days(swapped("2018-06-05", "2018-05-13", "2018-03-05"), NAME)


def test_rows_out_of_order_after_the_swap_are_refused() -> None:
    """13 May before 5 June: the file does not run from last to first."""
    with pytest.raises(SourceError, match="not in order"):
        civil_days(swapped("2018-05-13", "2018-05-06", "2018-05-03"), NAME)


def test_rows_outside_the_window_of_the_name_are_refused() -> None:
    """13 July is not between 5 March and 5 June."""
    with pytest.raises(SourceError, match="inside the window"):
        civil_days(swapped("2018-07-13", "2018-05-06"), NAME)


def test_mixed_date_forms_are_refused() -> None:
    """A file half repaired by hand can be proven by nothing."""
    table = swapped("2018-05-06", "2018-05-13")
    table.loc[1, "Start Date"] = "13/05/2018"
    with pytest.raises(SourceError, match="several forms"):
        civil_days(table, NAME)


def test_day_first_dates_are_read_without_a_swap() -> None:
    """The summer file writes 06/09/2018 for 6 September."""
    table = pd.DataFrame(
        {"Start Date": ["06/09/2018", "06/06/2018"], "Start Time": "08:00",
         "End Date": ["07/09/2018", ""]}
    )  # fmt: skip
    days, n_swapped = civil_days(table, "x 060618 - 060918.csv")
    assert days["Start Date"].dt.strftime("%m-%d").tolist() == ["09-06", "06-06"]
    assert days["End Date"].isna().tolist() == [False, True]
    assert n_swapped == 0


def stays(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    """(bay, start, end) on 5 March 2018."""
    at = [
        [None if c is None else pd.Timestamp(f"2018-03-05T{c}Z") for c in row[1:]] for row in rows
    ]
    return pd.DataFrame(
        {
            "curb_space_id": [row[0] for row in rows],
            "event_time_start": pd.to_datetime([pair[0] for pair in at], utc=True),
            "event_time_end": pd.to_datetime([pair[1] for pair in at], utc=True),
            "quality": "ok",
        }
    )


def test_a_stay_ends_at_the_next_arrival_and_is_flagged() -> None:
    """10:00-10:40 then 10:30: the first ended at 10:30 at the latest. Bay b is untouched."""
    found, n_dropped = truncate_overlaps(
        stays(("a", "10:30", "10:50"), ("a", "10:00", "10:40"), ("b", "10:10", "10:45"))
    )
    assert found["event_time_end"].dt.strftime("%H:%M").tolist() == ["10:30", "10:50", "10:45"]
    assert found["quality"].tolist() == ["truncated_at_next_arrival", "ok", "ok"]
    assert n_dropped == 0


def test_of_two_stays_that_begin_together_one_has_no_length_and_goes() -> None:
    """The shorter one is truncated to nothing."""
    found, n_dropped = truncate_overlaps(stays(("a", "10:00", "10:05"), ("a", "10:00", "10:20")))
    assert (len(found), n_dropped) == (1, 1)
    assert found["event_time_end"].dt.strftime("%H:%M").tolist() == ["10:20"]


def test_a_stay_without_end_is_ended_by_the_next_arrival_only() -> None:
    """The last one is still there."""
    found, _ = truncate_overlaps(stays(("a", "10:00", None), ("a", "11:00", None)))
    assert found["event_time_end"].isna().tolist() == [False, True]


def test_a_night_is_no_gap_and_a_lost_day_is() -> None:
    """8 h between two files is a night; 13 h is not."""
    at = [pd.Timestamp(f"2018-03-{text}", tz="UTC") for text in
          ("05 00:00", "05 22:00", "06 06:00", "06 22:00", "07 11:00", "08 00:00")]  # fmt: skip
    assert coverage_gaps([(at[0], at[1]), (at[2], at[3]), (at[4], at[5])]) == [(at[3], at[4])]
