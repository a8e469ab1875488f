"""Candidates that exist for real, each working only from what a vendor receives.

``python -m benchmarks.candidates PACK/vendor --out DIR`` makes a folder per candidate, ready for
``aune benchmark submit``: lag-based forecasts, a statsforecast model, LightGBM with
4,000 trees, an EBM, a wasteful ensemble, and candidates with a known flaw. No company is invented:
every name says what the candidate is.
"""

from benchmarks.candidates.catalogue import CANDIDATES, METHODS, make
from benchmarks.candidates.handin import Candidate
from benchmarks.candidates.method import FULL_EFFORT, Effort, Method, Trained
from benchmarks.candidates.vendor import VendorFolder

__all__ = [
    "CANDIDATES",
    "FULL_EFFORT",
    "METHODS",
    "Candidate",
    "Effort",
    "Method",
    "Trained",
    "VendorFolder",
    "make",
]
