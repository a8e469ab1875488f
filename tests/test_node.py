"""The same ONNX file gives the same answer in Node, natively and in WebAssembly as in a browser."""

import json
import os
import shutil
import subprocess
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from common.lab import graph
from common.lab.usecase import Array, Period
from tests.once import one_at_a_time
from usecases.building_energy.simulate import simulate
from usecases.building_energy.tasks import ELECTRICITY

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]
SCRIPT = Path(__file__).with_name("node_parity.mjs")
VERSION = "1.23.0"
"""Both packages ship their binaries: nothing else is fetched, no install script is run."""
ENTRIES = {
    "onnxruntime-node": "dist/index.js",
    "onnxruntime-web": "dist/ort.wasm.min.mjs",
}
QUIET = ("--ignore-scripts", "--no-package-lock", "--no-save", "--no-audit", "--no-fund")
WORST = 1e-5
"""Largest error allowed, as a share of the output's spread."""
OFF_GRID = {"onnxruntime-node": (0.0, WORST), "onnxruntime-web": (0.02, 1e-2)}
"""Share of values that may err by more than WORST, and by how much: WebAssembly rounds the last
bit otherwise, and now and then a feature then falls on the next step of its grid (DESIGN 2)."""
FIT = Period(date(2020, 1, 1), date(2020, 7, 1))
ASKED = Period(date(2020, 9, 1), date(2020, 9, 4))


@cache
def installed(package: str) -> Path:
    """Return the entry point of a package, installed once in ``.aune/node``."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node or npm is not installed")
    folder = ROOT / ".aune" / "node" / f"{package}-{VERSION}"
    entry = folder / "node_modules" / package / ENTRIES[package]
    complete = folder / "complete"
    with one_at_a_time("node"):
        if not complete.exists():
            folder.mkdir(parents=True, exist_ok=True)
            command = [npm, "install", *QUIET, "--prefix", str(folder), f"{package}@{VERSION}"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
            if done.returncode or not entry.exists():
                pytest.skip(f"npm could not install {package}@{VERSION}: {done.stderr[-200:]}")
            complete.touch()
    return entry


@pytest.fixture(scope="module")
def dataset():
    """Return simulated meters."""
    return simulate("electricity", seed=1, n_meters=4, years=(2020,))


@pytest.fixture(scope="module")
def asked(dataset) -> dict[str, Array]:
    """Return a few rows; the second has half its hours as raw NaN, the third no weather."""
    examples = ELECTRICITY.examples(dataset, ASKED)
    given = [item.name for item in ELECTRICITY.inputs if item.default is None]
    rows = {name: np.array(examples.inputs[name][:8]) for name in given}
    rows["load_kwh"][1, :, ::2] = np.nan
    rows["temperature_celsius"][2] = np.nan
    offsets = next(item for item in ELECTRICITY.inputs if item.default is not None)
    rows[offsets.name] = np.repeat(offsets.default[None], len(rows["weekday"]), axis=0)
    return {name: np.ascontiguousarray(values) for name, values in rows.items()}


@pytest.fixture(scope="module")
def models(dataset) -> dict[str, bytes]:
    """Return the additive and the boosted rung: TreeEnsemble of ai.onnx.ml 5 and 3."""
    training = graph.training(ELECTRICITY, ELECTRICITY.examples(dataset, FIT), 0)
    rungs = {rung.name: rung for rung in ELECTRICITY.rungs}
    return {
        name: graph.assemble(
            ELECTRICITY, rungs[name], rungs[name].fit(training)
        ).SerializeToString()
        for name in ("additive", "boosted_small")
    }


def in_node(entry: Path, model: bytes, inputs: dict[str, Array], folder: Path) -> dict[str, Array]:
    """Run the model in Node: raw bytes in, raw bytes out."""
    (folder / "model.onnx").write_bytes(model)
    described = []
    for name, values in inputs.items():
        values.tofile(folder / f"{name}.bin")
        described.append(
            {
                "name": name,
                "dtype": str(values.dtype),
                "shape": values.shape,
                "file": f"{name}.bin",
            }
        )
    job = folder / "job.json"
    job.write_text(json.dumps({"model": str(folder / "model.onnx"), "inputs": described}))
    done = subprocess.run(
        ["node", str(SCRIPT), str(entry), str(job)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "NODE_OPTIONS": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return {
        item["name"]: np.fromfile(folder / item["file"], np.float32).reshape(item["shape"])
        for item in json.loads((folder / "outputs.json").read_text())
    }


@pytest.mark.parametrize("package", ENTRIES)
@pytest.mark.parametrize("rung", ["additive", "boosted_small"])
def test_the_same_file_gives_the_same_answer_in_node(package, rung, models, asked, tmp_path):
    """A commune's developers need no second implementation, whatever their language."""
    found = in_node(installed(package), models[rung], asked, tmp_path)
    expected = graph.run(models[rung], asked)
    assert set(found) == set(expected) == {output.name for output in ELECTRICITY.outputs}
    for name, values in expected.items():
        assert np.isfinite(values).all()
        assert found[name].shape == values.shape
        error = np.abs(found[name] - values) / values.std()
        share, worst = OFF_GRID[package]
        assert np.mean(error > WORST) <= share, name
        assert error.max() <= worst, name


def test_a_wrong_answer_would_be_noticed(models, asked, tmp_path):
    """The comparison can fail: one load of one row, 10 % higher, moves the forecast."""
    changed = {**asked, "load_kwh": asked["load_kwh"].copy()}
    changed["load_kwh"][0, -1] *= 1.1
    found = in_node(installed("onnxruntime-node"), models["additive"], changed, tmp_path)
    expected = graph.run(models["additive"], asked)["forecast"]
    assert np.abs(found["forecast"][0] - expected[0]).max() > WORST * expected.std()
    assert np.abs(found["forecast"][1:] - expected[1:]).max() <= WORST * expected.std()
