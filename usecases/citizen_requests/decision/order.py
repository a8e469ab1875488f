"""``aune plan citizen_requests``: from waiting requests to the agent's and the manager's pages."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from common.edge.errors import SourceError, UsageError
from common.edge.retrieval.inputs import Index
from common.lab.pages.french import date_fr
from common.lab.usecase import PlanOrder
from usecases.citizen_requests import own_data, simulate
from usecases.citizen_requests.answers.collections import sheets_index
from usecases.citizen_requests.decision import feedback
from usecases.citizen_requests.decision.findings import Sources, findings
from usecases.citizen_requests.decision.inbox import Inbox, authored_inbox, read_inbox
from usecases.citizen_requests.decision.manager import manage
from usecases.citizen_requests.decision.manager_page import manager_html
from usecases.citizen_requests.decision.request_page import (
    Edition,
    inbox_html,
    page_names,
    request_html,
)
from usecases.citizen_requests.decision.router import Closed, closed_requests, learn
from usecases.citizen_requests.decision.similar import Neighbours
from usecases.citizen_requests.requests.export import TIMEZONE
from usecases.citizen_requests.sheets.library import VINTAGE

__all__ = ["PLAN_FILES", "PLAN_OPTIONS", "plan", "write_pages"]

PLAN_FILES: Final[Mapping[str, str]] = {
    "requests": "demandes à orienter, CSV ; sans lui les demandes FICTIVES livrées avec Aune",
    "closed": "dossier de vos demandes closes ; sans lui le modèle apprend de demandes SIMULÉES",
    "feedback": "retours.csv rempli par les agents : écrit le dossier corrections",
    "key": "clé publique des paquets ; celles de .aune/trusted sans elle",
}
PLAN_OPTIONS: Final[Mapping[str, str]] = {
    "bundle": "paquet de la tâche answers : la chance qu'une fiche réponde",
}
N_INVENTED: Final = 900
"""Enough for every service to be seen a few dozen times, in seconds."""
CORRECTIONS: Final = "corrections"
NO_SHEETS: Final = "Les fiches officielles n'ont pu être lues ici : aucun passage n'est proposé."


Chance = Callable[[Sequence[float]], float]


def plan(order: PlanOrder) -> Path:
    """Write the pages of the requests that wait; return the list of them."""
    chance = _chance(order.options.get("bundle", ()), order.files.get("key"))
    inbox = read_inbox(order.files["requests"]) if "requests" in order.files else authored_inbox()
    if inbox.fictional:
        order.say("demandes FICTIVES : donnez les vôtres avec --requests FICHIER.csv")
    closed = _closed(order.files.get("closed"))
    if closed.simulated:
        order.say("modèle appris de demandes SIMULÉES : donnez les vôtres avec --closed DOSSIER")
    if "feedback" in order.files:
        _write_corrections(order, inbox, closed)
    index, no_sheets = _index()
    if no_sheets:
        order.say(no_sheets)
    return write_pages(
        order.out,
        inbox,
        closed,
        index=index,
        chance=chance,
        today=datetime.now(ZoneInfo(TIMEZONE)).date(),
    )


def write_pages(
    out: Path,
    inbox: Inbox,
    closed: Closed,
    *,
    index: Index | None,
    today: date,
    chance: Chance | None = None,
) -> Path:
    """Write a page per request, their list, the manager's page and the file for answers.

    Parameters
    ----------
    out
        Folder, made where it is not there; pages of an earlier run are removed.
    inbox
        What waits.
    closed
        What the router learns from.
    index
        Of the sheets; None where they cannot be had.
    today
        Against which the age of a sheet is told.
    chance
        From the search's features to the chance that the first sheet answers.

    Returns
    -------
    Path
        The list of requests.
    """
    router, held = learn(closed)
    sources = Sources(router, Neighbours(closed), index, today, chance)
    opinion, found = findings(inbox, sources)
    edition = Edition(
        inbox.fictional, closed.simulated, router.thresholds, _foot(inbox, closed, index),
        "" if index else NO_SHEETS,
    )  # fmt: skip
    names = page_names(found)
    pages = {names[each.request.id]: request_html(each, edition, names) for each in found}
    pages["index.html"] = inbox_html(found, edition, names)
    pages["pilotage.html"] = manager_html(manage(router, closed, held, inbox, opinion), edition)
    pages[feedback.FILE] = feedback.template(inbox)
    _replace(out, pages)
    return out / "index.html"


def _write_corrections(order: PlanOrder, inbox: Inbox, closed: Closed) -> None:
    answers = feedback.read_feedback(order.files["feedback"], inbox, closed.titles)
    folder = order.out / CORRECTIONS
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "demandes.csv", feedback.corrections(answers, inbox))
    n_services = sum(bool(each.service) for each in answers)
    judged = [each.useful for each in answers if each.useful is not None]
    order.say(
        f"réponses d'agents : {len(answers)} lues, {n_services} services corrigés, "
        f"{sum(judged)} passages utiles sur {len(judged)} jugés ; ensuite : "
        f"aune run citizen_requests --resume {folder}"
    )


def _closed(folder: Path | None) -> Closed:
    if folder is None:
        return closed_requests(simulate.simulate(0, N_INVENTED), simulated=True)
    return closed_requests(own_data.read(folder), simulated=False)


def _index() -> tuple[Index | None, str]:
    """Return the index of the national sheets, or why there is none."""
    try:
        return Index.open(*sheets_index()), ""
    except SourceError as error:
        return None, f"pas de fiches officielles ({error.found}) : aucun passage proposé"


def _chance(paths: Sequence[str], key: Path | None) -> Chance | None:
    """Open the bundle of the task ``answers``; None where none is given."""
    if not paths:
        return None
    from common.edge.bundle import Bundle
    from common.edge.signature import trusted_keys

    opened = [Bundle.open(Path(path), [key] if key else trusted_keys()) for path in paths]
    tasks = [f"{each.manifest.usecase}/{each.manifest.task}" for each in opened]
    if tasks != ["citizen_requests/answers"]:
        raise UsageError(
            f"bundles of {', '.join(tasks)}",
            expected="one bundle of citizen_requests/answers",
            remedy="the router of these pages learns from --closed, not from a bundle",
        )
    bundle = opened[0]

    def chance(features: Sequence[float]) -> float:
        given = np.array([features], dtype=np.float32)
        return float(bundle.predict({"retrieval_features": given})["p_answerable"][0, 0])

    return chance


def _foot(inbox: Inbox, closed: Closed, index: Index | None) -> str:
    learnt = "demandes SIMULÉES" if closed.simulated else "demandes closes de la commune, masquées"
    sheets = f" Fiches : DILA, service-public.fr, état du {date_fr(VINTAGE)}." if index else ""
    return f"Demandes : {inbox.name}. Modèle appris de {len(closed.rows)} {learnt}.{sheets}"


def _replace(out: Path, pages: Mapping[str, str]) -> None:
    """Write each file all at once; an answered file of answers is never overwritten."""
    out.mkdir(parents=True, exist_ok=True)
    for old in out.glob("demande-*.html"):
        if old.name not in pages:
            old.unlink()
    for name, text in pages.items():
        if name == feedback.FILE and (out / name).exists():
            continue
        write_text(out / name, text)


def write_text(path: Path, text: str) -> None:
    """Write a file all at once: a reader meets the old one or the new one."""
    draft = path.with_name(f".{path.name}.part")
    draft.write_text(text, encoding="utf-8", newline="")
    draft.replace(path)
