"""Ask an Open Inference Protocol server with NVIDIA's client, as JSON and as binary tensors.

Run in an environment of its own: ``python triton_client.py HOST:PORT MODEL GOLDEN.npz``.
"""

import json
import sys

import numpy as np
import tritonclient.http as triton

TYPES = {"float32": "FP32", "int64": "INT64", "bool": "BOOL"}


def asked(arrays, *, binary):
    """Return the inputs as the client takes them."""
    inputs = []
    for name, values in arrays.items():
        given = triton.InferInput(name, list(values.shape), TYPES[values.dtype.name])
        given.set_data_from_numpy(values, binary_data=binary)
        inputs.append(given)
    return inputs


def known_rows(inputs):
    """Return the rows without NaN, which JSON cannot write (RFC 8259 6)."""
    known = [~np.isnan(values.reshape(len(values), -1)).any(axis=1) for values in inputs.values()]
    rows = np.flatnonzero(np.logical_and.reduce(known))
    assert len(rows), "every row has a gap"
    return rows


def main():
    """Print the largest errors of both encodings, as JSON."""
    address, model, path = sys.argv[1:]
    with np.load(path) as arrays:
        golden = {name: arrays[name] for name in arrays.files}
    inputs = {n.removeprefix("in_"): v for n, v in golden.items() if n.startswith("in_")}
    outputs = {n.removeprefix("out_"): v for n, v in golden.items() if n.startswith("out_")}
    client = triton.InferenceServerClient(address)
    said = {
        "live": client.is_server_live(),
        "ready": client.is_server_ready(),
        "model_ready": client.is_model_ready(model),
        "inputs": [item["name"] for item in client.get_model_metadata(model)["inputs"]],
        "config_refused": False,
    }
    for encoding, binary in (("json", False), ("binary", True)):
        rows = slice(None) if binary else known_rows(inputs)
        given = {name: values[rows] for name, values in inputs.items()}
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in outputs]
        answer = client.infer(model, asked(given, binary=binary), outputs=wanted)
        said[encoding] = max(
            float(np.abs(answer.as_numpy(name) - expected[rows]).max())
            for name, expected in outputs.items()
        )
    print(json.dumps(said))  # noqa: T201 - what the test reads


main()
