"""The decision pages of the delivery bays: write them all, link them, say them in a few lines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pandas as pd

from common.edge.errors import DataError, UsageError
from common.lab.pages.french import number
from common.lab.usecase import Dataset
from usecases.delivery_zones.decision import (
    inventory_page,
    map_page,
    misuse_page,
    plan_page,
    sizing_page,
    week_page,
)
from usecases.delivery_zones.decision.demand import network_of
from usecases.delivery_zones.decision.observed import Observed, observe
from usecases.delivery_zones.decision.page_parts import (
    Page,
    page_html,
    render_decision,
    write_text,
)
from usecases.delivery_zones.decision.plan import Plan, plan_relocation
from usecases.delivery_zones.decision.week_grid import WeekGrid, observed_grid
from usecases.delivery_zones.inventory.check import check
from usecases.delivery_zones.inventory.findings import Report
from usecases.delivery_zones.inventory.source import Inventory

__all__ = ["Decisions", "decide", "summary", "write_pages"]

SHORT_LIST: Final = 8
"""Zones with a figure and a what-if table each: the page stays below 150 KiB."""
MAX_READ_ROWS: Final = 60
READ_TITLES: Final = {"perimetre": "Périmètre", "operation": "Opération", "lignes": "Lignes"}
NO_INVENTORY: Final = "Aucun inventaire des aires de livraison n'a été donné."
UNKNOWN: Final = (
    "Qui se gare, avec quel véhicule et pourquoi : ni plaque, ni personne, ni marchandise.",
    "Les arrêts en double file : un conducteur qui ne trouve pas de place n'est pas vu.",
    "Ce que dit l'arrêté, tant que l'inventaire ne le cite pas.",
    "La demande des aires de l'inventaire, tant que la commune n'a pas donné demand.csv.",
)


@dataclass(frozen=True)
class Decisions:
    """Everything that the pages say, before it is printed.

    Parameters
    ----------
    dataset
        The log of the bays.
    pages
        In the order of the index; a skipped one says why.
    exports
        File name to the lines of the text file written beside the pages.
    plan, report
        Of the inventory; None without one.
    """

    dataset: Dataset
    pages: Sequence[Page]
    exports: Mapping[str, Sequence[str]]
    plan: Plan | None = None
    report: Report | None = None


def decide(
    dataset: Dataset,
    *,
    inventory: Inventory | None = None,
    demand: pd.DataFrame | None = None,
    forecast: WeekGrid | None = None,
    zones: Sequence[str] | None = None,
) -> Decisions:
    """Work out what every page says.

    Parameters
    ----------
    dataset
        Events of one city.
    inventory
        As from `inventory_source.load_inventory`; the plan and the check need it.
    demand
        As from `demand.read_demand`; the proxy (HYPOTHÈSE) without it.
    forecast
        Chances by zone, day and hour of a model; the observed profile without it.
    zones
        Zones with figures of their own; the fullest ones unless told.

    Raises
    ------
    DataError
        The log holds less than a day.
    UsageError
        A zone is unknown, or a demand comes without an inventory.
    """
    if demand is not None and inventory is None:
        raise UsageError(
            "a demand without an inventory", expected="the inventory whose areas it is about",
            remedy="give the inventory too",
        )  # fmt: skip
    seen = observe(dataset)
    chosen = _chosen(seen, zones)
    pages, exports = _observed_pages(seen, forecast, chosen)
    plan = report = None
    if inventory is None:
        pages += [
            Page("plan.html", "Le plan : quelles places déplacer", "", skipped=NO_INVENTORY),
            Page("inventaire.html", "L'inventaire : ce qu'il faut corriger", "",
                 skipped=NO_INVENTORY),
        ]  # fmt: skip
    else:
        report = check(inventory.table, inventory.schema)
        plan_or_why = _plan(inventory, demand)
        plan = plan_or_why if isinstance(plan_or_why, Plan) else None
        pages += [
            plan_page.plan_page(plan_or_why, inventory.title)
            if isinstance(plan_or_why, Plan)
            else plan_or_why,
            inventory_page.inventory_page(report, inventory.title),
        ]
    return Decisions(dataset, pages, exports, plan, report)


def write_pages(
    dataset: Dataset,
    out: Path,
    *,
    inventory: Inventory | None = None,
    demand: pd.DataFrame | None = None,
    forecast: WeekGrid | None = None,
    zones: Sequence[str] | None = None,
    report: Callable[[str], object] = print,
) -> Path:
    """Write the pages, their CSV and GeoJSON files and their index; each file all at once.

    Parameters
    ----------
    out
        Folder, made where it is not there. Pages of an earlier run that this one skips are
        removed, so that the index never stands beside a page of other data.
    report
        Takes each line of the summary.

    Returns
    -------
    Path
        The index.
    """
    decisions = decide(dataset, inventory=inventory, demand=demand, forecast=forecast, zones=zones)
    out.mkdir(parents=True, exist_ok=True)
    foot = _foot(dataset)
    for name, lines in decisions.exports.items():
        write_text(out / name, lines)
    _write_inventory_files(decisions, out)
    for page in decisions.pages:
        if page.skipped:
            (out / page.file).unlink(missing_ok=True)
        else:
            write_text(out / page.file, [page_html(page, dataset, foot)])
    index = out / "index.html"
    write_text(index, [_index(decisions, foot)])
    for line in summary(decisions).splitlines():
        report(line)
    return index


def summary(decisions: Decisions) -> str:
    """Return what to do first, a line per page, as plain text for a terminal."""
    head = "SIMULÉ" if decisions.dataset.simulated else decisions.dataset.proxy
    lines = [head] if head else []
    for page in decisions.pages:
        name = page.file.removesuffix(".html")
        mark = "HYPOTHÈSE. " if page.hypothesis else ""
        lines.append(f"{name} : {mark}{page.first[0] if page.first else page.skipped}")
    return "\n".join(lines)


def _chosen(seen: Observed, zones: Sequence[str] | None) -> list[str]:
    if zones is None:
        return seen.busiest(SHORT_LIST)
    unknown = sorted(set(zones) - set(seen.zones["curb_zone_id"]))
    if unknown or len(zones) > SHORT_LIST:
        raise UsageError(
            f"{len(zones)} zones, unknown: {unknown[:5]}",
            expected=f"at most {SHORT_LIST} zones of the data set",
            remedy="read their ids in the table of zones",
        )
    return list(zones)


def _observed_pages(
    seen: Observed, forecast: WeekGrid | None, chosen: Sequence[str]
) -> tuple[list[Page], dict[str, Sequence[str]]]:
    """Return the pages that stays make, and their files."""
    grid = forecast or observed_grid(seen)
    misused = misuse_page.misuse_findings(seen)
    sized = sizing_page.sizing_findings(seen, chosen)
    pages = [
        week_page.week_page(seen, grid, chosen),
        map_page.map_page(seen),
        misuse_page.misuse_page(seen, misused),
        sizing_page.sizing_page(seen, sized),
    ]
    lines = (
        week_page.week_csv(seen, grid),
        map_page.full_csv(seen),
        misuse_page.misuse_csv(seen, misused),
        sizing_page.sizing_csv(seen, sized),
    )
    files: dict[str, Sequence[str]] = {
        page.exports[0][0]: text for page, text in zip(pages, lines, strict=True) if page.exports
    }
    return pages, files


def _plan(inventory: Inventory, demand: pd.DataFrame | None) -> Plan | Page:
    """Return the plan, or the skipped page that says why there is none."""
    areas = inventory.areas
    if not (areas["lon"].notna() & areas["lat"].notna()).any():
        return Page("plan.html", "Le plan : quelles places déplacer", "",
                    skipped="Aucune aire de l'inventaire n'a de coordonnées.")  # fmt: skip
    try:
        return plan_relocation(network_of(areas, demand))
    except (DataError, UsageError) as error:
        return Page("plan.html", "Le plan : quelles places déplacer", "",
                    skipped=f"Aucun plan n'a pu être établi : {error}")  # fmt: skip


def _write_inventory_files(decisions: Decisions, out: Path) -> None:
    """Write the files of plan and check under a hidden name, then move them in place."""
    writers: dict[str, Callable[[Path], None]] = {}
    if decisions.plan is not None:
        writers[plan_page.CSV_FILE] = decisions.plan.write_csv
        writers[plan_page.GEOJSON_FILE] = decisions.plan.write_geojson
    if decisions.report is not None:
        writers[inventory_page.CSV_FILE] = decisions.report.write_csv
    for name in (plan_page.CSV_FILE, plan_page.GEOJSON_FILE, inventory_page.CSV_FILE):
        if name not in writers:
            (out / name).unlink(missing_ok=True)
            continue
        draft = out / f".{name}.part"
        writers[name](draft)
        draft.replace(out / name)


def _index(decisions: Decisions, foot: str) -> str:
    today = [
        f"{page.title.partition(' :')[0]}{' (HYPOTHÈSE)' * bool(page.hypothesis)} — {page.first[0]}"
        for page in decisions.pages
        if page.first
    ]
    return render_decision(
        "decision_index.html.j2",
        decisions.dataset,
        foot,
        observed=True,
        title="Les aires de livraison : voir, comprendre, décider",
        lead="Quelles places manquent, quand, pourquoi, et ce qu'on peut y faire.",
        today=today,
        pages=decisions.pages,
        unknown=UNKNOWN,
        read=_read(decisions.dataset),
    )


def _read(dataset: Dataset) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of what was read, repaired and dropped; no row where unsaid."""
    table = dataset.extras.get("cleaning", dataset.extras.get("reading"))
    if table is None:
        return (), []
    header = tuple(READ_TITLES.get(str(name), str(name)) for name in table)
    rows = [tuple(map(_cell, row)) for row in table.itertuples(index=False)]
    return header, rows[:MAX_READ_ROWS]


def _foot(dataset: Dataset) -> str:
    sources = " ; ".join(f"{source.publisher} ({source.licence})" for source in dataset.sources)
    return f"Données : {dataset.name}. {sources}".strip()


def _cell(value: object) -> str:
    return number(value, 0) if isinstance(value, int) else str(value)
