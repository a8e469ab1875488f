"""Publish labels and salts, so that anybody can recompute the commitment and the scores."""

import csv
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.sealing import papers
from benchmarks.sealing.handout import TEMPLATES
from benchmarks.sealing.pack import LABELS, REVEALED, SALT_SECRET, STAGING, Pack
from benchmarks.sealing.seal import label_texts
from benchmarks.sealing.sums import file_digests, write_sums
from common.edge.errors import UsageError

__all__ = ["reveal"]

LABELS_CSV = "labels.csv"


def reveal(pack: Pack, keys: Sequence[Path] = ()) -> Path:
    """Open the labels, prove the commitment, write ``revealed/`` and log it.

    Nothing can be handed in afterwards.

    Parameters
    ----------
    pack
        Sealed.
    keys
        The key file or its two shares; by default those in ``buyer/``.

    Returns
    -------
    Path
        ``revealed/``.

    Raises
    ------
    UsageError
        It was done before, or a key is missing.
    IntegrityError
        The labels are not those of the commitment: nothing is written.
    """
    target = pack.folder / REVEALED
    if target.exists():
        raise UsageError(f"{target} is there already", expected="labels that are still sealed")
    vault = pack.vault(keys)
    labels = pack.labels(keys)
    staging = Path(tempfile.mkdtemp(dir=pack.folder, prefix=STAGING))
    try:
        _write_csv(staging / LABELS_CSV, label_texts(pack.questions(), labels))
        (staging / LABELS).write_bytes(papers.labels_bytes(labels))
        secret = vault.salt_secret.hex()
        (staging / SALT_SECRET).write_text(f"{secret}\n", encoding="ascii")
        shutil.copyfile(pack.folder / "vendor" / "commitment.json", staging / "commitment.json")
        shutil.copyfile(TEMPLATES / "verify_commitment.py", staging / "verify_commitment.py")
        shutil.copyfile(TEMPLATES / "REVELATION.md", staging / "LISEZMOI.md")
        write_sums(staging)
        staging.chmod(0o755)
        pack.record("revealed", {"files": file_digests(staging)})
        staging.rename(target)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return target


def _write_csv(path: Path, columns: Mapping[str, Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
