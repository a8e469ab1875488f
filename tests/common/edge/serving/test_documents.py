"""What a server says of itself: metrics, models, cards and the OpenAPI document."""

import json
import re

import jsonschema
import pytest

MODEL = "building_energy.day_ahead"
PREDICT = f"/models/{MODEL}/predict"


@pytest.fixture(scope="module")
def document(call):
    return call("GET", "/openapi.json").json()


def validator(document, name):
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema)


def samples(text):
    """Read the exposition: every line is a comment or a sample (Prometheus text 0.0.4)."""
    found = {}
    for line in text.splitlines():
        if line.startswith(("# HELP ", "# TYPE ")):
            continue
        match = re.fullmatch(r'([a-z0-9_]+(?:\{[a-z]+="[^"]*"(?:,[a-z]+="[^"]*")*\})?) (\S+)', line)
        assert match, line
        assert match[1] not in found
        found[match[1]] = float(match[2])
    return found


def test_metrics_count_requests_rows_and_what_was_missing(caller, one_row):
    call = caller()
    odd = one_row | {"load_kwh": [[4900.0] * 24] * 28}
    call("POST", PREDICT, {"rows": [one_row, one_row]})
    call("POST", PREDICT, odd)
    call("POST", PREDICT, {})
    found = samples(call("GET", "/metrics").body.decode())
    door = f'model="{MODEL}",door="predict"'
    assert found[f'aune_requests_total{{{door},code="200"}}'] == 2
    assert found[f'aune_requests_total{{{door},code="422"}}'] == 1
    assert found[f"aune_request_seconds_count{{{door}}}"] == 3
    assert found[f'aune_request_seconds_bucket{{{door},le="+Inf"}}'] == 3
    assert found[f'aune_rows_total{{model="{MODEL}"}}'] == 3
    load = f'{{model="{MODEL}",input="load_kwh"}}'
    # one missing value in each of two rows, one row out of range, of 3 * 28 * 24 values
    assert found[f"aune_input_missing_share{load}"] == pytest.approx(2 / 2016)
    assert found[f"aune_input_outside_share{load}"] == pytest.approx(672 / 2016)


def test_joules_come_with_their_tier_and_bounds(caller, one_row):
    call = caller(watts_per_core=(4.0, 10.0, 25.0))
    assert "joules_per" not in call("GET", "/metrics").body.decode()
    for _ in range(20):
        call("POST", PREDICT, {"rows": [one_row] * 10})
    found = samples(call("GET", "/metrics").body.decode())
    seconds = found["aune_cpu_seconds_per_1000_predictions"]
    joules = [
        found[f'aune_joules_per_1000_predictions{{tier="C_model",bound="{bound}"}}']
        for bound in ("low", "central", "high")
    ]
    assert joules == pytest.approx([4 * seconds, 10 * seconds, 25 * seconds])


def test_models_are_listed_with_units_meanings_and_signature(call):
    (model,) = call("GET", "/models").json()["models"]
    assert (model["name"], model["version"], model["simulated"]) == (MODEL, "1.2.3", True)
    assert model["signature"]["valid"] is True
    assert model["golden_rows_replayed"] == 64
    assert model["inputs"][1] == {
        "name": "temperature_c", "meaning": "Température de demain.", "unit": "°C",
        "dtype": "float32", "shape": ["n", 24], "low": -40, "high": 50,
        "missing_allowed": False, "required": False,
    }  # fmt: skip


def test_the_card_is_a_page_that_may_do_nothing(call):
    answer = call("GET", f"/models/{MODEL}/card")
    assert answer.headers["content-type"].startswith("text/html")
    assert "sandbox" in answer.headers["content-security-policy"]
    assert "<title>Fiche</title>" in answer.body.decode()


def test_the_document_names_every_path_and_each_of_its_references_exists(document):
    assert document["openapi"] == "3.1.0"
    for path in (PREDICT, f"/models/{MODEL}/invocations", f"/v2/models/{MODEL}/infer", "/metrics"):
        assert path in document["paths"]
    names = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))
    assert set(names) <= set(document["components"]["schemas"])
    operations = [op["operationId"] for item in document["paths"].values() for op in item.values()]
    assert len(set(operations)) == len(operations)


def test_units_ranges_and_meanings_come_from_the_manifest(document):
    row = document["components"]["schemas"]["building_energy_day_ahead_ligne"]
    assert row["required"] == ["load_kwh", "weekday"]
    load = row["properties"]["load_kwh"]
    assert load["description"] == "Consommation de 28 jours. Unité : kWh."
    assert (load["minItems"], load["items"]["maxItems"]) == (28, 24)
    assert load["items"]["items"] == {"type": ["number", "null"], "minimum": 0, "maximum": 5000}
    assert row["properties"]["holiday"]["type"] == "boolean"


def test_every_example_is_legal_and_is_answered(call, document):
    """What the document shows is what a client copies first."""
    for path, item in document["paths"].items():
        content = item.get("post", {}).get("requestBody", {}).get("content", {})
        body = content.get("application/json")
        if body is None:
            continue
        example = body["example"] if "example" in body else body["examples"]["une_ligne"]["value"]
        name = body["schema"]["$ref"].rpartition("/")[2]
        validator(document, name).validate(example)
        if path == "/decisions":
            continue  # needs a journal, see test_decisions
        answer = call("POST", path, example)
        assert answer.status == 200, (path, answer.body)
        success = item["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        validator(document, success["$ref"].rpartition("/")[2]).validate(answer.json())


def test_refusals_have_the_form_that_the_document_promises(call, document):
    for body in ({}, {"nope": 1}, {"weekday": 9}, []):
        validator(document, "probleme").validate(call("POST", PREDICT, body).json())


def test_a_key_is_asked_for_in_the_document_where_there_are_keys(caller, tmp_path, document):
    from common.edge.serving.gate.keys import KeyRing

    ring, secret = KeyRing().issued("accueil", "predict")
    ring.save(tmp_path / "keys.json")
    guarded = caller(keys=tmp_path / "keys.json")("GET", "/openapi.json", x_api_key=secret).json()
    assert guarded["security"] == [{"cle": []}]
    assert "security" not in document
