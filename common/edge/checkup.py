"""Look a serving machine over and say in French how it stands: what ``aune doctor`` prints."""

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from common.edge.bundle import Bundle
from common.edge.description import french_number
from common.edge.drift.alerts import Alert, alert_path, counts_path, read_alert
from common.edge.drift.counts import Drift
from common.edge.drift.sentences import explain, french_day
from common.edge.errors import AuneError
from common.edge.journal.chain import HEAD, segments
from common.edge.journal.check import verify
from common.edge.serving.gate.keys import KeyRing
from common.edge.store.receipt import Installed
from common.edge.store.shelves import Shelves

__all__ = ["BELOW_THRESHOLD", "REFUSED", "Finding", "exit_code", "look_over"]

REFUSED, BELOW_THRESHOLD = 4, 5
"""Exit codes of the command line (DESIGN 5): integrity refused, data below their threshold."""
_PACKAGES = ("cryptography", "numpy", "onnxruntime", "orjson", "starlette", "typer", "uvicorn")
_LEAST_FREE_BYTES = 500 * 10**6
"""Three versions of a large bundle, and a month of a busy journal; a choice of Aune."""
_CHECKED_BYTES = 64 * 2**20
"""A journal up to this size is verified on the way, in some seconds."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Parameters
    ----------
    topic
        ``socle``, ``modèle``, ``données``, ``journal``, ``clés``, ``disque``.
    text
        One French sentence.
    level
        ``fine``; ``note`` to read; ``unusual`` where data need a look; ``refused`` where a
        signature, a checksum or a chain does not hold.
    """

    topic: str
    text: str
    level: Literal["fine", "note", "unusual", "refused"] = "fine"


def exit_code(findings: Sequence[Finding]) -> int:
    """Return 4 where something is refused, else 5 where data are unusual, else 0.

    >>> exit_code([Finding("disque", ""), Finding("données", "", "unusual")])
    5
    """
    levels = {finding.level for finding in findings}
    if "refused" in levels:
        return REFUSED
    return BELOW_THRESHOLD if "unusual" in levels else 0


def look_over(
    root: Path, journal: Path | None = None, watch: Path | None = None
) -> Iterator[Finding]:
    """Yield what there is to say of a machine that serves; nothing is written.

    Parameters
    ----------
    root
        Folder of the store.
    journal, watch
        Folders of the journal and of the watch on data; ``journal`` and ``watch`` in the store
        by default.
    """
    yield _base()
    yield from _models(Shelves(root), watch or root / "watch")
    yield _journal(journal or root / "journal")
    yield _keys(root / "keys.json")
    yield _disk(root)


def _base() -> Finding:
    found, absent = [f"Python {sys.version.split()[0]}"], False
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} ABSENT")
            absent = True
    return Finding("socle", ", ".join(found), "refused" if absent else "fine")


def _models(shelves: Shelves, watch: Path) -> Iterator[Finding]:
    try:
        installed = shelves.installed()
    except AuneError as error:
        yield Finding("modèle", f"magasin illisible : {error.found} ; {error.remedy}", "refused")
        return
    if not installed:
        yield Finding(
            "modèle", f"aucun dans {shelves.root} : aune install PAQUET.zip en pose un", "note"
        )
    for item in installed:
        yield from _model(shelves, item, watch)


def _model(shelves: Shelves, item: Installed, watch: Path) -> Iterator[Finding]:
    name, entry = f"{item.usecase}.{item.task}", item.shelf.current
    try:
        bundle = shelves.open(item.usecase, item.task)
    except AuneError as error:
        remedy = f" ; {error.remedy}" if error.remedy else ""
        text = f"{name} {entry.version} REFUSÉ : {error.found}{remedy}"
        yield Finding("modèle", text, "refused")
        return
    kept = ", ".join(old.version for old in item.shelf.previous) or "aucune"
    simulated = " ; appris sur des données SIMULÉES" if entry.simulated else ""
    yield Finding(
        "modèle",
        f"{name} {entry.version} : signature vérifiée (clé {bundle.signer[:16]}…), "
        f"{bundle.manifest.golden_rows} exemples rejoués ; versions précédentes gardées : {kept}"
        f"{simulated}",
    )
    yield from _data(name, bundle, watch)


def _data(name: str, bundle: Bundle, watch: Path) -> Iterator[Finding]:
    if bundle.usual is None or not bundle.usual.histograms:
        what = "son paquet ne décrit pas de données d'apprentissage à comparer (texte, ou ancien)"
        yield Finding("données", f"{name} : {what}", "note")
        return
    drift = Drift(bundle.usual)
    if not drift.load(counts_path(watch, name)):
        yield Finding("données", f"{name} : rien de compté dans {watch}", "note")
        return
    report = drift.report()
    path = alert_path(watch, name)
    alert = read_alert(path) or Alert()
    since = f" (depuis le {french_day(alert.since)}, voir {path})" if alert.since else ""
    unusual = report.state == "alert"
    meanings = {field.name: field.meaning for field in bundle.manifest.inputs}
    for place, sentence in enumerate(explain(report, meanings)):
        mark = since if unusual and not place else ""
        yield Finding("données", f"{name} : {sentence}{mark}", "unusual" if unusual else "fine")


def _journal(folder: Path) -> Finding:
    if not (folder / HEAD).is_file():
        return Finding("journal", f"aucun dans {folder} : aune serve --journal {folder}", "note")
    try:
        size = sum(item.path.stat().st_size for item in segments(folder))
        megabytes = french_number(round(size / 1e6, 1))
        if size > _CHECKED_BYTES:
            text = f"{folder}, {megabytes} Mo, non vérifié ici : aune journal verify {folder}"
            return Finding("journal", text, "note")
        found = verify(folder, inputs=False)
    except (AuneError, OSError) as error:
        return Finding("journal", f"{folder} illisible : {error}", "refused")
    if not found.intact:
        first = found.findings[0].text
        text = f"{folder} : chaîne rompue, {len(found.findings)} constat(s) ; le premier : {first}"
        return Finding("journal", text, "refused")
    return Finding(
        "journal",
        f"{folder} : {french_number(found.lines)} lignes, chaîne intacte, {megabytes} Mo",
    )


def _keys(path: Path) -> Finding:
    try:
        keys = KeyRing.load(path).keys
    except AuneError as error:
        return Finding("clés", f"{path} illisible : {error.found}", "refused")
    if not keys:
        return Finding("clés", "aucune : le serveur n'écoute que cette machine", "note")
    listed = ", ".join(f"{key.name} ({key.role})" for key in keys)
    return Finding("clés", f"{len(keys)} dans {path} : {listed}")


def _disk(root: Path) -> Finding:
    place = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    free = shutil.disk_usage(place).free
    text = f"{french_number(round(free / 1e9, 1))} Go libres pour {root}"
    if not os.access(place, os.W_OK):
        text += " (non inscriptible par cet utilisateur)"
    if free < _LEAST_FREE_BYTES:
        return Finding("disque", f"{text} : libérer de la place", "note")
    return Finding("disque", text)
