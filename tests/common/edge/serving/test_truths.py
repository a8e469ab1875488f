"""Observed values come back and tell whether the interval holds; nonsense is refused by row."""

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.edge.store.store import Store
from common.edge.training.usual import Usual
from common.lab.export import write_bundle

MODEL = "building_energy.day_ahead"
PATH = f"/models/{MODEL}/truth"


@pytest.fixture(scope="module")
def promising_store(tmp_path_factory, bundle_content, signing_key):
    """A store whose bundle says that its interval holds 80 % of the truth."""
    folder = tmp_path_factory.mktemp("truths")
    content = replace(bundle_content, usual=Usual({}, 0.8))
    path = write_bundle(folder / "promising.zip", content, signing_key[0])
    Store(folder / "store", [signing_key[1]]).install(path)
    return folder / "store"


@pytest.fixture
def server(promising_store, caller, tmp_path):
    return caller(promising_store, journal=tmp_path / "journal")


def predicted(server, one_row, count=3):
    """Ask for some rows; give their lines in the journal and their intervals."""
    ids = [f"ecole-{number}" for number in range(count)]
    answer = server(
        "POST", f"/models/{MODEL}/predict",
        {"rows": [one_row | {"offset_kwh": 2.0}] * count, "ids": ids},
    ).json()  # fmt: skip
    return [row["journal"] for row in answer["rows"]], [row["interval"] for row in answer["rows"]]


def inside(interval):
    return [
        (low + high) / 2 for low, high in zip(interval["lower"], interval["upper"], strict=True)
    ]


def test_a_line_of_the_journal_is_enough_to_find_the_interval(server, one_row):
    """Two rows inside, one above everywhere: 2 of 3 rows of 24 values are covered."""
    lines, intervals = predicted(server, one_row)
    above = [value + 1000 for value in intervals[2]["upper"]]
    observed = [inside(intervals[0]), inside(intervals[1]), above]
    rows = [{"journal": line, "observed": each} for line, each in zip(lines, observed, strict=True)]
    answer = server("POST", PATH, {"rows": rows}).json()
    steps = len(above)
    assert (answer["rows"], answer["values"], answer["covered"]) == (3, 3 * steps, 2 * steps)
    assert answer["window"]["coverage"] == pytest.approx(2 / 3)
    # three rows are under the 20 that a verdict needs
    assert answer["window"]["state"] == "undetermined"
    assert answer["window"]["promised"] == 0.8


def test_the_identifier_of_a_row_finds_its_last_prediction(server, one_row):
    predicted(server, one_row)
    _, intervals = predicted(server, one_row)
    row = {"id": "ecole-1", "observed": inside(intervals[1])}
    answer = server("POST", PATH, {"rows": [row]}).json()
    assert answer["covered"] == answer["values"] > 0


def test_without_a_journal_the_bounds_come_along(promising_store, caller, one_row):
    server = caller(promising_store)
    steps = len(server("GET", f"/v2/models/{MODEL}").json()["outputs"][1]["shape"]) and 24
    row = {"observed": [5.0] * steps, "lower": [4.0] * steps, "upper": [6.0] * steps}
    assert server("POST", PATH, {"rows": [row]}).json()["covered"] == steps
    refused = server("POST", PATH, {"rows": [{"journal": 1, "observed": [5.0] * steps}]})
    assert refused.status == 422
    assert "ne tient pas de journal" in refused.json()["detail"]


def test_unknown_values_count_nowhere(server, one_row):
    lines, intervals = predicted(server, one_row, 1)
    observed = [None, *inside(intervals[0])[1:]]
    answer = server("POST", PATH, {"rows": [{"journal": lines[0], "observed": observed}]}).json()
    assert answer["values"] == len(observed) - 1


def test_a_spreadsheet_of_observed_values_is_taken_with_decimal_commas(server, one_row):
    lines, intervals = predicted(server, one_row, 2)
    steps = len(intervals[0]["lower"])
    header = "numero;" + ";".join(f"observe.{step}" for step in range(steps))
    text = [header]
    for line, interval in zip(lines, intervals, strict=True):
        cells = [f"{value:.2f}".replace(".", ",") for value in inside(interval)]
        text.append(";".join([str(line), *cells]))
    body = "\n".join(text).encode()
    answer = server("POST", PATH, body, content_type="text/csv")
    assert answer.status == 200, answer.body
    assert answer.json()["covered"] == 2 * steps


def test_twenty_rows_out_of_the_interval_are_an_alert(server, one_row):
    """None of 20 rows: the upper bound at 99 % is 6.64 / 26.64 = 25 %, far under 80 %."""
    lines, intervals = predicted(server, one_row, 20)
    rows = [
        {"journal": line, "observed": [value + 1000 for value in interval["upper"]]}
        for line, interval in zip(lines, intervals, strict=True)
    ]
    window = server("POST", PATH, {"rows": rows}).json()["window"]
    assert window["state"] == "alert"
    assert window["high"] == pytest.approx(6.635 / 26.635, abs=1e-3)
    page = server("GET", f"/modeles/{MODEL}").body.decode()
    assert "L'intervalle annoncé ne tient plus." in page.replace("&#x27;", "'")
    metrics = server("GET", "/metrics").body.decode()
    assert f'aune_coverage_state{{model="{MODEL}"}} 3' in metrics


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "au moins une ligne"),
        ([{"journal": 1}], "Ligne 1 : attendu : observed"),
        (["x"], "Ligne 1 : attendu"),
        ([{"journal": 1, "observed": 0, "x": 1}], "Ligne 1 : attendu"),
        ([{"journal": 1, "observed": [1] * 24}, {"id": "a", "observed": [1] * 24}], "Ligne 2"),
        ([{"journal": "1", "observed": [1] * 24}], "un numéro de ligne du journal"),
        ([{"journal": True, "observed": [1] * 24}], "un numéro de ligne du journal"),
        ([{"journal": 999, "observed": [1] * 24}], "« 999 » : aucune prédiction de ce modèle"),
        ([{"id": "nobody", "observed": [1] * 24}], "aucune prédiction de ce modèle"),
        ([{"journal": 1, "observed": [1] * 24}] * 2, "Ligne 2 : « 1 »"),
        ([{"journal": 1, "observed": [1] * 3}], "Ligne 1, champ « observed »"),
        ([{"journal": 1, "observed": ["beaucoup"] + [1] * 23}], "« beaucoup »"),
    ],
)
def test_nonsense_is_refused_and_the_row_named(server, one_row, rows, said):
    predicted(server, one_row)
    refused = server("POST", PATH, {"rows": rows})
    assert refused.status == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert said in refused.json()["detail"]


def test_a_spreadsheet_without_its_columns_is_refused_by_name(server):
    for text, said in (
        ("numero\n1", "Colonne « observed » absente"),
        ("numero;observe.0\n1;2", "observed.1"),
        ("numero;observe.0;prix\n1;2;3", "observed"),
    ):
        refused = server("POST", PATH, text.encode(), content_type="text/csv")
        assert refused.status == 422
        assert said in refused.json()["detail"]


def test_too_many_rows_are_too_many(promising_store, caller):
    server = caller(promising_store, rows=5)
    row = {"journal": 1, "observed": [1] * 24}
    assert server("POST", PATH, {"rows": [row] * 6}).status == 413


def test_a_model_whose_bundle_promises_nothing_says_so(call):
    refused = call("POST", PATH, {"rows": [{"journal": 1, "observed": 1}]})
    assert refused.status == 422
    assert "n'annonce pas d'intervalle" in refused.json()["detail"]


WORDS = ("rows", "journal", "id", "observed", "lower", "upper", "numero", "observe.0")
leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS)
    | st.text(max_size=8) | st.sampled_from([1e39, 2**63, 10**400])
)  # fmt: skip
odd = st.recursive(leaves, lambda inner: st.lists(inner, max_size=3), max_leaves=8)
rows_of_anything = st.lists(
    st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), odd, max_size=4) | odd, max_size=3
)
tables = st.lists(st.lists(leaves.map(str), max_size=4).map(";".join), max_size=4).map("\n".join)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=rows_of_anything, table=tables)
def test_whatever_is_sent_back_is_answered(server, rows, table):
    """No 5xx, and a problem in the promised form."""
    for body, kind in (
        (json.dumps({"rows": rows}), "application/json"),
        (json.dumps(rows), "application/json"),
        (f"numero;observe\n{table}", "text/csv"),
        (table, "text/csv"),
    ):
        answer = server("POST", PATH, body.encode("utf-8", "replace"), content_type=kind)
        assert answer.status in (200, 400, 413, 422), answer.body
        if answer.status != 200:
            assert set(answer.json()) >= {"title", "status", "detail"}


def test_the_document_describes_it_only_where_it_is_served(server, call):
    """And its example is one that the server takes."""
    described = server("GET", "/openapi.json").json()["paths"][PATH]["post"]
    example = described["requestBody"]["content"]["application/json"]["example"]
    assert server("POST", PATH, example).status == 200
    assert PATH not in call("GET", "/openapi.json").json()["paths"]
