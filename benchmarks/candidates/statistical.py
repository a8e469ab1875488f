"""A forecast by a public library: statsforecast, one model a series.

It reads the eight weeks before midnight of the issue day; a hole is filled with the same hour of
an earlier week, as the library takes no missing values.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.candidates.lags import WEEK_HOURS, WEEKS_BACK
from benchmarks.candidates.method import CENTRAL, Answers, Effort, Method, Trained, missing
from benchmarks.candidates.vendor import VendorFolder
from common.lab.usecase import Array

__all__ = ["STATSFORECAST", "issues"]

WINDOW_HOURS = 8 * WEEK_HOURS
HORIZON_HOURS = 49
"""Midnight of the issue day to the end of the target day, on the longest day of the year."""
_HOUR = np.timedelta64(3600, "s")


def _statsforecast(folder: VendorFolder, effort: Effort) -> Trained:  # noqa: ARG001 - fits at issue
    try:
        library = import_module("statsforecast")
        models = import_module("statsforecast.models")
    except ImportError as error:
        raise missing("statsforecast", error) from error

    def answer() -> Answers:
        series = issues(folder)
        model = models.SeasonalExponentialSmoothingOptimized(season_length=WEEK_HOURS)
        runner = library.StatsForecast(models=[model], freq="h", n_jobs=1)
        with _quiet():
            return _at_targets(folder, runner.forecast(df=series, h=HORIZON_HOURS))

    return Trained(answer)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence what the library's own use of pandas warns of: Pandas4Warning, under pandas 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        yield


def issues(folder: VendorFolder) -> pd.DataFrame:
    """Return the hours before each issue as one series, long: unique_id, ds, y."""
    series: dict[str, pd.Series] = {}
    history = folder.history
    for midnight in np.unique(folder.known_until):
        rows = folder.known_until == midnight
        stop = history.index.get_indexer([pd.Timestamp(midnight)])[0]
        stop = len(history) if stop < 0 else stop
        reach = stop - WINDOW_HOURS - WEEKS_BACK * WEEK_HOURS
        table = history.iloc[max(0, reach) : stop][np.unique(folder.meters[rows]).tolist()]
        table = _filled(table).iloc[-WINDOW_HOURS:]
        series |= {f"{name}@{midnight}": table[name] for name in table}
    return _long(series)


def _filled(table: pd.DataFrame) -> pd.DataFrame:
    """Fill holes with the same hour of the nearest earlier week, then the column's mean."""
    filled = table
    for week in range(1, WEEKS_BACK + 1):
        filled = filled.fillna(table.shift(WEEK_HOURS * week))
    return filled.fillna(table.mean()).fillna(0.0)


def _long(series: dict[str, pd.Series]) -> pd.DataFrame:
    return pd.concat(
        [
            pd.DataFrame({"unique_id": name, "ds": values.index, "y": values.to_numpy()})
            for name, values in series.items()
        ],
        ignore_index=True,
    )


def _at_targets(folder: VendorFolder, table: Any) -> Answers:
    """Pick each question's hour from (unique_id, ds, forecast)."""
    ids = pd.Index([f"{m}@{t}" for m, t in zip(folder.meters, folder.known_until, strict=True)])
    step = ((folder.target - folder.known_until) / _HOUR).astype(np.int64)
    table = table.sort_values(["unique_id", "ds"], kind="stable")
    values: Array = table[table.columns[-1]].to_numpy().reshape(-1, HORIZON_HOURS)
    names = pd.Index(table["unique_id"].to_numpy()[::HORIZON_HOURS])
    return {CENTRAL: np.maximum(values[names.get_indexer(ids), step], 0.0)}


STATSFORECAST = Method(
    "statsforecast_ses",
    "statsforecast, lissage exponentiel saisonnier (168 h)",
    "Apache-2.0 (statsforecast)",
    _statsforecast,
)
