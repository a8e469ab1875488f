"""The candidates, and how their folders are made: one training and one measurement a method."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.candidates import additive, boosted, lags, statistical
from benchmarks.candidates.flaws import disorder, lose_rows, multiply
from benchmarks.candidates.handin import Candidate, Measured, write_candidate
from benchmarks.candidates.method import FULL_EFFORT, Effort, Method
from benchmarks.candidates.vendor import VendorFolder
from common.edge.errors import UsageError
from common.lab.energy import Protocol, metered

__all__ = ["CANDIDATES", "METHODS", "make"]

METHODS = (
    lags.LAST_WEEK,
    lags.FOUR_WEEKS,
    statistical.STATSFORECAST,
    boosted.LIGHTGBM_4000,
    additive.EBM,
    boosted.WASTEFUL,
)

CANDIDATES = (
    *(Candidate.of(method) for method in METHODS if method is not boosted.WASTEFUL),
    Candidate(
        "lightgbm_4000_onnx",
        "LightGBM sans contrainte, 4 000 arbres, modèle ONNX",
        boosted.LIGHTGBM_4000,
        "model.onnx",
    ),
    Candidate(
        "wasteful_ensemble", boosted.WASTEFUL.name, boosted.WASTEFUL, "predictions.parquet"
    ),
    Candidate(
        "biased", "Quatre semaines, biaisé de +8 % à dessein", lags.FOUR_WEEKS, flaw=multiply(1.08)
    ),
    Candidate(
        "wrong_unit", "Quatre semaines, en Wh au lieu de kWh", lags.FOUR_WEEKS, flaw=multiply(1000)
    ),
    Candidate(
        "sloppy_1", "Quatre semaines, 1 % de lignes perdues", lags.FOUR_WEEKS, flaw=lose_rows(0.01)
    ),
    Candidate(
        "sloppy_3", "Quatre semaines, 3 % de lignes perdues", lags.FOUR_WEEKS, flaw=lose_rows(0.03)
    ),
    Candidate(
        "disorder", "Quatre semaines, quantiles croisés sur 1 % des lignes", lags.FOUR_WEEKS,
        flaw=disorder(0.01),
    ),
)  # fmt: skip
"""The honest ones first, then those with a known flaw."""

_ONCE = Protocol(name="candidate", codecarbon=False)


def make(
    vendor: Path, out: Path, only: Sequence[str] = (), effort: Effort = FULL_EFFORT
) -> Iterator[Path]:
    """Train, answer, measure and write each candidate; yield its folder.

    Parameters
    ----------
    vendor
        ``PACK/vendor``: nothing else is read.
    out
        Where the folders go.
    only
        Ids wanted; all by default.
    effort
        Sizes of trainings.

    Raises
    ------
    UsageError
        An id is unknown, or a candidate's folder is there already.
    MissingExtraError
        A library of the ``dev`` extra is not installed.
    """
    known = {candidate.id for candidate in CANDIDATES}
    if unknown := sorted(set(only) - known):
        raise UsageError(f"no candidate {unknown[0]!r}", expected=", ".join(sorted(known)))
    wanted = [c for c in CANDIDATES if not only or c.id in only]
    folder = VendorFolder.open(vendor)
    for method in METHODS:
        mine = [candidate for candidate in wanted if candidate.method is method]
        if not mine:
            continue
        measured = _measure(method, folder, effort)
        for candidate in mine:
            yield write_candidate(candidate, folder, measured, out, effort.seed)


def _measure(method: Method, folder: VendorFolder, effort: Effort) -> Measured:
    """Train and answer once each, both measured; reading the history is counted in neither."""
    _ = folder.history
    with metered("train", protocol=_ONCE) as training:
        trained = method.train(folder, effort)
    with metered("predict_1000", predictions=folder.n_examples, protocol=_ONCE) as predicting:
        answers = trained.answer()
    return Measured(trained, answers, training.footprint, predicting.footprint)
