"""The protocol for people's programs: named fields with units in, reasons in French out."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from common.edge.description import french_number
from common.edge.manifest import FieldSpec
from common.edge.retrieval.citing import Citation
from common.edge.serving.asking import CSV, Answer, Ask, media_type
from common.edge.serving.models.observing import UNUSUAL_SHARE
from common.edge.serving.models.served import Result, Served
from common.edge.serving.problem import Problem
from common.edge.serving.values.jsonbody import read_object
from common.edge.serving.values.numbers import (
    code_points,
    flat_array,
    holds_truths,
    is_text,
    to_array,
)
from common.edge.serving.values.tables import (
    column_names,
    columns_to_inputs,
    read_table,
    write_table,
)

__all__ = ["Friendly"]

Array = npt.NDArray[Any]

_REASONS = 3
_ROW_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.A)
_SHOWN_APART = ("lower", "upper", "baseline", "contributions")
_PLAIN = 0.01, 999.0
"""Sizes of which three significant digits need neither thousands nor more decimals."""


class Friendly:
    """``POST /models/{model}/predict``.

    In: an object of named fields (one row), or ``{"rows": [{...}, ...], "ids": [...]}``, or
    CSV. A value may be ``{"value": 12, "unit": "kWh"}``: another unit than the model's is
    refused. Out: for each row prediction, interval, baseline, contributions, reasons in
    French, whether its data are usual; CSV where CSV was sent or is asked for.
    """

    name = "predict"

    def read(self, served: Served, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Read a request.

        Raises
        ------
        Problem
            It is of another type or form.
        """
        kind = media_type(headers)
        as_csv = kind == "text/csv" or media_type(headers, b"accept") == "text/csv"
        if kind == "text/csv":
            return _read_csv(served, body)
        if kind not in ("application/json", ""):
            raise Problem(415, f"Type « {kind[:40]} » ; attendu : application/json ou text/csv.")
        request = read_object(body)
        rows, ids = _rows(served, request)
        inputs = _inputs(served, rows, has_truths=holds_truths(body))
        return Ask(inputs, len(rows), _checked_ids(ids, len(rows)), "csv" if as_csv else "json")

    def write(self, served: Served, ask: Ask, result: Result) -> Answer:
        """Write the answer as JSON or CSV."""
        if ask.form == "csv":
            return Answer(_csv(served, ask, result), CSV)
        rows = orjson.dumps(_answers(served, ask, result), option=orjson.OPT_SERIALIZE_NUMPY)
        return Answer(b"".join([_head(served), rows, b"}"]))


def _read_csv(served: Served, body: bytes) -> Ask:
    table = read_table(body, served.limits.rows)
    ids = None
    if "id" in table.place and "id" not in served.fields:
        ids = table.column("id")
        place = table.place["id"]
        for row in table.rows:
            del row[place]
        table = type(table)([n for n in table.header if n != "id"], table.rows, table.lines)
    inputs = columns_to_inputs(table, served.inputs)
    return Ask(inputs, len(table.rows), _checked_ids(ids, len(table.rows)), "csv")


def _rows(served: Served, request: dict[str, Any]) -> tuple[list[dict[str, Any]], Any]:
    """Return the rows and their identifiers; a model's own field ``rows`` comes first."""
    if "rows" not in request or "rows" in served.fields:
        return [request], None
    unknown = set(request) - {"rows", "ids"}
    if unknown:
        raise Problem(400, f"Membre inconnu « {min(unknown)[:40]} » ; attendu : rows, ids.")
    rows = request["rows"]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise Problem(400, "rows : attendu une liste d'objets, un par ligne, au moins un.")
    for index, row in enumerate(rows):
        if row.keys() != rows[0].keys():
            odd = min(row.keys() ^ rows[0].keys())
            what = f"Ligne {index + 1}, champ « {odd[:40]} » : pas dans toutes les lignes."
            raise Problem(422, what, [{"row": index, "field": odd[:40], "detail": what}])
    return rows, request.get("ids")


def _checked_ids(ids: Any, rows: int) -> Sequence[str] | None:
    if ids is None:
        return None
    if not isinstance(ids, list) or len(ids) != rows:
        raise Problem(422, f"ids : attendu une liste de {rows} identifiants, un par ligne.")
    for row, identity in enumerate(ids):
        if not isinstance(identity, str) or not _ROW_ID.fullmatch(identity):
            what = (
                f"Ligne {row + 1}, identifiant « {str(identity)[:40]} » : attendu 1 à 64 lettres "
                "sans accent, chiffres ou ._:/- ; jamais un nom ni une adresse."
            )
            raise Problem(422, what, [{"row": row, "field": "ids", "detail": what}])
    return ids


def _inputs(served: Served, rows: list[dict[str, Any]], *, has_truths: bool) -> dict[str, Any]:
    inputs = _numbers(served, rows, has_truths=has_truths)
    for name in rows[0]:
        if name in inputs:
            continue
        values = [row[name] for row in rows]
        field = served.fields.get(name)
        if field is None:
            inputs[name] = values  # refused by name with whatever else is wrong
            continue
        if type(values[0]) is dict:
            values = [_without_unit(field, value, row) for row, value in enumerate(values)]
        if is_text(field) and all(type(value) is str for value in values):
            inputs[name] = code_points(values, field)
        else:
            inputs[name] = to_array(values, field, has_truths=has_truths)
    return inputs


def _numbers(served: Served, rows: list[dict[str, Any]], *, has_truths: bool) -> dict[str, Any]:
    """Read the inputs of one number a row together, where that is all that they hold."""
    inputs: dict[str, Any] = {}
    for dtype, known in served.scalars.items():
        names = [name for name in known if name in rows[0]]
        flat = [row[name] for name in names for row in rows]
        numbers = flat_array(flat, dtype, has_truths=has_truths) if len(names) > 1 else None
        if numbers is not None and numbers.dtype != object:
            inputs.update(zip(names, numbers.reshape(len(names), len(rows)), strict=True))
    return inputs


def _without_unit(field: FieldSpec, value: Any, row: int) -> Any:
    if not isinstance(value, dict) or set(value) != {"value", "unit"}:
        what = f"Ligne {row + 1}, champ « {field.name} » : attendu une valeur, ou value et unit."
        raise Problem(422, what, [{"row": row, "field": field.name, "detail": what}])
    if value["unit"] != field.unit:
        what = (
            f"Ligne {row + 1}, champ « {field.name} » : unité « {str(value['unit'])[:20]} » ; "
            f"attendu : {field.unit}."
        )
        raise Problem(422, what, [{"row": row, "field": field.name, "detail": what}])
    return value["value"]


def _head(served: Served) -> bytes:
    """Return what is the same in every answer of a model, up to the first row."""
    head = served.kept.get("friendly")
    if head is None:
        manifest = served.manifest
        members = {
            "model": served.name,
            "version": manifest.version,
            "simulated": manifest.simulated,
            "proxy": manifest.proxy,
            "signature": {
                "valid": True,  # or it would not be served
                "key": served.bundle.signer,
                "digest": served.bundle.digest,
            },
            "prediction_of": served.headline.name,
            "interval_of": served.bounded or None,
            "units": {field.name: field.unit for field in manifest.outputs},
            "labels": {field.name: field.labels for field in manifest.outputs if field.labels},
            "additive": manifest.additive,
            "terms": [{"name": t.name, "label": t.label, "group": t.group} for t in manifest.terms],
        }
        head = served.kept["friendly"] = orjson.dumps(members)[:-1] + b',"rows":'
    return bytes(head)


def _answers(served: Served, ask: Ask, result: Result) -> list[dict[str, Any]]:
    outputs, headline = result.outputs, served.headline.name
    others = [name for name in served.outputs if name not in (headline, *_SHOWN_APART)]
    explained = "baseline" in outputs and "contributions" in outputs
    reasons = _reasons(served, result) if explained else []
    answers = []
    for row in range(ask.rows):
        answer: dict[str, Any] = {"row": row}
        if ask.ids is not None:
            answer["id"] = ask.ids[row]
        answer["prediction"] = outputs[headline][row]
        if served.bounded:
            answer["interval"] = {"lower": outputs["lower"][row], "upper": outputs["upper"][row]}
        if explained:
            answer["baseline"] = outputs["baseline"][row]
            answer["contributions"] = outputs["contributions"][row]
            answer["reasons"] = reasons[row]
        answer["outputs"] = {name: outputs[name][row] for name in others}
        if result.sources:
            answer["sources"] = [_source(one) for one in result.sources[row].citations]
        answer["data"] = _data(result, row)
        if result.lines:
            answer["journal"] = result.lines[row]
        answers.append(answer)
    return answers


def _source(citation: Citation) -> dict[str, Any]:
    """Return a document found, with passages that stand in it word for word."""
    kept = [passage for passage in (citation.lead, citation.section) if passage is not None]
    return {
        "id": citation.sheet_id,
        "title": citation.title,
        "url": citation.url,
        "date": citation.day,
        "warning": citation.warning,
        "passages": [{"heading": one.heading, "text": one.text} for one in kept],
    }


def _data(result: Result, row: int) -> dict[str, Any]:
    """Say whether a row's data are usual; from when on is `UNUSUAL_SHARE`."""
    outside = result.observation.row_outside[row]
    return {
        "usual": outside <= UNUSUAL_SHARE,
        "out_of_range_share": outside,
        "missing_share": result.observation.row_missing[row],
    }


def _reasons(served: Served, result: Result) -> list[list[dict[str, Any]]]:
    unit = next(f.unit for f in served.manifest.outputs if f.name == "contributions")
    shown = "" if unit == "1" else f"\u00a0{unit}"
    return [
        [
            {"label": label, "total": total, "text": f"{label} : {_signed(total)}{shown}"}
            for label, total in row
        ]
        for row in served.reasons.strongest(result.outputs["contributions"], _REASONS)
    ]


def _signed(value: float) -> str:
    """Write three significant digits the French way, with the sign.

    >>> _signed(12.345), _signed(-0.5), _signed(0.0)
    ('+12,3', '−0,5', '0')
    """
    low, high = _PLAIN
    if low <= abs(value) < high:
        return f"{value:+.3g}".replace(".", ",").replace("-", "\u2212")
    rounded = float(f"{value:.3g}")
    return f"+{french_number(rounded)}" if rounded > 0 else french_number(rounded)


def _csv(served: Served, ask: Ask, result: Result) -> bytes:
    """Return a table of outputs, one column per value, with the reasons in words."""
    columns: dict[str, Any] = {}
    columns["id"] = ask.ids if ask.ids is not None else range(ask.rows)
    for field in served.manifest.outputs:
        if field.name != "contributions":
            columns |= _output_columns(field, result.outputs[field.name])
    if "contributions" in result.outputs:
        reasons = _reasons(served, result)
        for place in range(min(_REASONS, len(served.reasons.groups))):
            columns[f"raison_{place + 1}"] = [row[place]["text"] for row in reasons]
    data = [_data(result, row) for row in range(ask.rows)]
    columns["donnees_habituelles"] = [item["usual"] for item in data]
    columns["part_hors_plage"] = [item["out_of_range_share"] for item in data]
    columns["part_manquante"] = [item["missing_share"] for item in data]
    columns["modele"] = [f"{served.name} {served.manifest.version}"] * ask.rows
    if served.manifest.simulated:
        columns["avertissement"] = ["SIMULATED : appris sur des données simulées"] * ask.rows
    if result.lines:
        columns["journal"] = result.lines
    return write_table(columns)


def _output_columns(field: FieldSpec, values: Array) -> dict[str, list[Any]]:
    rows = len(values)
    flat = np.ascontiguousarray(values).reshape(rows, -1)
    names = column_names(field) or [f"{field.name}.{i}" for i in range(flat.shape[1])]
    return dict(zip(names, flat.T.tolist(), strict=True))
