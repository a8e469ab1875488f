"""Read the raw messages of DTU's ultrasonic probes and make hourly levels of them."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import SourceError, UsageError
from common.lab.usecase import Array

__all__ = ["EMPTY_QUANTILE", "hourly_levels", "read_dtu"]

EMPTY_QUANTILE = 0.98
"""Quantile of past distances taken for the empty height: the greatest ones are echoes (up to
152 cm is reported by a probe whose empty height settles at 75 cm)."""
MIN_PAST_MESSAGES = 48
"""About a day of messages before an empty height is believed."""
MAX_FILE_BYTES = 16 * 2**20


def read_dtu(paths: Iterable[Path]) -> tuple[pd.DataFrame, int]:
    """Read the messages of all probes.

    Parameters
    ----------
    paths
        CouchDB documents, one per probe: an object whose ``data`` lists messages.

    Returns
    -------
    messages, n_doubles
        ``container_id`` (the probe), ``time`` (UTC), ``distance_cm`` (from the probe to the
        waste), ``rssi_dbm``, ``snr_db`` (NaN where not given), in order; the number of
        messages dropped because probe and time were those of another.

    Raises
    ------
    SourceError
        If a file is no such document.
    """
    pieces = [_document(path) for path in paths]
    messages = pd.concat(pieces, ignore_index=True)
    ordered = messages.sort_values(["container_id", "time"], kind="stable")
    kept = ordered.drop_duplicates(["container_id", "time"], ignore_index=True)
    return kept, len(messages) - len(kept)


def hourly_levels(messages: pd.DataFrame) -> pd.DataFrame:
    """Return the last distance of each hour and the level it means.

    The empty height of a bin is not published. At each hour it is taken to be the 98 %
    quantile of the distances *before* it, never of later ones; until a day of messages is
    there the level is not known.

    Parameters
    ----------
    messages
        Of `read_dtu`.

    Returns
    -------
    DataFrame
        ``container_id``, ``hour`` (UTC), ``distance_cm``, ``empty_cm``, ``level_percent``
        (0 to 100, NaN before a day has passed), one row per hour with a message.

    Raises
    ------
    UsageError
        If there is no message.
    """
    if not len(messages):
        raise UsageError("no message", expected="the messages of read_dtu")
    pieces = []
    for probe, mine in messages.groupby("container_id", sort=True):
        hour = pd.DatetimeIndex(mine["time"]).floor("h")
        empty = _empty_before(mine["distance_cm"])
        level = np.clip(100 * (1 - mine["distance_cm"].to_numpy() / empty), 0.0, 100.0)
        table = pd.DataFrame(
            {
                "container_id": probe,
                "hour": hour,
                "distance_cm": mine["distance_cm"].to_numpy(),
                "empty_cm": empty,
                "level_percent": level,
            }
        )
        pieces.append(table.drop_duplicates("hour", keep="last"))
    return pd.concat(pieces, ignore_index=True)


def _empty_before(distance_cm: pd.Series) -> Array:
    past = distance_cm.shift(1).expanding(min_periods=MIN_PAST_MESSAGES)
    empty: Array = past.quantile(EMPTY_QUANTILE).to_numpy(np.float64)
    return empty


def _document(path: Path) -> pd.DataFrame:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise SourceError(f"{path.name}: too large", expected=f"at most {MAX_FILE_BYTES} bytes")
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["data"]
        table = pd.DataFrame(rows)
        return pd.DataFrame(
            {
                "container_id": table["node_eui"],
                "time": pd.to_datetime(table["time"], format="ISO8601", utc=True),
                "distance_cm": table["data"].str.strip("{}").astype(np.float64),
                "rssi_dbm": table["rssi"].astype(np.float64),
                "snr_db": table["snr"].astype(np.float64),
            }
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{path.name}: {error!r}", expected='{"data": [{"node_eui", "time", "data", "rssi"}...'
        ) from error
