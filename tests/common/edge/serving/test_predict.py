"""The friendly protocol and MLflow's: fields in, prediction, interval and reasons out."""

import csv
import io
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from common.edge.description import french_number
from common.edge.explanation import explain_rows, headline
from common.edge.manifest import FieldSpec
from common.edge.serving.doors import friendly
from common.edge.serving.models.served import Served

MODEL = "building_energy.day_ahead"
PREDICT, INVOKE = f"/models/{MODEL}/predict", f"/models/{MODEL}/invocations"


@pytest.fixture(scope="module")
def served(call):
    (served,) = call.app.fleet.models.values()
    return served


@pytest.fixture(scope="module")
def rows(example_inputs):
    """All five legal rows as JSON takes them."""
    found = []
    for index in range(5):
        row = {name: values[index].tolist() for name, values in example_inputs.items()}
        row["load_kwh"] = [[None if v != v else v for v in day] for day in row["load_kwh"]]
        found.append(row)
    return found


@pytest.fixture(scope="module")
def expected(served, example_inputs):
    return served.bundle.predict(example_inputs)


def as_csv(example_inputs, delimiter=";", comma=","):
    """One column per value, as the command line reads it; a missing value is an empty cell."""
    columns = {"id": [f"ecole-{i}" for i in range(5)]}
    for name, values in example_inputs.items():
        for index in np.ndindex(values.shape[1:]):
            cells = values[(slice(None), *index)].tolist()
            texts = ["" if v != v else str(v).replace(".", comma) for v in cells]
            columns[".".join([name, *map(str, index)])] = texts
    lines = [delimiter.join(columns)] + [
        delimiter.join(r) for r in zip(*columns.values(), strict=True)
    ]
    return "\n".join(lines).encode()


def test_a_row_of_named_fields_is_answered_with_all_that_a_person_needs(call, rows, expected):
    answer = call("POST", PREDICT, rows[0])
    assert answer.status == 200, answer.body
    found = answer.json()
    (row,) = found["rows"]
    np.testing.assert_array_equal(np.float32(row["prediction"]), expected["forecast"][0])
    np.testing.assert_array_equal(np.float32(row["interval"]["lower"]), expected["lower"][0])
    np.testing.assert_array_equal(np.float32(row["interval"]["upper"]), expected["upper"][0])
    np.testing.assert_array_equal(np.float32(row["contributions"]), expected["contributions"][0])
    assert row["baseline"] == [2.0]
    assert (found["version"], found["simulated"], found["signature"]["valid"]) == (
        "1.2.3", True, True,
    )  # fmt: skip
    assert found["proxy"].startswith("Un campus")
    assert found["units"]["forecast"] == "kWh"
    assert [term["label"] for term in found["terms"]][2] == "froid sous 15 °C"


def test_contributions_and_baseline_add_up_to_the_prediction(call, rows):
    (row,) = call("POST", PREDICT, rows[1]).json()["rows"]
    total = np.sum(row["contributions"], axis=1) + row["baseline"][0]
    np.testing.assert_allclose(total, row["prediction"], rtol=1e-5)


def test_reasons_are_those_of_the_explanation_in_its_order(call, rows, served, expected):
    found = call("POST", PREDICT, {"rows": rows}).json()["rows"]
    for row, explanation in zip(found, explain_rows(served.manifest, expected), strict=True):
        assert [reason["label"] for reason in row["reasons"]] == [
            g.label for g in explanation.groups
        ]
        for reason, group in zip(row["reasons"], explanation.groups, strict=True):
            assert reason["total"] == pytest.approx(group.total, rel=1e-6)
            assert reason["text"].startswith(f"{group.label} : +")
            assert reason["text"].endswith("\u00a0kWh")


def test_rows_keep_their_identifiers_and_order(call, rows, expected):
    ids = [f"ecole-{i}" for i in range(5)]
    found = call("POST", PREDICT, {"rows": rows, "ids": ids}).json()["rows"]
    assert [row["id"] for row in found] == ids
    np.testing.assert_array_equal(
        np.float32([row["prediction"] for row in found]), expected["forecast"]
    )


def test_fields_with_a_default_may_be_left_out(call, rows, served, example_inputs):
    given = {name: rows[0][name] for name in ("load_kwh", "weekday")}
    (row,) = call("POST", PREDICT, given).json()["rows"]
    known = {name: example_inputs[name][:1] for name in given}
    np.testing.assert_array_equal(
        np.float32(row["prediction"]), served.bundle.predict(known)["forecast"][0]
    )


def test_a_unit_may_be_given_and_another_unit_is_refused(call, rows):
    with_unit = rows[0] | {"offset_kwh": {"value": rows[0]["offset_kwh"], "unit": "kWh"}}
    in_mwh = rows[0] | {"offset_kwh": {"value": 0.001, "unit": "MWh"}}
    assert call("POST", PREDICT, with_unit).json() == call("POST", PREDICT, rows[0]).json()
    refused = call("POST", PREDICT, in_mwh)
    assert refused.status == 422
    assert refused.json()["errors"] == [
        {
            "row": 0,
            "field": "offset_kwh",
            "detail": "Ligne 1, champ « offset_kwh » : unité « MWh » ; attendu : kWh.",
        }
    ]


def test_missing_and_unusual_values_are_counted(call, rows):
    """Golden loads reach some 150 kWh; 4,900 is legal and was never seen."""
    odd = [[4900.0] * 24] * 28
    found = call("POST", PREDICT, {"rows": [rows[0], rows[1], rows[1] | {"load_kwh": odd}]}).json()
    data = [row["data"] for row in found["rows"]]
    # load 28 * 24, temperature 24, weekday and offset: 698 values that have a reference
    assert data[0]["missing_share"] == pytest.approx(1 / 698)
    assert (data[1]["usual"], data[1]["missing_share"]) == (True, 0)
    assert data[2]["usual"] is False
    assert data[2]["out_of_range_share"] == pytest.approx(672 / 698)


@pytest.mark.parametrize(("delimiter", "comma"), [(";", ","), (";", "."), ("\t", ","), (",", ".")])
def test_csv_in_and_out_says_the_same_as_json(call, example_inputs, expected, delimiter, comma):
    body = as_csv(example_inputs, delimiter, comma)
    answer = call("POST", PREDICT, body, content_type="text/csv; charset=utf-8")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    assert answer.body.startswith(b"\xef\xbb\xbf")
    table = list(csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig")), delimiter=";"))
    assert [row["id"] for row in table] == [f"ecole-{i}" for i in range(5)]
    found = [[float(row[f"forecast.{h}"].replace(",", ".")) for h in range(24)] for row in table]
    np.testing.assert_array_equal(np.float32(found), expected["forecast"])
    assert table[0]["raison_1"].startswith("passé récent : +")
    assert table[0]["avertissement"].startswith("SIMULATED")
    assert table[0]["donnees_habituelles"] == "vrai"


def test_json_may_be_answered_by_csv(call, rows):
    answer = call("POST", PREDICT, rows[0], accept="text/csv")
    assert answer.headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize(
    ("change", "row", "field", "words"),
    [
        ({"weekday": 9}, 1, "weekday", "9 ; attendu : de 0 à 6"),
        ({"weekday": 1.5}, 1, "weekday", "nombres entiers"),
        ({"weekday": True}, 1, "weekday", "nombres entiers"),
        ({"weekday": None}, 1, "weekday", "nombres entiers"),
        ({"holiday": 1}, 1, "holiday", "true ou false"),
        ({"offset_kwh": None}, 1, "offset_kwh", "valeur manquante"),
        ({"offset_kwh": "3,5"}, 1, "offset_kwh", "« 3,5 » ; attendu : des nombres"),
        ({"temperature_c": [80.0] * 24}, 1, "temperature_c", "position [0] : 80\u00a0°C"),
        ({"temperature_c": [12.0] * 23}, 1, "temperature_c", "23 ; attendu : 24 valeurs"),
        ({"load_kwh": [[1.0] * 24] * 27 + [[1.0]]}, 1, "load_kwh", "28 × 24"),
    ],
)
def test_a_refused_value_is_named_by_row_and_field_in_french(call, rows, change, row, field, words):
    answer = call("POST", PREDICT, {"rows": [rows[0], rows[1] | change, rows[2]]})
    assert (answer.status, answer.headers["content-type"]) == (422, "application/problem+json")
    (fault,) = answer.json()["errors"]
    assert (fault["row"], fault["field"]) == (row, field)
    assert fault["detail"].startswith(f"Ligne 2, champ « {field} »")
    assert words in fault["detail"]


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "JSON"),
        (b"[]", 400, "objet"),
        (b"{", 400, "ligne 1"),
        (b"{}", 422, "load_kwh"),
        (b'{"rows": []}', 400, "rows"),
        (b'{"rows": [1]}', 400, "rows"),
        (b'{"rows": [{}], "x": 1}', 400, "x"),
        (b'{"rows": [{"a": 1}, {"b": 1}]}', 422, "toutes les lignes"),
        (b'{"nope": 1}', 422, "nope"),
        (b"\xff\xfe", 400, "JSON"),
    ],
)
def test_a_request_of_another_form_is_refused(call, body, status, words):
    answer = call("POST", PREDICT, body, content_type="application/json")
    assert answer.status == status
    assert words in answer.json()["detail"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda text: text.replace(b"weekday", b"jour"), "Colonne inconnue « jour »"),
        (lambda text: text.replace(b"load_kwh.3.4;", b"load_kwh.3.5;"), "deux fois"),
        (lambda text: text + b"\n1;2", "Ligne 7 du fichier : 2 cellules"),
        (lambda text: text.partition(b"\n")[0], "Aucune ligne"),
        (lambda text: text + b"\n\xff", "UTF-8"),
        (lambda text: text.replace(b"ecole-3", b"Mme Durand"), "Ligne 4, identifiant"),
        (lambda text: text.replace(b"ecole-0;", b"ecole-0;x"), "Ligne 2 du fichier, colonne"),
    ],
)
def test_a_csv_that_is_wrong_is_refused_by_line_and_column(call, example_inputs, spoil, words):
    answer = call("POST", PREDICT, spoil(as_csv(example_inputs)), content_type="text/csv")
    assert answer.status in (400, 422)
    assert words in answer.json()["detail"]


def test_a_form_of_a_web_page_is_refused(call):
    """A page of another site can send one without asking (simple request, Fetch standard)."""
    answer = call("POST", PREDICT, b"a=1", content_type="application/x-www-form-urlencoded")
    assert answer.status == 415


@pytest.mark.parametrize("form", ["inputs", "instances"])
def test_mlflow_tensors_are_answered_by_tensors(call, example_inputs, rows, expected, form):
    columns = {name: [row[name] for row in rows] for name in example_inputs}
    body = {form: columns if form == "inputs" else rows}
    found = call("POST", INVOKE, body).json()["predictions"]
    assert list(found) == list(expected)
    np.testing.assert_array_equal(np.float32(found["forecast"]), expected["forecast"])


@pytest.mark.parametrize("form", ["dataframe_split", "dataframe_records", "csv"])
def test_mlflow_tables_are_answered_by_records(call, example_inputs, rows, expected, form):
    if form == "csv":
        body = as_csv(example_inputs, ",", ".")
        body = b"\n".join(line.partition(b",")[2] for line in body.split(b"\n"))
        answer = call("POST", INVOKE, body, content_type="text/csv")
    elif form == "dataframe_records":
        answer = call("POST", INVOKE, {form: rows})
    else:
        data = [list(row.values()) for row in rows]
        answer = call("POST", INVOKE, {form: {"columns": list(rows[0]), "data": data}})
    found = answer.json()["predictions"]
    np.testing.assert_array_equal(
        np.float32([row["forecast"] for row in found]), expected["forecast"]
    )


def test_mlflow_columns_may_hold_one_value_each(call, example_inputs, rows, expected):
    """As a DataFrame from a spreadsheet has them: ``temperature_c.0`` to ``temperature_c.23``."""
    columns = [name for name in rows[0] if name != "temperature_c"]
    data = [[row[name] for name in columns] + row["temperature_c"] for row in rows]
    columns += [f"temperature_c.{hour}" for hour in range(24)]
    answer = call("POST", INVOKE, {"dataframe_split": {"columns": columns, "data": data}})
    found = np.float32([row["forecast"] for row in answer.json()["predictions"]])
    np.testing.assert_array_equal(found, expected["forecast"])


def spread(rows):
    """One column for each value, as a client that keeps a wide table sends them."""
    columns, data = [], [[] for _ in rows]
    for name, first in rows[0].items():
        flat = [np.asarray(row[name], dtype=object).reshape(-1).tolist() for row in rows]
        sizes = np.shape(first)
        indices = [".".join(map(str, index)) for index in np.ndindex(*sizes)] if sizes else [""]
        columns += [f"{name}.{index}".rstrip(".") for index in indices]
        for row, cells in zip(data, flat, strict=True):
            row += cells
    return columns, data


@pytest.mark.parametrize("fault", [None, "texte", [1.0], True, 1e999])
def test_columns_are_read_alike_in_blocks_and_one_by_one(call, rows, fault):
    """A client's usual order is read at once; any other order finds each column by its name."""
    columns, data = spread(rows)
    if fault is not None:
        data[1][-1] = fault
    order = np.random.default_rng(3).permutation(len(columns))
    shuffled = [columns[i] for i in order], [[row[i] for i in order] for row in data]
    answers = [
        call("POST", INVOKE, {"dataframe_split": {"columns": names, "data": cells}})
        for names, cells in ((columns, data), shuffled, (columns, data))
    ]
    assert (answers[0].status == 200) == (fault is None)
    assert answers[0].status == answers[1].status
    if fault is None:
        assert answers[0].body == answers[1].body
    assert answers[0].body == answers[2].body


def test_the_only_model_answers_at_the_address_of_mlflow(call, rows):
    body = {"dataframe_records": rows}
    assert call("POST", "/invocations", body).body == call("POST", INVOKE, body).body
    assert call("GET", "/ping").status == 200


@pytest.mark.parametrize(
    "body",
    [b"{}", b"3", b'{"inputs": 3}', b'{"inputs": {}}', b'{"dataframe_split": {"columns": []}}',
     b'{"dataframe_split": {"columns": ["a", "a"], "data": [[1, 2]]}}',
     b'{"dataframe_split": {"columns": ["a"], "data": [1]}}', b'{"dataframe_records": [1]}',
     b'{"dataframe_records": [{"a": 1}, {"b": 1}]}', b'{"inputs": {"weekday": 3}}',
     b'{"inputs": {"weekday": [[1]], "load_kwh": []}}', b'{"instances": []}', b"{"],
)  # fmt: skip
def test_an_invocation_of_another_form_is_refused(call, body):
    answer = call("POST", INVOKE, body, content_type="application/json")
    assert answer.status in (400, 422)
    assert answer.json()["detail"]


def test_the_prediction_is_what_a_person_would_call_so(call, rows, served):
    """A classifier's first output is its log-odds, for the arithmetic; the interval says of what.

    The same graph under other names: the head is apart, what follows it is the prediction.
    """
    assert call("POST", PREDICT, rows[0]).json()["prediction_of"] == "forecast"
    outputs = [replace(served.manifest.outputs[0], name=name) for name in ("score", "p_free")]
    assert headline([*outputs, *served.manifest.outputs]).name == "p_free"
    assert headline(outputs[:1]).name == "score"
    found = call("POST", PREDICT, rows[0]).json()
    assert found["interval_of"] == "forecast"
    document = call("GET", "/openapi.json").json()["components"]["schemas"]
    answer = next(one for name, one in document.items() if name.endswith("_reponse"))
    assert answer["properties"]["prediction_of"] == {"const": "forecast"}


@given(st.floats(-1e7, 1e7, allow_nan=False))
@example(999.4)
@example(999.5)
@example(0.0099999)
@example(0.01)
@example(-0.0)
def test_three_digits_are_written_as_any_number_of_ours(value):
    """The quick way to write what most reasons are gives the words of the general one."""
    rounded = float(f"{value:.3g}")
    sign = "+" if rounded > 0 else ""
    assert friendly._signed(value) == sign + french_number(rounded)


def test_numbers_of_a_row_are_read_together_as_one_by_one():
    """Fields of one number a row share one array; odd ones are read by themselves."""
    names = ["a_kwh", "b_kwh", "c_kwh"]
    fields = {name: FieldSpec(name, "float32", ("n",), "kWh", "") for name in names}
    fields["day"] = FieldSpec("day", "int64", ("n",), "1", "")
    fields["hour"] = FieldSpec("hour", "int64", ("n",), "1", "")
    known = SimpleNamespace(fields=fields, scalars={"float32": names, "int64": ["day", "hour"]})
    alone = SimpleNamespace(fields=fields, scalars={})
    legal = [dict.fromkeys(names, 1.5) | {"day": 3, "hour": 4}] * 2
    odd = [True, None, "2", 7, 2**70, [1.0], 1.5]
    for name in fields:
        for value in odd:
            rows = [legal[0] | {name: value}, legal[1]]
            together = friendly._inputs(known, rows, has_truths=True)
            one_by_one = friendly._inputs(alone, rows, has_truths=True)
            assert together.keys() == one_by_one.keys()
            for key, values in one_by_one.items():
                assert repr(together[key]) == repr(values)  # type, shape and values
    assert friendly._numbers(known, legal, has_truths=False).keys() == fields.keys()


def test_rows_that_take_long_are_answered_by_a_thread(caller, rows, monkeypatch):
    """What holds up health checks for longer than two milliseconds leaves the event loop."""
    call = caller()
    (served,) = call.app.fleet.models.values()
    monkeypatch.setattr(Served, "_run", lambda *_: time.sleep(0.004))
    assert Served(served.bundle, served.limits, 10**6).quick_rows == 1
    monkeypatch.undo()
    served.quick_rows = 2
    threaded, in_pool = [], call.app._in_pool

    def counted(work):
        threaded.append(work)
        return in_pool(work)

    monkeypatch.setattr(call.app, "_in_pool", counted)
    at_once = call("POST", PREDICT, {"rows": rows[:2]})
    assert not threaded
    served.quick_rows = 1
    assert call("POST", PREDICT, {"rows": rows[:2]}).body == at_once.body
    assert len(threaded) == 1
