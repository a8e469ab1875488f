"""Whatever is sent, the answer is an answer: no 5xx, a problem in the promised form."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

MODEL = "building_energy.day_ahead"
PATHS = {
    "predict": f"/models/{MODEL}/predict",
    "invocations": f"/models/{MODEL}/invocations",
    "infer": f"/v2/models/{MODEL}/infer",
}
FIELDS = ("load_kwh", "temperature_c", "weekday", "holiday", "offset_kwh")
WORDS = (*FIELDS, "rows", "ids", "inputs", "outputs", "name", "shape", "datatype", "data", "FP32",
         "INT64", "BOOL", "parameters", "binary_data_size", "columns", "dataframe_split",
         "dataframe_records", "instances", "value", "unit", "kWh", "forecast", "id")  # fmt: skip

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(width=32) | st.sampled_from(WORDS)
    | st.text(max_size=8) | st.sampled_from([1e39, -1e309, 2**63, 2**64, 10**400])
)  # fmt: skip
values = st.recursive(
    leaves,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)
quick = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def check(answer):
    assert answer.status < 500, answer.body
    assert answer.status in (200, 400, 413, 415, 422)
    if answer.status != 200:
        assert set(answer.json()) >= {"title", "status", "detail"}


@pytest.mark.parametrize("door", PATHS)
@quick
@given(value=values)
def test_any_json_is_answered(call, door, value):
    check(call("POST", PATHS[door], json.dumps(value).encode(), content_type="application/json"))


@pytest.mark.parametrize("door", PATHS)
@pytest.mark.parametrize("kind", ["application/json", "text/csv", "application/octet-stream", ""])
@settings(quick, max_examples=20)
@given(body=st.binary(max_size=200), length=st.integers(-1, 300))
def test_any_bytes_are_answered(call, door, kind, body, length):
    check(
        call(
            "POST",
            PATHS[door],
            body,
            content_type=kind,
            inference_header_content_length=str(length),
        )
    )


@pytest.mark.parametrize("door", ["predict", "invocations"])
@quick
@given(data=st.data())
def test_a_legal_row_with_one_odd_value_is_answered(call, one_row, door, data):
    name = data.draw(st.sampled_from(FIELDS))
    row = one_row | {name: data.draw(values)}
    body = row if door == "predict" else {"dataframe_records": [row]}
    check(call("POST", PATHS[door], json.dumps(body).encode(), content_type="application/json"))


@quick
@given(data=st.data())
def test_a_tensor_with_one_odd_member_is_answered(call, data):
    tensor = {"name": "weekday", "shape": [1], "datatype": "INT64", "data": [1]}
    tensor[data.draw(st.sampled_from([*tensor, "parameters"]))] = data.draw(values)
    body = json.dumps({"inputs": [tensor]}).encode()
    check(call("POST", PATHS["infer"], body))


@quick
@given(text=st.text(alphabet=st.sampled_from(list('weekday;,."\n\t0123é=-+\x00 ')), max_size=60))
def test_any_csv_is_answered(call, text):
    check(call("POST", PATHS["predict"], text.encode(), content_type="text/csv"))
