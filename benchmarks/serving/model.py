"""Build the model that every server answers with: additive, of 50 inputs, SIMULATED.

``python -m benchmarks.serving.model FOLDER`` writes it once as a file that other servers load
and once as a signed bundle in a store of ours:

* ``model.onnx``: `INPUT` (n, 50) float32 in; prediction, interval, baseline and one
  contribution for each input out;
* ``rows.npy``: (`N_ASKED`, 50) float32, what is asked, of four decimals, none missing;
* ``bundle.zip``, ``store/``: the same graph signed, and installed for
  ``python -m common.edge.serving --store FOLDER/store``; its name there is `MODEL`.

Size and form are those of ``briefs/mlops.md`` 4 (LightGBM, 300 trees of 31 leaves, 50 inputs),
the paths of a tree held to one input or one of ten pairs, so that the graph explains itself.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from common.lab.boosting import Trees
from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.usecase import Field, Term, Training

if TYPE_CHECKING:
    import onnx

    from common.lab.graph.heads import AdditiveHead

__all__ = ["INPUT", "MODEL", "N_ASKED", "N_FEATURES", "Built", "build"]

INPUT = "features"
N_FEATURES = 50
N_ASKED = 2_000
USECASE, TASK, VERSION = "banc_essai", "additif", "1.0.0"
MODEL = f"{USECASE}.{TASK}"

_N_ROWS, _N_PAIRS, _SEED = 20_000, 10, 20261123
_GRID = 2.0**-10
_FAMILIES = ("météo", "calendrier", "passé récent", "bâtiment", "occupation")
_PAIRS = tuple((f"x{2 * k}", f"x{2 * k + 1}") for k in range(_N_PAIRS))
_SETTINGS = Trees(rounds=300, leaves=31, learning_rate=0.2, max_bin=63, min_rows=50, pairs=_PAIRS)

Floats32 = npt.NDArray[np.float32]

TERMS = tuple(
    Term(f"x{j}", f"mesure simulée {j + 1}", _FAMILIES[j % len(_FAMILIES)], _GRID)
    for j in range(N_FEATURES)
)
INPUTS = (
    Field(
        INPUT,
        "float32",
        ("n", N_FEATURES),
        "1",
        "SIMULÉ : cinquante mesures sans unité.",
        -20,
        20,
        missing=True,
    ),
)
OUTPUTS = (
    Field("prediction", "float32", ("n", 1), "1", "SIMULÉ : valeur prévue."),
    Field("lower", "float32", ("n", 1), "1", "Borne basse, dépassée une fois sur vingt."),
    Field("upper", "float32", ("n", 1), "1", "Borne haute, dépassée une fois sur vingt."),
    Field("baseline", "float32", ("n", 1), "1", "Valeur avant toute raison."),
    Field("contributions", "float32", ("n", 1, N_FEATURES), "1", "Ce que chaque mesure ajoute."),
)


@dataclass(frozen=True)
class Built:
    """Where the model lies.

    Parameters
    ----------
    folder
        That was built into.
    """

    folder: Path

    @property
    def onnx(self) -> Path:
        """The file that the other servers load."""
        return self.folder / "model.onnx"

    @property
    def bundle(self) -> Path:
        """The signed file that we install."""
        return self.folder / "bundle.zip"

    @property
    def store(self) -> Path:
        """The store in which it is installed."""
        return self.folder / "store"

    @property
    def public_key(self) -> Path:
        """The key that the store trusts."""
        return self.folder / "signing_key.pub.pem"

    def rows(self) -> Floats32:
        """Return what is asked, shape (`N_ASKED`, `N_FEATURES`)."""
        rows: Floats32 = np.load(self.folder / "rows.npy", allow_pickle=False)
        return rows


def build(folder: Path) -> Built:
    """Train, export, seal and install; a folder that is complete is left as it is.

    Everything but the signing key is drawn from one seed: the same graph, byte for byte, on
    the same versions of LightGBM and ndonnx.
    """
    from common.edge.store.store import Store
    from common.lab.keys import ensure_key

    built = Built(folder)
    if (built.store / "installs.jsonl").exists():
        return built
    folder.mkdir(parents=True, exist_ok=True)
    X, y = _simulated()
    head, half_width = _fitted(X, y)
    model = _graph(head, half_width).SerializeToString()
    built.onnx.write_bytes(model)
    np.save(folder / "rows.npy", X[:N_ASKED], allow_pickle=False)
    key = ensure_key(folder / "signing_key.pem")
    write_bundle(built.bundle, _content(model, X), key)
    Store(built.store, [built.public_key]).install(built.bundle)
    return built


def _simulated() -> tuple[Floats32, npt.NDArray[np.float64]]:
    """Return inputs of four decimals, as programs write them, and a target with noise."""
    rng = np.random.default_rng(_SEED)
    X = rng.normal(size=(_N_ROWS, N_FEATURES)).round(4).astype(np.float32)
    signal = np.sin(X).sum(axis=1) + sum(X[:, 2 * k] * X[:, 2 * k + 1] for k in range(_N_PAIRS))
    return X, signal + rng.normal(0.0, 0.5, _N_ROWS)


def _fitted(X: Floats32, y: npt.NDArray[np.float64]) -> "tuple[AdditiveHead, float]":
    """Return the head and the half-width that holds 9 of 10 of the last fifth's errors."""
    from common.lab.graph.additive import compile_lightgbm
    from common.lab.graph.heads import AdditiveHead

    names = tuple(term.name for term in TERMS)
    n_fit = len(X) * 4 // 5
    order = np.arange(n_fit)
    matrix = (np.round(X / np.float32(_GRID)) * np.float32(_GRID)).astype(np.float32)
    training = Training(matrix[:n_fit], y[:n_fit], np.ones(n_fit), order, order, TERMS, _SEED)
    booster = _SETTINGS.fit(names, matrix[:n_fit], training)
    head = AdditiveHead(compile_lightgbm([booster], matrix[:n_fit]), names)
    errors = np.abs(head.model.predict(matrix[n_fit:]) - y[n_fit:])
    return head, float(np.quantile(errors, 0.9))


def _graph(head: "AdditiveHead", half_width: float) -> "onnx.ModelProto":
    """Return the graph from `INPUT` to `OUTPUTS`, inputs rounded to their grid first."""
    import ndonnx as ndx

    given = ndx.argument(shape=INPUTS[0].shape, dtype=ndx.float32)
    grid = ndx.asarray(np.float32(_GRID))
    raw, contributions = head(ndx, ndx.round(given / grid) * grid, {})
    prediction = ndx.expand_dims(raw, axis=1)
    outputs = {
        "prediction": prediction,
        "lower": prediction - np.float32(half_width),
        "upper": prediction + np.float32(half_width),
        "baseline": ndx.zeros_like(prediction) + np.float32(head.baseline),
        "contributions": ndx.expand_dims(contributions, axis=1),
    }
    return ndx.build({INPUT: given}, outputs)


def _content(model: bytes, X: Floats32) -> BundleContent:
    return BundleContent(
        usecase=USECASE,
        task=TASK,
        version=VERSION,
        question="SIMULÉ : combien de temps un serveur met-il à répondre ?",
        model=model,
        inputs=INPUTS,
        outputs=OUTPUTS,
        terms=TERMS,
        golden=golden_rows({INPUT: X}),
        run_json='{"id": "20261123T000000Z-00000000"}',
        card_html="<!doctype html><html lang=fr><title>Banc d'essai SIMULÉ</title></html>",
        hashes={"data": "0" * 64, "code": "0" * 40, "lock": "0" * 64},
        created="2026-11-23T00:00:00Z",
        simulated=True,
    )


def main(words: Sequence[str] | None = None) -> None:
    """Build into the folder asked for and print where everything is."""
    parser = argparse.ArgumentParser(prog="benchmarks.serving.model", description=main.__doc__)
    parser.add_argument("folder", type=Path)
    built = build(parser.parse_args(words).folder)
    sys.stdout.write(f"{MODEL}: {built.onnx}, {built.bundle}, {built.store}\n")


if __name__ == "__main__":
    main()
