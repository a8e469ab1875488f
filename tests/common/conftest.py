"""A small bundle to write, open and break: 28 days of hourly load in, tomorrow out."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from common.edge.signature import SIGNATURE, SUMS, sums_text
from common.lab.export import BundleContent, golden_rows, write_bundle
from common.lab.keys import ensure_key, public_path, sign
from common.lab.usecase import Field, Term

INPUTS = (
    Field("load_kwh", "float32", ("n", 28, 24), "kWh", "Consommation de 28 jours.", 0, 5000,
          missing=True),
    Field("temperature_c", "float32", ("n", 24), "°C", "Température de demain.", -40, 50,
          default=np.full(24, 12.0)),
    Field("weekday", "int64", ("n",), "1", "Jour de demain, lundi vaut 0.", 0, 6),
    Field("holiday", "bool", ("n",), "1", "Demain est férié.", default=np.array(False)),
    Field("offset_kwh", "float32", ("n",), "kWh", "Demi-largeur calée sur le site.", 0, 1000,
          default=np.array(1.5)),
)  # fmt: skip
OUTPUTS = (
    Field("forecast", "float32", ("n", 24), "kWh", "Consommation prévue."),
    Field("lower", "float32", ("n", 24), "kWh", "Borne basse."),
    Field("upper", "float32", ("n", 24), "kWh", "Borne haute."),
    Field("contributions", "float32", ("n", 24, 3), "kWh", "Ce que chaque raison ajoute."),
    Field("baseline", "float32", ("n", 1), "kWh", "Prévision avant toute raison."),
)
TERMS = (
    Term("yesterday_kwh", "consommation d'hier", "passé récent"),
    Term("last_week_kwh", "consommation d'il y a une semaine", "passé récent"),
    Term("cold_c", "froid sous 15 °C", "météo"),
)


def trace_model() -> bytes:
    """Return the graph: 2 + 0.5 yesterday + 0.25 last week + 0.125 degrees below 15.

    Missing load counts as 0 in the terms, a holiday halves the first one, Sunday the second.
    """
    import ndonnx as ndx

    kinds = {"float32": ndx.float32, "int64": ndx.int64, "bool": ndx.bool}
    given = {item.name: ndx.argument(shape=item.shape, dtype=kinds[item.dtype]) for item in INPUTS}
    raw = given["load_kwh"]
    load = ndx.where(ndx.isnan(raw), ndx.zeros_like(raw), raw)
    half, whole = ndx.asarray(np.float32(0.5)), ndx.asarray(np.float32(1))
    work = ndx.expand_dims(ndx.where(given["holiday"], half, whole), axis=1)
    week = ndx.expand_dims(ndx.where(given["weekday"] == 6, half, whole), axis=1)
    cold = ndx.asarray(np.float32(15)) - given["temperature_c"]
    terms = [
        load[:, 27, :] * work * np.float32(0.5),
        load[:, 21, :] * week * np.float32(0.25),
        ndx.maximum(cold, ndx.zeros_like(cold)) * np.float32(0.125),
    ]
    contributions = ndx.stack(terms, axis=2)
    offset = ndx.expand_dims(given["offset_kwh"], axis=1)
    baseline = ndx.zeros_like(offset) + np.float32(2)
    forecast = baseline + ndx.sum(contributions, axis=2)
    outputs = {
        "forecast": forecast,
        "lower": forecast - offset,
        "upper": forecast + offset,
        "contributions": contributions,
        "baseline": baseline,
    }
    return ndx.build(given, outputs).SerializeToString()


def raw_inputs(rows: int = 64) -> dict[str, np.ndarray]:
    """Return legal inputs, some of them missing, seeded."""
    rng = np.random.default_rng(7)
    load = rng.gamma(2, 20, (rows, 28, 24)).astype(np.float32)
    load[::5, 3, 4] = np.nan
    return {
        "load_kwh": load,
        "temperature_c": rng.normal(12, 6, (rows, 24)).astype(np.float32),
        "weekday": rng.integers(0, 7, rows),
        "holiday": rng.random(rows) < 0.1,
        "offset_kwh": rng.uniform(0, 3, rows).astype(np.float32),
    }


@pytest.fixture(scope="session")
def signing_key(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[ec.EllipticCurvePrivateKey, Path]:
    path = tmp_path_factory.mktemp("keys") / "signing_key.pem"
    return ensure_key(path), public_path(path)


@pytest.fixture(scope="session")
def model_bytes() -> bytes:
    return trace_model()


def make_content(model: bytes) -> BundleContent:
    """Return everything a bundle of that graph needs."""
    return BundleContent(
        usecase="building_energy",
        task="day_ahead",
        version="1.2.3",
        question="Combien ce bâtiment consommera-t-il demain, heure par heure ?",
        model=model,
        inputs=INPUTS,
        outputs=OUTPUTS,
        terms=TERMS,
        golden=golden_rows(raw_inputs()),
        run_json='{"id": "20260101T000000Z-00000000"}',
        card_html="<!doctype html><title>Fiche</title>",
        hashes={"data": "a" * 64, "code": "b" * 40, "lock": "c" * 64},
        created="2026-01-01T00:00:00Z",
        simulated=True,
        proxy="Un campus écossais tient lieu de bâtiments municipaux.",
        arrays={"index": np.arange(6, dtype=np.int64).reshape(2, 3)},
    )


@pytest.fixture(scope="session")
def bundle_content(model_bytes: bytes) -> BundleContent:
    return make_content(model_bytes)


@pytest.fixture(scope="session")
def sealed_folder(
    tmp_path_factory: pytest.TempPathFactory,
    bundle_content: BundleContent,
    signing_key: tuple[ec.EllipticCurvePrivateKey, Path],
) -> Path:
    return write_bundle(
        tmp_path_factory.mktemp("folder") / "bundle", bundle_content, signing_key[0]
    )


@pytest.fixture(scope="session")
def sealed_zip(
    tmp_path_factory: pytest.TempPathFactory,
    bundle_content: BundleContent,
    signing_key: tuple[ec.EllipticCurvePrivateKey, Path],
) -> Path:
    path = tmp_path_factory.mktemp("zip") / "bundle.zip"
    return write_bundle(path, bundle_content, signing_key[0])


@pytest.fixture(scope="session")
def example_inputs() -> dict[str, np.ndarray]:
    return raw_inputs(5)


@pytest.fixture(scope="session")
def resign(signing_key: tuple[ec.EllipticCurvePrivateKey, Path]) -> Callable[[Path], Path]:
    """Seal an altered folder again: what a lab with the right key but a wrong model would do."""

    def seal(folder: Path) -> Path:
        names = [
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        ]
        files = {name: (folder / name).read_bytes() for name in names if not name.startswith(SUMS)}
        sums = sums_text(files).encode()
        (folder / SUMS).write_bytes(sums)
        (folder / SIGNATURE).write_bytes(sign(sums, signing_key[0]))
        return folder

    return seal
