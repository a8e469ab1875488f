"""Explain one past decision to the person concerned, from the journal and the bundle.

The four items are those of article R311-3-1-2 of the *code des relations entre le public et
l'administration* (CRPA): degree and mode of contribution of the processing, data and their
sources, parameters and their weights applied to the person's situation, operations.
"""

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.bundle import Bundle
from common.edge.description import french_number
from common.edge.errors import ChecksumError, GoldenRowError, JournalError, UsageError
from common.edge.explanation import Explanation, explain_rows
from common.edge.inputs import prepare
from common.edge.journal.entries import canonical_rows
from common.edge.journal.reading import Entry, decisions_on, find_entry, kept_inputs
from common.edge.manifest import FieldSpec, Manifest

__all__ = ["DecisionSheet", "Section", "decision_sheet"]

Array = npt.NDArray[Any]

_NO_BREAK = "\u00a0"
_ACTIONS = {"accepted": "accepté", "modified": "modifié", "rejected": "rejeté"}
_SHOWN_VALUES = 24


@dataclass(frozen=True)
class Section:
    """A heading and its lines, in French."""

    title: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class DecisionSheet:
    """The explanation of one decision; the same journal and bundle give the same bytes.

    Parameters
    ----------
    title
        What it is about.
    sections
        The result, then the four items of CRPA R311-3-1-2, then how to check.
    """

    title: str
    sections: tuple[Section, ...]

    def text(self) -> str:
        """Return the sheet as plain text."""
        parts = [self.title]
        parts += [
            "\n".join([section.title, *(f"  {line}" for line in section.lines)])
            for section in self.sections
        ]
        return "\n\n".join(parts) + "\n"

    def fragment(self) -> str:
        """Return the sheet as a fragment of HTML, everything escaped."""
        parts = [
            '<article class="decision-sheet" lang="fr">',
            f"<h2>{html.escape(self.title)}</h2>",
        ]
        for section in self.sections:
            items = "".join(f"<li>{html.escape(line)}</li>" for line in section.lines)
            parts.append(
                f"<section><h3>{html.escape(section.title)}</h3><ul>{items}</ul></section>"
            )
        return "\n".join([*parts, "</article>"]) + "\n"


def decision_sheet(
    folder: Path | str,
    number: int,
    bundle: Bundle,
    *,
    inputs: Mapping[str, npt.ArrayLike] | None = None,
) -> DecisionSheet:
    """Compute a past prediction again and explain it.

    Parameters
    ----------
    folder
        The journal's.
    number
        Of the prediction's line.
    bundle
        The very bundle that predicted.
    inputs
        The inputs, shape (1, ...), where the journal did not keep them (texts): the hash
        in the journal proves that they are the same.

    Raises
    ------
    UsageError
        No such prediction, or its inputs were not kept and are not given.
    ChecksumError
        The bundle is another one.
    JournalError
        The inputs are not those that were hashed.
    GoldenRowError
        The prediction computed again differs from the journal's beyond the tolerance.
    """
    entry = find_entry(folder, number)
    if entry.digest != bundle.digest:
        raise ChecksumError(
            f"bundle {bundle.digest[:12]}, version {bundle.manifest.version}",
            expected=f"bundle {entry.digest[:12]}, version {entry.version}, which predicted",
            remedy="open the version that was installed then",
        )
    values = _inputs(folder, entry, bundle, inputs)
    outputs = bundle.predict(values)
    exact = _compare(entry, outputs, bundle.manifest)
    explained = "contributions" in outputs and "baseline" in outputs
    explanation = explain_rows(bundle.manifest, outputs)[0] if explained else None
    decisions = decisions_on(folder, number)
    manifest = bundle.manifest
    return DecisionSheet(
        title=f"Explication de la décision n°{_NO_BREAK}{number}, dossier {entry.row}",
        sections=(
            Section("Ce qui a été calculé", _result(entry, manifest)),
            Section(
                "1. Degré et mode de contribution du traitement à la décision",
                _contribution(decisions),
            ),
            Section("2. Données traitées et leurs sources", _data(values, bundle)),
            Section(
                "3. Paramètres de traitement et leur pondération, appliqués à votre situation",
                _weights(explanation, outputs, manifest),
            ),
            Section("4. Opérations effectuées par le traitement", _operations(manifest)),
            Section("Pour vérifier", _proof(entry, bundle, exact=exact)),
        ),
    )


def _inputs(
    folder: Path | str,
    entry: Entry,
    bundle: Bundle,
    given: Mapping[str, npt.ArrayLike] | None,
) -> dict[str, Array]:
    kept = kept_inputs(folder, entry)
    if kept is not None:
        return kept
    if given is None:
        raise UsageError(
            f"the inputs of line {entry.number} were not kept, or were dropped since",
            expected="the inputs themselves; the journal holds their sha256",
            remedy="ask for the original request or measurements and give them as inputs",
        )
    values = prepare(bundle.manifest.inputs, given, bundle.limits)
    header, rows = canonical_rows(values)
    digests = [hashlib.sha256(header + row).hexdigest() for row in rows]
    if digests != [entry.inputs_sha256]:
        raise JournalError(
            f"inputs of sha256 {', '.join(digests)[:140]}",
            expected=f"one row of sha256 {entry.inputs_sha256}",
            remedy="these are not the inputs of that decision: look for the original ones",
        )
    return values


def _compare(entry: Entry, outputs: Mapping[str, Array], manifest: Manifest) -> bool:
    """Return whether all is identical; refuse what differs beyond the tolerance.

    Rows computed together and alone may differ by a last bit (DESIGN 2.1).
    """
    exact = True
    for name, noted in entry.outputs.items():
        found = np.asarray(outputs[name])
        # 9 digits give every float32 back exactly.
        expected = noted.astype(found.dtype) if found.dtype.kind == "f" else noted
        tolerance = manifest.tolerances[name]
        close = np.isclose(
            found.ravel().astype(np.float64),
            expected.astype(np.float64),
            rtol=tolerance.relative,
            atol=tolerance.absolute,
            equal_nan=True,
        )
        if not close.all():
            raise GoldenRowError(
                f"output {name} of line {entry.number}, computed again: "
                f"{found.ravel()[~close][:3].tolist()}",
                expected=f"{expected[~close][:3].tolist()}, as the journal holds",
                remedy="run aune journal verify, and replay the bundle on this machine",
            )
        exact &= bool(np.array_equal(found.ravel(), expected, equal_nan=found.dtype.kind == "f"))
    return exact


def _result(entry: Entry, manifest: Manifest) -> tuple[str, ...]:
    lines = [f"Question : {manifest.question}", f"Date : {entry.at} (UTC)"]
    if manifest.simulated:
        lines.append("SIMULÉ : ce modèle a appris sur des données simulées.")
    lines += [
        f"{_label(field)} : {_values(entry.outputs[field.name], field.unit)}"
        for field in manifest.outputs
        if field.name in entry.outputs and field.name != "baseline"
    ]
    return tuple(lines)


def _contribution(decisions: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    lines = [
        "Le traitement est fait pour proposer ; la décision revient à un agent.",
    ]
    for decision in decisions:
        action = _ACTIONS.get(str(decision["action"]), str(decision["action"]))
        line = f"Le {decision['at']} (UTC), l'agent a {action} la proposition"
        if decision.get("values"):
            line += f" et retenu {_values(np.array(decision['values'], dtype=float), '1')}"
        lines.append(line + ".")
        if decision.get("reason"):
            lines.append(f"Motif de l'agent : {decision['reason']}")
    if not decisions:
        lines.append(
            "Aucune décision d'agent n'est inscrite : le journal ne montre pas qui a décidé."
        )
    return tuple(lines)


def _data(values: Mapping[str, Array], bundle: Bundle) -> tuple[str, ...]:
    manifest = bundle.manifest
    lines = [
        f"{_label(field)} : {_input(values[field.name][0], field)}" for field in manifest.inputs
    ]
    dataset = bundle.run.get("dataset")
    dataset = dataset if isinstance(dataset, dict) else {}
    sources = dataset.get("licences") or []
    name = dataset.get("name")
    learnt = f"Données d'apprentissage : {name or 'nom absent du paquet'}"
    lines.append(f"{learnt}, empreinte {manifest.hashes.get('data', 'absente')}")
    lines += [f"Source et licence : {source}" for source in sources]
    if manifest.proxy:
        lines.append(f"Données de substitution : {manifest.proxy}")
    return tuple(lines)


def _weights(
    explanation: Explanation | None, outputs: Mapping[str, Array], manifest: Manifest
) -> tuple[str, ...]:
    if explanation is None:
        return ("Ce modèle ne donne pas la part de chaque paramètre.",)
    first = manifest.outputs[0]
    total = explanation.baseline + sum(group.values for group in explanation.groups)
    forecast = np.asarray(outputs[first.name], dtype=np.float64)[0]
    tolerance = manifest.tolerances[first.name]
    same = forecast.shape == np.shape(total) and np.allclose(
        total, forecast, rtol=10 * tolerance.relative, atol=10 * tolerance.absolute
    )
    unit = first.unit if same else "1"
    steps = int(np.size(explanation.baseline))
    lines = [_scale(steps, same=bool(same), additive=explanation.additive)]
    lines.append(
        f"Point de départ, avant toute raison : {_signed(explanation.baseline.sum(), unit)}"
    )
    for group in explanation.groups:
        lines.append(f"{group.label} : {_signed(group.total, unit)}")
        lines += [f"    dont {term.label} : {_signed(term.total, unit)}" for term in group.terms]
    lines.append(f"Total : {_signed(float(np.sum(total)), unit)}")
    return tuple(lines)


def _scale(steps: int, *, same: bool, additive: bool) -> str:
    over = f", additionnées sur {steps} pas" if steps > 1 else ""
    kind = "Parts exactes" if additive else "Parts lues sur le chemin des arbres, approchées"
    where = "dans l'unité du résultat" if same else "sur l'échelle interne du modèle"
    return f"{kind}, {where}{over} : point de départ plus raisons donne le total."


def _operations(manifest: Manifest) -> tuple[str, ...]:
    names = sorted({name for _, name in manifest.operators})
    trees = any(name.startswith("TreeEnsemble") for name in names)
    lines = [
        "Contrôle des données : unités, bornes, valeurs manquantes ; hors bornes, refus.",
        f"Calcul de {french_number(len(manifest.terms))} paramètre(s) à partir des données.",
        "Arbres de décision, dont chacun ajoute une part fixe selon des seuils."
        if trees
        else "Tables et sommes pondérées, fixées à l'apprentissage ; aucun arbre.",
        "Addition du point de départ et des parts, puis calcul des bornes s'il y en a.",
        f"Opérateurs du graphe, liste complète : {', '.join(names)}.",
        "Le modèle n'apprend pas en service : le même paquet donne toujours le même résultat.",
    ]
    return tuple(lines)


def _proof(entry: Entry, bundle: Bundle, *, exact: bool) -> tuple[str, ...]:
    again = "au bit près" if exact else "aux tolérances du paquet près (dernier bit)"
    return (
        f"Résultat recalculé, identique à celui du journal {again}.",
        f"Modèle : {entry.task}, version {entry.version}, paquet {bundle.digest}",
        f"Signé par la clé {bundle.signer}",
        f"Empreinte des données traitées : {entry.inputs_sha256}",
        f"Ligne {entry.number} du journal, empreinte {entry.sha256}",
        "Contrôle du journal : aune journal verify.",
    )


def _label(field: FieldSpec) -> str:
    return field.meaning.rstrip(".") or field.name


def _input(values: Array, field: FieldSpec) -> str:
    if field.dtype == "bool":
        flags = ["oui" if value else "non" for value in values.ravel().tolist()]
        return ", ".join(flags[:_SHOWN_VALUES])
    if any(isinstance(size, str) for size in field.shape[1:]):
        return f"{french_number(values.size)} éléments (texte : non reproduit ici)"
    return _values(values.astype(np.float64), field.unit)


def _values(values: Array, unit: str) -> str:
    """Write few values one by one, many by their number, range and mean."""
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size <= _SHOWN_VALUES:
        return " ; ".join(_quantity(value, "1") for value in flat.tolist()) + _unit(unit)
    known = flat[~np.isnan(flat)]
    text = f"{french_number(flat.size)} valeurs"
    if known.size:
        text += (
            f", de {_quantity(known.min(), '1')} à {_quantity(known.max(), unit)}, "
            f"moyenne {_quantity(known.mean(), unit)}"
        )
    if missing := flat.size - known.size:
        text += f", dont {french_number(missing)} manquantes"
    return text


def _quantity(value: float, unit: str) -> str:
    if np.isnan(value):
        return "inconnu"
    rounded = float(f"{value:.4g}") if abs(value) < 1000 else round(value)  # 4 digits, or whole
    return french_number(rounded) + _unit(unit)


def _signed(value: float, unit: str) -> str:
    text = _quantity(float(value), unit)
    return f"+{text}" if value > 0 and not text.startswith("0") else text


def _unit(unit: str) -> str:
    return "" if unit == "1" else f"{_NO_BREAK}{unit}"
