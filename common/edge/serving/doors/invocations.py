"""MLflow's scoring protocol: ``POST /invocations`` with tables, tensors or CSV."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from common.edge.manifest import FieldSpec
from common.edge.serving.asking import Answer, Ask, media_type, row_count
from common.edge.serving.models.served import Result, Served
from common.edge.serving.problem import Problem
from common.edge.serving.values.jsonbody import read_object
from common.edge.serving.values.numbers import code_points, is_text, to_array
from common.edge.serving.values.tables import column_names, columns_to_inputs, read_table

__all__ = ["Invocations"]

_FORMS = ("dataframe_split", "dataframe_records", "inputs", "instances")


class Invocations:
    """``POST /models/{model}/invocations``, and ``/invocations`` where one model is served.

    ``dataframe_split``, ``dataframe_records`` and CSV are answered by records, as MLflow
    answers tables; ``inputs`` and ``instances`` by tensors, as it answers tensors.
    """

    name = "invocations"

    def read(self, served: Served, body: bytes, headers: Mapping[bytes, bytes]) -> Ask:
        """Read a scoring request.

        Raises
        ------
        Problem
            It is of another type or form.
        """
        kind = media_type(headers)
        if kind == "text/csv":
            table = read_table(body, served.limits.rows)
            return Ask(columns_to_inputs(table, served.inputs), len(table.rows), form="records")
        if kind != "application/json":
            raise Problem(415, f"Type « {kind[:40]} » ; attendu : application/json ou text/csv.")
        request = _request(body)
        name = next(iter(request))
        inputs = _READERS[name](served, request[name])
        rows = max((row_count(values) for values in inputs.values()), default=0)
        return Ask(inputs, rows, form="records" if name.startswith("dataframe") else "tensors")

    def write(self, _served: Served, ask: Ask, result: Result) -> Answer:
        """Write ``{"predictions": ...}``."""
        outputs = result.outputs
        predictions: Any = outputs
        if ask.form == "records":
            predictions = [
                {name: values[row] for name, values in outputs.items()} for row in range(ask.rows)
            ]
        option = orjson.OPT_SERIALIZE_NUMPY
        return Answer(orjson.dumps({"predictions": predictions}, option=option))


def _request(body: bytes) -> dict[str, Any]:
    request = read_object(body)
    if not request.get("params"):
        request.pop("params", None)
        if len(request) == 1 and next(iter(request)) in _FORMS:
            return request
    raise Problem(400, f"Un objet avec un seul membre est attendu, parmi {', '.join(_FORMS)}.")


def _split(served: Served, frame: Any) -> dict[str, Any]:
    columns = frame.get("columns") if isinstance(frame, dict) else None
    data = frame.get("data") if isinstance(frame, dict) else None
    if not isinstance(columns, list) or not isinstance(data, list) or not data:
        raise Problem(400, "dataframe_split : attendu « columns » et « data », non vides.")
    names = [str(name) for name in columns]
    if len(set(names)) < len(names):
        raise Problem(422, "dataframe_split : une colonne est présente deux fois.")
    for row, cells in enumerate(data):
        if not isinstance(cells, list) or len(cells) != len(names):
            raise Problem(
                422,
                f"Ligne {row + 1} : attendu une liste de {len(names)} valeurs, comme columns.",
                [{"row": row, "field": None, "detail": f"attendu : {len(names)} valeurs"}],
            )
    blocks = _blocks(served, names)
    if blocks is None:
        return _columns(served, {name: [row[i] for row in data] for i, name in enumerate(names)})
    return {block.field.name: block.read(data) for block in blocks}


@dataclass(frozen=True)
class _Block:
    """Columns of an input that stand side by side, in order.

    Parameters
    ----------
    field
        The input.
    cells
        Place of its columns in a row.
    """

    field: FieldSpec
    cells: slice

    def read(self, data: list[list[Any]]) -> Any:
        """Return the input's values of all rows."""
        if len(self.field.shape) == 1:
            return _input(self.field, [row[self.cells.start] for row in data])
        return _table(self.field, [row[self.cells] for row in data])


def _blocks(served: Served, names: list[str]) -> tuple[_Block, ...] | None:
    """Say where each input's columns stand; None where they are not one block for each input.

    A client sends the same columns again and again: the last ones are remembered.
    """
    known = served.kept.get("split")
    if known is None or known[0] != names:
        known = served.kept["split"] = (names, _found_blocks(served, names))
    found: tuple[_Block, ...] | None = known[1]
    return found


def _found_blocks(served: Served, names: list[str]) -> tuple[_Block, ...] | None:
    place = {name: index for index, name in enumerate(names)}
    blocks = []
    for field in served.inputs:
        own = [field.name] if len(field.shape) == 1 else column_names(field)
        if not own or own[0] not in place:
            continue
        start = place[own[0]]
        if names[start : start + len(own)] != own:
            return None
        blocks.append(_Block(field, slice(start, start + len(own))))
    covered = sum(block.cells.stop - block.cells.start for block in blocks)
    return tuple(blocks) if covered == len(names) else None


def _records(served: Served, records: Any) -> dict[str, Any]:
    if not isinstance(records, list) or not records or not isinstance(records[0], dict):
        raise Problem(400, "Une liste d'objets est attendue, un par ligne.")
    names = list(records[0])
    for row, record in enumerate(records):
        if not isinstance(record, dict) or record.keys() != records[0].keys():
            raise Problem(
                422,
                f"Ligne {row + 1} : attendu un objet avec les mêmes champs que la première.",
                [{"row": row, "field": None, "detail": f"attendu : {', '.join(names)[:200]}"}],
            )
    return _columns(served, {name: [record[name] for record in records] for name in names})


def _tensors(served: Served, tensors: Any) -> dict[str, Any]:
    if isinstance(tensors, list) and len(served.asked) == 1:
        tensors = {served.asked[0].name: tensors}
    if not isinstance(tensors, dict) or not tensors:
        raise Problem(400, "inputs : attendu un objet, une liste de lignes par entrée.")
    return _columns(served, tensors)


def _instances(served: Served, instances: Any) -> dict[str, Any]:
    if isinstance(instances, list) and instances and isinstance(instances[0], dict):
        return _records(served, instances)
    return _tensors(served, instances)


def _columns(served: Served, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return inputs from columns: one per input, or one per value, ``load_kwh.27.13``."""
    inputs, left = {}, dict(columns)
    for field in served.inputs:
        if field.name in left:
            inputs[field.name] = _input(field, left.pop(field.name))
            continue
        names = column_names(field) if len(field.shape) > 1 else []
        if names and names[0] in left:
            inputs[field.name] = _gathered(field, names, left)
    return inputs | left  # what is left is unknown, and refused by name with the rest


def _input(field: FieldSpec, values: Any) -> Any:
    if is_text(field) and _are_texts(values):
        return code_points(values, field)
    return to_array(values, field)


def _are_texts(values: Any) -> bool:
    return isinstance(values, list) and bool(values) and all(type(v) is str for v in values)


def _gathered(field: FieldSpec, names: list[str], left: dict[str, Any]) -> Any:
    absent = next((name for name in names if name not in left), None)
    if absent is not None:
        raise Problem(422, f"Colonne « {absent} » absente ; attendu : {names[0]} à {names[-1]}.")
    columns = [left.pop(name) for name in names]
    if not all(isinstance(column, list) and len(column) == len(columns[0]) for column in columns):
        raise Problem(422, f"Colonnes de « {field.name} » de longueurs inégales.")
    return _table(field, [list(row) for row in zip(*columns, strict=True)])


def _table(field: FieldSpec, rows: list[list[Any]]) -> Any:
    """Return an input of several values from the cells of each row, in row-major order."""
    flat = FieldSpec(field.name, field.dtype, ("n", len(rows[0])), field.unit, field.meaning)
    table = to_array(rows, flat)
    if not isinstance(table, np.ndarray):
        table = np.array(table, dtype=object)
    if table.ndim != 2:
        raise Problem(422, f"Colonnes de « {field.name} » : attendu un nombre par cellule.")
    return table.reshape(len(table), *(int(size) for size in field.shape[1:]))


_READERS = {
    "dataframe_split": _split,
    "dataframe_records": _records,
    "inputs": _tensors,
    "instances": _instances,
}
