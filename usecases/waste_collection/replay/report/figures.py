"""Figures of the bench: kilometres against overflow-days, and what sensors save."""

from collections.abc import Sequence

import numpy as np

from common.lab.pages import french
from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.svg import ACCENT, INK, MUTED, RUST, Canvas, Scale, axes, whisker
from usecases.waste_collection.replay.report.wording import family_title
from usecases.waste_collection.replay.scoring.comparison import (
    CHOSEN,
    FORESIGHT,
    OWN_CADENCE_DAYS,
    REFERENCE,
    Comparison,
)
from usecases.waste_collection.replay.scoring.curves import Curve

__all__ = ["MOST_RATE", "policy_curves"]

MOST_RATE = 12.0
"""Overflow-days per 1,000 beyond which a point is in the table but not on the plot."""
LEFT, RIGHT, TOP, FLOOR = 62.0, WIDTH - 14, 34.0, 350.0
Z95 = 1.96


def policy_curves(compared: Comparison, bound_km: float) -> Figure:
    """Plot km (y) against overflow-days per 1,000 (x), a line per family, with the bound.

    The vertical bar of each point is the 95 % interval of its mean km change against the own
    round on the same scenarios, laid over the own round's mean: the differences between
    scenarios, which all policies share, are taken out.
    """
    title = "Kilomètres et débordements : chaque politique, son réglage balayé"
    description = (
        "Plus bas et plus à gauche est mieux. Trait épais : politique retenue ; trait sombre : "
        "tournée fixe ; pointillé : références qui connaissent l'avenir ; ligne grise du bas : "
        "aucun plan sans débordement ne roule moins. Barres : intervalle à 95 % de l'écart à "
        "la tournée fixe de trois jours."
    )
    curves = [curve for curve in compared.curves.values() if _shown(curve)]
    canvas = Canvas(WIDTH, FLOOR + 46 + 20 * len(curves))
    top = max(float(curve.figures["km"].mean(axis=1).max()) for curve in curves)
    across = Scale(0.0, MOST_RATE, LEFT, RIGHT)
    up = Scale(0.0, 1.08 * top, FLOOR, TOP)
    axes(canvas, across, up, "")
    canvas.text((0, 16), "km en huit semaines ; plus bas est mieux")
    canvas.text(
        (RIGHT, FLOOR + 34), "jours de débordement pour 1 000 jours-conteneurs", anchor="end"
    )
    canvas.line((LEFT, up(bound_km)), (RIGHT, up(bound_km)), MUTED, 1.5, dashed=True)
    canvas.text((RIGHT, up(bound_km) - 5), "borne inférieure", anchor="end")
    own = compared.curves[REFERENCE]
    for number, curve in enumerate(sorted(curves, key=_order)):
        _line(canvas, (across, up), curve, own)
        _key(canvas, FLOOR + 56 + 20 * number, curve)
    return Figure(title, canvas.render(title, description), description, _table(compared))


def _shown(curve: Curve) -> bool:
    return bool((curve.figures["rate"].mean(axis=1) <= MOST_RATE).any())


def _order(curve: Curve) -> tuple[int, str]:
    first = {CHOSEN: 0, REFERENCE: 1}.get(curve.family, 2 + (curve.family in FORESIGHT))
    return first, curve.family


def _style(family: str) -> tuple[str, float, bool]:
    """Return colour, width and whether dashed."""
    if family == CHOSEN:
        return ACCENT, 3.0, False
    if family == REFERENCE:
        return INK, 2.4, False
    if family in FORESIGHT:
        return MUTED, 1.6, True
    return (RUST if family.startswith("worth") else MUTED), 1.4, False


SHAPES = ("circle", "square", "triangle", "diamond")


def _shape(family: str) -> str:
    return SHAPES[sum(family.encode()) % len(SHAPES)]


def _line(canvas: Canvas, scales: tuple[Scale, Scale], curve: Curve, own: Curve) -> None:
    across, up = scales
    rate, km = (curve.figures[name].mean(axis=1) for name in ("rate", "km"))
    half = _half_widths(curve, own)
    colour, width, dashed = _style(curve.family)
    order = np.argsort(rate)
    inside = [k for k in order if rate[k] <= MOST_RATE]
    points = [(across(rate[k]), up(km[k])) for k in inside]
    canvas.polyline(points, colour, width, dashed=dashed)
    for k, place in zip(inside, points, strict=True):
        whisker(canvas, (place[0], up(km[k] - half[k])), (place[0], up(km[k] + half[k])), colour)
        canvas.mark(place, _shape(curve.family), colour, 4, hollow=dashed)  # type: ignore[arg-type]


def _half_widths(curve: Curve, own: Curve) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    """Return half of the 95 % interval of the mean km difference to the own round, (p,)."""
    shared = [one for one in curve.scenarios if one in own.scenarios]
    here = [curve.scenarios.index(one) for one in shared]
    there = [own.scenarios.index(one) for one in shared]
    row = own.parameters.index(OWN_CADENCE_DAYS)
    apart = curve.figures["km"][:, here] - own.figures["km"][row, there]
    if len(shared) < 2:
        return np.full(len(curve.parameters), np.nan)
    return np.asarray(Z95 * apart.std(axis=1, ddof=1) / np.sqrt(len(shared)))


def _key(canvas: Canvas, y: float, curve: Curve) -> None:
    colour, width, dashed = _style(curve.family)
    canvas.line((8, y - 4), (36, y - 4), colour, width, dashed=dashed)
    canvas.mark((22, y - 4), _shape(curve.family), colour, 4, hollow=dashed)  # type: ignore[arg-type]
    canvas.text((44, y), family_title(curve.family), colour=INK, bold=curve.family == CHOSEN)


def _table(compared: Comparison) -> Table:
    header = (
        "Politique", "Réglage", "Scénarios", "Débordements ‰", "km", "Heures de camion",
        "Arrêts", "Jours de tournée", "Remplissage au vidage", "Pire dixième ‰",
        "Pire quartier ‰", "Gini des attentes", "Niveau final",
    )  # fmt: skip
    rows = [
        _cells(curve, number)
        for curve in sorted(compared.curves.values(), key=_order)
        for number in range(len(curve.parameters))
    ]
    return Table(header, tuple(rows))


def _cells(curve: Curve, number: int) -> tuple[str, ...]:
    mean = {name: float(values[number].mean()) for name, values in curve.figures.items()}
    digits: Sequence[tuple[str, int]] = (
        ("rate", 1), ("km", 0), ("truck_hours", 0), ("stops", 0), ("rounds", 0),
    )  # fmt: skip
    return (
        family_title(curve.family),
        french.number(curve.parameters[number]),
        str(len(curve.scenarios)),
        *(french.number(mean[name], places) for name, places in digits),
        french.quantity(mean["fill_mean_percent"], "%", 0),
        french.number(mean["worst_decile"], 1),
        french.number(mean["worst_district"], 1),
        french.number(mean["gini_waits"], 2),
        french.quantity(mean["last_level_percent"], "%", 0),
    )
