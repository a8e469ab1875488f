"""Plots of series: weeks of measurements, coverage per unit, learning on a new site."""

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.lab.pages import french
from common.lab.pages.figure import WIDTH, Figure, Table, ends, in_unit, score_table, thin
from common.lab.pages.svg import (
    ACCENT,
    INK,
    RUST,
    TINT,
    Canvas,
    Scale,
    axes,
    value_scale,
    whisker,
)
from common.lab.record import Score

__all__ = ["cold_start_curve", "coverage_by_unit", "weeks"]

_DAYS = ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim.")

Floats = npt.NDArray[np.floating]


def coverage_by_unit(
    units: Sequence[str], coverage: Sequence[float], target: float = 0.8, noun: str = "Unité"
) -> Figure:
    """Plot the share of truths inside the interval, a mark per unit, lowest first.

    Parameters
    ----------
    units, coverage
        Names and shares in [0, 1].
    target
        Nominal coverage.
    noun
        What a unit is called in the table.
    """
    known = sorted(
        (float(share), str(unit))
        for unit, share in zip(units, coverage, strict=True)
        if math.isfinite(share)
    )
    if not known:
        raise UsageError("no unit has a coverage", expected="at least one finite share")
    title = f"L'intervalle à {french.percent(target, 0)} tient-il parole, unité par unité ?"
    shown = thin(len(known))
    near = sum(abs(share - target) <= 0.02 + 1e-12 for share, _ in known)
    description = (
        f"{french.percent(near / len(known), 0)} des unités sont à moins de deux points de la "
        f"promesse ; les extrêmes sont {french.percent(known[0][0])} et "
        f"{french.percent(known[-1][0])}. Cercle creux : plus de deux points en dessous."
    )
    svg = _coverage_canvas([share for share, _ in known], shown, target).render(title, description)
    rows = tuple((known[i][1], french.percent(known[i][0])) for i in shown)
    return Figure(title, svg, description, Table((noun, "Couverture"), rows))


def _coverage_canvas(shares: Sequence[float], shown: npt.NDArray[np.intp], target: float) -> Canvas:
    """Draw shares sorted upwards; only the marks at ``shown``."""
    canvas = Canvas(WIDTH, 250)
    low = min(shares[0], target - 0.1)
    up = Scale(max(0.0, low - 0.05), 1.0, 206, 30)
    across = Scale(-0.5, max(len(shares) - 0.5, 0.5), 46, WIDTH - 14)
    for tick in up.ticks(4):
        canvas.line((46, up(tick)), (WIDTH - 14, up(tick)))
        canvas.text((40, up(tick) + 4), french.percent(tick, 0), anchor="end")
    canvas.line((46, up(target)), (WIDTH - 14, up(target)), RUST, 1.6, dashed=True)
    canvas.text(
        (WIDTH - 14, 16),
        f"pointillés : promesse de {french.percent(target, 0)}",
        anchor="end",
        colour=RUST,
    )
    for i in shown:
        canvas.mark((across(i), up(shares[i])), size=3, hollow=shares[i] < target - 0.02)
    words = f"{french.plural(len(shares), 'unité')}, de la moins couverte à la plus couverte"
    canvas.text((46, 232), words)
    return canvas


def weeks(
    title: str,
    times: npt.NDArray[np.datetime64],
    actual: Floats,
    forecast: Floats,
    lower: Floats,
    upper: Floats,
    *,
    unit: str = "kWh",
) -> Figure:
    """Plot measured and forecast values of about a week with the interval.

    Parameters
    ----------
    title
        For example « Semaine médiane : école 12 ».
    times
        Civil times, datetime64, shape (n,).
    actual, forecast, lower, upper
        Shape (n,); NaN breaks the line.
    unit
        Of the values.
    """
    keep = thin(len(times))
    times = np.asarray(times, dtype="datetime64[m]")[keep]
    series = [np.asarray(x, dtype=float)[keep] for x in (actual, forecast, lower, upper)]
    known = np.concatenate(series)
    known = known[np.isfinite(known)]
    if len(times) < 2 or not len(known):
        raise UsageError(f"figure {title!r} has nothing to draw", expected="two times, one value")
    description = _week_words(times, series)
    svg = _week_canvas(times, series, unit).render(title, description)
    return Figure(title, svg, description, _week_table(times, series, unit))


def _week_canvas(times: npt.NDArray[np.datetime64], series: Sequence[Floats], unit: str) -> Canvas:
    minutes = (times - times[0]).astype(float)
    known = np.concatenate(list(series))
    known = known[np.isfinite(known)]
    canvas = Canvas(WIDTH, 286)
    top = float(known.max())
    bottom = min(0.0, float(known.min()))
    up = Scale(bottom, top if top > bottom else bottom + 1, 228, 36)
    across = Scale(0.0, float(minutes[-1]), 52, WIDTH - 12)
    for tick in up.ticks(4):
        canvas.line((52, up(tick)), (WIDTH - 12, up(tick)))
        canvas.text((46, up(tick) + 4), up.label(tick), anchor="end")
    canvas.text((0, 16), unit)
    _day_ticks(canvas, times, across)
    lines = [
        [
            (across(m), up(v) if math.isfinite(v) else math.nan)
            for m, v in zip(minutes, values, strict=True)
        ]
        for values in series
    ]
    canvas.band(lines[2], lines[3])
    canvas.polyline(lines[1], ACCENT, 2, dashed=True)
    canvas.polyline(lines[0], INK, 1.5)
    canvas.line((52, 274), (78, 274), INK, 1.5)
    canvas.text((84, 278), "mesuré", colour=INK)
    canvas.line((160, 274), (186, 274), ACCENT, 2, dashed=True)
    canvas.text((192, 278), "prévu", colour=ACCENT)
    canvas.rect((262, 267), (26, 13), TINT)
    canvas.text((294, 278), "intervalle annoncé")
    return canvas


def _week_words(times: npt.NDArray[np.datetime64], series: Sequence[Floats]) -> str:
    actual, _, lower, upper = series
    both = np.isfinite(actual) & np.isfinite(lower) & np.isfinite(upper)
    inside = (actual[both] >= lower[both]) & (actual[both] <= upper[both])
    share = float(inside.mean()) if len(inside) else math.nan
    return (
        f"Du {french.date_fr(times[0].item())} au {french.date_fr(times[-1].item())} : valeurs "
        "mesurées (trait plein), prévues (tirets) et intervalle annoncé, qui contient "
        f"{french.percent(share, 0)} des mesures."
    )


def _week_table(times: npt.NDArray[np.datetime64], series: Sequence[Floats], unit: str) -> Table:
    """Return a line per civil day: 168 hours would be read by nobody."""
    days = times.astype("datetime64[D]")
    rows = []
    for day in np.unique(days):
        here = days == day
        means = [
            float(values[here & np.isfinite(values)].mean())
            if (here & np.isfinite(values)).any()
            else math.nan
            for values in series
        ]
        rows.append((french.date_fr(day.item()), *(french.quantity(m, unit) for m in means)))
    return Table(("Moyenne du jour", "Mesuré", "Prévu", "Borne basse", "Borne haute"), tuple(rows))


def _day_ticks(canvas: Canvas, times: npt.NDArray[np.datetime64], across: Scale) -> None:
    """Mark midnights; a label at each where they are a week at most, else every week."""
    midnights = np.unique(times.astype("datetime64[D]"))
    every = math.ceil(len(midnights) / 8)
    for day in midnights[::every]:
        minutes = float((day.astype("datetime64[m]") - times[0]).astype(float))
        if minutes >= 0:
            x = across(minutes)
            canvas.line((x, 36), (x, 232))
            if x < across.stop - 24:
                canvas.text((x + 3, 246), _DAYS[day.item().weekday()] + f" {day.item().day}")


def cold_start_curve(
    days: Sequence[float], scores: Sequence[Score], reference: Score | None = None
) -> Figure:
    """Plot the error against the days of history of a new site, with 95 % intervals."""
    title = "Un site nouveau : combien de jours de mesures faut-il ?"
    if len(days) < 2 or len(days) != len(scores):
        raise UsageError(
            f"{len(days)} numbers of days, {len(scores)} scores", expected="as many, two or more"
        )
    every = [*scores, reference] if reference else list(scores)
    canvas = Canvas(WIDTH, 280)
    across = Scale(min(days), max(days), 62, WIDTH - 22)
    up = value_scale([v for score in every for v in ends(score)], 226, 34)
    axes(canvas, across, up, scores[0].unit, days=days)
    canvas.text((0, 16), f"Erreur{in_unit(scores[0].unit)} ; plus bas est mieux")
    canvas.text((WIDTH - 18, 266), "jours d'historique", anchor="end")
    if reference:
        y = up(reference.value)
        canvas.line((52, y), (WIDTH - 18, y), RUST, 1.6, dashed=True)
        canvas.text((WIDTH - 18, 16), "pointillés : tout l'historique", anchor="end", colour=RUST)
    canvas.polyline([(across(d), up(s.value)) for d, s in zip(days, scores, strict=True)])
    for day, score in zip(days, scores, strict=True):
        whisker(canvas, (across(day), up(score.low)), (across(day), up(score.high)), ACCENT)
        canvas.mark((across(day), up(score.value)))
    description = (
        f"L'erreur passe de {french.quantity(scores[0].value, scores[0].unit)} avec "
        f"{french.plural(days[0], 'jour')} de mesures à "
        f"{french.quantity(scores[-1].value, scores[-1].unit)} avec "
        f"{french.plural(days[-1], 'jour')}. Barre verticale : intervalle à 95 %."
    )
    labels = [french.plural(day, "jour") for day in days]
    table = score_table("Historique", labels, list(zip(labels, scores, strict=True)))
    return Figure(title, canvas.render(title, description), description, table)
