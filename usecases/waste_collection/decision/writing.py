"""Write a plan: its pages, its sheets, its files for other software; each file all at once."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from usecases.waste_collection.decision.choice import Proposal
from usecases.waste_collection.decision.exports.fiware import entities
from usecases.waste_collection.decision.exports.geojson import rounds_geojson
from usecases.waste_collection.decision.exports.gpx import trip_gpx
from usecases.waste_collection.decision.former import Change, Former
from usecases.waste_collection.decision.pages.calendar import calendar_csv, calendar_html
from usecases.waste_collection.decision.pages.listing import listing_csv, listing_html
from usecases.waste_collection.decision.pages.parts import page_html
from usecases.waste_collection.decision.pages.plan_pages import plan_page, stops_page
from usecases.waste_collection.decision.pages.sheet import sheet_file, sheet_html
from usecases.waste_collection.decision.reasons import stop_words
from usecases.waste_collection.routing.fleet import write_fleet
from usecases.waste_collection.routing.plan_file import write_plan
from usecases.waste_collection.routing.plan_lines import PlanContext

__all__ = ["context_of", "write_proposal"]

REPLAY_PAGE = Path("results/replay/rejeu.html")
POLICIES = "politiques.html"
SHEETS = ("tournee-*.html", "tournee-*.gpx")
FILES = (
    ("arrets.html", "chaque arrêt, ses raisons, et ce qu'attendre donnerait"),
    ("liste.html", "tous les conteneurs, à trier"),
    ("calendrier.html", "le risque de débordement des sept prochains jours"),
    ("plan.csv", "le plan, ligne par ligne, que --former relit"),
    ("vehicles.csv", "les camions, tels que le plan les a pris"),
    ("rounds.geojson", "tournées et arrêts pour un SIG (RFC 7946)"),
    ("conteneurs.csv", "la liste des conteneurs"),
    ("calendrier.csv", "le calendrier de tous les conteneurs"),
    ("conteneurs.jsonld", "niveaux et prévision au modèle WasteContainer de FIWARE (NGSI-LD)"),
)


def context_of(proposal: Proposal) -> PlanContext:
    """Return what a plan file says beside the plan."""
    case = proposal.case
    return PlanContext(
        plan_id=f"{case.situation.dataset.name}-{case.situation.day.isoformat()}".replace(" ", "-"),
        day=case.situation.day,
        timezone=case.situation.dataset.timezone,
        places=case.terrain.places,
        fill_percent=dict(zip(case.situation.ids, case.outlook.now_percent.tolist(), strict=True)),
    )


def write_proposal(
    proposal: Proposal,
    out: Path,
    *,
    former: tuple[Former, Change] | None = None,
    replay_page: Path = REPLAY_PAGE,
) -> Path:
    """Write everything; sheets and tracks of an earlier plan in the folder are removed.

    Parameters
    ----------
    proposal
        The plan.
    out
        Folder, made where it is not there.
    former
        The former plan and what changes against it.
    replay_page
        Page of the replay bench, copied beside the plan where it is there.

    Returns
    -------
    Path
        The page to open first.
    """
    out.mkdir(parents=True, exist_ok=True)
    for pattern in SHEETS:
        for old in out.glob(pattern):
            old.unlink()
    files = [*_sheets(proposal, out), *_policies(out, replay_page), *FILES]
    _write_exports(proposal, out)
    _write(out / "liste.html", [listing_html(proposal)])
    _write(out / "calendrier.html", [calendar_html(proposal)])
    _write(out / "arrets.html", [page_html(stops_page(proposal), proposal)])
    index = out / "index.html"
    _write(index, [page_html(plan_page(proposal, former=former, files=files), proposal)])
    return index


def _sheets(proposal: Proposal, out: Path) -> list[tuple[str, str]]:
    """Write sheets and tracks; none for a plan that the checker refuses."""
    if proposal.broken:
        return []
    context = context_of(proposal)
    words = {name: one.why for name, one in stop_words(proposal).items()}
    files = []
    for trip in proposal.plan.trips:
        name = sheet_file(trip)
        _write(out / f"{name}.html", [sheet_html(proposal, trip)])
        _write(out / f"{name}.gpx", [trip_gpx(trip, context, words)])
        files.append((f"{name}.html", f"feuille à imprimer, camion {trip.truck_id}"))
        files.append((f"{name}.gpx", "la même tournée pour un GPS (GPX 1.1)"))
    return files


def _policies(out: Path, replay_page: Path) -> list[tuple[str, str]]:
    """Copy the page of the bench beside the plan; without it, none is left there."""
    target = out / POLICIES
    target.unlink(missing_ok=True)
    if not replay_page.exists():
        return []
    shutil.copyfile(replay_page, target)
    return [(POLICIES, "les politiques de collecte rejouées : kilomètres et débordements")]


def _write_exports(proposal: Proposal, out: Path) -> None:
    context = context_of(proposal)
    draft = out / ".draft.csv"
    write_plan(draft, proposal.plan, context)
    draft.replace(out / "plan.csv")
    write_fleet(draft, proposal.case.terrain.trucks)
    draft.replace(out / "vehicles.csv")
    for name, value in (
        ("rounds.geojson", rounds_geojson(proposal, context)),
        ("conteneurs.jsonld", entities(proposal.case)),
    ):
        _write(out / name, [json.dumps(value, ensure_ascii=False, indent=1), "\n"])
    _write(out / "conteneurs.csv", listing_csv(proposal))
    _write(out / "calendrier.csv", calendar_csv(proposal))


def _write(path: Path, parts: Iterable[str]) -> None:
    """Write a file all at once: a reader meets the old one or the new one, never half of it."""
    draft = path.with_name(f".{path.name}.part")
    with draft.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
    draft.replace(path)
