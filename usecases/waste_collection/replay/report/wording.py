"""Sentences of the bench, computed: nothing here is a figure that somebody typed."""

import math

from common.lab.pages import french
from usecases.waste_collection.replay.policies.catalogue import TITLES
from usecases.waste_collection.replay.scoring.comparison import FORESIGHT, Comparison, Row
from usecases.waste_collection.replay.scoring.curves import Gain, Reading

__all__ = ["FAIRNESS_FR", "change", "family_title", "km_reading", "verdict"]

FAIRNESS_FR = {
    "held": "tenue",
    "refused": "gain refusé",
    "open": "non établie",
}


def family_title(family: str) -> str:
    """Return the French name of a curve."""
    return TITLES.get(family, family)


def change(gain: Gain) -> str:
    """Return « −31 % [−36 ; −26] », or why there is nothing to say."""
    if not math.isfinite(gain.ratio):
        return "n'atteint pas ce taux"
    text = french.percent(gain.ratio, 0)
    if not (math.isfinite(gain.low) and math.isfinite(gain.high)):
        return text
    ends = f"[{french.number(100 * gain.low, 0)} ; {french.number(100 * gain.high, 0)}]"
    return f"{text} {ends}"


def km_reading(reading: Reading) -> str:
    """Return « 2 310 km [2 180 ; 2 450] », or a dash where the curve does not come there."""
    if not math.isfinite(reading.value):
        return "hors courbe"
    text = french.quantity(reading.value, "km", 0)
    if not math.isfinite(reading.low):
        return text
    return f"{text} [{french.number(reading.low, 0)} ; {french.number(reading.high, 0)}]"


def verdict(compared: Comparison, row: Row | None) -> tuple[str, ...]:
    """Return the verdict: km and hours at equal overflows, who bears it, and the goal."""
    if row is None or not math.isfinite(row.km.ratio):
        return (
            "Aucun verdict : la politique retenue n'a pas été rejouée aux débordements de la "
            "tournée fixe de trois jours.",
        )
    scenarios = french.plural(row.km.n_scenarios, "scénario")
    first = (
        f"{_signed(row.km)} km à débordements égaux, face à la tournée fixe de trois jours "
        f"({scenarios}, intervalle à 95 %)."
    )
    hours = f"Heures de camion : {_signed(row.truck_hours)}."
    return (first, hours, _borne(row), _goal(row), _unbeaten(compared))


def _signed(gain: Gain) -> str:
    """Return « −31 % [26 ; 36] »: the ends without sign where both have the sign of the gain."""
    value = french.percent(gain.ratio, 0)
    ends = sorted((gain.low, gain.high), key=abs)
    if gain.low * gain.high > 0 and gain.ratio * gain.low > 0:
        ends = [abs(end) for end in ends]
    return f"{value} [{french.number(100 * ends[0], 0)} ; {french.number(100 * ends[1], 0)}]"


def _borne(row: Row) -> str:
    decile, district = row.borne["worst_decile"], row.borne["worst_district"]
    words = {
        "held": "Personne n'en paie le prix",
        "refused": "Gain refusé : d'autres en paient le prix",
        "open": "Qui en paie le prix n'est pas établi",
    }[row.fairness]
    return (
        f"{words} : débordements du dixième de conteneurs le plus touché {change(decile)}, du "
        f"quartier le plus touché {change(district)}."
    )


GOAL = -0.35


def _goal(row: Row) -> str:
    if row.km.high <= GOAL:
        return "L'objectif de −35 % de km est atteint, intervalle compris."
    if row.km.ratio <= GOAL:
        return "L'objectif de −35 % de km est atteint en moyenne, pas sur tout l'intervalle."
    return f"L'objectif de −35 % de km n'est pas atteint : {french.percent(row.km.ratio, 0)}."


def _unbeaten(compared: Comparison) -> str:
    """Say which families the plain calendar round beats, or is not shown to lose to."""
    judged = [row for row in compared.rows if row.family not in FORESIGHT]
    lost = [row for row in judged if row.km.high >= 0]
    unread = [row for row in judged if not math.isfinite(row.km.ratio)]
    words = "Toutes les politiques lues à ce taux roulent moins que la tournée fixe."
    if lost:
        words = (
            "La tournée fixe de trois jours n'est pas battue en km, à débordements égaux, par : "
            f"{' ; '.join(family_title(row.family) for row in lost)}."
        )
    if unread:
        count = french.plural(len(unread), "politique")
        words += f" {count} : réglage qui n'atteint pas ce taux, sans conclusion."
    return words
