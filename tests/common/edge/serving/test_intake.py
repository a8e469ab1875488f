"""The quick way in and the careful way: the same arrays, the same counts, the same refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.edge.archive import Limits
from common.edge.errors import TableError
from common.edge.inputs import prepare
from common.edge.manifest import FieldSpec
from common.edge.serving.models import intake
from common.edge.serving.models.intake import Intake
from common.edge.serving.models.observing import Reference, observe
from common.edge.serving.values.numbers import to_array

FIELDS = (
    FieldSpec("load_kwh", "float32", ("n", 2, 3), "kWh", "", 0, 100, missing=True),
    FieldSpec("share", "float32", ("n",), "1", "", 0.1, 0.7),
    FieldSpec("free", "float32", ("n", 2), "1", "", default=np.float32([0.5, 0.25])),
    FieldSpec("weekday", "int64", ("n",), "1", "", 0, 6),
    FieldSpec("place", "int64", ("n", 2), "1", ""),
    FieldSpec("holiday", "bool", ("n",), "1", "", default=np.array(False)),
)
REFERENCES = (Reference("load_kwh", 10, 90, 6), Reference("free", -1, 1, 2),
              Reference("weekday", -3, 5, 1))  # fmt: skip
LIMITS = Limits(rows=5)


def legal(rows, seed=0):
    """Return inputs of which every value is legal and usual."""
    rng = np.random.default_rng(seed)
    return {
        "load_kwh": rng.uniform(10, 90, (rows, 2, 3)),
        "share": rng.uniform(0.1, 0.7, rows).astype(np.float32),
        "free": rng.uniform(-1, 1, (rows, 2)),
        "weekday": rng.integers(0, 5, rows, endpoint=True),
        "place": rng.integers(-(2**62), 2**62, (rows, 2)),
        "holiday": rng.random(rows) < 0.5,
    }


def careful(inputs):
    """Return what each input looked at by itself gives, or the words of its refusal."""
    try:
        prepared = prepare(FIELDS, inputs, LIMITS)
    except TableError as error:
        return error.found, error.expected
    return prepared, observe(REFERENCES, prepared)


def quick(inputs, rows):
    try:
        return Intake(FIELDS, REFERENCES, LIMITS)(inputs, rows)
    except TableError as error:
        return error.found, error.expected


def assert_same(found, expected):
    if isinstance(expected[0], str):
        assert found == expected
        return
    (arrays, seen), (wanted, counted) = found, expected
    assert list(arrays) == list(wanted)
    for name, values in wanted.items():
        assert (arrays[name].dtype, arrays[name].shape) == (values.dtype, values.shape)
        assert arrays[name].tobytes() == values.tobytes(), name
        assert arrays[name].flags.c_contiguous
    assert seen == counted


ODD_VALUES = (
    np.nan, np.inf, -np.inf, 1e39, -1e-3, 0.1, np.float32(0.1), 0.1 - 1e-12, 0.7, 0.7 + 1e-9,
    95.0, 100.0, 100.00001, 9.999, -1.5, 6, 7, -4, 2**24 + 1, 2**62, True,
)  # fmt: skip


def changed(values, place, odd):
    """Put an odd value into a copy that can hold it."""
    is_whole = values.dtype.kind != "f" and isinstance(odd, int)
    copy = values.astype(values.dtype if is_whole else np.float64)
    copy.reshape(-1)[place] = odd
    return copy


@st.composite
def disturbed(draw):
    """Legal inputs, of which some are absent, of another type or shape, or hold odd values."""
    rows = draw(st.integers(1, 6))
    inputs = legal(rows, draw(st.integers(0, 3)))
    for name in draw(st.lists(st.sampled_from(sorted(inputs)), max_size=3, unique=True)):
        values = inputs[name]
        what = draw(st.sampled_from(["absent", "value", "value", "value", "type", "shape", "list"]))
        if what == "absent":
            del inputs[name]
        elif what == "value":
            place = draw(st.integers(0, values.size - 1))
            inputs[name] = changed(values, place, draw(st.sampled_from(ODD_VALUES)))
        elif what == "type":
            kinds = [np.float32, np.float16, np.int32, np.uint64, object]
            with np.errstate(all="ignore"):
                inputs[name] = values.astype(draw(st.sampled_from(kinds)))
        elif what == "shape":
            inputs[name] = draw(st.sampled_from([values[1:], values[..., np.newaxis], values.T]))
        else:
            inputs[name] = values.tolist()
    if draw(st.integers(0, 9)) == 0:
        inputs["unknown"] = np.zeros(rows)
    return inputs, rows


@settings(max_examples=200, deadline=None)
@given(disturbed())
def test_both_ways_say_the_same_of_whatever_comes(case):
    """The quick way may only be quicker: it must neither let more through nor count less."""
    inputs, rows = case
    assert_same(quick(inputs, rows), careful(inputs))


@pytest.mark.parametrize("rows", [1, 3])
def test_legal_rows_never_take_the_careful_way(monkeypatch, rows):
    """Otherwise the property above would hold for a quick way that is never taken."""
    expected = careful(legal(rows))
    monkeypatch.setattr(intake, "prepare", lambda *_: pytest.fail("looked at closely"))
    assert_same(quick(legal(rows), rows), expected)
    read = {field.name: to_array(legal(rows)[field.name].tolist(), field) for field in FIELDS}
    quick(read, rows)  # as JSON is read, not as numpy makes arrays: other letters, same types
    gap = legal(rows)
    gap["load_kwh"][0, 1, 1] = np.nan
    del gap["free"], gap["holiday"]
    _, seen = quick(gap, rows)
    assert list(seen.missing) == [1, 0, 0]
    # 1 of the 6 + 2 + 1 values of the first row that have a reference
    assert seen.row_missing[0] == pytest.approx(1 / 9)


def test_the_arrays_are_not_the_callers():
    """A request's bytes go away with it; what the graph took is kept for the watch on data."""
    inputs = legal(2)
    prepared, _ = quick(inputs, 2)
    assert not any(np.shares_memory(prepared[name], inputs[name]) for name in inputs)


def test_no_more_values_than_allowed_are_taken_at_once():
    """Limits hold on both ways: three rows of six values are 18."""
    fields = FIELDS[:1]
    taken = Intake(fields, (), Limits(values=17))
    with pytest.raises(TableError, match=r"\(3, 2, 3\)"):
        taken({"load_kwh": np.full((3, 2, 3), 50.0)}, 3)
    assert taken({"load_kwh": np.full((2, 2, 3), 50.0)}, 2)[0]["load_kwh"].shape == (2, 2, 3)


def test_a_reference_knows_how_many_values_its_input_has_in_a_row(call):
    """Shares are of a row's values: 28 days of 24 hours count 672 times as much as an offset."""
    (served,) = call.app.fleet.models.values()
    sizes = {reference.name: reference.values for reference in served.references}
    assert sizes == {"load_kwh": 672, "temperature_c": 24, "weekday": 1, "offset_kwh": 1}
