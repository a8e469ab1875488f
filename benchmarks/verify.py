"""Recompute everything that files allow: a pack, its submissions, its reveal, its reports."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.comparing import comparison as comparisons
from benchmarks.records import Comparison, Entry
from benchmarks.sealing.entries import entry_to_json, read_entered
from benchmarks.sealing.log import Line
from benchmarks.sealing.pack import KEY, LOG, REVEALED, STAGING, Pack
from benchmarks.sealing.reveal import LABELS_CSV
from benchmarks.sealing.seal import Tree, leaf_hashes
from benchmarks.sealing.sums import differences, file_digests
from benchmarks.sealing.vault import read_bounded, read_salt_secret
from common.edge.errors import AuneError, IntegrityError, UsageError
from common.lab.contest import Finding

__all__ = ["Rescore", "pack_of", "verify_pack", "verify_report"]

Rescore = Callable[[Pack], Comparison]
"""Scores a pack again, as it was at its ``head``; reads labels through `Pack.labels`."""

COMPARISON = "comparison.json"
MAX_COMPARISON_BYTES = 32 * 2**20


def verify_report(
    report: Path, rescore: Rescore | None = None, keys: Sequence[Path] = ()
) -> tuple[Finding, ...]:
    """Verify a report and the whole pack that it lies in.

    Parameters
    ----------
    report
        ``PACK/results/<body hash>``.
    rescore
        Computes the comparison again from the pack; None leaves the figures unchecked, and
        says so.
    keys
        Key files where they are not in ``buyer/``.

    Returns
    -------
    tuple of Finding
        ``refused`` for what was changed, ``note`` for what could not be checked; no
        ``refused`` one where everything is as it was.
    """
    folder = pack_of(report)
    findings = list(verify_pack(folder, keys))
    findings += _guarded("report", partial(_report, folder, report, rescore))
    return tuple(findings)


def verify_pack(folder: Path, keys: Sequence[Path] = ()) -> tuple[Finding, ...]:
    """Verify a pack: log, handed-out and kept files, labels, submissions, what was revealed.

    Parameters
    ----------
    folder
        The pack.
    keys
        Key files where they are not in ``buyer/``.
    """
    try:
        pack = Pack.unverified(folder)
    except IntegrityError as error:
        return (_refused("pack", error.found),)
    checks = (
        ("log", partial(_log, pack)),
        ("sealed-files", partial(_sealed, pack)),
        ("labels", partial(_labels, pack, keys)),
        ("submission", partial(_submissions, pack)),
        ("revealed", partial(_revealed, pack)),
    )
    findings = [finding for rule, check in checks for finding in _guarded(rule, check)]
    return tuple({finding.message: finding for finding in findings}.values())


def pack_of(report: Path) -> Path:
    """Return the pack that a report lies in.

    Raises
    ------
    UsageError
        No folder above it is a pack.
    """
    for folder in report.resolve().parents:
        if (folder / "vendor").is_dir() and (folder / LOG).exists():
            return folder
    raise UsageError(f"{report} lies in no pack", expected="PACK/results/<hash>")


def _guarded(rule: str, check: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Run a check; what it cannot read is a finding too."""
    findings: list[Finding] = []
    try:
        findings.extend(check())
    except AuneError as error:
        findings.append(_refused(rule, error.found))
    except Exception as error:  # noqa: BLE001 - damaged files make libraries raise anything
        findings.append(_refused(rule, f"illisible : {error!r}"))
    return findings


def _log(pack: Pack) -> Iterator[Finding]:
    if not pack.log.lines():
        yield _refused("log", f"{LOG} est vide")


def _sealed(pack: Pack) -> Iterator[Finding]:
    for damage in pack.damage():
        yield _refused("sealed-files", f"{damage.french} depuis le scellement")


def _labels(pack: Pack, keys: Sequence[Path]) -> Iterator[Finding]:
    has_key = bool(keys) or any((pack.folder / "buyer").glob(f"{KEY}*"))
    if has_key or (pack.folder / REVEALED).exists():
        pack.labels(keys)
    else:
        yield _note("labels", "Réponses encore scellées et clé absente : non vérifiées.")


def _submissions(pack: Pack) -> Iterator[Finding]:
    lines = [line for line in pack.log.lines() if line.event == "submission"]
    for line in lines:
        yield from _guarded("submission", partial(_submission, pack, line))
    known = {pack.place_of(line) for line in lines}
    for parent in ("submissions", "superseded"):
        for folder in sorted((pack.folder / parent).glob("*")):
            if folder not in known and not folder.name.startswith(STAGING):
                yield _refused("submission", f"{parent}/{folder.name} n'est pas dans le journal")


def _submission(pack: Pack, line: Line) -> Iterator[Finding]:
    place = pack.place_of(line)
    name = place.relative_to(pack.folder).as_posix()
    for damage in differences(line.facts["files"], file_digests(place)):
        yield _refused("submission", f"{damage.under(name).french} depuis la remise")
    if read_entered(place).entry.sha256 != line.facts["answers_sha256"]:
        yield _refused("submission", f"{name} : autres réponses que celles du journal")


def _revealed(pack: Pack) -> Iterator[Finding]:
    folder = pack.folder / REVEALED
    lines = [line for line in pack.log.lines() if line.event == "revealed"]
    if not folder.exists() and not lines:
        return
    if not lines:
        yield _refused("revealed", "revealed/ n'est pas dans le journal")
        return
    for damage in differences(lines[-1].facts["files"], file_digests(folder)):
        yield _refused("revealed", f"{damage.under(REVEALED).french} depuis la publication")
    hashes = leaf_hashes(
        _read_csv(folder / LABELS_CSV), read_salt_secret(folder / "salt_secret.txt")
    )
    if Tree(hashes).root != pack.root:
        yield _refused("revealed", "labels.csv et les sels ne donnent pas la racine publiée")


def _report(folder: Path, report: Path, rescore: Rescore | None) -> Iterator[Finding]:
    text = read_bounded(report / COMPARISON, MAX_COMPARISON_BYTES).decode()
    found = comparisons.from_json(text)
    body_sha256 = comparisons.body_hash(found)
    if not body_sha256.startswith(report.name):
        yield _refused("report", f"le dossier {report.name} contient le rapport {body_sha256[:12]}")
    pack = Pack.unverified(folder).at(found.submissions_root)
    yield from _report_files(pack, report)
    for name in sorted(pack.protocol):
        if found.protocol.get(name) != pack.protocol[name]:
            yield _refused("report", f"protocole : {name} n'est pas celui de protocol.json")
    yield from _entries(pack, found)
    if rescore is None:
        yield _note("report", "Notes non recalculées : seules les empreintes ont été vérifiées.")
    elif comparisons.body_hash(rescore(pack)) != body_sha256:
        yield _refused("report", "les notes recalculées ne sont pas celles du rapport")


def _report_files(pack: Pack, report: Path) -> Iterator[Finding]:
    logged = [
        line
        for line in pack.log.lines()
        if line.event == "scored" and line.facts["report"] == report.name
    ]
    if not logged:
        yield _note(
            "report", f"{report.name} n'est pas dans le journal : sa page n'est pas vérifiée."
        )
        return
    for damage in differences(logged[-1].facts["files"], file_digests(report)):
        yield _refused("report", f"{damage.under(report.name).french} depuis le rapport")


def _entries(pack: Pack, found: Comparison) -> Iterator[Finding]:
    """Hold the entries that the report prints against their folders."""
    kept = {**pack.opponents(), **pack.submissions()}
    printed = {standing.entry.id: standing.entry for standing in found.standings}
    for name in sorted(kept.keys() ^ printed.keys()):
        where = "absent du rapport" if name in kept else "absent du dossier"
        yield _refused("report", f"{name} : {where}")
    for name in sorted(kept.keys() & printed.keys()):
        if _plain(kept[name].entry) != _plain(printed[name]):
            yield _refused("report", f"{name} : le rapport imprime une autre déclaration ou mesure")


def _plain(entry: Entry) -> object:
    """Return an entry as JSON values: a report writes 40 where the entry has 40.0."""
    return json.loads(entry_to_json(entry))


def _read_csv(path: Path) -> dict[str, list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        names, *rows = csv.reader(file)
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))


def _refused(rule: str, message: str) -> Finding:
    return Finding(f"tampered-{rule}", "refused", message)


def _note(rule: str, message: str) -> Finding:
    return Finding(f"unchecked-{rule}", "note", message)
