"""A model whose every answer can be worked out by hand, in versions that answer differently.

All numbers are multiples of 1/16 below 2**17, which float32 holds exactly (24 bits): an
answer is right to the last bit, or wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric import ec

from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.usecase import Field, Term

__all__ = ["MODEL", "TASK", "USECASE", "Version", "row_of", "trace", "write"]

Array = npt.NDArray[Any]

USECASE, TASK = "soak", "additive"
MODEL = f"{USECASE}.{TASK}"
_COMFORT_C = 15.0
_INPUTS = (
    Field("load_kwh", "float32", ("n",), "kWh", "Consommation de la veille.", 0, 4096),
    Field("temperature_c", "float32", ("n",), "°C", "Température attendue.", -40, 50),
)
_OUTPUTS = (
    Field("forecast", "float32", ("n", 1), "kWh", "Consommation prévue."),
    Field("lower", "float32", ("n", 1), "kWh", "Borne basse."),
    Field("upper", "float32", ("n", 1), "kWh", "Borne haute."),
    Field("baseline", "float32", ("n", 1), "kWh", "Prévision avant toute raison."),
    Field("contributions", "float32", ("n", 1, 2), "kWh", "Ce que chaque raison ajoute."),
)
_TERMS = (
    Term("load", "consommation de la veille", "passé récent"),
    Term("cold", "froid sous 15 °C", "météo"),
)


@dataclass(frozen=True)
class Version:
    """One version of the model.

    Parameters
    ----------
    number
        From 1 to 99; the bundle's version is ``number.0.0``.
    """

    number: int

    def __post_init__(self) -> None:
        if not 1 <= self.number <= 99:
            raise ValueError(f"version {self.number}: 1 to 99")

    @property
    def name(self) -> str:
        """``X.0.0``."""
        return f"{self.number}.0.0"

    @property
    def baseline_kwh(self) -> float:
        """What no other version starts from."""
        return self.number / 16

    @property
    def slope(self) -> float:
        """Of yesterday's load."""
        return self.number / 8

    def forecast_kwh(self, load_kwh: float, temperature_c: float) -> float:
        """Return the answer that is due.

        >>> Version(2).forecast_kwh(100.0, 11.0)  # 0.125 + 0.25 * 100 + 0.5 * (15 - 11)
        27.125
        """
        cold_c = max(0.0, _COMFORT_C - temperature_c)
        return self.baseline_kwh + self.slope * load_kwh + 0.5 * cold_c


def row_of(number: int) -> tuple[float, float]:
    """Return load and temperature of a request: halves, so that products are exact.

    >>> row_of(0), row_of(1)
    ((0.0, -20.0), (40.5, -15.5))
    """
    return number * 81 % 8000 / 2, number * 9 % 131 / 2 - 20


def trace(version: Version) -> bytes:
    """Return the graph of a version."""
    import ndonnx as ndx

    given = {item.name: ndx.argument(shape=item.shape, dtype=ndx.float32) for item in _INPUTS}
    load = ndx.expand_dims(given["load_kwh"], axis=1)
    cold = ndx.asarray(np.float32(_COMFORT_C)) - ndx.expand_dims(given["temperature_c"], axis=1)
    zero = ndx.zeros_like(load)
    terms = [load * np.float32(version.slope), ndx.maximum(cold, zero) * np.float32(0.5)]
    contributions = ndx.stack(terms, axis=2)
    baseline = zero + np.float32(version.baseline_kwh)
    forecast = baseline + ndx.sum(contributions, axis=2)
    outputs = {
        "forecast": forecast,
        "lower": forecast - np.float32(1),
        "upper": forecast + np.float32(1),
        "baseline": baseline,
        "contributions": contributions,
    }
    model: bytes = ndx.build(given, outputs).SerializeToString()
    return model


def write(target: Path, version: Version, key: ec.EllipticCurvePrivateKey, **change: Any) -> Path:
    """Write a version's signed bundle; ``change`` replaces parts of its content."""
    return write_bundle(target, _content(version, change), key)


def _content(version: Version, change: Mapping[str, Any]) -> BundleContent:
    rows = np.array([row_of(number) for number in range(64)], dtype=np.float32)
    parts: dict[str, Any] = {
        "usecase": USECASE,
        "task": TASK,
        "version": version.name,
        "question": "Combien ce bâtiment consommera-t-il demain ?",
        "model": b"",
        "inputs": _INPUTS,
        "outputs": _OUTPUTS,
        "terms": _TERMS,
        "golden": golden_rows({"load_kwh": rows[:, 0], "temperature_c": rows[:, 1]}),
        "run_json": '{"id": "20260101T000000Z-00000000"}',
        "card_html": "<!doctype html><title>Essai</title>",
        "hashes": {"data": "a" * 64, "code": "b" * 40, "lock": "c" * 64},
        "created": "2026-01-01T00:00:00Z",
        "simulated": True,
        "proxy": "Modèle d'essai.",
    }
    parts |= change
    parts["model"] = parts["model"] or trace(version)
    return BundleContent(**parts)
