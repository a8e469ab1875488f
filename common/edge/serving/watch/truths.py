"""``POST /models/{m}/truth``: what really happened, so that the interval's promise is checked."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from common.edge.archive import Limits
from common.edge.drift.report import DriftReport
from common.edge.errors import TableError
from common.edge.inputs import prepare
from common.edge.journal.reading import Entry, find_predictions
from common.edge.manifest import FieldSpec
from common.edge.serving.models.served import Served
from common.edge.serving.problem import Problem
from common.edge.serving.values.jsonbody import read_object
from common.edge.serving.values.refusals import refusal
from common.edge.serving.values.tables import Table, columns_to_inputs, read_table

if TYPE_CHECKING:
    from common.edge.serving.app import Server

__all__ = ["truth_fields", "truth_routes"]

Array = npt.NDArray[Any]

_KINDS = {"journal": ("journal",), "id": ("id",), "bounds": ("lower", "upper")}
"""How a row says which interval is meant: a line of the journal, its identifier, or itself."""
# As aune journal export names them, and as people say.
_COLUMNS = {"numero": "journal", "ligne": "id", "observe": "observed", "bas": "lower"} | {
    "haut": "upper"
}


def truth_routes(server: "Server") -> list[Route]:
    """Return the route by which observed values come back.

    Parameters
    ----------
    server
        Whose models are checked, and whose journal is read.
    """

    async def truth(request: Request) -> Response:
        """Hold observed values against the intervals they were announced with; keep counts."""
        served = server.served(request)
        body, kind = await request.body(), request.headers.get("content-type", "")
        answer = await run_in_threadpool(_counted, server, served, body, kind)
        return Response(orjson.dumps(answer), media_type="application/json")

    return [Route("/models/{model}/truth", truth, methods=["POST"])]


def truth_fields(served: Served) -> tuple[FieldSpec, ...]:
    """Return what a row of truth holds: the observed values, and its bounds where they are given.

    Raises
    ------
    Problem
        422: the model announces no interval, or its bundle does not say how often it holds.
    """
    outputs = {field.name: field for field in served.manifest.outputs}
    usual = served.bundle.usual
    if not {"lower", "upper"} <= set(outputs) or usual is None or usual.coverage is None:
        raise Problem(
            422,
            f"« {served.name} » n'annonce pas d'intervalle dont la couverture puisse être "
            "vérifiée : modèle sans intervalle, ou paquet d'avant cette mesure.",
        )
    low = outputs["lower"]
    observed = FieldSpec(
        "observed", "float32", low.shape, low.unit, "Valeur constatée.", low.low, low.high,
        missing=True,
    )  # fmt: skip
    return observed, low, outputs["upper"]


def _counted(server: "Server", served: Served, body: bytes, kind: str) -> dict[str, Any]:
    fields = truth_fields(served)
    most = server.settings.rows
    if kind.startswith("text/csv"):
        way, given = _from_table(read_table(body, most), fields)
    else:
        way, given = _from_json(read_object(body), most)
    observed = _checked(fields[:1], {"observed": given["observed"]})["observed"]
    if way == "bounds":
        bounds = _checked(fields[1:], {name: given[name] for name in ("lower", "upper")})
        lower, upper = bounds["lower"], bounds["upper"]
    else:
        folder = server.journal.folder if server.journal is not None else None
        entries = _announced(folder, served, way, given[way])
        lower, upper = _interval(entries, fields[1].shape[1:])
    report = server.watching.truth(served, lower, upper, observed)
    if report is None:
        raise Problem(409, f"« {served.name} » vient de changer de version : renvoyer.")
    known = ~(np.isnan(lower) | np.isnan(upper) | np.isnan(observed))
    held = known & (observed >= lower) & (observed <= upper)
    return {
        "rows": len(observed),
        "values": int(known.sum()),
        "covered": int(held.sum()),
        "window": _window(report),
    }


def _window(report: DriftReport) -> dict[str, Any]:
    return {
        "rows": report.truths.rows,
        "coverage": report.share,
        "low": report.coverage_low,
        "high": report.coverage_high,
        "promised": report.coverage,
        "state": report.coverage_state,
    }


def _from_json(members: Mapping[str, Any], most: int) -> tuple[str, dict[str, list[Any]]]:
    """Return how the rows name their interval, and their values by member.

    Raises
    ------
    Problem
        413 or 422, naming the row.
    """
    rows = members.get("rows")
    if set(members) != {"rows"} or not isinstance(rows, list) or not rows:
        raise Problem(422, "Attendu : un seul membre « rows », une liste d'au moins une ligne.")
    if len(rows) > most:
        raise Problem(413, f"{len(rows)} lignes ; attendu : au plus {most} par appel.")
    way = ""
    for place, row in enumerate(rows):
        names = set(row) if isinstance(row, dict) else set()
        found = next((way for way, own in _KINDS.items() if names == {"observed", *own}), None)
        if found is None or (way and found != way):
            raise _refused(
                place,
                "attendu : observed, avec journal, ou id, ou lower et upper ; la même chose à "
                "chaque ligne",
            )
        way = found
    members_read = ("observed", *_KINDS[way])
    return way, {name: [row[name] for row in rows] for name in members_read}


def _from_table(table: Table, fields: Sequence[FieldSpec]) -> tuple[str, dict[str, Any]]:
    """Read a CSV: ``journal`` or ``id``, then ``observed`` or ``observed.0`` and so on.

    Raises
    ------
    Problem
        422, naming line and column of the file.
    """
    header = [_column(name) for name in table.header]
    renamed = Table(header, table.rows, table.lines)
    way = next((way for way in ("journal", "id") if way in renamed.place), "bounds")
    given: dict[str, Any] = {}
    if way == "id":
        given["id"] = [str(cell).strip() for cell in renamed.column("id")]
        place = renamed.place["id"]
        rows = [[cell for at, cell in enumerate(row) if at != place] for row in table.rows]
        renamed = Table([name for name in header if name != "id"], rows, table.lines)
    number = FieldSpec("journal", "int64", ("n",), "1", "Ligne du journal.", 1)
    asked = (number, *fields[:1]) if way == "journal" else fields
    given |= columns_to_inputs(renamed, asked)
    for name in ("observed", *_KINDS[way]):
        if name not in given:
            raise Problem(422, f"Colonne « {name} » absente du fichier.")
    if way == "journal":
        given["journal"] = given["journal"].tolist()
    return way, given


def _column(name: str) -> str:
    """Return the name of a column as the protocol says it.

    >>> _column("numero"), _column("observe.3"), _column("observed")
    ('journal', 'observed.3', 'observed')
    """
    head, dot, rest = name.partition(".")
    return _COLUMNS.get(head, head) + dot + rest


def _checked(fields: Sequence[FieldSpec], given: Mapping[str, Any]) -> dict[str, Array]:
    limits = Limits()
    try:
        return prepare(tuple(fields), given, limits)
    except TableError as error:
        raise refusal(fields, given, error) from error


def _announced(folder: Path | None, served: Served, way: str, keys: Sequence[Any]) -> list[Entry]:
    """Return the predictions that the rows mean.

    Raises
    ------
    Problem
        422: no journal is kept, a key is no key, is given twice, or names no prediction.
    """
    if folder is None:
        raise Problem(
            422, "Ce serveur ne tient pas de journal : envoyer lower et upper à chaque ligne."
        )
    kind: type = int if way == "journal" else str
    seen: set[Any] = set()
    for place, key in enumerate(keys):
        if type(key) is not kind or key in seen:
            what = "un numéro de ligne du journal" if kind is int else "un identifiant de ligne"
            raise _refused(place, f"« {str(key)[:40]} » ; attendu : {what}, une seule fois")
        seen.add(key)
    manifest = served.manifest
    wanted = {"numbers" if way == "journal" else "rows": seen}
    found = find_predictions(folder, f"{manifest.usecase}/{manifest.task}", **wanted)
    for place, key in enumerate(keys):
        if key not in found:
            what = f"« {str(key)[:40]} » : aucune prédiction de ce modèle au journal"
            raise _refused(place, what)
    return [found[key] for key in keys]


def _interval(entries: Sequence[Entry], shape: tuple[str | int, ...]) -> tuple[Array, Array]:
    sizes = tuple(int(size) for size in shape)
    for place, entry in enumerate(entries):
        for name in ("lower", "upper"):
            if entry.outputs.get(name, np.empty(0)).size != int(np.prod(sizes)):
                raise _refused(place, f"la ligne {entry.number} ne porte pas cet intervalle")
    lower, upper = (
        np.stack([entry.outputs[name].reshape(sizes) for entry in entries])
        for name in ("lower", "upper")
    )
    return lower, upper


def _refused(place: int, what: str) -> Problem:
    """Return a refusal; the text counts rows from 1, as people do, ``row`` from 0."""
    text = f"Ligne {place + 1} : {what}."
    return Problem(422, text, [{"row": place, "field": None, "detail": text}])
