"""Recent inputs from a spreadsheet's CSV or an npz, and the comparison made on them."""

import io
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from common.edge.archive import Limits
from common.edge.errors import TableError, UsageError
from common.edge.inputfile import read_inputs
from common.edge.inputs import prepare
from common.edge.manifest import FieldSpec
from common.edge.store.shadow import Gap

FIELDS = (
    FieldSpec("load_kwh", "float32", ("n", 2, 2), "kWh", "Charge.", 0, 5000, missing=True),
    FieldSpec("weekday", "int64", ("n",), "1", "Jour.", 0, 6),
    FieldSpec("holiday", "bool", ("n",), "1", "Férié.", default=np.array(False)),
)
HEADER = "load_kwh.0.0;load_kwh.0.1;load_kwh.1.0;load_kwh.1.1;weekday;holiday"
ROW = "1,5;;1\u202f234,25;4;6;vrai"


@pytest.fixture
def written(tmp_path):
    def write(text, name="recent.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def test_a_french_spreadsheet_is_read_as_it_is_saved(written):
    """Mark of UTF-8 in front, semicolons, decimal commas, spaces in thousands, CRLF."""
    found = read_inputs(written(f"\ufeff{HEADER}\r\n{ROW}\r\n\r\n"), FIELDS, Limits())
    assert found["load_kwh"].shape == (1, 2, 2)
    np.testing.assert_array_equal(found["load_kwh"][0], [[1.5, np.nan], [1234.25, 4]])
    assert (found["weekday"].tolist(), found["holiday"].tolist()) == ([6], [True])
    assert set(prepare(FIELDS, found, Limits())) == {"load_kwh", "weekday", "holiday"}


@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_commas_and_tabs_delimit_too(written, delimiter):
    text = f"{HEADER}\n1.5;2;3;4;0;0\n".replace(";", delimiter)
    assert read_inputs(written(text), FIELDS, Limits())["load_kwh"][0, 0, 0] == 1.5


def test_columns_may_come_in_any_order_and_optional_ones_be_absent(written):
    text = "weekday;load_kwh.1.1;load_kwh.1.0;load_kwh.0.1;load_kwh.0.0\n3;4;3;2;1\n"
    found = read_inputs(written(text), FIELDS, Limits())
    assert found["load_kwh"].tolist() == [[[1, 2], [3, 4]]]
    assert set(found) == {"load_kwh", "weekday"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{HEADER};site\n{ROW};a\n", "unknown column 'site'"),
        (f"{HEADER};weekday\n{ROW};1\n", "columns weekday twice"),
        (f"{HEADER}\n{ROW}\n1;2\n", "line 3: 2 cells"),
        (f"{HEADER}\n{ROW}\n1;deux;3;4;5;0\n", "line 3, column load_kwh.0.1: 'deux'"),
        (f"{HEADER}\n1;2;3;4;1,5;0\n", "line 2, column weekday: '1,5'"),
        (f"{HEADER}\n1;2;3;4;;0\n", "line 2, column weekday: ''"),
        (f"{HEADER}\n1;2;3;4;1;oui\n", "line 2, column holiday: 'oui'"),
        (f"{HEADER}\n1;2;3;4;{2**64};0\n", "line 2, column weekday"),
        ("load_kwh.0.0;weekday\n1;2\n", r"no column load_kwh\.0\.1"),
        (f"{HEADER}\n", "rows"),
        ("", "rows"),
        (b"weekday\n\xe9\n", "not UTF-8"),
        ('weekday\n"1\n', "unexpected end"),
    ],
)
def test_a_cell_that_is_off_is_named_by_line_and_column(written, text, found):
    with pytest.raises(TableError, match=found):
        read_inputs(written(text), FIELDS, Limits())


def test_rows_of_any_length_do_not_fit_a_table(written):
    """A text's code points, say: its npz is made by the client that knows the text."""
    texts = (FieldSpec("points", "int64", ("n", "length"), "1", "Texte."),)
    with pytest.raises(TableError, match="rows of any length"):
        read_inputs(written("points\n1\n"), texts, Limits())


@pytest.mark.parametrize("name", ["recent.xlsx", "recent"])
def test_another_kind_of_file_is_a_usage_error(written, name):
    with pytest.raises(UsageError, match=r"\.npz with one array per input"):
        read_inputs(written("x", name), FIELDS, Limits())


def test_an_npz_gives_its_arrays_and_its_site_names_are_left_out(tmp_path):
    """``aune bundle predict`` takes an array of sites beside the inputs; so does this."""
    path = tmp_path / "recent.npz"
    np.savez(path, weekday=np.array([1, 2]), site=np.array(["a", "b"]))
    assert list(read_inputs(path, FIELDS, Limits())) == ["weekday"]


def npz(**given_arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **given_arrays)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "not a zip"),
        (npz(weekday=np.array([1]), load_kwh=np.zeros((2, 2, 2))), r"arrays of \[1, 2\] rows"),
        (npz(weekday=np.array(1)), r"arrays of \[0\] rows"),
        (npz(weekday=np.array([object()])), "Object arrays cannot be loaded"),
    ],
)
def test_an_npz_that_is_off_is_refused(written, data, found):
    with pytest.raises(TableError, match=found):
        read_inputs(written(data, "recent.npz"), FIELDS, Limits())


def test_a_file_that_unpacks_beyond_the_limit_is_refused(tmp_path):
    path = tmp_path / "recent.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weekday.npy", bytes(100_000))
    with pytest.raises(TableError, match="100000 bytes unpacked"):
        read_inputs(path, FIELDS, Limits(total_bytes=5000))
    with pytest.raises(TableError, match="bytes"):
        read_inputs(path, FIELDS, Limits(total_bytes=10))


# -- the gap -------------------------------------------------------------------------------------

VALUES = arrays(
    np.float32, (4, 3), elements=st.floats(-1000, 1000, width=32) | st.just(float("nan"))
)


@given(VALUES, VALUES)
def test_a_gap_is_the_same_both_ways_and_zero_only_with_itself(current, new):
    """Except for its scale, which is the current version's."""
    there = Gap.between("y", "kWh", current, new)
    back = Gap.between("y", "kWh", new, current)
    assert (there.mean, there.p95, there.largest) == (back.mean, back.p95, back.largest)
    assert there.one_sided == back.one_sided == (np.isnan(current) != np.isnan(new)).sum()
    assert Gap.between("y", "kWh", new, new).largest == 0
    assert 0 <= there.mean <= there.largest + 1e-9


def test_values_of_one_version_only_are_counted_and_the_worst_row_is_named():
    current = np.array([[1.0, 2.0], [np.nan, 4.0], [5.0, np.inf]])
    new = np.array([[1.0, 2.5], [3.0, 2.0], [np.nan, 6.0]])
    gap = Gap.between("y", "kWh", current, new)
    # Known to both: 1 and 1, 2 and 2.5, 4 and 2. Differences 0, 0.5, 2; current values 1 + 2 + 4.
    assert (gap.one_sided, gap.worst_row, gap.largest) == (3, 1, 2)
    assert gap.mean == pytest.approx(2.5 / 3)
    assert gap.relative == pytest.approx(2.5 / 7)


def test_against_zero_there_is_no_relative_gap():
    assert Gap.between("y", "kWh", np.zeros((1, 2)), np.ones((1, 2))).relative is None
