"""What an agent decided comes back to the journal, and any past prediction can be explained."""

from html import escape
from typing import TYPE_CHECKING, Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.edge.bundle import Bundle
from common.edge.errors import AuneError, UsageError
from common.edge.journal.entries import Decision
from common.edge.journal.log import Journal
from common.edge.journal.reading import find_entry
from common.edge.journal.sheet import decision_sheet
from common.edge.serving.pages.formdata import read_form
from common.edge.serving.pages.layout import page, template
from common.edge.serving.problem import Problem
from common.edge.serving.values.jsonbody import read_object

if TYPE_CHECKING:
    from common.edge.serving.app import Server

__all__ = ["decision_form", "decision_routes"]

_MEMBERS = {"journal", "action", "agent", "values", "reason"}


def decision_routes(server: "Server") -> list[Route]:
    """Return the routes of decisions and of their sheets.

    Parameters
    ----------
    server
        Whose journal is written and read.
    """

    async def decide(request: Request) -> Response:
        """Write a decision: JSON from programs, a form from the page."""
        journal = _journal(server)
        kind = request.headers.get("content-type", "")
        is_json = kind.startswith("application/json")
        members = _members(await request.body(), kind, is_json=is_json)
        number, decision = _decision(members)
        try:
            line = await run_in_threadpool(journal.decide, number, decision)
        except UsageError as error:
            raise Problem(422, f"Ligne {number} : absente du journal.") from error
        if is_json:
            return Response(orjson.dumps({"journal": line, "of": number}), 201,
                            media_type="application/json")  # fmt: skip
        body = (
            f"<p>Décision inscrite à la ligne {line} du journal, sur la prédiction {number}.</p>"
            f'<p><a href="/decisions/{number}">Fiche d\'explication de cette prédiction</a></p>'
        )
        return page("Décision inscrite", body, 201)

    async def sheet(request: Request) -> Response:
        """Explain one past prediction from the journal and the bundle that made it."""
        journal, number = _journal(server), request.path_params["number"]
        fragment = await run_in_threadpool(_sheet, server, journal, number)
        return page(f"Prédiction n° {number}", fragment)

    return [
        Route("/decisions", decide, methods=["POST"]),
        Route("/decisions/{number:int}", sheet, methods=["GET"]),
    ]


def decision_form(line: int) -> str:
    """Return the form by which an agent says what became of a prediction."""
    return template("decision.html").substitute(line=line)


def _journal(server: "Server") -> Journal:
    if server.journal is None:
        raise Problem(404, "Ce serveur ne tient pas de journal : aune serve --journal DOSSIER.")
    return server.journal


def _members(body: bytes, kind: str, *, is_json: bool) -> dict[str, Any]:
    if not is_json:
        return {name: text for name, text in read_form(body, kind).texts.items() if text}
    return read_object(body)


def _decision(members: dict[str, Any]) -> tuple[int, Decision]:
    unknown = sorted(set(members) - _MEMBERS)
    if unknown:
        known = ", ".join(sorted(_MEMBERS))
        raise Problem(422, f"Membre inconnu « {str(unknown[0])[:40]} » ; attendu : {known}.")
    try:
        number = int(members["journal"])
        values = tuple(float(value) for value in members.get("values", ()))
        decision = Decision(
            action=members["action"],
            agent=str(members.get("agent", "")),
            values=values,
            reason=str(members.get("reason", "")),
        )
    except KeyError as error:
        raise Problem(422, f"Membre absent : {error.args[0]}.") from error
    except UsageError as error:
        raise Problem(
            422,
            "Décision refusée : action accepted, modified ou rejected ; agent : un rôle ou un "
            "pseudonyme ; motif de 500 caractères au plus.",
            [{"row": None, "field": None, "detail": error.found}],
        ) from error
    except (TypeError, ValueError) as error:
        raise Problem(422, "Décision refusée : journal et values sont des nombres.") from error
    return number, decision


def _sheet(server: "Server", journal: Journal, number: int) -> str:
    try:
        entry = find_entry(journal.folder, number)
        return decision_sheet(journal.folder, number, _bundle(server, entry.digest)).fragment()
    except UsageError as error:
        raise Problem(
            404, f"Prédiction {number} : pas de telle ligne, ou ses entrées ne sont pas gardées."
        ) from error
    except AuneError as error:
        raise Problem(
            422, f"Prédiction {number} : elle ne peut pas être refaite à l'identique ici."
        ) from error


def _bundle(server: "Server", digest: str) -> Bundle:
    """Return the bundle that predicted: in service, or one of the versions kept."""
    for served in server.fleet.models.values():
        if served.bundle.digest == digest:
            return served.bundle
    for item in server.shelves.installed():
        for kept in item.shelf.previous:
            if kept.digest == digest:
                return server.shelves.open(item.usecase, item.task, kept.version)
    raise Problem(
        404, f"Le paquet {escape(digest[:12])} qui a prédit n'est plus gardé sur ce serveur."
    )
