"""An explainable boosting machine: InterpretML's additive model with a few pairs."""

import warnings

import numpy as np

from benchmarks.candidates.boosted import forecast
from benchmarks.candidates.method import Effort, Method, Trained, missing
from benchmarks.candidates.vendor import VendorFolder
from benchmarks.candidates.windows import FEATURES, draw
from common.lab.usecase import Array

__all__ = ["EBM"]

PAIRS, OUTER_BAGS = 5, 2
MOST_WINDOWS, MOST_ROUNDS = 400, 1000
"""With 36,000 rows and the library's 50,000 rounds the fit had not ended after 7 CPU-minutes."""


def _ebm(folder: VendorFolder, effort: Effort) -> Trained:
    try:
        from interpret.glassbox import ExplainableBoostingRegressor
    except ImportError as error:
        raise missing("interpret-core", error) from error
    training = draw(folder, min(effort.windows, MOST_WINDOWS), effort.seed)
    usual = np.nanmedian(training.matrix, axis=0)
    model = ExplainableBoostingRegressor(
        feature_names=list(FEATURES),
        interactions=PAIRS,
        outer_bags=OUTER_BAGS,
        max_bins=128,
        max_rounds=MOST_ROUNDS,
        n_jobs=1,
        random_state=effort.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # interpret warns of names and of its own dependencies
        model.fit(_without_holes(training.matrix, usual), training.target)
    return Trained(
        lambda: forecast(folder, lambda matrix: model.predict(_without_holes(matrix, usual)))
    )


def _without_holes(matrix: Array, usual: Array) -> Array:
    """Return the matrix with each column's usual value where it is unknown."""
    filled: Array = np.where(np.isfinite(matrix), matrix, usual).astype(np.float64)
    return filled


EBM = Method("ebm", "EBM (interpret-core), 5 paires", "MIT (interpret-core)", _ebm)
