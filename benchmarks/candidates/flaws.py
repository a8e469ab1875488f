"""Known flaws, put on purpose into an honest method's answers: what the benchmark must see."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Flaw", "disorder", "lose_rows", "multiply"]

Flaw = Callable[["pd.DataFrame", np.random.Generator], "pd.DataFrame"]
"""From the rows of an honest file to those of a flawed one."""


def multiply(factor: float) -> Flaw:
    """Return the flaw that multiplies every answer: a bias, or Wh for kWh."""
    return partial(_multiplied, factor=factor)


def lose_rows(share: float) -> Flaw:
    """Return the flaw that loses a share of the rows, drawn at random."""
    return partial(_lossy, share=share)


def disorder(share: float) -> Flaw:
    """Return the flaw that exchanges the 10 % and 90 % quantiles on a share of the rows."""
    return partial(_disordered, share=share)


def _multiplied(
    rows: "pd.DataFrame",
    rng: np.random.Generator,  # noqa: ARG001 - nothing is drawn
    *,
    factor: float,
) -> "pd.DataFrame":
    answers = rows.select_dtypes("number").columns
    return rows.assign(**{name: rows[name] * factor for name in answers})


def _lossy(rows: "pd.DataFrame", rng: np.random.Generator, *, share: float) -> "pd.DataFrame":
    lost = rng.choice(len(rows), round(share * len(rows)), replace=False)
    return rows.drop(index=rows.index[lost])


def _disordered(rows: "pd.DataFrame", rng: np.random.Generator, *, share: float) -> "pd.DataFrame":
    spread = np.flatnonzero((rows["q10"] < rows["q90"]).to_numpy())
    swapped = np.zeros(len(rows), dtype=bool)
    swapped[rng.choice(spread, round(share * len(spread)), replace=False)] = True
    low, high = rows["q10"].to_numpy(), rows["q90"].to_numpy()
    return rows.assign(q10=np.where(swapped, high, low), q90=np.where(swapped, low, high))
