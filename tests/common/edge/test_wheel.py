"""The built wheel alone, in an empty environment: what a commune's server gets with pip."""

import json
import os
import shutil
import subprocess
import sys
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest

from common.lab.export import write_bundle

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
MOST_MEGABYTES = 190
LAB = {
    "codecarbon", "lightgbm", "matplotlib", "mlflow", "ndonnx", "onnx", "pandas", "scipy",
    "shap", "sklearn", "spox", "statsmodels",
}  # fmt: skip
SERVING = """
import sys
import common.edge.serving.app, common.edge.store.store, usecases.cli
print(" ".join(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def done(command, **options):
    """Run a command to its end and return its output."""
    options = {"capture_output": True, "text": True, "timeout": 300, "check": False} | options
    result = subprocess.run([str(word) for word in command], **options)
    assert result.returncode == 0, result.stderr[-2000:]
    return result.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment with the wheel and its base dependencies, at their locked versions."""
    uv = shutil.which("uv") or str(Path(sys.executable).with_name("uv"))
    if not Path(uv).exists():
        pytest.skip("uv is not installed")
    place = tmp_path_factory.mktemp("wheel")
    done([uv, "build", "--quiet", "--wheel", "--out-dir", place / "dist", ROOT])
    (wheel,) = (place / "dist").glob("*.whl")
    done([uv, "venv", "--quiet", "--python", sys.executable, place / "env"])
    python = place / "env" / "bin" / "python"
    lock = ROOT / "requirements.lock"
    done([uv, "pip", "install", "--quiet", "--python", python, "--constraint", lock, wheel])
    return place / "env" / "bin"


@pytest.fixture
def aune(environment, tmp_path):
    """Call the installed command: no home to write to, nothing of ours on the path."""
    bare = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "AUNE_STORE": str(tmp_path / "store")}

    def call(*words, status=0):
        result = subprocess.run(
            [environment / "aune", *map(str, words)],
            capture_output=True, text=True, timeout=60, check=False, env=bare, cwd=tmp_path,
        )  # fmt: skip
        assert result.returncode == status, result.stderr[-1000:]
        return result.stdout + result.stderr

    return call


def test_it_is_small(environment):
    """An old server has little room: 190 MB with everything that serves."""
    packages = environment.parent / "lib"
    size = sum(path.stat().st_size for path in packages.rglob("*") if path.is_file())
    assert size / 1e6 <= MOST_MEGABYTES


def test_nothing_of_the_lab_is_there_nor_asked_for(environment):
    """What is not installed cannot be attacked, and does not have to be updated."""
    wanted = f"import importlib.util as u; print([n for n in {sorted(LAB)} if u.find_spec(n)])"
    assert done([environment / "python", "-I", "-c", wanted]).strip() == "[]"
    loaded = set(done([environment / "python", "-I", "-c", SERVING]).split())
    assert not loaded & LAB
    assert {"common", "numpy", "starlette"} <= loaded


def test_a_bundle_is_verified_installed_listed_served_and_rolled_back(
    aune, environment, bundle_content, sealed_zip, signing_key, tmp_path
):
    """The whole life of a bundle, with a read-only home and nothing but the wheel."""
    public = tmp_path / "key.pub.pem"
    shutil.copy(signing_key[1], public)
    aune("bundle", "verify", sealed_zip, "--key", public)
    aune("install", sealed_zip, "--key", public)
    assert "building_energy/day_ahead" in aune("list")
    with subprocess.Popen(
        [environment / "aune", "serve", "--port", "0", "--store", tmp_path / "store"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=os.environ | {"HOME": "/nonexistent", "PYTHONUNBUFFERED": "1"},
    ) as process:  # fmt: skip
        try:
            words = (word for line in process.stdout for word in line.split())
            address = next(word for word in words if word.startswith("http://"))
            with urllib.request.urlopen(f"{address.rstrip('/')}/models", timeout=20) as answer:
                assert json.load(answer)["models"][0]["name"] == "building_energy.day_ahead"
        finally:
            process.terminate()
    newer = replace(bundle_content, version="9.0.0")
    aune("install", write_bundle(tmp_path / "newer.zip", newer, signing_key[0]))
    assert "9.0.0" in aune("list").splitlines()[0]
    aune("rollback", "building_energy/day_ahead")
    assert "9.0.0" not in aune("list").splitlines()[0]


def test_a_command_of_the_lab_says_where_it_runs(aune):
    """No stack trace for an officer who types a command of the data scientist."""
    said = aune("run", "building_energy", status=2)
    assert "aune[lab]" in said
    assert "Traceback" not in said
