"""The OpenAPI 3.1 document of what is served, generated from the manifests, in French."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.journal.entries import ACTIONS
from common.edge.manifest import FieldSpec
from common.edge.serving.numbers import is_text
from common.edge.serving.oip import model_metadata
from common.edge.serving.served import Served
from common.edge.textcodes import codes_of, text_of

__all__ = ["document", "field_summary"]

Array = npt.NDArray[Any]
Schema = dict[str, Any]

_PROBLEM = "application/problem+json"
_REQUEST = "Un lampadaire est cassé devant l'école, est-ce la mairie qui répare ?"
_DATATYPES = ["BOOL", "INT32", "INT64", "FP32", "FP64"]


def document(models: Sequence[Served], version: str, *, has_keys: bool) -> dict[str, Any]:
    """Return the document.

    Parameters
    ----------
    models
        What is served.
    version
        Of Aune.
    has_keys
        Whether callers need a key.
    """
    paths = _common_paths()
    schemas = _common_schemas()
    for served in models:
        paths |= _model_paths(served)
        schemas |= _model_schemas(served)
    components: dict[str, Any] = {"schemas": schemas}
    found: dict[str, Any] = {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
        "info": {
            "title": "Aune : modèles de référence de la commune",
            "version": version,
            "description": "Prévisions avec intervalle et raisons. Une personne décide.",
        },
        "paths": paths,
        "components": components,
    }
    if has_keys:
        components["securitySchemes"] = {"cle": {"type": "http", "scheme": "bearer"}}
        found["security"] = [{"cle": []}]
    return found


def field_summary(field: FieldSpec) -> dict[str, Any]:
    """Return what a caller must know of an input or output, ready for JSON."""
    return {
        "name": field.name,
        "meaning": field.meaning,
        "unit": field.unit,
        "dtype": field.dtype,
        "shape": list(field.shape),
        "low": field.low,
        "high": field.high,
        "missing_allowed": field.missing,
        "required": field.default is None,
    }


def _common_paths() -> dict[str, Any]:
    state = {"type": "object"}
    return {
        "/health/live": {"get": _get("Le serveur répond.", "etat_vivant", state)},
        "/health/ready": {
            "get": _get("Signatures vérifiées et exemples rejoués.", "etat_pret", state)
        },
        "/v2": {"get": _get("Ce que parle le serveur (Open Inference Protocol v2).", "v2", state)},
        "/models": {"get": _get("Les modèles en service.", "modeles", state)},
        "/decisions": {"post": _decide()},
        "/metrics": {
            "get": _operation(
                "Compteurs, au format texte de Prometheus.",
                "metriques",
                {"200": {"description": "Compteurs.", "content": _content("text/plain")}},
            )
        },
    }


def _decide() -> dict[str, Any]:
    line = {"type": "object", "properties": {"journal": {"type": "integer"}}}
    answers = {
        "201": {
            "description": "Numéro de la ligne où la décision est inscrite.",
            "content": _content("application/json", line),
        }
    }
    operation = _operation("Inscrire au journal ce qui a été décidé.", "decider", answers)
    body: Schema = {
        "schema": _ref("decision"),
        "example": {"journal": 1204, "action": "modified", "agent": "accueil", "values": [42.5]},
    }
    operation["requestBody"] = {"required": True, "content": {"application/json": body}}
    return operation


def _model_paths(served: Served) -> dict[str, Any]:
    name, key = served.name, _key(served)
    return {
        f"/models/{name}/predict": {"post": _predict(served)},
        f"/models/{name}/invocations": {"post": _invocations(served)},
        f"/models/{name}/card": {
            "get": _operation(
                "La fiche du modèle.",
                f"{key}_fiche",
                {"200": {"description": "Page.", "content": _content("text/html")}},
            )
        },
        f"/v2/models/{name}": {
            "get": _get("Entrées et sorties du modèle.", f"{key}_v2", {"type": "object"})
        },
        f"/v2/models/{name}/ready": {
            "get": _get("Le modèle est en service.", f"{key}_pret", {"type": "object"})
        },
        f"/v2/models/{name}/infer": {"post": _infer(served)},
    }


def _predict(served: Served) -> dict[str, Any]:
    manifest, key = served.manifest, _key(served)
    warning = "Appris sur des données SIMULÉES. " if manifest.simulated else ""
    answers = {
        "200": {
            "description": "Prévision, intervalle, contributions et raisons, ligne par ligne.",
            "content": {
                "application/json": {"schema": _ref(f"{key}_reponse")},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    }
    operation = _operation(f"{warning}{manifest.question}", f"{key}_prevoir", answers)
    example = {"rows": [_example(served)]}
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": _ref(f"{key}_demande"),
                "examples": {"une_ligne": {"summary": "Une ligne", "value": example}},
            },
            "text/csv": {
                "schema": {"type": "string"},
                "example": ";".join(name for name in list(served.fields)[:3]),
            },
        },
    }
    return operation


def _invocations(served: Served) -> dict[str, Any]:
    answers = {
        "200": {"description": "Sorties.", "content": _content("application/json", _ref("sorties"))}
    }
    operation = _operation("Protocole de MLflow.", f"{_key(served)}_invocations", answers)
    row = _example(served, as_text=False)
    example = {"inputs": {name: [value] for name, value in row.items()}}
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": _ref("invocations"), "example": example},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
    return operation


def _infer(served: Served) -> dict[str, Any]:
    answers = {
        "200": {
            "description": "Tenseurs de sortie.",
            "content": {
                "application/json": {"schema": _ref("tenseurs")},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    }
    operation = _operation("Open Inference Protocol v2.", f"{_key(served)}_infer", answers)
    row = _example(served, as_text=False)
    tensors = [
        {
            "name": item["name"],
            "datatype": item["datatype"],
            "shape": [1, *np.shape(row[item["name"]])],
            "data": _flat(row[item["name"]]),
        }
        for item in model_metadata(served)["inputs"]
        if item["name"] in row
    ]
    operation["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": _ref("inference"), "example": {"inputs": tensors}}
        },
    }
    return operation


def _model_schemas(served: Served) -> dict[str, Any]:
    key = _key(served)
    row = {
        "type": "object",
        "properties": {field.name: _field_schema(field) for field in served.inputs},
        "required": [field.name for field in served.asked if field.default is None],
        "additionalProperties": False,
    }
    rows = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": _ref(f"{key}_ligne"), "minItems": 1},
            "ids": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["rows"],
        "additionalProperties": False,
    }
    return {
        f"{key}_ligne": row,
        f"{key}_demande": {"anyOf": [_ref(f"{key}_ligne"), rows]},
        f"{key}_reponse": _answer_schema(served),
    }


def _answer_schema(served: Served) -> Schema:
    outputs = {field.name: _array_schema(field, {"type": ["number", "boolean", "null"]})
               for field in served.manifest.outputs}  # fmt: skip
    first = served.manifest.outputs[0].name
    row: dict[str, Any] = {
        "row": {"type": "integer", "description": "Comptée depuis 0."},
        "id": {"type": "string"},
        "prediction": outputs[first],
        "outputs": {"type": "object"},
        "data": {
            "type": "object",
            "properties": {
                "usual": {"type": "boolean"},
                "out_of_range_share": {"type": "number"},
                "missing_share": {"type": "number"},
            },
        },
        "journal": {"type": "integer", "description": "Numéro de la ligne du journal."},
    }
    if served.bundle.index is not None:
        row["sources"] = {"type": "array", "items": {"type": "object"}}
    if "lower" in outputs and "upper" in outputs:
        bounds = {"lower": outputs["lower"], "upper": outputs["upper"]}
        row["interval"] = {"type": "object", "properties": bounds}
    if "contributions" in outputs and "baseline" in outputs:
        row |= {"baseline": outputs["baseline"], "contributions": outputs["contributions"]}
        row["reasons"] = {"type": "array", "items": _ref("raison")}
    return {
        "type": "object",
        "properties": {
            "model": {"const": served.name},
            "version": {"type": "string"},
            "simulated": {"type": "boolean"},
            "proxy": {"type": "string"},
            "signature": {"type": "object"},
            "units": {"type": "object"},
            "labels": {"type": "object"},
            "additive": {"type": "boolean"},
            "terms": {"type": "array", "items": {"type": "object"}},
            "rows": {
                "type": "array",
                "items": {"type": "object", "properties": row, "required": ["row", "prediction"]},
            },
        },
        "required": ["model", "version", "simulated", "signature", "rows"],
    }


def _field_schema(field: FieldSpec) -> Schema:
    kinds = {"float32": "number", "int64": "integer", "bool": "boolean"}
    leaf: Schema = {"type": [kinds[field.dtype], "null"] if field.missing else kinds[field.dtype]}
    low, high = field.range
    if field.dtype != "bool":
        if math.isfinite(low):
            leaf["minimum"] = low
        if math.isfinite(high):
            leaf["maximum"] = high
    unit = "" if field.unit == "1" else f" Unité : {field.unit}."
    about = {"description": f"{field.meaning}{unit}"}
    if is_text(field):
        return {"anyOf": [{"type": "string"}, _array_schema(field, leaf)]} | about
    return _array_schema(field, leaf) | about


def _array_schema(field: FieldSpec, leaf: Schema) -> Schema:
    schema = leaf
    for size in reversed(field.shape[1:]):
        bounds = {"minItems": size, "maxItems": size} if isinstance(size, int) else {"minItems": 1}
        schema = {"type": "array", "items": schema, **bounds}
    return schema


def _common_schemas() -> dict[str, Any]:
    tensor = {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
            "datatype": {"enum": _DATATYPES},
            "data": {"type": "array"},
        },
        "required": ["name", "shape", "datatype", "data"],
    }
    return {
        "probleme": {
            "type": "object",
            "description": "RFC 9457.",
            "properties": {
                "type": {"type": "string"},
                "title": {"type": "string"},
                "status": {"type": "integer"},
                "detail": {"type": "string"},
                "errors": {"type": "array", "items": _ref("faute")},
                "error": {"type": "string", "description": "Répète detail."},
            },
            "required": ["type", "title", "status", "detail"],
        },
        "faute": {
            "type": "object",
            "properties": {
                "row": {"type": ["integer", "null"], "description": "Ligne, comptée depuis 0."},
                "field": {"type": ["string", "null"]},
                "detail": {"type": "string"},
            },
        },
        "raison": {
            "type": "object",
            "properties": {
                "label": {"type": "string"},
                "total": {"type": "number"},
                "text": {"type": "string", "examples": ["météo : +12\u00a0kWh"]},
            },
        },
    } | _protocol_schemas(tensor)


def _protocol_schemas(tensor: Schema) -> dict[str, Any]:
    return {
        "inference": {
            "type": "object",
            "properties": {"inputs": {"type": "array", "items": tensor, "minItems": 1}},
            "required": ["inputs"],
        },
        "tenseurs": {
            "type": "object",
            "properties": {
                "model_name": {"type": "string"},
                "model_version": {"type": "string"},
                "outputs": {"type": "array", "items": tensor},
            },
            "required": ["model_name", "outputs"],
        },
        "invocations": {"type": "object", "minProperties": 1},
        "decision": {
            "type": "object",
            "properties": {
                "journal": {"type": "integer", "minimum": 1, "description": "De la prédiction."},
                "action": {"enum": list(ACTIONS)},
                "agent": {"type": "string", "maxLength": 32, "description": "Jamais un nom."},
                "values": {"type": "array", "items": {"type": "number"}},
                "reason": {"type": "string", "maxLength": 500},
            },
            "required": ["journal", "action"],
            "additionalProperties": False,
        },
        "sorties": {
            "type": "object",
            "properties": {"predictions": {}},
            "required": ["predictions"],
        },
    }


def _example(served: Served, *, as_text: bool = True) -> dict[str, Any]:
    """Return a legal row as JSON takes it: the first golden row, defaults left out.

    A text is written as people write it, or as its code points for protocols of tensors.
    """
    golden = served.bundle.golden[0]
    row = {}
    for field in served.asked:
        if is_text(field):
            codes = golden[field.name][0] if field.name in golden else codes_of([_REQUEST])[0]
            row[field.name] = text_of(codes) if as_text else codes[codes > 0].tolist()
        elif field.default is None:
            row[field.name] = _plain(golden[field.name][0])
    return row


def _plain(values: Array) -> Any:
    """Return numbers with two decimals, as people write them, and None for NaN."""
    if values.dtype.kind != "f":
        return values.tolist()
    rounded = np.round(values.astype(np.float64), 2).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()


def _flat(value: Any) -> list[Any]:
    return np.asarray(value, dtype=object).reshape(-1).tolist()


def _key(served: Served) -> str:
    return served.name.replace(".", "_").replace("-", "_")


def _get(text: str, name: str, schema: Schema) -> dict[str, Any]:
    answers = {"200": {"description": text, "content": _content("application/json", schema)}}
    return _operation(text, name, answers)


def _operation(summary: str, name: str, answers: Mapping[str, Any]) -> dict[str, Any]:
    problem = {
        "description": "Refus, en français.",
        "content": _content(_PROBLEM, _ref("probleme")),
    }
    return {
        "operationId": name,
        "summary": summary,
        "responses": {**answers, "default": problem},
    }


def _content(kind: str, schema: Schema | None = None) -> dict[str, Any]:
    return {kind: {"schema": schema or {"type": "string"}}}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
