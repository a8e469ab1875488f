"""Say in French what this machine can do as a lab: cores, meters, data, keys, runs, disk."""

import os
import shutil
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from common.edge.errors import AuneError
from common.lab.usecase import Source

__all__ = ["diagnose"]

LAB = (
    "codecarbon",
    "lightgbm",
    "mlflow",
    "ndonnx",
    "onnx",
    "pandas",
    "scikit-learn",
    "scipy",
    "spox",
    "statsmodels",
)
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SMALLEST_FREE_GB = 2.0
"""A run with its remembered rungs and MLflow store takes some 100 MB, the data 300 MB."""
SHOWN_RUNS = 3


def diagnose(out: Path, sources: Iterable[Source] = ()) -> Iterator[str]:
    """Yield one French line per finding; nothing is hashed, fetched or written.

    Parameters
    ----------
    out
        Folder of results.
    sources
        The public data that the use cases read.
    """
    yield f"laboratoire   : {_versions(LAB)}"
    yield from _machine()
    yield f"fils          : {_threads()}"
    missing = 0
    for source in sources:
        line, absent = _data(source)
        missing += absent
        yield f"données       : {line}"
    yield f"clé           : {_signing_key()}"
    yield f"clés admises  : {_trusted()}"
    yield from (f"exécution     : {line}" for line in _runs(out))
    free_gb = shutil.disk_usage(_existing(out)).free / 1e9
    yield f"disque        : {_decimal(free_gb)} Go libres pour {out}"
    yield f"conseil       : {_advice(missing, free_gb)}"


def _versions(names: Iterable[str]) -> str:
    found = []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} ABSENT")
    return ", ".join(found)


def _machine() -> Iterator[str]:
    from common.lab.energy import RaplMeter
    from common.lab.energy.hardware import identify

    machine = identify()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    kind = "machine virtuelle" if machine.virtual else "machine physique"
    yield (
        f"machine       : {machine.cpu_model}, {cores} cœurs utilisables, "
        f"{_decimal(machine.memory_gib)} Gio de mémoire, {kind}"
    )
    reason = RaplMeter().unavailable
    yield "énergie       : " + (
        f"compteur RAPL indisponible ({reason}) ; estimation par le temps de processeur, niveau C"
        if reason
        else "compteur RAPL lisible, niveau de preuve B"
    )


def _threads() -> str:
    told = ", ".join(f"{name}={os.environ.get(name, 'non défini')}" for name in THREADS)
    return told + ("" if os.environ.get(THREADS[0]) == "1" else " (1 est conseillé)")


def _data(source: Source) -> tuple[str, int]:
    """Return what is at hand of a source, and how many files would have to be fetched."""
    places = [_place(source, path) for path in source.files]
    present = sum(any(place.is_file() for place in choices) for choices in places)
    line = f"{source.name} : {present} fichiers présents sur {len(places)}, non vérifiés"
    if source.prepared_only:
        return line + " (table préparée, facultative)", 0
    return line, len(places) - present


def _place(source: Source, path: str) -> list[Path]:
    """Return where a file may lie: mirror folder first, then cache."""
    from common.lab.sources import cache_folder

    mirror = os.environ.get("AUNE_MIRROR", "")
    folder = Path(mirror) if mirror and "://" not in mirror else None
    if source.prepared_only:
        kept = [cache_folder() / "prepared" / path]
        return kept if folder is None else [folder.parent / "data" / path, *kept]
    relative = Path(source.origin.partition(":")[2].replace("@", "/")) / path
    kept = [cache_folder() / "files" / relative]
    return kept if folder is None else [folder / relative, *kept]


def _signing_key() -> str:
    from common.edge.signature import fingerprint, load_public_key
    from common.lab.keys import default_key_path, public_path

    path = default_key_path()
    if not path.exists():
        return f"aucune ({path}) ; la première exécution en crée une"
    try:
        return f"{path}, empreinte {fingerprint(load_public_key(public_path(path)))}"
    except (AuneError, OSError) as error:
        return f"{path}, clé publique illisible : {str(error).splitlines()[0]}"


def _trusted() -> str:
    from common.edge.signature import TRUSTED_FOLDER, trusted_keys

    names = [path.stem[:16] for path in trusted_keys()]
    return f"{len(names)} dans {TRUSTED_FOLDER}" + (f" ({', '.join(names)})" if names else "")


def _runs(out: Path) -> Iterator[str]:
    """Yield the latest runs, newest first."""
    from common.lab.record import Run

    paths = sorted(out.glob("*/*/*/run.json"), key=lambda path: path.parent.name, reverse=True)
    if not paths:
        yield f"aucune dans {out}"
    for path in paths[:SHOWN_RUNS]:
        try:
            run = Run.read(path)
        except (ValueError, KeyError, TypeError, OSError) as error:
            yield f"{path} illisible ({type(error).__name__})"
        else:
            yield f"{run.id} {run.usecase} / {run.task} : {run.chosen} ({run.dataset['name']})"


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above that exists."""
    place = folder.resolve()
    return next(path for path in (place, *place.parents) if path.exists())


def _advice(missing: int, free_gb: float) -> str:
    if free_gb < SMALLEST_FREE_GB:
        return f"libérer de la place : moins de {_decimal(SMALLEST_FREE_GB)} Go libres"
    if missing:
        return (
            f"{missing} fichiers publics manquent : aune data fetch, ou AUNE_MIRROR, "
            "ou aune run ... --data simulated"
        )
    return "tout est en place : ./run demo"


def _decimal(value: float) -> str:
    return f"{value:.1f}".replace(".", ",")
