"""Conformance of the bundle: seal a task's rungs and open them where the lab is not installed."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from common.edge.manifest import Tolerance
from common.lab.checks.declarations import require
from common.lab.checks.specimen import Specimen
from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.keys import ensure_key, public_path
from common.lab.usecase import Array, Field, Rung, Term

__all__ = ["LAB_PACKAGES", "check_bundle_opens_on_the_edge"]

LAB_PACKAGES = (
    "codecarbon",
    "common.lab",
    "holidays",
    "jinja2",
    "lightgbm",
    "matplotlib",
    "mlflow",
    "ndonnx",
    "onnx",
    "pandas",
    "pandera",
    "pooch",
    "pyarrow",
    "scipy",
    "shap",
    "sklearn",
    "spox",
    "statsmodels",
    "usecases",
)
"""What a commune's server does not have."""

OPEN_WITHOUT_LAB = """
import json, sys
blocked, key, *bundles = json.loads(sys.argv[1])
sys.modules.update(dict.fromkeys(blocked))
import numpy as np
from common.edge.bundle import Bundle
for path in bundles:
    bundle = Bundle.open(path, [key])
    inputs, expected = bundle.golden
    found = bundle.predict(inputs)
    main = bundle.manifest.outputs[0].name
    print(len(found[main]), float(np.abs(found[main] - expected[main]).max()))
"""

NO_HASH = "0" * 64


def check_bundle_opens_on_the_edge(specimen: Specimen) -> None:
    """Seal bundles, then open, replay and predict in a fresh interpreter without the lab.

    One rung of each kind is sealed with its default state; every import of a lab package
    fails in that interpreter.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        key = folder / "signing_key.pem"
        ensure_key(key)
        rungs = specimen.one_of_each_kind()
        bundles = [_seal(specimen, rung, folder, key) for rung in rungs]
        printed = _opened(bundles, public_path(key))
    require(
        len(printed) == len(rungs),
        f"{len(printed)} of {len(rungs)} bundles predicted on the edge",
        "all of them",
    )


def _seal(specimen: Specimen, rung: Rung, folder: Path, key: Path) -> Path:
    task = specimen.task
    inputs = specimen.inputs(rung)
    fields = (*task.inputs, *rung.state_fields)
    golden = golden_rows({item.name: np.asarray(inputs[item.name]) for item in fields})
    content = BundleContent(
        usecase=specimen.usecase.name,
        task=task.id,
        version=f"{task.version}.0.0",
        question=task.question,
        model=specimen.model(rung),
        inputs=fields,
        outputs=_sized(task.outputs, len(specimen.fitted(rung).point.terms)),
        terms=_terms(specimen, rung),
        golden=golden,
        run_json=json.dumps({"id": "conformance"}),
        card_html="<!doctype html><title>Conformité</title>",
        hashes={"data": NO_HASH, "code": NO_HASH, "lock": NO_HASH},
        created="2026-01-01T00:00:00Z",
        simulated=True,
        additive=specimen.fitted(rung).point.additive,
        tolerances=_tolerances(specimen, specimen.outputs(rung, inputs)),
    )
    return write_bundle(folder / f"{rung.name}.zip", content, ensure_key(key))


def _opened(bundles: list[Path], key: Path) -> list[str]:
    """Open bundles in an interpreter whose lab packages are blocked; one line each."""
    asked = json.dumps([LAB_PACKAGES, str(key), *map(str, bundles)])
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own text
        [sys.executable, "-c", OPEN_WITHOUT_LAB, asked],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    require(done.returncode == 0, f"on the edge: {done.stderr[-600:]}", "no error")
    return done.stdout.splitlines()


def _sized(fields: tuple[Field, ...], n_terms: int) -> tuple[Field, ...]:
    return tuple(
        replace(item, shape=tuple(n_terms if size == "terms" else size for size in item.shape))
        for item in fields
    )


def _terms(specimen: Specimen, rung: Rung) -> tuple[Term, ...]:
    known = specimen.task.labels
    names = specimen.fitted(rung).point.terms
    return tuple(known.get(name, Term(name, name, "modèle")) for name in names)


def _tolerances(specimen: Specimen, outputs: Mapping[str, Array]) -> dict[str, Tolerance]:
    """Return 1e-5 of the main output's spread, as a published bundle has."""
    main = outputs[specimen.task.outputs[0].name]
    spread = max(float(main.std()), 1e-3)
    return {
        item.name: Tolerance(absolute=min(1e-5 * spread, 0.5)) for item in specimen.task.outputs
    }
