"""The frugality sheet's figures: life-cycle lines, emission factors, self-declaration.

The lines follow the questions of AFNOR SPEC 2314 in our own words (``briefs/frugality.md``
1.1, 1.3 and 3.6): a self-assessment, never a claim of conformity. Where a person must answer,
the sheet says « non renseigné ».
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from common.lab.pages import french
from common.lab.pages.figures import main_metric, prediction_footprint
from common.lab.pages.sentences import TIERS, baseline
from common.lab.record import Footprint, Run

__all__ = ["BLANK", "Line", "declaration", "functional_unit", "lines", "sensitivity", "statement"]

BLANK = "non renseigné"

# g CO2e per kWh in France by publisher (briefs/frugality.md, finding 6).
_FACTORS: Mapping[str, float] = {
    "RTE 2024, production": 21.7,
    "EcoLogits 0.11.3": 41.4,
    "CodeCarbon 3.3.2, 2023": 56.0,
    "BoaviztAPI 2.5.0, 2019": 98.0,
}
_STAGES = {
    "train": "Entraînement complet",
    "predict_1000": "1\u202f000 prévisions, par lots",
    "predict_1": "1\u202f000 prévisions, une à une",
    "explain": "1\u202f000 explications",
}


@dataclass(frozen=True)
class Line:
    """A life-cycle line: energy and use apart from the machine's manufacture."""

    post: str
    energy: str
    use: str
    embodied: str
    evidence: str


def lines(run: Run) -> tuple[Line, ...]:
    """Return the life-cycle lines of the chosen rung, then the year of service."""
    found = run.row(run.chosen).footprints
    rows = [_line(title, found[stage]) for stage, title in _STAGES.items() if stage in found]
    return (*rows, _service_year(run.facts.get("service_year")))


def sensitivity(run: Run) -> tuple[tuple[str, str, str, str], ...]:
    """Return, by emission factor: source, g/kWh, CO2e of training and of 1,000 predictions."""
    chosen = run.row(run.chosen)
    train, predict = chosen.footprints.get("train"), prediction_footprint(chosen)
    measured = train or predict
    given = measured.factor.get("sensitivity") if measured else None
    rows = []
    for source, factor in sorted((given or _FACTORS).items(), key=lambda pair: pair[1]):
        cells = [
            french.bounds(low * factor / 1000, high * factor / 1000, "g")
            for low, high in (_wh(train), _wh(predict))
        ]
        rows.append((source, french.quantity(factor, "g/kWh"), cells[0], cells[1]))
    return tuple(rows)


def declaration(run: Run) -> tuple[tuple[str, str], ...]:
    """Return the three cumulative conditions of a frugal AI service and our answers."""
    filled = run.facts.get("frugality", {})
    naive = baseline(run)
    if run.row(run.chosen).kind == "no_ai":
        need = "Sans objet : l'échelle montre qu'aucune IA n'est nécessaire."
    elif naive.qualifies:
        need = "Non démontrée : un barreau sans IA reste dans la marge."
    else:
        need = (
            f"Démontrée pour la précision, sur ces données : « {naive.title} » dépasse la marge "
            f"de {french.percent(run.margin, 0)} (voir l'échelle)."
        )
    return (
        ("La nécessité de l'IA, plutôt qu'une solution moins consommatrice, est démontrée", need),
        (
            "De bonnes pratiques sont suivies par le producteur, le fournisseur et le client",
            str(filled.get("practices", BLANK)),
        ),
        (
            "Les usages et les besoins ont été questionnés avant, "
            "pour rester dans les limites planétaires",
            str(filled.get("needs", BLANK)),
        ),
    )


def statement(run: Run) -> str:
    """Return the only sentence that may name the AFNOR document."""
    count = run.facts.get("frugality", {}).get("practices_documented")
    practices = (
        "nombre de pratiques documentées sur 31 : " + BLANK
        if count is None
        else f"{count} pratiques sur 31 documentées"
    )
    return f"Modèle conçu selon la démarche de l'AFNOR SPEC 2314 (auto-évaluation ; {practices})."


def functional_unit(run: Run) -> str:
    """Return what the figures are per: 1,000 predictions of a stated quality."""
    if "functional_unit" in run.facts:
        return str(run.facts["functional_unit"])
    score = run.row(run.chosen).scores.get(main_metric(run))
    quality = f", avec une erreur de {french.quantity(score.value, score.unit)}" if score else ""
    return f"1\u202f000 prévisions rendues avec leur intervalle{quality} (période de test)."


def _line(title: str, footprint: Footprint) -> Line:
    """Return a footprint as text, per 1,000 predictions where it predicts."""
    per = 1000 / footprint.predictions if footprint.predictions else 1.0
    low, high = _wh(footprint)
    use, embodied = footprint.co2_use_g, footprint.co2_embodied_g
    once = " ; mesure unique ou instable" if footprint.quality == "low" else ""
    return Line(
        title,
        french.bounds(low, high, "Wh"),
        french.bounds(use[0] * per, use[2] * per, "g"),
        french.bounds(embodied[0] * per, embodied[2] * per, "g"),
        TIERS[footprint.tier] + once,
    )


def _service_year(known: Mapping[str, Any] | None) -> Line:
    title = "Une année de service (serveur allumé, réentraînements)"
    if not known:
        return Line(title, BLANK, BLANK, BLANK, BLANK)
    low, high = (1000 * known["kwh"][i] for i in (0, 2))
    use, embodied = known.get("co2_use_g"), known.get("co2_embodied_g")
    return Line(
        title,
        french.bounds(low, high, "Wh"),
        french.bounds(use[0], use[2], "g") if use else BLANK,
        french.bounds(embodied[0], embodied[2], "g") if embodied else BLANK,
        str(known.get("assumption", BLANK)),
    )


def _wh(footprint: Footprint | None) -> tuple[float, float]:
    """Return the energy in Wh as (low, high), per 1,000 predictions where it predicts."""
    if footprint is None:
        return float("nan"), float("nan")
    if footprint.predictions:
        return footprint.wh_per_1000[0], footprint.wh_per_1000[2]
    return 1000 * footprint.kwh_low, 1000 * footprint.kwh_high
