"""The addresses of the pages, and how each is put together."""

import time
from collections.abc import Awaitable, Callable, Mapping
from html import escape
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.edge.description import french_number
from common.edge.manifest import Manifest
from common.edge.serving.asking import CSV, Ask
from common.edge.serving.doors.friendly import Friendly
from common.edge.serving.models.served import Result, Served
from common.edge.serving.pages.answer import answer_html, joules_words, summary_table
from common.edge.serving.pages.controls import control, example, typed_inputs
from common.edge.serving.pages.decisions import decision_form, decision_routes
from common.edge.serving.pages.formdata import FormData, read_form
from common.edge.serving.pages.layout import asset, page, template
from common.edge.serving.problem import Problem
from common.edge.serving.values.numbers import is_text

if TYPE_CHECKING:
    from common.edge.serving.app import Server

__all__ = ["agent_routes"]

_ASSETS = {"style.css": "text/css", "page.js": "text/javascript"}
_WHOLE_ROWS = 3
"""Rows of a sent table that are shown whole; of the others, one line each."""


def agent_routes(server: "Server") -> list[Route]:
    """Return the routes of the pages of a server.

    Parameters
    ----------
    server
        Whose models are shown and asked.
    """
    site = _Site(server)
    return [
        Route("/", site.models, methods=["GET"]),
        Route("/modeles/{model}", site.form, methods=["GET"]),
        Route("/modeles/{model}", site.answer, methods=["POST"]),
        *decision_routes(server),
        *(Route(f"/pages/{name}", _asset(name, kind)) for name, kind in _ASSETS.items()),
    ]


class _Site:
    """The pages of one server."""

    def __init__(self, server: "Server") -> None:
        self.server = server

    async def models(self, _request: Request) -> Response:
        """List what is served."""
        return page("Modèles servis ici", _listed(self.server.fleet.models))

    async def form(self, request: Request) -> Response:
        """Show the form of a model, filled with an example."""
        served = self.server.served(request)
        body = self._watch(served) + _form_page(served, example(served))
        return page(served.manifest.question, body)

    async def answer(self, request: Request) -> Response:
        """Predict and show the answer above the form; a refusal is shown there too."""
        served = self.server.served(request)
        form = FormData()
        try:
            form = read_form(await request.body(), request.headers.get("content-type", ""))
            ask = _asked(served, form)
            started = time.perf_counter()
            result = await self.server.ask(served, ask)
            seconds = time.perf_counter() - started
        except Problem as problem:
            return _refused(served, form, problem)
        if "csv" in form.texts:
            return _as_file(served, ask, result)
        energy = joules_words(seconds, self.server.settings.watts_per_core)
        answer = f'{_answered(served, ask, result)}<p class="muted">{energy}.</p>'
        if len(result.lines) == 1:
            answer += decision_form(result.lines[0])
        texts = example(served) if "fichier" in form.files else form.texts
        return page(
            served.manifest.question,
            f'<div id="reponse" class="answer" tabindex="-1">{answer}</div>'
            + self._watch(served)
            + _form_page(served, texts),
        )

    def _watch(self, served: Served) -> str:
        """Say in one line whether the data of the last weeks are usual; a remark where not."""
        line = escape(self.server.watching.line(served.name))
        if not line:
            return ""
        report = self.server.watching.report(served.name)
        unusual = report is not None and report.state == "alert"
        return f"<div class='alarm'><p>{line}</p></div>" if unusual else f"<p>{line}</p>"


def _as_file(served: Served, ask: Ask, result: Result) -> Response:
    table = Friendly().write(served, Ask(ask.inputs, ask.rows, ask.ids, "csv"), result)
    name = f'attachment; filename="{served.name}.csv"'
    return Response(table.body, headers={"content-type": CSV.decode(), "content-disposition": name})


def _asked(served: Served, form: FormData) -> Ask:
    if "fichier" in form.files:
        return Friendly().read(served, form.files["fichier"], {b"content-type": b"text/csv"})
    return Ask(typed_inputs(served, form.texts), 1)


def _answered(served: Served, ask: Ask, result: Result) -> str:
    whole = [
        (
            f"<h2>Ligne {escape(ask.ids[row] if ask.ids else str(row + 1))}</h2>"
            if ask.rows > 1
            else "<h2>Réponse</h2>"
        )
        + answer_html(served, result, row)
        for row in range(min(ask.rows, _WHOLE_ROWS))
    ]
    if ask.rows > _WHOLE_ROWS:
        whole.append(f"<h2>Les {ask.rows} lignes</h2>" + summary_table(served, result, ask.ids))
    return "".join(whole)


def _refused(served: Served, form: FormData, problem: Problem) -> Response:
    faults = {str(fault["field"]): str(fault["detail"]) for fault in problem.errors}
    alarm = (
        f'<div id="reponse" class="alarm" role="alert" tabindex="-1"><p><strong>Données refusées.'
        f"</strong> {escape(problem.detail)}</p></div>"
    )
    texts = form.texts or example(served)
    body = alarm + _form_page(served, texts, faults)
    return page(served.manifest.question, body, status=problem.status)


def _listed(models: Mapping[str, Served]) -> str:
    if not models:
        return "<p>Aucun modèle n'est installé : <code>aune install PAQUET.zip</code>.</p>"
    items = "".join(
        f'<li><h2><a href="/modeles/{escape(name)}">{escape(served.manifest.question)}</a></h2>'
        f"<p class='muted'>{escape(name)}, version {escape(served.manifest.version)}</p>"
        f"{_warnings(served.manifest)}</li>"
        for name, served in models.items()
    )
    return f"<ul class='models'>{items}</ul>"


def _form_page(
    served: Served, texts: Mapping[str, str], faults: Mapping[str, str] | None = None
) -> str:
    shown = {
        field: control(field, texts.get(field.name, ""), (faults or {}).get(field.name, ""))
        for field in served.asked
    }
    needed = "".join(text for field, text in shown.items() if field.default is None)
    optional = "".join(text for field, text in shown.items() if field.default is not None)
    opened = any((faults or {}).get(f.name) for f in served.asked if f.default is not None)
    controls = needed
    if optional:
        state = " open" if opened else ""
        controls += f"<details{state}><summary>Entrées facultatives</summary>{optional}</details>"
    form = template("form.html").substitute(name=escape(served.name), controls=controls)
    return _warnings(served.manifest) + form + _unknown(served) + _version(served)


def _warnings(manifest: Manifest) -> str:
    lines = []
    if manifest.simulated:
        lines.append("<strong>SIMULÉ</strong> : appris sur des données simulées.")
    if manifest.proxy:
        lines.append(escape(manifest.proxy))
    return "".join(f"<div class='alarm'><p>{line}</p></div>" for line in lines)


def _unknown(served: Served) -> str:
    """Say what the model does not know: what nobody checked, and that a person decides."""
    facts = served.bundle.run.get("facts", {})
    given = facts.get("unverified", []) if isinstance(facts, dict) else []
    items = [str(line) for line in given] if isinstance(given, list) else []
    optional = sum(field.default is not None and not is_text(field) for field in served.asked)
    if optional:
        items.append(
            f"Entrée facultative laissée vide ({optional} dans ce modèle) : sa valeur par défaut."
        )
    items.append("Le modèle propose ; une personne décide et peut passer outre.")
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f"<h2>Ce que le modèle ne sait pas</h2><ul>{listed}</ul>"


def _version(served: Served) -> str:
    manifest = served.manifest
    rows = (
        ("Modèle", f"{served.name}, version {manifest.version}"),
        ("Fabriqué le", manifest.created),
        ("Signature", f"vérifiée, clé {served.bundle.signer[:16]}…"),
        ("Exemples rejoués", f"{french_number(manifest.golden_rows)}, mêmes résultats"),
        ("Empreinte", served.bundle.digest[:32] + "…"),
    )
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in rows)
    card = f'<p><a href="/models/{escape(served.name)}/card">Fiche du modèle</a></p>'
    return f"<h2>Version</h2><dl>{listed}</dl>{card}"


def _asset(name: str, kind: str) -> Callable[[Request], Awaitable[Response]]:
    content = asset(name)

    async def endpoint(_request: Request) -> Response:
        return Response(content, media_type=kind, headers={"cache-control": "max-age=3600"})

    return endpoint
