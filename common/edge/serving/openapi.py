"""The OpenAPI 3.1 document of what is served, generated from the manifests, in French."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.journal.entries import ACTIONS
from common.edge.manifest import FieldSpec
from common.edge.serving.doors.oip import model_metadata
from common.edge.serving.doors.schemas import (
    Schema,
    array_schema,
    content,
    field_schema,
    get,
    key_of,
    operation,
    plain,
    ref,
)
from common.edge.serving.models.served import Served
from common.edge.serving.values.numbers import is_text
from common.edge.serving.watch.paths import truth_paths
from common.edge.textcodes import codes_of, text_of

__all__ = ["document", "field_summary"]

Array = npt.NDArray[Any]
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
        "/health/live": {"get": get("Le serveur répond.", "etat_vivant", state)},
        "/health/ready": {
            "get": get("Signatures vérifiées et exemples rejoués.", "etat_pret", state)
        },
        "/v2": {"get": get("Ce que parle le serveur (Open Inference Protocol v2).", "v2", state)},
        "/models": {"get": get("Les modèles en service.", "modeles", state)},
        "/decisions": {"post": _decide()},
        "/metrics": {
            "get": operation(
                "Compteurs, au format texte de Prometheus.",
                "metriques",
                {"200": {"description": "Compteurs.", "content": content("text/plain")}},
            )
        },
    }


def _decide() -> dict[str, Any]:
    line = {"type": "object", "properties": {"journal": {"type": "integer"}}}
    answers = {
        "201": {
            "description": "Numéro de la ligne où la décision est inscrite.",
            "content": content("application/json", line),
        }
    }
    found = operation("Inscrire au journal ce qui a été décidé.", "decider", answers)
    body: Schema = {
        "schema": ref("decision"),
        "example": {"journal": 1204, "action": "modified", "agent": "accueil", "values": [42.5]},
    }
    found["requestBody"] = {"required": True, "content": {"application/json": body}}
    return found


def _model_paths(served: Served) -> dict[str, Any]:
    name, key = served.name, key_of(served)
    return {
        f"/models/{name}/predict": {"post": _predict(served)},
        f"/models/{name}/invocations": {"post": _invocations(served)},
        **truth_paths(served),
        f"/models/{name}/card": {
            "get": operation(
                "La fiche du modèle.",
                f"{key}_fiche",
                {"200": {"description": "Page.", "content": content("text/html")}},
            )
        },
        f"/v2/models/{name}": {
            "get": get("Entrées et sorties du modèle.", f"{key}_v2", {"type": "object"})
        },
        f"/v2/models/{name}/ready": {
            "get": get("Le modèle est en service.", f"{key}_pret", {"type": "object"})
        },
        f"/v2/models/{name}/infer": {"post": _infer(served)},
    }


def _predict(served: Served) -> dict[str, Any]:
    manifest, key = served.manifest, key_of(served)
    warning = "Appris sur des données SIMULÉES. " if manifest.simulated else ""
    answers = {
        "200": {
            "description": "Prévision, intervalle, contributions et raisons, ligne par ligne.",
            "content": {
                "application/json": {"schema": ref(f"{key}_reponse")},
                "text/csv": {"schema": {"type": "string"}},
            },
        }
    }
    found = operation(f"{warning}{manifest.question}", f"{key}_prevoir", answers)
    example = {"rows": [_example(served)]}
    found["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {
                "schema": ref(f"{key}_demande"),
                "examples": {"une_ligne": {"summary": "Une ligne", "value": example}},
            },
            "text/csv": {
                "schema": {"type": "string"},
                "example": ";".join(name for name in list(served.fields)[:3]),
            },
        },
    }
    return found


def _invocations(served: Served) -> dict[str, Any]:
    answers = {
        "200": {"description": "Sorties.", "content": content("application/json", ref("sorties"))}
    }
    found = operation("Protocole de MLflow.", f"{key_of(served)}_invocations", answers)
    row = _example(served, as_text=False)
    example = {"inputs": {name: [value] for name, value in row.items()}}
    found["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": ref("invocations"), "example": example},
            "text/csv": {"schema": {"type": "string"}},
        },
    }
    return found


def _infer(served: Served) -> dict[str, Any]:
    answers = {
        "200": {
            "description": "Tenseurs de sortie.",
            "content": {
                "application/json": {"schema": ref("tenseurs")},
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    }
    found = operation("Open Inference Protocol v2.", f"{key_of(served)}_infer", answers)
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
    found["requestBody"] = {
        "required": True,
        "content": {
            "application/json": {"schema": ref("inference"), "example": {"inputs": tensors}}
        },
    }
    return found


def _model_schemas(served: Served) -> dict[str, Any]:
    key = key_of(served)
    row = {
        "type": "object",
        "properties": {field.name: field_schema(field) for field in served.inputs},
        "required": [field.name for field in served.asked if field.default is None],
        "additionalProperties": False,
    }
    rows = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": ref(f"{key}_ligne"), "minItems": 1},
            "ids": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["rows"],
        "additionalProperties": False,
    }
    return {
        f"{key}_ligne": row,
        f"{key}_demande": {"anyOf": [ref(f"{key}_ligne"), rows]},
        f"{key}_reponse": _answer_schema(served),
    }


def _answer_schema(served: Served) -> Schema:
    outputs = {field.name: array_schema(field, {"type": ["number", "boolean", "null"]})
               for field in served.manifest.outputs}  # fmt: skip
    row: dict[str, Any] = {
        "row": {"type": "integer", "description": "Comptée depuis 0."},
        "id": {"type": "string"},
        "prediction": outputs[served.headline.name],
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
    if served.bounded:
        bounds = {"lower": outputs["lower"], "upper": outputs["upper"]}
        row["interval"] = {"type": "object", "properties": bounds}
    if "contributions" in outputs and "baseline" in outputs:
        row |= {"baseline": outputs["baseline"], "contributions": outputs["contributions"]}
        row["reasons"] = {"type": "array", "items": ref("raison")}
    return {
        "type": "object",
        "properties": {
            "model": {"const": served.name},
            "version": {"type": "string"},
            "simulated": {"type": "boolean"},
            "proxy": {"type": "string"},
            "signature": {"type": "object"},
            "prediction_of": {"const": served.headline.name},
            "interval_of": {"const": served.bounded or None},
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
                "errors": {"type": "array", "items": ref("faute")},
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
            row[field.name] = plain(golden[field.name][0])
    return row


def _flat(value: Any) -> list[Any]:
    return np.asarray(value, dtype=object).reshape(-1).tolist()
