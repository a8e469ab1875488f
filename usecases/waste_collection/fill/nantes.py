"""Read where Nantes has its drop-off points for glass, paper and packaging: no levels."""

from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import SourceError

__all__ = ["STREAMS", "read_nantes"]

STREAMS = {
    "modco_contverre": "glass",
    "modco_contpapiercarton": "paper",
    "modco_contmpb": "packaging",
    "modco_contembjournmag": "packaging_paper",
}
"""Words of the file: verre, papier-carton, « métal, plastique, briques », emballages et
journaux ensemble."""


def read_nantes(path: Path) -> pd.DataFrame:
    """Return the points: id, name, position, streams, postcode.

    Returns
    -------
    DataFrame
        ``container_id``, ``name`` (the address), ``lat``, ``lon``, ``streams`` (what a point
        takes: ``glass|paper``), ``stream`` (the first of them), ``district`` (the postcode).
        Of 482 of the 1,145 points the file says neither stream (``unknown``) nor postcode
        (empty).

    Raises
    ------
    SourceError
        If a code is met twice, a stream is unknown or a position is not near Nantes.
    """
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    streams = table["flux"].map(_streams)
    found = pd.DataFrame(
        {
            "container_id": table["code"],
            "name": table["adresse"],
            "lat": table["latitude"].astype(np.float64),
            "lon": table["longitude"].astype(np.float64),
            "stream": streams.str.split("|").str[0],
            "streams": streams,
            "district": table["code_postal"],
        }
    )
    near = found["lat"].between(46.9, 47.5) & found["lon"].between(-2.0, -1.2)
    if found["container_id"].duplicated().any() or not near.all():
        raise SourceError(
            f"{path.name}: {int((~near).sum())} positions far from Nantes, or a code met twice",
            expected="one line per point, in Loire-Atlantique",
        )
    return found


def _streams(words: str) -> str:
    """Return the streams of a cell.

    >>> _streams(",modco_contverre,modco_contpapiercarton"), _streams("")
    ('glass|paper', 'unknown')
    """
    named = [word for word in words.split(",") if word]
    unknown = [word for word in named if word not in STREAMS]
    if unknown:
        raise SourceError(f"stream {unknown[0]!r}", expected="among " + ", ".join(STREAMS))
    return "|".join(STREAMS[word] for word in named) or "unknown"
