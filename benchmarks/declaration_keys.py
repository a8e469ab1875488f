"""The keys of ``declaration.toml``: their kinds, legal ranges and French meanings."""

import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["OPEN_TABLES", "TABLES", "Key", "mistakes_in"]

LONGEST_TEXT = 2000
LONGEST_TEMPLATE = 20_000
_ID = r"[a-z0-9][a-z0-9_-]{0,63}"
_COUNTRY = r"[A-Z]{3}"
_VARIABLE = r"[A-Z_][A-Z0-9_]{0,63}"


@dataclass(frozen=True)
class Key:
    """A key of the declaration.

    Parameters
    ----------
    kind
        ``text``, ``number`` (finite), ``count`` (whole number) or ``flag``.
    meaning
        French words for what is expected.
    required
        Whether its table must hold it.
    low, high
        Legal range of a number or count; ``high`` is the longest length of a text.
    pattern
        Regular expression that the whole text matches.
    choices
        The only legal texts.
    """

    kind: Literal["text", "number", "count", "flag"]
    meaning: str
    required: bool = False
    low: float = 0.0
    high: float = 1e12
    pattern: str = ""
    choices: tuple[str, ...] = ()

    def refusal(self, value: object) -> str:
        """Return in French why a value is refused, or nothing.

        >>> Key("number", "watts", high=5.0).refusal(7)
        '7, attendu un nombre de 0 à 5 (watts)'
        >>> Key("count", "essais").refusal(3)
        ''
        """
        if self.kind == "flag":
            return "" if isinstance(value, bool) else self._found(value, "true ou false")
        if self.kind == "text":
            return self._text_refusal(value)
        word = "entier" if self.kind == "count" else "nombre"
        if self._is_legal_number(value):
            return ""
        return self._found(value, f"un {word} de {self.low:g} à {self.high:g}")

    def _is_legal_number(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        if self.kind == "count" and not isinstance(value, int):
            return False
        return math.isfinite(value) and self.low <= value <= self.high

    def _text_refusal(self, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            return self._found(value, "un texte entre guillemets")
        if self.choices and value not in self.choices:
            return self._found(value, "l'un de " + ", ".join(self.choices))
        if self.pattern and not re.fullmatch(self.pattern, value, re.ASCII):
            return self._found(value, f"un texte de la forme {self.pattern}")
        longest = min(self.high, LONGEST_TEMPLATE)
        if len(value) > longest:
            return f"{len(value)} caractères, attendu {longest:g} au plus ({self.meaning})"
        if any(ord(letter) < 32 and letter not in "\n\t" for letter in value):
            return f"un caractère de commande, attendu du texte ({self.meaning})"
        return ""

    def _found(self, value: object, expected: str) -> str:
        return f"{_shown(value)}, attendu {expected} ({self.meaning})"


def _text(meaning: str, *, required: bool = False, pattern: str = "") -> Key:
    return Key("text", meaning, required=required, high=LONGEST_TEXT, pattern=pattern)


_METHODS = ("measured_log", "estimated", "declared", "absent")
_METHOD = Key("text", "comment le chiffre a été obtenu", required=True, choices=_METHODS)
_HOW: Mapping[str, Key] = {
    "method": _METHOD,
    "file": _text("journal brut joint, dans le même dossier", pattern=r"[A-Za-z0-9_][\w.-]{0,99}"),
    "tool": _text("outil d'estimation"),
    "version": _text("version de l'outil"),
    "inputs": _text("entrées données à l'outil"),
}

TABLES: Mapping[str, Mapping[str, Key]] = {
    "": {
        "schema": Key("count", "version de ce format", required=True, low=1, high=1),
        "licence": _text("licence de la solution", required=True),
    },
    "candidate": {
        "id": _text("identifiant court", required=True, pattern=_ID),
        "name": _text("nom de la solution", required=True),
        "version": _text("version évaluée", required=True),
        "vendor": _text("fournisseur"),
        "contact": _text("adresse de contact"),
    },
    "hardware": {
        "predict": _text("machine qui prédit"),
        "train": _text("machine qui a entraîné"),
    },
    "energy.predict": {
        **_HOW,
        "wh_per_1000": Key("number", "Wh pour 1 000 prédictions", low=1e-9, high=1e9),
        "low": Key("number", "borne basse, Wh pour 1 000 prédictions", high=1e9),
        "high": Key("number", "borne haute, Wh pour 1 000 prédictions", high=1e9),
    },
    "energy.train": {
        **_HOW,
        "kwh": Key("number", "kWh d'un entraînement, essais compris", low=1e-9, high=1e9),
        "low": Key("number", "borne basse, kWh", high=1e9),
        "high": Key("number", "borne haute, kWh", high=1e9),
        "per_year": Key("number", "entraînements par an", high=10_000),
    },
    "llm": {
        "provider": _text("fournisseur du modèle de langue", required=True),
        "model": _text("nom du modèle de langue", required=True),
        "output_tokens_per_request": Key(
            "number", "jetons produits par requête", required=True, low=1, high=1e7
        ),
        "reasoning_tokens_per_request": Key(
            "number", "jetons de raisonnement non montrés, par requête", high=1e7
        ),
        "prompt_tokens_per_request": Key("number", "jetons lus par requête", high=1e7),
        "requests_per_prediction": Key(
            "number", "requêtes au modèle de langue par prédiction", low=1e-6, high=1e6
        ),
    },
    "hosting": {
        "country": Key(
            "text", "pays, trois lettres ISO 3166-1 : FRA", required=True, pattern=_COUNTRY
        ),
        "provider": _text("hébergeur", required=True),
        "data_leave_eu": Key("flag", "des données sortent de l'Union européenne"),
        "kind": Key(
            "text",
            "sur quoi le service tourne",
            choices=(
                "dedicated_server",
                "pi_class",
                "scheduled_batch",
                "shared_vm",
                "vendor_api",
            ),
        ),
        "always_on_watts": Key("number", "puissance permanente, W", high=1e6),
    },
    "data": {
        "destination": _text("où vont les données de la commune", required=True),
        "reused": Key("flag", "les données servent à d'autres clients ou à entraîner"),
    },
    "cost": {
        "licence_eur_per_year": Key("number", "licence, EUR par an"),
        "integration_eur_per_year": Key("number", "intégration, EUR par an"),
        "hosting_eur_per_year": Key("number", "hébergement, EUR par an"),
        "staff_minutes_per_error": Key("number", "minutes d'agent par erreur", high=1e5),
    },
    "explanation": {
        "offered": Key("flag", "une explication accompagne chaque réponse", required=True),
        "method": _text("méthode d'explication"),
    },
    "endpoint": {
        "url": _text("adresse http ou https que nous appelons", required=True),
        "protocol": Key("text", "protocole", required=True, choices=("json", "oip2")),
        "rate_per_second": Key("number", "appels par seconde", low=0.01, high=1000),
        "timeout_seconds": Key("number", "délai d'un appel, s", low=0.1, high=300),
        "retries": Key("count", "nouveaux essais après un échec", high=10),
        "predictions_per_call": Key("count", "prédictions par appel", low=1, high=1000),
        "missing": Key("number", "nombre écrit pour une mesure inconnue", low=-1e12),
        "token_variable": _text(
            "variable d'environnement qui porte le jeton d'accès", pattern=_VARIABLE
        ),
        "template": Key("text", "corps JSON de la requête, avec {champs}", high=LONGEST_TEMPLATE),
    },
}
"""Table (dotted) to its keys; anything else is a mistake."""

OPEN_TABLES: Mapping[str, str] = {
    "model.outputs": "colonne de réponse = sortie du graphe",
    "endpoint.inputs": "entrée de la tâche = tenseur du service",
    "endpoint.outputs": "colonne de réponse = tenseur du service",
    "endpoint.answers": "colonne de réponse = chemin dans la réponse JSON",
}
"""Tables whose keys are names of the task: values are texts, or ``{output, place}``."""

_REQUIRED_TABLES = ("candidate", "hosting", "data")
_PLACED = {"output": _text("sortie", required=True), "place": Key("count", "rang", high=10_000)}


def mistakes_in(raw: Mapping[str, Any]) -> Iterator[str]:
    """Yield, in French, every mistake of kind, range or name, with its table and key.

    >>> list(mistakes_in({"schema": 1, "candidat": {}}))[0]
    'candidat : table inconnue, vouliez-vous dire candidate ?'
    """
    yield from _table_mistakes("", raw)
    for name in _REQUIRED_TABLES:
        if name not in raw:
            yield f"[{name}] : table absente, attendu {', '.join(_required(TABLES[name]))}"


def _table_mistakes(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    keys = TABLES.get(path, {})
    for name, value in table.items():
        inner = f"{path}.{name}" if path else name
        where = f"[{path}] {name}" if path else name
        if name in keys:
            refusal = keys[name].refusal(value)
            if refusal:
                yield f"{where} : {refusal}"
        elif inner not in _known_tables():
            yield _unknown(where, name, path, value)
        elif not isinstance(value, dict):
            yield f"{where} : {_shown(value)}, attendu une table [{inner}]"
        elif inner in OPEN_TABLES:
            yield from _open_mistakes(inner, value)
        else:
            yield from _table_mistakes(inner, value)
    for name in _required(keys):
        if name not in table:
            place = f"[{path}] {name}" if path else name
            yield f"{place} : absent ({keys[name].meaning})"


def _open_mistakes(path: str, table: Mapping[str, Any]) -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict) and path != "endpoint.inputs":
            for key in value.keys() - _PLACED.keys():
                yield f"[{path}] {name} : clé {key} inconnue, attendu output et place"
            for key, expected in _PLACED.items():
                if key in value or expected.required:
                    refusal = expected.refusal(value.get(key))
                    if refusal:
                        yield f"[{path}] {name}, {key} : {refusal}"
        else:
            refusal = _text(OPEN_TABLES[path]).refusal(value)
            if refusal:
                yield f"[{path}] {name} : {refusal}"


def _known_tables() -> set[str]:
    named = {*TABLES, *OPEN_TABLES} - {""}
    return named | {name.split(".")[0] for name in named}


def _unknown(where: str, name: str, path: str, value: object) -> str:
    prefix = f"{path}." if path else ""
    tables = {
        known.removeprefix(prefix).split(".")[0]
        for known in _known_tables()
        if known.startswith(prefix)
    }
    near = difflib.get_close_matches(name, [*TABLES.get(path, {}), *tables], n=1)
    kind = "table inconnue" if isinstance(value, dict) else "clé inconnue"
    return f"{where} : {kind}" + (f", vouliez-vous dire {near[0]} ?" if near else "")


def _required(keys: Mapping[str, Key]) -> list[str]:
    return [name for name, key in keys.items() if key.required]


def _shown(value: object) -> str:
    text = f"« {value} »" if isinstance(value, str) else str(value)
    return text if len(text) <= 80 else text[:77] + "..."
