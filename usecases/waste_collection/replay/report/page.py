"""The page of the bench: what was driven, the verdict, the curves, the tables."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from common.lab.pages import french
from common.lab.pages.rendering import OVER, render
from common.lab.pages.section import Listing, Section
from usecases.waste_collection.replay.bounds import Bound
from usecases.waste_collection.replay.report.figures import policy_curves
from usecases.waste_collection.replay.report.wording import (
    FAIRNESS_FR,
    change,
    family_title,
    km_reading,
    verdict,
)
from usecases.waste_collection.replay.scoring.comparison import (
    CHOSEN,
    OWN_CADENCE_DAYS,
    REFERENCE,
    Comparison,
    Row,
)
from usecases.waste_collection.replay.scoring.curves import RATES, read_at
from usecases.waste_collection.replay.site import Assumptions

__all__ = ["replay_page"]

TEMPLATES = Path(__file__).with_name("templates")
PROXY = (
    "Des corbeilles de rue de Wyndham (Australie) tiennent lieu de points d'apport volontaire "
    "français ; seules les positions sont celles de colonnes de Nantes (2016). Dépôt, quai de "
    "vidage, camions et charges sont supposés."
)


def replay_page(
    compared: Comparison,
    bounds: Sequence[Bound],
    assumptions: Assumptions,
    more: Sequence[Section] = (),
) -> str:
    """Return the page as one HTML file.

    Parameters
    ----------
    compared
        Families at equal overflows.
    bounds
        One per scenario of the own round.
    assumptions
        What was supposed.
    more
        Further sections: sensors, faults, another road network.
    """
    row = compared.row(CHOSEN)
    sections = [_at_equal_overflows(compared, assumptions), _curves(compared, bounds), *more]
    page = {
        "lead": "Chaque politique est rejouée sur les mêmes jours, et jugée à débordements égaux.",
        "assumptions": _supposed(assumptions),
        "verdict": verdict(compared, row),
        "sections": sections,
        "unverified": _unverified(assumptions),
        "foot": "Banc de rejeu : usecases/waste_collection/replay ; scénarios livrés dans "
        "scenarios.csv.",
    }
    return render(
        "replay.html.j2",
        TEMPLATES,
        over=f"{OVER} · collecte",
        title="Quelle tournée rouler ? Le banc de rejeu",
        simulated=False,
        dataset={"simulated": False, "proxy": PROXY},
        page=page,
    )


def _at_equal_overflows(compared: Comparison, assumptions: Assumptions) -> Section:
    own = compared.curves[REFERENCE]
    number = own.parameters.index(OWN_CADENCE_DAYS)
    mean = {name: float(values[number].mean()) for name, values in own.figures.items()}
    co2_kg = mean["km"] * assumptions.co2_kg_per_km
    words = (
        f"La tournée fixe de trois jours roule {french.quantity(mean['km'], 'km', 0)} en huit "
        f"semaines ({french.quantity(mean['truck_hours'], 'h', 0)} de camion, "
        f"{french.quantity(co2_kg, 'kg', 0)} de CO₂), pour "
        f"{french.number(mean['rate'], 1)} jours de débordement pour 1 000 jours-conteneurs.",
    )
    header = (
        "Politique", "km", "Heures de camion", "Équité", "Pire dixième", "Pire quartier",
        *(f"km à {french.number(rate, 0)} ‰" for rate in RATES), "Scénarios",
    )  # fmt: skip
    readings = [km_reading(read_at(own, rate)) for rate in RATES]
    first = ("Tournée fixe", "référence", "référence", "", "", "", *readings)
    rows = [(*first, str(len(own.scenarios))), *(_cells(row) for row in compared.rows)]
    return Section(
        "À débordements égaux",
        words,
        listings=(Listing("Écarts à la tournée fixe de trois jours", header, rows),),
        notes=(
            "Les colonnes « km à » donnent les km, puis l'écart à la courbe des cadences fixes au "
            "même taux (entre deux cadences, elle est interpolée). Intervalles à 95 % : scénarios "
            "rééchantillonnés par paires, 2 000 tirages. "
            "« Hors courbe » : la politique n'a pas été réglée jusqu'à ce taux, rien n'est "
            "extrapolé. « Gain refusé » : le dixième de conteneurs ou le quartier le plus "
            "touché déborde plus, intervalle compris.",
            f"CO₂ : {french.number(assumptions.co2_kg_per_km, 1)} kg par km, "
            f"{assumptions.co2_source}. Les kilomètres sont à vol d'oiseau × 1,35.",
        ),
    )


def _cells(row: Row) -> tuple[str, ...]:
    return (
        family_title(row.family),
        change(row.km),
        change(row.truck_hours),
        FAIRNESS_FR[row.fairness],
        change(row.borne["worst_decile"]),
        change(row.borne["worst_district"]),
        *(
            km_reading(reading) + (f", {change(gain)}" if gain.ratio == gain.ratio else "")
            for reading, gain in zip(row.readings, row.over_fixed, strict=True)
        ),
        str(row.km.n_scenarios),
    )


def _curves(compared: Comparison, bounds: Sequence[Bound]) -> Section:
    bound_km = float(np.mean([bound.km for bound in bounds]))
    visits = float(np.mean([bound.visits for bound in bounds]))
    arcs = float(np.mean([bound.nearest_arc_km for bound in bounds]))
    own = compared.curves[REFERENCE]
    number = own.parameters.index(OWN_CADENCE_DAYS)
    ratio = float(own.figures["km"][number].mean()) / bound_km
    words = (
        f"Sans aucun débordement il faut au moins {french.plural(visits, 'vidage')} et "
        f"{french.quantity(bound_km, 'km', 0)} (borne du brief : "
        f"{french.quantity(arcs, 'km', 0)}) ; la tournée fixe de trois jours en roule "
        f"{french.number(ratio, 1)} fois autant. La borne ignore qu'il faut partir du dépôt à "
        "chaque tournée : aucun plan réel ne s'en approche.",
    )
    return Section("Les courbes", words, figures=(policy_curves(compared, bound_km),))


def _supposed(assumptions: Assumptions) -> str:
    truck = assumptions.truck
    return (
        f"{french.plural(truck['count'], 'camion')} de "
        f"{french.quantity(truck['capacity_kg'] / 1000, 't', 0)}, service de "
        f"{french.quantity(truck['shift_hours'], 'h', 0)}, "
        f"{french.quantity(truck['service_minutes'], 'min', 0)} par arrêt, "
        f"{french.quantity(truck['speed_kmh'], 'km/h', 0)}, vidage du camion quand il est plein ; "
        f"conteneur plein : {french.quantity(assumptions.full_kg, 'kg', 0)}. Distances à vol "
        f"d'oiseau × {french.number(assumptions.detour, 2)}, faute de matrice routière de Nantes."
    )


def _unverified(assumptions: Assumptions) -> tuple[str, ...]:
    return (
        f"Le facteur d'émission : {assumptions.co2_source}.",
        "Le dépôt et le quai de vidage de chaque scénario sont tirés au sort parmi les points.",
        "L'apport après un jour à 80 % dans le journal est presque nul : l'ancienne collecte y "
        "a laissé son empreinte. Les prévisions du banc ne regardent donc pas la veille.",
        "Aucun équipage, aucune rue en sens unique, aucun côté de rue : la matrice les porterait.",
    )
