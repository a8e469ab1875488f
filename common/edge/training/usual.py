"""What the training inputs looked like, as ``usual.json`` of a bundle says it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.edge.errors import ManifestError
from common.edge.training.histogram import Histogram

__all__ = ["FILE", "Usual"]

FILE = "usual.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Usual:
    """What a bundle says of the data that its model learned from: counts only.

    Parameters
    ----------
    histograms
        By input.
    coverage
        Share of the truth that the interval promises to hold; None where the graph gives no
        interval.
    """

    histograms: Mapping[str, Histogram]
    coverage: float | None = None

    def to_bytes(self) -> bytes:
        """Return the content of ``usual.json``."""
        raw: dict[str, Any] = {
            "schema": _SCHEMA,
            "coverage": self.coverage,
            "inputs": {name: item.to_json() for name, item in sorted(self.histograms.items())},
        }
        return json.dumps(raw, separators=(",", ":")).encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> "Usual":
        """Read ``usual.json``.

        Raises
        ------
        ManifestError
            It is not what `to_bytes` writes.
        """
        try:
            raw = json.loads(data)
            if raw["schema"] != _SCHEMA:
                raise ValueError(f"schema {raw['schema']!r}")
            inputs = {name: Histogram.from_json(item) for name, item in raw["inputs"].items()}
            promised = raw["coverage"]
            if promised is not None and not 0 < float(promised) < 1:
                raise ValueError(f"coverage {promised!r}")
            return cls(inputs, None if promised is None else float(promised))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ManifestError(
                f"{FILE}: {error}",
                expected=f"what the exporter writes, schema {_SCHEMA}",
                remedy="export the bundle again",
            ) from error
