"""What a vendor declares about its solution: ``declaration.toml``, read and validated."""

import hashlib
import json
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast
from urllib.parse import urlsplit

from benchmarks.declaration_keys import mistakes_in
from common.edge.errors import TableError, UsageError
from common.lab.contest import Output

__all__ = [
    "DECLARATION",
    "Declaration",
    "Endpoint",
    "LanguageModel",
    "Method",
    "StatedEnergy",
    "declaration_of",
    "read_declaration",
    "read_small_file",
]

DECLARATION = "declaration.toml"
LARGEST_DECLARATION_BYTES = 32 * 1024
MOST_DOTS = 1000
"""A dotted key costs tomllib the square of its parts: 30,000 dots took 63 s, 1,000 take 0.1 s."""

Method = Literal["measured_log", "estimated", "declared", "absent"]


@dataclass(frozen=True)
class StatedEnergy:
    """An amount of energy that a vendor states, and how it came to it.

    Parameters
    ----------
    method
        ``measured_log`` (with ``file``), ``estimated`` (with ``tool``, ``version`` and
        ``inputs``), ``declared`` (a bare number) or ``absent``.
    wh
        Wh per 1,000 predictions, or of one training; None where nothing is stated.
    low, high
        Its range in Wh where one is stated.
    file
        Name of the raw log in the candidate's folder.
    tool, version, inputs
        Of an estimate.
    """

    method: Method = "absent"
    wh: float | None = None
    low: float | None = None
    high: float | None = None
    file: str = ""
    tool: str = ""
    version: str = ""
    inputs: str = ""


@dataclass(frozen=True)
class LanguageModel:
    """How a solution uses a language model.

    Parameters
    ----------
    provider, model
        As `ecologits` names them (``mistralai``, ``mistral-small-2603``).
    output_tokens, reasoning_tokens, prompt_tokens
        Per request; None where not stated.
    requests_per_prediction
        Requests to the language model for one prediction.
    """

    provider: str
    model: str
    output_tokens: float
    reasoning_tokens: float | None = None
    prompt_tokens: float | None = None
    requests_per_prediction: float = 1.0


@dataclass(frozen=True)
class Endpoint:
    """A vendor's HTTP service, as we are asked to drive it.

    Parameters
    ----------
    url
        Where requests are posted.
    protocol
        ``oip2`` (Open Inference Protocol v2, JSON tensors) or ``json`` (a template).
    rate_per_second, timeout_seconds, retries
        Bounds of our calls.
    predictions_per_call
        Examples sent together; 1 for ``json``.
    missing
        Number sent for an unknown measurement; None sends JSON's null.
    token_variable
        Name of the environment variable that holds a bearer token; empty for none. The
        token itself is never in a file.
    template
        Parsed JSON whose texts ``{name}`` are filled (``json`` only).
    inputs
        Task input to the service's tensor (``oip2``); empty for the task's own names.
    outputs
        Answer column to a tensor and place (``oip2``); empty for the task's own.
    answers
        Answer column to a path in the reply, ``hours.{step}.q50`` (``json``).
    """

    url: str
    protocol: Literal["oip2", "json"]
    rate_per_second: float = 10.0
    timeout_seconds: float = 10.0
    retries: int = 3
    predictions_per_call: int = 1
    missing: float | None = None
    token_variable: str = ""
    template: Any = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Declaration:
    """A validated declaration.

    Parameters
    ----------
    raw
        The whole file as read: what reports print and what the log keeps.
    sha256
        Of the file.
    predict, train
        Stated energy per 1,000 predictions and per training.
    trainings_per_year
        None where not stated.
    llm, endpoint
        None where there is none.
    outputs
        Answer column to the ONNX output that holds it; empty for the task's own names.
    """

    raw: Mapping[str, Any]
    sha256: str
    predict: StatedEnergy = field(default_factory=StatedEnergy)
    train: StatedEnergy = field(default_factory=StatedEnergy)
    trainings_per_year: float | None = None
    llm: LanguageModel | None = None
    endpoint: Endpoint | None = None
    outputs: Mapping[str, Output] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Identifier of the candidate."""
        return str(self.raw["candidate"]["id"])

    @property
    def title(self) -> str:
        """Name and version, as printed."""
        candidate = self.raw["candidate"]
        return f"{candidate['name']} (v{candidate['version']})"

    @property
    def explains(self) -> bool:
        """Whether an explanation is offered with each answer, says the vendor."""
        return bool(self.table("explanation").get("offered", False))

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a top-level table, empty where the vendor gave none."""
        return cast("Mapping[str, Any]", self.raw.get(name, {}))


def read_declaration(folder: Path, columns: tuple[str, ...] = ()) -> Declaration:
    """Read and validate ``declaration.toml`` of a candidate's folder.

    Parameters
    ----------
    folder
        The candidate's folder.
    columns
        The task's answer columns, which mappings may name; empty skips that check.

    Raises
    ------
    UsageError
        There is no declaration.
    TableError
        It is not TOML, or holds mistakes: all of them are named, by table and key.
    """
    data = read_small_file(folder / DECLARATION, LARGEST_DECLARATION_BYTES)
    if data.count(b".") > MOST_DOTS:
        raise TableError(
            f"{DECLARATION} contient {data.count(b'.')} points", expected=f"{MOST_DOTS} au plus"
        )
    try:
        raw = tomllib.loads(data.decode("utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise TableError(
            f"{DECLARATION} ne se lit pas : {str(error)[:200]}",
            expected="un fichier TOML en UTF-8",
            remedy="partir du modèle declaration.toml remis avec le dossier",
        ) from error
    mistakes = list(mistakes_in(raw))
    if not mistakes:
        mistakes = list(_contradictions(raw, columns))
    if mistakes:
        raise TableError(
            f"{DECLARATION} : {len(mistakes)} erreur(s)\n  - " + "\n  - ".join(mistakes),
            expected="les tables et les clés du modèle remis avec le dossier",
            remedy="corriger toutes ces lignes, puis recommencer",
        )
    return declaration_of(raw, hashlib.sha256(data).hexdigest())


def read_small_file(path: Path, largest_bytes: int) -> bytes:
    """Return the bytes of a plain file of bounded size; links and devices are refused.

    Raises
    ------
    UsageError
        There is no such file.
    TableError
        It is not a plain file, or is too large.
    """
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise UsageError(
            f"{path.name} est absent", expected=f"un fichier {path.name} dans {path.parent.name}"
        ) from error
    if not stat.S_ISREG(mode):
        raise TableError(f"{path.name} est un lien ou un objet spécial", expected="un fichier")
    with path.open("rb") as handle:
        data = handle.read(largest_bytes + 1)
    if len(data) > largest_bytes:
        raise TableError(f"{path.name} est trop gros", expected=f"{largest_bytes} octets au plus")
    return data


def declaration_of(raw: Mapping[str, Any], sha256: str = "") -> Declaration:
    """Return the record of a declaration that was validated when it was read."""
    energy = raw.get("energy", {})
    llm = raw.get("llm")
    return Declaration(
        raw=raw,
        sha256=sha256,
        predict=_stated(energy.get("predict", {}), "wh_per_1000", 1.0),
        train=_stated(energy.get("train", {}), "kwh", 1000.0),
        trainings_per_year=energy.get("train", {}).get("per_year"),
        llm=None if llm is None else _language_model(llm),
        endpoint=_endpoint(raw["endpoint"]) if "endpoint" in raw else None,
        outputs=_outputs(raw.get("model", {}).get("outputs", {})),
    )


def _stated(table: Mapping[str, Any], amount: str, wh: float) -> StatedEnergy:
    figures = {
        name: table[key] * wh
        for name, key in (("wh", amount), ("low", "low"), ("high", "high"))
        if key in table
    }
    texts = {name: table[name] for name in ("file", "tool", "version", "inputs") if name in table}
    return StatedEnergy(table.get("method", "absent"), **figures, **texts)


def _language_model(table: Mapping[str, Any]) -> LanguageModel:
    return LanguageModel(
        provider=table["provider"],
        model=table["model"],
        output_tokens=table["output_tokens_per_request"],
        reasoning_tokens=table.get("reasoning_tokens_per_request"),
        prompt_tokens=table.get("prompt_tokens_per_request"),
        requests_per_prediction=table.get("requests_per_prediction", 1.0),
    )


def _endpoint(table: Mapping[str, Any]) -> Endpoint:
    known = dict(table)
    if "template" in known:
        known["template"] = json.loads(known["template"])
    known["outputs"] = _outputs(known.get("outputs", {}))
    return Endpoint(**known)


def _outputs(table: Mapping[str, Any]) -> dict[str, Output]:
    return {
        column: Output(value) if isinstance(value, str) else Output(value["output"], value["place"])
        if "place" in value
        else Output(value["output"])
        for column, value in table.items()
    }  # fmt: skip


def _contradictions(raw: Mapping[str, Any], columns: tuple[str, ...]) -> Iterator[str]:
    """Yield what each key allows but the whole does not."""
    energy = raw.get("energy", {})
    for name, amount in (("predict", "wh_per_1000"), ("train", "kwh")):
        if name in energy:
            yield from _energy_contradictions(f"[energy.{name}]", energy[name], amount)
    if "endpoint" in raw:
        yield from _endpoint_contradictions(raw["endpoint"])
    for path in (("model", "outputs"), ("endpoint", "outputs"), ("endpoint", "answers")):
        for column in raw.get(path[0], {}).get(path[1], {}):
            if columns and column not in columns:
                yield (
                    f"[{'.'.join(path)}] {column} : colonne inconnue, "
                    f"attendu l'une de {', '.join(columns)}"
                )


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "measured_log": ("file",),
    "estimated": ("tool", "version", "inputs"),
    "declared": (),
    "absent": (),
}


def _energy_contradictions(where: str, table: Mapping[str, Any], amount: str) -> Iterator[str]:
    method = table["method"]
    for key in _NEEDED[method]:
        if key not in table:
            yield f"{where} {key} : absent, nécessaire avec method = « {method} »"
    if method == "absent":
        for key in table.keys() & {amount, "low", "high"}:
            yield f"{where} {key} : un chiffre avec method = « absent », attendu aucun"
    elif amount not in table:
        yield f"{where} {amount} : absent, nécessaire avec method = « {method} »"
    if ("low" in table) != ("high" in table):
        yield f"{where} : une seule borne, attendu low et high, ou aucune"
    elif "low" in table and not table["low"] <= table.get(amount, table["low"]) <= table["high"]:
        yield f"{where} : attendu low ≤ {amount} ≤ high"


def _endpoint_contradictions(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _url_mistakes(table["url"])
    if table["protocol"] == "oip2":
        for key in table.keys() & {"template", "answers"}:
            yield f"[endpoint] {key} : réservé à protocol = « json »"
        return
    for key in table.keys() & {"inputs", "outputs"}:
        yield f"[endpoint] {key} : réservé à protocol = « oip2 »"
    for key in {"template", "answers"} - table.keys():
        yield f"[endpoint] {key} : absent, nécessaire avec protocol = « json »"
    if table.get("predictions_per_call", 1) != 1:
        yield "[endpoint] predictions_per_call : attendu 1 avec protocol = « json »"
    try:
        json.loads(table.get("template", "{}"))
    except (ValueError, RecursionError) as error:
        yield f"[endpoint] template : pas du JSON ({error})"


def _url_mistakes(url: str) -> Iterator[str]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        yield f"[endpoint] url : {error}"
        return
    if parts.scheme not in ("http", "https"):
        yield f"[endpoint] url : protocole « {parts.scheme} », attendu http ou https"
    if not parts.hostname or port == 0 or re.search(r"[\s\x00-\x1f]", url):
        yield "[endpoint] url : attendu http(s)://machine[:port]/chemin"
    if parts.username or parts.password or parts.fragment:
        yield "[endpoint] url : ni identifiant ni fragment dans l'adresse (voir token_variable)"
