"""One French page: a vendor's ranked answers beside ours, readable by an elected official."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from common.lab.pages.french import interval, number
from common.lab.pages.rendering import OVER, render
from usecases.citizen_requests.answers.ranking import Interval

if TYPE_CHECKING:
    from usecases.citizen_requests.answers.compare import Comparison

__all__ = ["comparison_page"]

TEMPLATES = Path(__file__).parent / "templates"

VERDICTS: Mapping[str, str] = {
    "better": "La recherche de référence trouve plus souvent la bonne fiche que le fournisseur.",
    "worse": "Le fournisseur trouve plus souvent la bonne fiche que la recherche de référence.",
    "undetermined": "L'écart n'est pas établi : ces questions ne suffisent pas à départager.",
}
MEANINGS: Mapping[str, str] = {
    "R@1": "la bonne fiche est la première",
    "R@3": "elle est parmi les trois premières",
    "R@5": "parmi les cinq premières",
    "R@10": "parmi les dix premières",
    "R@20": "parmi les vingt premières",
    "MRR@10": "moyenne de un sur le rang, jusqu'à dix",
    "nDCG@10": "gain décroissant avec le rang, jusqu'à dix",
}
UNVERIFIED = (
    "Le moteur du fournisseur n'a pas été exécuté ici : on juge la liste qu'il a remise.",
    "Sa consommation d'énergie, son prix et sa date de mise à jour ne sont pas connus de nous.",
    "Ces questions ne sont pas des demandes reçues par une mairie.",
)


def comparison_page(found: "Comparison") -> str:
    """Return the page of a comparison, as one HTML file."""
    rows = [
        (name, meaning, *(_cell(values[name]) for values in (found.theirs, found.ours, found.gain)))
        for name, meaning in MEANINGS.items()
    ]
    return render(
        "comparison.html.j2",
        TEMPLATES,
        over=OVER,
        simulated=False,
        title=f"{found.run.system} face à la recherche de référence",
        verdict=VERDICTS[found.verdict],
        found=found,
        rows=rows,
        longest=max((len(ids) for ids in found.run.ranked.values()), default=0),
        unverified=UNVERIFIED,
    )


def _cell(value: Interval) -> str:
    return f"{number(value.value, 3)} ({interval(value.low, value.high, digits=3)})"
