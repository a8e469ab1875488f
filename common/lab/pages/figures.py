"""Plots of a run as accessible SVG: title, description and a table of their data each.

Never colour alone: shapes, hollow marks, dashes and words carry the same difference.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from common.edge.errors import UsageError
from common.lab.pages import french
from common.lab.pages.figure import MAX_POINTS, WIDTH, Figure, Table, ends, in_unit, score_table
from common.lab.pages.seriesplots import cold_start_curve, coverage_by_unit, weeks
from common.lab.pages.svg import (
    ACCENT,
    INK,
    Canvas,
    Scale,
    Shape,
    axes,
    log_scale,
    text_width,
    value_scale,
    whisker,
)
from common.lab.record import Footprint, Run, RungResult, Score

__all__ = [
    "KINDS",
    "MAX_POINTS",
    "Figure",
    "Table",
    "cold_start_curve",
    "coverage_by_unit",
    "dots",
    "drivers",
    "error_against_energy",
    "ladder_intervals",
    "main_metric",
    "prediction_footprint",
    "slices",
    "weeks",
]

KINDS: Mapping[str, str] = {
    "no_ai": "sans IA",
    "linear": "linéaire",
    "additive": "additif",
    "boosted": "arbres renforcés",
}
_SHAPES: Mapping[str, Shape] = {
    "no_ai": "square",
    "linear": "triangle",
    "additive": "circle",
    "boosted": "diamond",
}
_ROW = 42.0
_PREFERRED = ("nrmse", "wape")  # where a run does not name its main metric


def main_metric(run: Run) -> str:
    """Return the name of the task's main metric (``run.facts["main_metric"]``)."""
    scores = run.row(run.chosen).scores
    named = run.facts.get("main_metric")
    if named in scores:
        return str(named)
    lower = [name for name in sorted(scores) if scores[name].better == "lower"]
    return next((name for name in (*_PREFERRED, *lower, *scores) if name in scores), "")


def prediction_footprint(row: RungResult) -> Footprint | None:
    """Return the footprint of predicting: in batches where measured, else one by one."""
    return row.footprints.get("predict_1000") or row.footprints.get("predict_1")


def error_against_energy(run: Run, metric: str | None = None) -> Figure:
    """Plot error (y, 95 % interval) against CPU-seconds per 1,000 predictions (log x).

    CPU time is the primary comparable figure (DESIGN 2.4); the energy interval of each rung is
    in the table. Hollow marks were measured once only.
    """
    metric = metric or main_metric(run)
    points = [
        _Point(row, row.scores[metric], footprint, row.rung == run.chosen)
        for row in run.ladder
        if (footprint := prediction_footprint(row)) is not None
        and metric in row.scores
        and footprint.cpu_seconds_per_1000 > 0
    ]
    if not points:
        raise UsageError(f"run {run.id}: no rung has both {metric} and CPU time")
    title = "Précision et calcul : ce que coûte chaque point d'erreur en moins"
    description = (
        "Chaque forme est un barreau de l'échelle. Le barreau retenu, "
        f"« {run.row(run.chosen).title} », est en gras. Barre verticale : intervalle à 95 %. "
        "Forme creuse : calcul mesuré une seule fois ou instable, à ne pas comparer."
    )
    svg = _scatter(points).render(title, description)
    return Figure(title, svg, description, _scatter_table(points))


@dataclass(frozen=True)
class _Point:
    row: RungResult
    score: Score
    footprint: Footprint
    chosen: bool

    @property
    def colour(self) -> str:
        return ACCENT if self.chosen else INK


def _scatter(points: Sequence[_Point]) -> Canvas:
    """Draw numbered marks and their key below: names beside marks would cover each other."""
    names = [
        f"{number}  {point.row.title}" + (" (retenu)" if point.chosen else "")
        for number, point in enumerate(points, start=1)
    ]
    narrow = all(text_width(name, bold=True) < WIDTH / 2 - 16 for name in names)
    key_rows = (len(points) + 1) // 2 if narrow else len(points)
    canvas = Canvas(WIDTH, 420 + 22 * key_rows)
    across = log_scale([p.footprint.cpu_seconds_per_1000 for p in points], 62, WIDTH - 18)
    up = value_scale([v for p in points for v in ends(p.score)], 318, 34)
    unit = points[0].score.unit
    axes(canvas, across, up, unit)
    canvas.text((0, 16), f"Erreur{in_unit(unit)} ; plus bas est mieux")
    canvas.text((WIDTH - 18, 356), "secondes de processeur pour 1 000 prévisions", anchor="end")
    places = [(across(p.footprint.cpu_seconds_per_1000), up(p.score.value)) for p in points]
    heights = _apart([x for x, _ in places])
    for number, (point, (x, y)) in enumerate(zip(points, places, strict=True), start=1):
        low, high = up(point.score.low), up(point.score.high)
        whisker(canvas, (x, low), (x, high), point.colour)
        _mark(canvas, point, (x, y))
        above = (x, min(low, high) - 6 - 13 * heights[number - 1])
        canvas.text(above, str(number), colour=point.colour, bold=point.chosen, anchor="middle")
        column, row = divmod(number - 1, key_rows)
        where = (8 + column * WIDTH / 2, 384 + 22 * row)
        canvas.text(where, names[number - 1], colour=point.colour, bold=point.chosen)
    _legend(canvas, 388 + 22 * key_rows, [point.row.kind for point in points])
    return canvas


def _mark(canvas: Canvas, point: _Point, where: tuple[float, float]) -> None:
    shape = _SHAPES.get(point.row.kind, "circle")
    size = 7.5 if point.chosen else 5
    canvas.mark(where, shape, point.colour, size, hollow=point.footprint.quality == "low")


def _apart(xs: Sequence[float], width: float = 16.0) -> list[int]:
    """Return how many steps each number is lifted so that close marks' numbers stay apart."""
    heights = [0] * len(xs)
    order = sorted(range(len(xs)), key=xs.__getitem__)
    for before, place in pairwise(order):
        if xs[place] - xs[before] < width:
            heights[place] = (heights[before] + 1) % 3
    return heights


def _scatter_table(points: Sequence[_Point]) -> Table:
    rows = []
    for point in points:
        low, _, high = point.footprint.wh_per_1000
        rows.append(
            (
                point.row.title,
                KINDS.get(point.row.kind, point.row.kind),
                french.quantity(point.score.value, point.score.unit),
                french.bounds(point.score.low, point.score.high, point.score.unit),
                french.number(point.footprint.cpu_seconds_per_1000),
                f"{french.bounds(low, high, 'Wh')}, preuve {point.footprint.tier[0]}",
            )
        )
    header = (
        "Barreau",
        "Nature",
        "Erreur",
        "Intervalle à 95 %",
        "CPU-s pour 1 000 prévisions",
        "Énergie pour 1 000 prévisions",
    )
    return Table(header, tuple(rows))


def _legend(canvas: Canvas, y: float, kinds: Sequence[str]) -> None:
    x = 20.0
    for kind in (kind for kind in KINDS if kind in kinds):
        canvas.mark((x, y - 4), _SHAPES[kind], INK)
        canvas.text((x + 12, y), KINDS[kind])
        x += text_width(KINDS[kind]) + 36
    canvas.mark((20.0, y + 18), "circle", INK, hollow=True)
    canvas.text((32.0, y + 22), "forme creuse : mesure unique ou instable")


def ladder_intervals(run: Run, metric: str | None = None) -> Figure:
    """Plot each rung's test score and its 95 % interval, best first."""
    metric = metric or main_metric(run)
    rows = [(row, row.scores[metric]) for row in run.ladder if metric in row.scores]
    if not rows:
        raise UsageError(f"run {run.id}: no rung is scored on {metric}")
    sign = -1 if rows[0][1].better == "higher" else 1
    rows.sort(key=lambda pair: (sign * pair[1].value, pair[0].rung))
    title = "L'erreur de chaque barreau sur la période de test"
    description = (
        "Un point par barreau, du meilleur au moins bon ; le trait est l'intervalle à 95 %. "
        f"Le barreau retenu, « {run.row(run.chosen).title} », est un losange, en gras."
    )
    labels = [
        f"{row.title} · {KINDS.get(row.kind, row.kind)}"
        + (" · retenu" if row.rung == run.chosen else "")
        for row, _ in rows
    ]
    chosen = [row.rung == run.chosen for row, _ in rows]
    svg = dots(title, description, labels, [score for _, score in rows], chosen)
    return Figure(title, svg, description, score_table("Barreau", labels, rows))


LARGEST_FIRST = "Un point par classe, de la plus grande valeur à la plus petite."


def slices(
    title: str,
    values: Mapping[str, float | Score],
    unit: str = "%",
    description: str = LARGEST_FIRST,
) -> Figure:
    """Plot a score per class of a slice (kind of building, district), highest first."""
    scores = {
        name: value
        if isinstance(value, Score)
        else Score(title, unit, "lower", value, math.nan, math.nan, 0, 0)
        for name, value in values.items()
    }
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1].value, pair[0]))
    labels = [name for name, _ in ranked]
    shown = [score for _, score in ranked]
    svg = dots(title, description, labels, shown, [False] * len(shown))
    return Figure(title, svg, description, score_table("Classe", labels, ranked))


def drivers(explanation: Mapping[str, float], unit: str = "") -> Figure:
    """Plot the mean absolute contribution of each group of terms as bars."""
    title = "Ce qui pèse dans la prévision"
    ranked = sorted(explanation.items(), key=lambda pair: (-pair[1], pair[0]))
    total = sum(value for _, value in ranked) or 1.0
    top = max((value for _, value in ranked), default=0.0) or 1.0
    canvas = Canvas(WIDTH, _ROW * max(len(ranked), 1) + 6)
    across = Scale(0, top, 0, WIDTH - 70)
    for i, (name, value) in enumerate(ranked):
        y = i * _ROW
        canvas.text((0, y + 15), name, colour=INK)
        canvas.rect((0, y + 21), (max(across(value), 1), 12))
        canvas.text((across(value) + 8, y + 32), french.percent(value / total, 0))
    description = (
        "Part de chaque famille d'informations dans l'ampleur moyenne des contributions, "
        "sur la période de test."
    )
    table = Table(
        ("Famille d'informations", "Contribution absolue moyenne", "Part"),
        tuple(
            (name, french.quantity(value, unit), french.percent(value / total, 0))
            for name, value in ranked
        ),
    )
    return Figure(title, canvas.render(title, description), description, table)


def dots(
    title: str,
    description: str,
    labels: Sequence[str],
    scores: Sequence[Score],
    chosen: Sequence[bool],
) -> str:
    """Draw a labelled row per score: the label above, the dot and its interval below.

    Those ``chosen`` are diamonds, in bold.
    """
    canvas = Canvas(WIDTH, _ROW * len(scores) + 40)
    bottom = _ROW * len(scores) + 6
    values = [v for s in scores for v in (s.value, s.low, s.high) if math.isfinite(v)]
    across = Scale(min([0.0, *values]), max(values, default=0.0) * 1.04 or 1.0, 14, WIDTH - 70)
    for tick in across.ticks():
        canvas.line((across(tick), 0), (across(tick), bottom))
        words = across.label(tick, scores[0].unit)
        canvas.text((across(tick), bottom + 18), words, anchor="middle")
    for i, (label, score) in enumerate(zip(labels, scores, strict=True)):
        y = i * _ROW + 30
        colour = ACCENT if chosen[i] else INK
        canvas.rect((8, y - 25), (text_width(label, bold=chosen[i]) + 12, 17), "#fff")
        canvas.text((14, y - 12), label, colour=colour, bold=chosen[i])
        whisker(canvas, (across(score.low), y), (across(score.high), y), colour)
        canvas.mark((across(score.value), y), "diamond" if chosen[i] else "circle", colour)
        right = across(score.high) if math.isfinite(score.high) else across(score.value)
        value = french.quantity(score.value, score.unit)
        canvas.text((right + 10, y + 5), value, colour=colour, bold=chosen[i])
    return canvas.render(title, description)
