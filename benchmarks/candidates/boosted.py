"""Boosted trees without any constraint: 4,000 of them, and an ensemble that wastes on purpose."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.candidates.method import CENTRAL, Answers, Effort, Method, Trained, missing
from benchmarks.candidates.vendor import VendorFolder
from benchmarks.candidates.windows import FEATURES, INPUTS, Training, draw, features
from common.lab.graph.heads import TreeHead
from common.lab.usecase import Array

if TYPE_CHECKING:
    from lightgbm import Booster

__all__ = ["LIGHTGBM_4000", "WASTEFUL", "forecast"]


def forecast(folder: VendorFolder, predict: Any) -> Answers:
    """Answer from a predictor of load over level: ``predict(matrix) -> (rows,)``."""
    matrix, level = features(np, {name: folder.inputs[name] for name in INPUTS})
    relative = np.asarray(predict(matrix.reshape(-1, len(FEATURES))))
    kwh = np.maximum(relative.reshape(-1, 24) * level, 0)
    return {CENTRAL: folder.at_hours(kwh)}


def _lightgbm(folder: VendorFolder, effort: Effort) -> Trained:
    training = draw(folder, effort.windows, effort.seed)
    booster = _fit(training, effort.trees, effort.seed)
    return Trained(
        answer=lambda: forecast(folder, booster.predict),
        to_onnx=lambda: _to_onnx(folder, booster),
    )


def _wasteful(folder: VendorFolder, effort: Effort) -> Trained:
    training = draw(folder, effort.windows, effort.seed)
    boosters = [
        _fit(training, effort.member_trees, effort.seed + 1 + member, bagging=0.6)
        for member in range(effort.members)
    ]
    return Trained(lambda: forecast(folder, lambda matrix: _mean(boosters, matrix)))


def _mean(boosters: Sequence["Booster"], matrix: Array) -> Array:
    mean: Array = np.mean([booster.predict(matrix) for booster in boosters], axis=0)
    return mean


def _fit(training: Training, n_trees: int, seed: int, *, bagging: float = 1.0) -> "Booster":
    try:
        import lightgbm
    except ImportError as error:
        raise missing("lightgbm", error) from error
    settings = {
        "objective": "l2",
        "learning_rate": 0.01 if n_trees > 1000 else 0.05,
        "num_leaves": 31,
        "min_data_in_leaf": 20,
        "bagging_fraction": bagging,
        "bagging_freq": int(bagging < 1),
        "seed": seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    rows = lightgbm.Dataset(training.matrix, training.target, params={"verbosity": -1})
    return lightgbm.train(settings, rows, n_trees)


def _to_onnx(folder: VendorFolder, booster: "Booster") -> bytes:
    """Return one graph from the raw inputs to ``forecast``, kWh of shape (n, 24)."""
    import ndonnx as ndx

    inputs = {}
    for name in INPUTS:
        values = folder.inputs[name]
        shape = ("n", *values.shape[1:])
        inputs[name] = ndx.argument(shape=shape, dtype=getattr(ndx, str(values.dtype)))
    matrix, level = features(ndx, inputs)
    with np.errstate(over="ignore"):  # a split on NaN alone has a threshold beyond float32
        head = TreeHead.of([booster], FEATURES, explain=False)
    relative, _ = head(ndx, ndx.reshape(matrix, (-1, len(FEATURES))), inputs)
    kwh = ndx.reshape(relative, (-1, 24)) * level
    model = ndx.build(inputs, {"forecast": ndx.maximum(kwh, ndx.asarray(np.float32(0)))})
    content: bytes = model.SerializeToString()
    return content


LIGHTGBM_4000 = Method(
    "lightgbm_4000", "LightGBM sans contrainte, 4 000 arbres", "MIT (LightGBM)", _lightgbm
)
WASTEFUL = Method(
    "wasteful_ensemble",
    "Ensemble gaspilleur à dessein : 20 LightGBM de 500 arbres",
    "MIT (LightGBM)",
    _wasteful,
)
