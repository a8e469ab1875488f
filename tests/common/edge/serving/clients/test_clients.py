"""Clients that nobody here wrote: NVIDIA's, MLflow's, and a fuzzer that reads the document."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from common.edge.bundle import Bundle
from tests.once import one_at_a_time

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parents[4]
MODEL = "building_energy.day_ahead"
CLOSE = 1e-4


@pytest.fixture(scope="module")
def clients():
    """An environment of the clients' own, from their hashed lock: it cannot share ours."""
    uv = Path(sys.executable).with_name("uv")
    if not uv.exists():
        pytest.skip("uv is not installed")
    place, lock = ROOT / ".aune" / "clients", HERE / "requirements.lock"
    stamp = place / "stamp"
    with one_at_a_time("clients"):
        if not stamp.exists() or stamp.read_text() != lock.read_text():
            python = place / "bin" / "python"
            for command in (
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, place],
                [
                    uv,
                    "pip",
                    "install",
                    "--quiet",
                    "--python",
                    python,
                    "--require-hashes",
                    "-r",
                    lock,
                ],
            ):
                done = subprocess.run(
                    [str(word) for word in command], capture_output=True, timeout=300, check=False
                )
                if done.returncode:
                    pytest.skip(f"the clients cannot be installed: {done.stderr[-200:]!r}")
            stamp.write_text(lock.read_text())
    return place / "bin"


@pytest.fixture(scope="module")
def golden(sealed_zip, signing_key):
    return Bundle.open(sealed_zip, [signing_key[1]]).golden


def test_nvidia_s_client_reads_metadata_and_predicts_in_both_encodings(
    clients, live, golden, tmp_path
):
    """The Open Inference Protocol as its best known client speaks it."""
    inputs, outputs = golden
    np.savez(
        tmp_path / "golden.npz",
        **{f"in_{name}": values for name, values in inputs.items()},
        **{f"out_{name}": values for name, values in outputs.items()},
    )
    with live(rate_per_second=0) as port:
        command = [clients / "python", HERE / "triton_client.py", f"127.0.0.1:{port}", MODEL]
        done = subprocess.run(
            [*map(str, command), str(tmp_path / "golden.npz")],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr[-1500:]
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["live"]
    assert said["ready"]
    assert said["model_ready"]
    assert said["inputs"] == list(inputs)
    assert said["json"] <= CLOSE
    assert said["binary"] <= CLOSE


@pytest.mark.filterwarnings("ignore::UserWarning")  # MLflow warns of its own type hints
def test_mlflow_s_own_scoring_client_is_answered(live, golden):
    """Whoever deploys with MLflow changes an address, not a program."""
    import pandas as pd
    from mlflow.pyfunc.scoring_server.client import ScoringServerClient

    inputs, outputs = golden
    table = pd.DataFrame({name: values[:3].tolist() for name, values in inputs.items()})
    with live(rate_per_second=0) as port:
        client = ScoringServerClient("127.0.0.1", port)
        client.ping()
        answer = client.invoke(table)
    predictions = json.loads(answer.to_json())["predictions"]
    for name, expected in outputs.items():
        found = [row[name] for row in predictions]
        np.testing.assert_allclose(found, expected[:3], atol=CLOSE)


def test_schemathesis_finds_neither_a_fault_of_the_server_nor_a_breach_of_the_document(
    clients, live, tmp_path
):
    """Hundreds of legal and illegal requests made from the OpenAPI document alone."""
    with live(rate_per_second=0, journal=tmp_path / "journal") as port:
        address = f"http://127.0.0.1:{port}"
        command = [
            clients / "schemathesis", "run", f"{address}/openapi.json",
            "--phases", "examples,coverage,fuzzing", "--max-examples", "40", "--seed", "1",
            "--checks", "not_a_server_error,status_code_conformance,"
            "content_type_conformance,response_schema_conformance",
            "--generation-database", "none", "--no-color",
        ]  # fmt: skip
        done = subprocess.run(
            [str(word) for word in command],
            capture_output=True, text=True, timeout=400, check=False, cwd=tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-500:]
