"""The columns that every use case's own files have: what is read, and which line is named."""

import re

import numpy as np
import pytest

from common.edge.errors import TableError
from common.lab import french_columns
from common.lab.french_csv import Problems, read_table


@pytest.fixture
def problems():
    return Problems()


def table_of(folder, text, problems):
    path = folder / "f.csv"
    path.write_text(text, encoding="utf-8")
    return read_table(path, problems)


def refused(problems):
    with pytest.raises(TableError) as refusal:
        problems.refuse()
    return str(refusal.value)


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path, problems):
    """The reader sees at once which name was not understood."""
    table = table_of(tmp_path, "zone;debut\nA;1\n", problems)
    wanted = {"zone": ("zone",), "fin": ("fin", "end")}
    assert french_columns.places_of(table, wanted, "name it fin", problems) is None
    assert re.search(r"f\.csv line 1.*'zone, debut'", refused(problems))


def test_an_empty_id_and_a_second_one_are_named_by_their_lines(tmp_path, problems):
    """Line 1 is the header: the second A stands on line 4, the empty one on line 3."""
    table = table_of(tmp_path, "id;n\nA;1\n;2\n A ;3\nB;4\n", problems)
    assert french_columns.unique_ids(table, 0, "bin", problems) == ["A", "", "A", "B"]
    assert [item.place for item in problems.items] == ["f.csv line 3", "f.csv line 4"]


def test_one_folder_holds_one_time_zone(tmp_path, problems):
    """An unknown name is told from another known one."""
    table = table_of(tmp_path, "tz;n\nEurope/Paris;1\nParis;2\nEurope/London;3\n", problems)
    assert french_columns.folder_timezone(table, 0, problems) == "Europe/Paris"
    assert [item.expected for item in problems.items] == [
        "an IANA name such as Europe/Paris",
        "Europe/Paris, as on the first line",
    ]


def test_numbers_outside_their_range_are_named_and_empty_cells_are_not(tmp_path, problems):
    """150 is legal, 150,1 is not; nothing is clipped."""
    table = table_of(tmp_path, "niveau\n150\nND\n150,1\n-1\nx\n", problems)
    found = french_columns.bounded_numbers(table, ("niveau",), (0, 150), problems)
    np.testing.assert_array_equal(found, [150, np.nan, 150.1, -1, np.nan])
    assert [item.place for item in problems.items] == [f"f.csv line {n}" for n in (4, 5, 6)]


def test_a_column_that_is_absent_is_unknown(tmp_path, problems):
    table = table_of(tmp_path, "a\n1\n2\n", problems)
    assert np.isnan(french_columns.bounded_numbers(table, ("b",), (0, 1), problems)).all()
    assert problems.items == []


@pytest.mark.parametrize(("may_be_empty", "lines"), [(True, [4, 5]), (False, [3, 4, 5])])
def test_what_is_no_time_is_named_an_empty_cell_only_where_it_may_not_be(
    tmp_path, problems, may_be_empty, lines
):
    """Noon in Paris is 11 h UTC in winter; on 30 March 2025 the clock skipped 2 h to 3 h."""
    text = "t;n\n01/01/1990 12:00;1\n;2\n32/01/2025;3\n30/03/2025 02:30;4\n"
    table = table_of(tmp_path, text, problems)
    seconds, unknown = french_columns.utc_seconds(
        table, (table.cells[0], ["a"] * 4), "Europe/Paris", problems, may_be_empty=may_be_empty
    )
    # 20 years of 365 days and 5 leap days since 1970, and 11 hours
    assert seconds[0] == (20 * 365 + 5) * 86_400 + 11 * 3_600
    assert unknown.tolist() == [False, True, True, True]
    assert sorted(item.place for item in problems.items) == [f"f.csv line {n}" for n in lines]


def test_a_forbidden_column_is_told_by_its_plain_name(tmp_path, problems):
    """« Nom du Conducteur » holds conducteur, whatever its case and spaces."""
    table = table_of(tmp_path, "zone;Nom du Conducteur\nA;x\n", problems)
    pattern = re.compile("conducteur")
    assert french_columns.note_columns(table, pattern, "no name", "remove it", problems)
    assert not french_columns.note_columns(table, re.compile("plaque"), "", "", problems)
    assert "'Nom du Conducteur'" in refused(problems)


def test_a_file_that_is_not_there_is_refused_at_once(tmp_path, problems):
    with pytest.raises(TableError, match=r"absent\.csv"):
        french_columns.required_table(tmp_path / "absent.csv", problems)
