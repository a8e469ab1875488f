"""What is said of each candidate, in French: verdict, energy, evidence, recommendation."""

import math
from collections.abc import Mapping

from benchmarks.records import LEVELS, Comparison, Evidence, Standing
from common.lab.contest import Finding
from common.lab.pages import french

__all__ = [
    "VERDICTS",
    "badges",
    "energy",
    "energy_against_reference",
    "headline",
    "relative_loss",
    "severities",
    "signed",
    "summary",
    "verdict_lines",
]

VERDICTS: Mapping[str, str] = {
    "better": "mieux",
    "equivalent": "équivalente",
    "worse": "moins bonne",
    "undetermined": "indécidable",
    "refused": "refusée",
    "reference": "référence",
}
_HEADS: Mapping[str, str] = {
    "better": "meilleure que le modèle de référence",
    "equivalent": "équivalente au modèle de référence",
    "worse": "moins bonne que le modèle de référence",
    "undetermined": "indécidable face au modèle de référence",
    "refused": "refusée, elle n'est pas notée",
}
_COUNTED: Mapping[str, tuple[str, str]] = {
    "better": ("meilleure", "meilleures"),
    "equivalent": ("équivalente", "équivalentes"),
    "worse": ("moins bonne", "moins bonnes"),
    "undetermined": ("indécidable", "indécidables"),
    "refused": ("refusée", "refusées"),
}
SEVERITIES: Mapping[str, str] = {
    "refused": "refus",
    "review": "à examiner par une personne",
    "note": "à savoir",
}
ALIKE = 1.05
"""Energies whose ratio lies within 5 % of one are not called different."""
NO_GAIN = "Ne pas payer de surcoût pour la précision."


def signed(ratio: float) -> str:
    r"""Return a relative difference with its sign.

    >>> signed(0.031).replace("\u00a0", "~")
    '+3,1~%'
    """
    return ("+" if ratio > 0 else "") + french.percent(ratio)


def relative_loss(standing: Standing) -> tuple[str, str]:
    """Return the difference with the reference, and its 95 % interval."""
    difference = standing.difference
    if difference is None:
        return "—", ""
    low, high = signed(difference.relative_low), signed(difference.relative_high)
    return signed(difference.relative), f"{low} à {high}"


def energy(evidence: Evidence) -> tuple[str, str]:
    """Return an amount of energy as an interval, and the evidence it rests on."""
    level = LEVELS[evidence.level]
    if not math.isfinite(evidence.high):
        return french.MISSING if evidence.level else "inconnue", level
    amount = french.bounds(evidence.low, evidence.high, "Wh")
    return amount + (" au moins" if evidence.lower_bound else ""), level


def energy_against_reference(standing: Standing) -> str:
    """Return how its energy compares with the reference's, as an interval of ratios."""
    if standing.verdict == "refused":
        return "non comparée"
    if standing.energy_ratio is None:
        return "consommation inconnue"
    low, high = standing.energy_ratio
    if low > ALIKE:
        return f"{_times(low, high)} plus d'énergie"
    if high < 1 / ALIKE:
        return f"{_times(1 / high, 1 / low)} moins d'énergie"
    if low > 1 / ALIKE and high < ALIKE:
        return "énergie égale"
    return f"énergies non départagées (rapport de {_ratio(low)} à {_ratio(high)})"


def headline(standing: Standing) -> str:
    """Return the first sentence about a candidate, with what was filled in for it."""
    entry = standing.entry
    text = f"{entry.title} : {_HEADS[standing.verdict]}"
    if standing.verdict == "refused":
        return text + "."
    text += f", {energy_against_reference(standing)}"
    if entry.n_missing:
        filled = french.plural(entry.n_missing, "réponse manquante", "réponses manquantes")
        text += (
            f" ; {filled} sur {french.number(standing.entry.n_asked, 0)} tirées du barreau sans IA"
        )
    return text + "."


def summary(comparison: Comparison) -> str:
    """Return the one sentence to remember: how the candidates stand, all together."""
    candidates = [each for each in comparison.standings if each.entry.role == "candidate"]
    if not candidates:
        return "Aucune solution n'a encore été remise : seuls nos modèles sont comparés."
    counts = dict.fromkeys(_COUNTED, 0)
    for standing in candidates:
        counts[standing.verdict] += 1
    parts = [
        f"{count} {words[count > 1]}"
        for verdict, words in _COUNTED.items()
        if (count := counts[verdict])
    ]
    compared = french.plural(len(candidates), "solution remise", "solutions remises")
    return f"{compared} face au modèle de référence : {', '.join(parts)}."


def verdict_lines(comparison: Comparison) -> tuple[str, ...]:
    """Return a sentence for each candidate, then what can be told apart."""
    lines = [
        f"{headline(standing)} {_advice(standing)}".strip()
        for standing in comparison.standings
        if standing.entry.role == "candidate"
    ]
    smallest = french.percent(comparison.minimum_detectable)
    lines.append(
        "Calculé avant l'ouverture des réponses : cette épreuve distingue quatre fois sur cinq "
        f"un écart d'erreur de {smallest}."
    )
    return tuple(lines)


def badges(standing: Standing) -> tuple[str, str, str, str]:
    """Return a candidate's name and its three judgements: precision, energy, explanations."""
    explained = {
        "contributions": "vérifiées, réponse par réponse",
        "declared": "annoncées, non vérifiées",
        "none": "aucune",
    }[standing.entry.explains]
    return (
        standing.entry.title,
        VERDICTS[standing.verdict],
        energy_against_reference(standing),
        explained,
    )


def severities(findings: tuple[Finding, ...]) -> list[tuple[str, str, str, str]]:
    """Return findings as rows: gravity, rule, message, first lines; the gravest first."""
    order = list(SEVERITIES)
    ranked = sorted(findings, key=lambda finding: order.index(finding.severity))
    return [
        (
            SEVERITIES[finding.severity],
            finding.rule,
            finding.message,
            ", ".join(map(str, finding.rows)) or "—",
        )
        for finding in ranked
    ]


def _advice(standing: Standing) -> str:
    """Return what a buyer may conclude; nothing more than what the figures carry."""
    doubtful = any(
        finding.severity == "review" for finding in (*standing.entry.findings, *standing.findings)
    )
    if standing.verdict == "refused":
        return "Corriger le fichier et le remettre."
    if doubtful:
        return "Des anomalies sont à examiner par une personne avant toute conclusion."
    if standing.verdict == "better":
        return "Le gain est établi ; à mettre en regard de l'énergie et du coût."
    if standing.verdict == "undetermined":
        return "Ni égalité ni différence n'est montrée : ne rien conclure de la précision."
    return NO_GAIN


def _times(low: float, high: float) -> str:
    """Return a ratio as words: one figure where both ends agree, else an interval."""
    if _ratio(low) == _ratio(high):
        return f"{_ratio(low)} fois"
    return f"{_ratio(low)} à {_ratio(high)} fois"


def _ratio(value: float) -> str:
    """Return two significant figures from one on, two decimals below."""
    if value >= 100:
        digits = -math.floor(math.log10(value)) + 1
        return french.number(round(value, digits), 0)
    return french.number(value, 0 if value >= 10 else 1 if value >= 1 else 2)
