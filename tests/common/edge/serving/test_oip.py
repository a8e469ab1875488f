"""The Open Inference Protocol v2, field by field, as its public documents say."""

import json

import numpy as np
import pytest

MODEL = "building_energy.day_ahead"
INFER = f"/v2/models/{MODEL}/infer"
KINDS = {"float32": ("FP32", "<f4"), "int64": ("INT64", "<i8"), "bool": ("BOOL", "?")}


@pytest.fixture(scope="module")
def expected(call, example_inputs):
    (served,) = call.app.fleet.models.values()
    return served.bundle.predict(example_inputs)


def tensors(inputs):
    """JSON tensors: shape, datatype and values in row-major order, NaN as null."""
    return [
        {
            "name": name,
            "shape": list(values.shape),
            "datatype": KINDS[values.dtype.name][0],
            "data": [None if v != v else v for v in values.reshape(-1).tolist()],
        }
        for name, values in inputs.items()
    ]


def binary(inputs, **request):
    """The binary extension: a JSON head, then each tensor's bytes in the order of the inputs."""
    heads, blobs = [], []
    for name, values in inputs.items():
        datatype, dtype = KINDS[values.dtype.name]
        blobs.append(values.astype(dtype).tobytes())
        heads.append(
            {
                "name": name,
                "shape": list(values.shape),
                "datatype": datatype,
                "parameters": {"binary_data_size": len(blobs[-1])},
            }
        )
    head = json.dumps({"inputs": heads, **request}).encode()
    return head + b"".join(blobs), str(len(head))


def test_the_server_names_itself_and_its_extension(call):
    answer = call("GET", "/v2").json()
    assert set(answer) == {"name", "version", "extensions"}
    assert answer["extensions"] == ["binary_tensor_data"]


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v2/health/live", {"live": True}),
        ("/v2/health/ready", {"ready": True}),
        (f"/v2/models/{MODEL}/ready", {"name": MODEL, "ready": True}),
        (f"/v2/models/{MODEL}/versions/1.2.3/ready", {"name": MODEL, "ready": True}),
    ],
)
def test_health_is_told_in_the_members_of_the_protocol(call, path, members):
    answer = call("GET", path)
    assert (answer.status, answer.json()) == (200, members)


@pytest.mark.parametrize("path", [f"/v2/models/{MODEL}", f"/v2/models/{MODEL}/versions/1.2.3"])
def test_metadata_tells_datatypes_and_shapes_with_minus_one_for_rows(call, path):
    answer = call("GET", path).json()
    assert set(answer) == {"name", "versions", "platform", "inputs", "outputs"}
    assert (answer["name"], answer["versions"]) == (MODEL, ["1.2.3"])
    assert answer["inputs"][0] == {"name": "load_kwh", "datatype": "FP32", "shape": [-1, 28, 24]}
    assert [item["datatype"] for item in answer["inputs"]] == [
        "FP32", "FP32", "INT64", "BOOL", "FP32",
    ]  # fmt: skip
    assert answer["outputs"][3] == {
        "name": "contributions", "datatype": "FP32", "shape": [-1, 24, 3],
    }  # fmt: skip


def test_json_tensors_are_answered_by_json_tensors(call, example_inputs, expected):
    answer = call("POST", INFER, {"id": "a-1", "inputs": tensors(example_inputs)})
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert (found["model_name"], found["model_version"], found["id"]) == (MODEL, "1.2.3", "a-1")
    assert found["parameters"]["simulated"] is True
    assert [output["name"] for output in found["outputs"]] == list(expected)
    for output in found["outputs"]:
        assert set(output) == {"name", "datatype", "shape", "data"}
        values = np.array(output["data"], dtype=np.float32).reshape(output["shape"])
        np.testing.assert_array_equal(values, expected[output["name"]])


def test_nested_data_mean_the_same_as_flat_data(call, example_inputs):
    """The protocol allows both (« the tensor contents, row-major, may be nested »)."""
    flat = tensors(example_inputs)
    nested = [
        tensor | {"data": np.array(tensor["data"], dtype=object).reshape(tensor["shape"]).tolist()}
        for tensor in flat
    ]
    answers = [call("POST", INFER, {"inputs": given}).json()["outputs"] for given in (flat, nested)]
    assert answers[0] == answers[1]


def test_the_named_version_is_asked_and_another_one_is_refused(call, example_inputs):
    request = {"inputs": tensors(example_inputs)}
    good = call("POST", f"/v2/models/{MODEL}/versions/1.2.3/infer", request)
    bad = call("POST", f"/v2/models/{MODEL}/versions/9.9.9/infer", request)
    assert (good.status, bad.status) == (200, 404)
    assert "1.2.3" in bad.json()["error"]


def test_only_the_outputs_that_are_asked_for_come_in_their_order(call, example_inputs):
    wanted = [{"name": "upper"}, {"name": "forecast"}]
    answer = call("POST", INFER, {"inputs": tensors(example_inputs), "outputs": wanted}).json()
    assert [output["name"] for output in answer["outputs"]] == ["upper", "forecast"]


def test_binary_tensors_are_answered_by_binary_tensors(call, example_inputs, expected):
    body, length = binary(example_inputs, parameters={"binary_data_output": True})
    answer = call("POST", INFER, body, inference_header_content_length=length)
    assert answer.status == 200, answer.body
    assert answer.headers["content-type"] == "application/octet-stream"
    size = int(answer.headers["inference-header-content-length"])
    rest = answer.body[size:]
    for output in json.loads(answer.body[:size])["outputs"]:
        assert "data" not in output
        count = output["parameters"]["binary_data_size"]
        values = np.frombuffer(rest[:count], "<f4").reshape(output["shape"])
        np.testing.assert_array_equal(values, expected[output["name"]])
        rest = rest[count:]
    assert rest == b""


def test_one_output_may_be_binary_and_another_json(call, example_inputs, expected):
    wanted = [{"name": "lower"}, {"name": "upper", "parameters": {"binary_data": True}}]
    answer = call("POST", INFER, {"inputs": tensors(example_inputs), "outputs": wanted})
    size = int(answer.headers["inference-header-content-length"])
    lower, upper = json.loads(answer.body[:size])["outputs"]
    np.testing.assert_array_equal(np.float32(lower["data"]), expected["lower"].reshape(-1))
    assert upper["parameters"] == {"binary_data_size": 5 * 24 * 4}
    assert answer.body[size:] == expected["upper"].tobytes()


def drop(**changes):
    return lambda request: request | changes


def first(**changes):
    def change(request):
        one, *rest = request["inputs"]
        return request | {"inputs": [one | changes, *rest]}

    return change


@pytest.mark.parametrize(
    ("change", "status", "words"),
    [
        (drop(inputs=[]), 400, "inputs"),
        (drop(inputs={}), 400, "inputs"),
        (drop(inputs=[3]), 400, "objet"),
        (drop(extra=1), 400, "extra"),
        (drop(id=3), 400, "id"),
        (drop(outputs=[{"name": "nope"}]), 400, "nope"),
        (drop(outputs=[{"name": "upper"}, {"name": "upper"}]), 400, "deux fois"),
        (drop(parameters=[]), 400, "parameters"),
        (first(name="nope"), 400, "nope"),
        (first(datatype="BYTES"), 400, "FP32"),
        (first(shape=[5, 28]), 400, "3360"),
        (first(shape="x"), 400, "forme"),
        (first(shape=[5, -1]), 400, "forme"),
        (first(data=None), 400, "data"),
        (first(data=["x"] * 3360), 422, "load_kwh"),
        (first(data=[True] * 3360), 422, "load_kwh"),
        (first(data=[6000] * 3360), 422, "0 à 5\u202f000"),
        (first(parameters={"binary_data_size": 4}), 400, "à la fois"),
        (first(parameters={"shared_memory_region": "r"}), 400, "shared_memory_region"),
    ],
)
def test_what_is_wrong_is_named_in_the_member_error(call, example_inputs, change, status, words):
    """Clients of the protocol show ``error``; RFC 9457 clients show ``detail``."""
    answer = call("POST", INFER, change({"inputs": tensors(example_inputs)}))
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    assert words in answer.json()["error"]
    assert answer.json()["error"] == answer.json()["detail"]


@pytest.mark.parametrize("length", ["-1", "x", "99999999", "9" * 30, "0"])
def test_a_head_longer_than_the_body_is_refused(call, example_inputs, length):
    body, _ = binary(example_inputs)
    answer = call("POST", INFER, body, inference_header_content_length=length)
    assert answer.status == 400


@pytest.mark.parametrize("spoil", [lambda body: body[:-1], lambda body: body + b"x"])
def test_binary_bytes_that_are_too_few_or_too_many_are_refused(call, example_inputs, spoil):
    body, length = binary(example_inputs)
    answer = call("POST", INFER, spoil(body), inference_header_content_length=length)
    assert answer.status == 400
    assert "octets" in answer.json()["error"]
