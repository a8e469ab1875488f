"""Which answer columns are quantiles, by their names."""

import re
from collections.abc import Sequence

from common.lab.contest.records import Column

__all__ = ["quantile_columns"]

_LEVEL = re.compile(r"(?:^|_)q(\d{1,4})(?:_|$)")


def quantile_columns(columns: Sequence[Column]) -> dict[str, float]:
    """Return the quantile columns and their levels, by rising level.

    A column is a quantile where a part of its name is ``q`` and the digits after ``0.``:
    ``q05``, ``q50_kwh``, ``load_q975``.

    >>> kwh = [Column(name, "number", "kWh", "", "") for name in ("q90_kwh", "q05", "forecast")]
    >>> quantile_columns(kwh)
    {'q05': 0.05, 'q90_kwh': 0.9}
    """
    levels = {}
    for column in columns:
        match = _LEVEL.search(column.name) if column.kind == "number" else None
        if match:
            levels[column.name] = float(f"0.{match.group(1)}")
    return dict(sorted(levels.items(), key=lambda item: item[1]))
