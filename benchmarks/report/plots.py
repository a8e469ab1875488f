"""Plots of a comparison: error of each candidate, error against energy with boxes, slices."""

import itertools
import math
from collections.abc import Sequence

from benchmarks.records import LEVELS, Comparison, Standing
from benchmarks.report import words
from common.lab.pages.figure import WIDTH, Figure, Table, score_table
from common.lab.pages.figures import dots
from common.lab.pages.svg import ACCENT, INK, Canvas, Scale, Shape, axes, log_scale, value_scale

__all__ = ["error_against_energy", "errors"]

_SHAPES: dict[int, Shape] = {4: "circle", 3: "diamond", 2: "triangle", 1: "square", 0: "square"}
_TOP, _BOTTOM, _LEFT, _RIGHT = 34.0, 318.0, 62.0, WIDTH - 18


def errors(comparison: Comparison, metric: str) -> Figure:
    """Plot each entry's main metric with its 95 % interval, best first."""
    rows = [
        (standing, standing.scores[metric])
        for standing in comparison.standings
        if metric in standing.scores
    ]
    sign = -1 if rows[0][1].better == "higher" else 1
    rows.sort(key=lambda pair: (sign * pair[1].value, pair[0].entry.id))
    labels = [f"{standing.entry.title} · {_role(standing)}" for standing, _ in rows]
    title = "L'erreur de chaque solution, sur les mêmes lignes"
    description = (
        "Un point par solution, de la meilleure à la moins bonne ; le trait est l'intervalle à "
        "95 %. Le modèle de référence est un losange, en gras. Deux traits qui se "
        "recouvrent ne disent rien : seul l'écart apparié du tableau permet de conclure."
    )
    chosen = [standing.entry.role == "reference" for standing, _ in rows]
    svg = dots(title, description, labels, [score for _, score in rows], chosen)
    return Figure(title, svg, description, score_table("Solution", labels, rows))


def error_against_energy(comparison: Comparison) -> Figure:
    """Plot error over the reference's (y) against energy per 1,000 answers (log x), as boxes.

    A box spans the 95 % interval of the error and the interval of the energy; dashed where the
    energy was not measured here. Dominated entries are hollow (``Standing.dominated_by``).
    """
    shown = [standing for standing in comparison.standings if _placed(standing)]
    title = "Erreur et énergie : qui domine qui"
    description = (
        "Chaque boîte couvre l'intervalle à 95 % de l'écart d'erreur avec la référence et "
        "l'intervalle d'énergie. Bord plein : énergie mesurée ici ; bord en tirets : énergie "
        "déclarée, estimée ou mesurée par le fournisseur, à ne pas comparer à égalité. Forme "
        "creuse : solution dominée, son meilleur coin est derrière le pire coin d'une autre."
    )
    svg = _boxes(shown).render(title, description)
    return Figure(title, svg, description, _table(comparison.standings))


def _placed(standing: Standing) -> bool:
    known = math.isfinite(standing.entry.predict.high) and standing.entry.predict.low > 0
    return known and standing.verdict != "refused"


def _role(standing: Standing) -> str:
    return {"no_ai": "sans IA", "reference": "référence", "candidate": "candidate"}[
        standing.entry.role
    ]


def _errors_of(standing: Standing) -> tuple[float, float, float]:
    """Return the relative difference in % with its interval; the reference stands at zero."""
    difference = standing.difference
    if difference is None:
        return 0.0, 0.0, 0.0
    centre, low, high = difference.relative, difference.relative_low, difference.relative_high
    return 100 * centre, 100 * low, 100 * high


def _boxes(shown: Sequence[Standing]) -> Canvas:
    key_rows = len(shown)
    canvas = Canvas(WIDTH, 420 + 22 * key_rows)
    if not shown:
        canvas.text((20, 40), "Aucune énergie connue : rien à placer.")
        return canvas
    energies = [wh for s in shown for wh in (s.entry.predict.low, s.entry.predict.high)]
    across = log_scale(energies, _LEFT, _RIGHT)
    up = value_scale([0.0, *(v for s in shown for v in _errors_of(s))], _BOTTOM, _TOP)
    axes(canvas, across, up, "%")
    canvas.line((_LEFT, up(0)), (_RIGHT, up(0)), INK, 1.2, dashed=True)
    canvas.text((0, 16), "Écart d'erreur avec la référence ; plus bas est mieux")
    canvas.text((_RIGHT, 356), "Wh pour 1 000 réponses (échelle logarithmique)", anchor="end")
    for number, standing in enumerate(shown, start=1):
        _box(canvas, standing, number, across, up)
        colour = ACCENT if standing.entry.role == "reference" else INK
        text = f"{number}  {standing.entry.title}" + (" (dominée)" * bool(standing.dominated_by))
        where = (8, 362 + 22 * number)
        canvas.text(where, text, colour=colour, bold=standing.entry.role == "reference")
    _legend(canvas, 390 + 22 * key_rows, shown)
    return canvas


def _box(canvas: Canvas, standing: Standing, number: int, across: Scale, up: Scale) -> None:
    evidence, (centre, low, high) = standing.entry.predict, _errors_of(standing)
    colour = ACCENT if standing.entry.role == "reference" else INK
    left, right = across(evidence.low), across(evidence.high)
    top, bottom = up(high), up(low)
    corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
    for start, stop in itertools.pairwise(corners):
        canvas.line(start, stop, colour, 1.4, dashed=evidence.level < 4)
    middle = across(evidence.central), up(centre)
    hollow = bool(standing.dominated_by)
    canvas.mark(middle, _SHAPES[evidence.level], colour, 5, hollow=hollow)
    canvas.text((right + 4, top + 10), str(number), colour=colour)


def _legend(canvas: Canvas, y: float, shown: Sequence[Standing]) -> None:
    x = 20.0
    for level in sorted({standing.entry.predict.level for standing in shown}, reverse=True):
        canvas.mark((x, y - 4), _SHAPES[level], INK)
        canvas.text((x + 12, y), LEVELS[level])
        x += 12 + 7.2 * len(LEVELS[level]) + 20


def _table(standings: Sequence[Standing]) -> Table:
    rows = []
    for standing in standings:
        centre, spread = words.relative_loss(standing)
        amount, level = words.energy(standing.entry.predict)
        dominated = ", ".join(standing.dominated_by) or "non"
        rows.append((standing.entry.title, centre, spread or "—", amount, level, dominated))
    header = (
        "Solution", "Écart d'erreur", "Intervalle à 95 %", "Énergie pour 1 000 réponses",
        "Preuve", "Dominée par",
    )  # fmt: skip
    return Table(header, tuple(rows))
