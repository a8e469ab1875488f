"""``aune journal``: verify, purge and export the journal of predictions and decisions."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from common.edge.errors import JournalError, UsageError
from usecases.cli.shared import AsJson, TrustedKey, closing, group, open_bundle, print_json

__all__ = ["journal_app"]

journal_app = group("Journal of predictions and decisions: verify, purge, export.")

JournalPath = Annotated[Path, typer.Argument(help="Folder of the journal.")]
# One season and one month (briefs/platform.md 2.3).
_RETENTION_DAYS = 396


@journal_app.command("verify")
def journal_verify(
    folder: JournalPath,
    noted: Annotated[
        str | None, typer.Option(help="NUMBER:SHA256 of a line, as noted elsewhere at the time.")
    ] = None,
    *,
    inputs: Annotated[bool, typer.Option(help="Compare the kept inputs too.")] = True,
    as_json: AsJson = False,
) -> None:
    """Find and name every line that was changed, removed, inserted or moved."""
    from dataclasses import asdict

    from common.edge.journal.check import verify

    found = verify(folder, inputs=inputs, noted=_noted(noted))
    if as_json:
        print_json(asdict(found) | {"intact": found.intact})
    else:
        for line in (*(finding.text for finding in found.findings), *found.notes):
            typer.echo(line)
    if not found.intact:
        raise JournalError(
            f"{folder}: {len(found.findings)} finding(s), the first: {found.findings[0].text}",
            expected="an intact chain",
            remedy="keep a copy as evidence, compare with a backup",
        )
    if not as_json:
        closing(
            f"journal intact : {found.lines} lignes, {found.purged} purgées, "
            f"{found.kept} entrées gardées",
            str(folder),
            f"noter ailleurs {found.last}:{found.sha256}",
        )


@journal_app.command("purge")
def journal_purge(
    folder: JournalPath,
    before: Annotated[
        str | None, typer.Option(help="First day to keep, YYYY-MM-DD; 13 months ago by default.")
    ] = None,
    *,
    inputs_only: Annotated[
        bool, typer.Option("--inputs-only", help="Drop kept inputs, keep every line.")
    ] = False,
    despite_findings: Annotated[
        bool, typer.Option("--despite-findings", help="Purge a journal that does not verify.")
    ] = False,
) -> None:
    """Drop old days and leave tombstones, so that the chain stays checkable."""
    from common.edge.journal.log import Journal

    day = _day(before)
    _require(folder)
    with Journal(folder) as journal:
        if inputs_only:
            done = f"entrées gardées de {journal.drop_inputs(day)} segments supprimées"
        else:
            stones = journal.purge(day, despite_findings=despite_findings)
            lines = sum(sum(stone.lines.values()) for stone in stones)
            done = f"{lines} lignes purgées en {len(stones)} segments, avant le {day}"
    closing(done, str(folder), f"aune journal verify {folder}")


@journal_app.command("export")
def journal_export(
    folder: JournalPath,
    out: Annotated[Path, typer.Option(help="CSV file to write.")] = Path("journal.csv"),
) -> None:
    """Write predictions and decisions as CSV for a French spreadsheet."""
    from common.edge.journal.reading import export

    _require(folder)
    with out.open("w", encoding="utf-8-sig", newline="") as handle:
        count = export(folder, handle)
    closing(f"{count} lignes exportées", str(out), f"aune journal verify {folder}")


@journal_app.command("sheet")
def journal_sheet(
    folder: JournalPath,
    line: Annotated[int, typer.Argument(help="Number of the prediction's line.")],
    bundle: Annotated[Path, typer.Argument(help="The bundle that predicted.")],
    key: TrustedKey = None,
) -> None:
    """Explain one past prediction in French, computed again from the journal and the bundle."""
    from common.edge.journal.sheet import decision_sheet

    _require(folder)
    typer.echo(decision_sheet(folder, line, open_bundle(bundle, key)).text())
    closing(f"prédiction {line} expliquée", str(folder), f"aune journal verify {folder}")


def _require(folder: Path) -> None:
    """Refuse a folder without a journal, rather than begin one there."""
    from common.edge.journal.chain import HEAD

    if not (folder / HEAD).is_file():
        raise UsageError(f"there is no journal in {folder}", expected="the folder of a journal")


def _day(text: str | None) -> date:
    if text is None:
        return (datetime.now(UTC) - timedelta(days=_RETENTION_DAYS)).date()
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except ValueError as error:
        raise UsageError(f"day {text!r}", expected="YYYY-MM-DD") from error


def _noted(text: str | None) -> tuple[int, str] | None:
    if text is None:
        return None
    number, _, digest = text.partition(":")
    if not number.isdigit() or len(digest) != 64:
        raise UsageError(f"noted {text!r}", expected="NUMBER:SHA256, as aune journal verify prints")
    return int(number), digest
