"""The page « semaine »: when is there a chance of a free bay, zone by zone, hour by hour."""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np

from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.french import number, plural
from common.lab.pages.section import Listing, Section
from common.lab.pages.svg import INK, MUTED, Canvas
from common.lab.usecase import Array
from usecases.delivery_zones.decision.observed import GOODS_HOURS, GOODS_WEEKDAYS, Observed
from usecases.delivery_zones.decision.page_parts import Page, at_hour
from usecases.delivery_zones.decision.week_grid import (
    HOURS,
    MIN_DAYS,
    WeekGrid,
    chance_of,
    chance_short,
)

__all__ = ["week_csv", "week_figure", "week_page"]

SHOWN_HOURS: Final = range(6, 22)
ROW, TOP, LEFT, COLUMN = 24, 26, 50, 72
"""Whole pixels: a page of eight grids stays light."""
TINTS: Final = ((0.3, "#f0b48a"), (0.6, "#f8dcc3"), (0.8, "#eef3f1"), (1.01, "#bfe0d6"))
"""Upper bound of the chance and tint; the number in the cell says the same without colour."""
PARTS: Final = ((7, 10), (10, 13), (13, 16), (16, 20))
MAX_ROWS: Final = 120
"""Zones of the compact table; the CSV file has them all."""
CSV_FILE: Final = "semaine.csv"


class _GridCanvas(Canvas):
    """A canvas that draws many cells in one path and writes a row of texts in one element."""

    def cells(self, corners: Sequence[tuple[int, int]], colour: str) -> None:
        path = "".join(f"M{x} {y + ROW // 2 - 1}h{COLUMN - 2}" for x, y in corners)
        self._body.append(f'<path d="{path}" stroke="{colour}" stroke-width="{ROW - 2}"/>')

    def hatch(self, corners: Sequence[tuple[int, int]]) -> None:
        steps = range(0, COLUMN - 24, 12)
        path = "".join(f"M{x + step} {y + ROW - 2}l22-22" for x, y in corners for step in steps)
        self._body.append(f'<path d="{path}" stroke="{MUTED}" stroke-width=".6"/>')

    def texts(self, y: int, placed: Sequence[tuple[int, str]], *, small: bool) -> None:
        style = f'font-size="10" fill="{MUTED}"' if small else f'font-weight="600" fill="{INK}"'
        spans = "".join(
            f'<tspan x="{x}">{words.replace("<", "&lt;")}</tspan>' for x, words in placed if words
        )
        self._body.append(f'<text y="{y}" text-anchor="middle" {style}>{spans}</text>')


def week_page(seen: Observed, grid: WeekGrid, chosen: Sequence[str]) -> Page:
    """Return the page of a week: a figure for each zone chosen, a compact table for the others.

    Parameters
    ----------
    seen
        Titles, bays, period.
    grid
        Observed, or from a model.
    chosen
        Zones with a figure, in the order of the page.
    """
    known = [zone for zone in chosen if zone in grid.zones]
    others = [zone for zone in grid.zones if zone not in known]
    source = (
        f"Prévision : {grid.forecast}."
        if grid.forecast
        else f"Observé {seen.period}, à chaque quart d'heure."
    )
    sections = [
        Section(
            "Zone par zone",
            words=[
                "Le nombre d'une case est le nombre de chances sur 10 de trouver au moins une "
                "place à l'arrivée. Il ne promet rien pour aujourd'hui.",
                source,
            ],
            figures=[week_figure(seen.title(zone), *grid.of(zone), grid) for zone in known],
        )
    ]
    if others:
        sections.append(_others(seen, grid, others))
    return Page(
        file="semaine.html",
        title="La semaine : où et quand trouver une place",
        lead="Heure par heure, le nombre de chances sur 10 qu'une place soit disponible à "
        "l'arrivée.",
        first=_first(seen, grid, known),
        sections=sections,
        exports=[(CSV_FILE, "toutes les zones, jours et heures, avec le nombre de jours observés")],
    )


def week_figure(title: str, chance: Array, days: Array | None, grid: WeekGrid) -> Figure:
    """Return the grid of one zone: hours down, days across, 6 to 22 h; the table has all hours."""
    canvas = _GridCanvas(WIDTH, TOP + ROW * len(SHOWN_HOURS) + 4)
    xs = [LEFT + COLUMN * day for day in range(7)]
    canvas.texts(16, _placed(xs, 0, grid.day_titles), small=False)
    _paint(canvas, chance, xs)
    for line, hour in enumerate(SHOWN_HOURS):
        y = TOP + ROW * line + 16
        canvas.text((LEFT - 6, y), at_hour(hour), anchor="end")
        shift = 0 if days is None else -14
        canvas.texts(y, _placed(xs, shift, map(chance_short, chance[:, hour])), small=False)
        if days is not None:
            words = [f"{count}\u00a0j" if count else "" for count in days[:, hour]]
            canvas.texts(y, _placed(xs, 16, words), small=True)
    description = (
        "Lecture : "
        + _read_off(chance, grid)
        + " Hachures et tiret : "
        + ("inconnu ; un capteur en panne n'est pas une place." if days is not None
           else "pas de prévision.")
    )  # fmt: skip
    if days is not None:
        description += f" « j » : nombre de jours derrière la case ({MIN_DAYS} au moins)."
    return Figure(title, canvas.render(title, description), description, _table(chance, grid))


def week_csv(seen: Observed, grid: WeekGrid) -> list[str]:
    """Return the lines of the CSV file: every zone, day and hour; unknown cells are empty."""
    lines = ["\ufeffzone;nom;jour;heure;chance;jours_observes\n"]
    for row, zone in enumerate(grid.zones):
        name = seen.title(zone).replace(";", ",")
        for day, title in enumerate(grid.day_titles):
            for hour in range(HOURS):
                chance = grid.chance[row, day, hour]
                told = f"{chance:.3f}".replace(".", ",") if np.isfinite(chance) else ""
                count = "" if grid.days is None else grid.days[row, day, hour]
                lines.append(f"{zone};{name};{title};{hour};{told};{count}\n")
    return lines


def _placed(xs: Sequence[int], shift: int, words: Iterable[str]) -> list[tuple[int, str]]:
    return [(x + COLUMN // 2 + shift, said) for x, said in zip(xs, words, strict=True)]


def _paint(canvas: _GridCanvas, chance: Array, xs: Sequence[int]) -> None:
    """Tint the cells by chance; hatch those that are not known."""
    shown = chance[:, list(SHOWN_HOURS)]
    low = -1.0
    for high, colour in TINTS:
        where = np.argwhere((shown >= low) & (shown < high))
        canvas.cells(_corners(where, xs), colour)
        low = high
    canvas.hatch(_corners(np.argwhere(~np.isfinite(shown)), xs))


def _corners(cells: Array, xs: Sequence[int]) -> list[tuple[int, int]]:
    return [(xs[day], TOP + ROW * int(line)) for day, line in cells]


def _read_off(chance: Array, grid: WeekGrid) -> str:
    """Return the sentence of the hardest known goods hour."""
    found = _hardest(chance)
    if found is None:
        return "aucune heure de livraison n'est connue."
    day, hour = found
    return f"{grid.hour_words(day, hour)}, {chance_of(float(chance[day, hour]))}."


def _hardest(chance: Array) -> tuple[int, int] | None:
    """Return day and hour of the lowest chance in goods hours; None where none is known."""
    start, stop = GOODS_HOURS
    goods = chance[:GOODS_WEEKDAYS, start:stop]
    if not np.isfinite(goods).any():
        return None
    day, hour = np.unravel_index(int(np.nanargmin(goods)), goods.shape)
    return int(day), int(hour) + start


def _table(chance: Array, grid: WeekGrid) -> Table:
    rows = tuple(
        (f"{hour} h", *(chance_short(float(p)) for p in chance[:, hour])) for hour in range(HOURS)
    )
    return Table(("Chances sur 10", *grid.day_titles), rows)


def _first(seen: Observed, grid: WeekGrid, known: Sequence[str]) -> list[str]:
    """Return what to do first: the zone and hours where a bay is hardest to find."""
    told = [(zone, found) for zone in known if (found := _hardest(grid.of(zone)[0]))]
    if not told:
        return ["Aucune heure de livraison n'est connue : vérifier les capteurs d'abord."]
    zone, (day, hour) = min(
        told, key=lambda pair: float(grid.of(pair[0])[0][pair[1][0], pair[1][1]])
    )
    chance = float(grid.of(zone)[0][day, hour])
    return [
        f"À regarder d'abord : {seen.title(zone)}, {grid.hour_words(day, hour)}, "
        f"{chance_of(chance)} de trouver une place.",
        f"Cherché du lundi au samedi, de {at_hour(GOODS_HOURS[0])} à {at_hour(GOODS_HOURS[1])} "
        "(HYPOTHÈSE : heures de livraison, faute d'arrêté dans les données).",
    ]


def _others(seen: Observed, grid: WeekGrid, zones: Sequence[str]) -> Section:
    """Return the compact table: mean chance by part of the working day."""
    rows = []
    for zone in zones:
        chance, days = grid.of(zone)
        means = [_mean(chance[:GOODS_WEEKDAYS, start:stop]) for start, stop in PARTS]
        bays = int(seen.zones["n_spaces"].iloc[seen.place(zone)])
        count = "" if days is None else number(int(days.sum(axis=0).max()), 0)
        rows.append((np.nan_to_num(min(means), nan=2.0),
                     (seen.title(zone), str(bays), *map(chance_short, means), count)))  # fmt: skip
    rows.sort(key=lambda pair: float(pair[0]))
    shown = [cells for _, cells in rows[:MAX_ROWS]]
    header = ("Zone", "Places", *(f"{a} h à {b} h" for a, b in PARTS), "Jours")
    note = (
        f"Les {plural(len(shown), 'zone')} les plus remplies sur {plural(len(rows), 'zone')} ; "
        f"{CSV_FILE} les a toutes. Chances sur 10, lundi à samedi ; « — » : inconnu."
    )
    listing = Listing("Chances sur 10 de trouver une place", header, shown)
    return Section("Les autres zones", listings=[listing], notes=[note])


def _mean(chance: Array) -> float:
    return float(np.nanmean(chance)) if np.isfinite(chance).any() else float("nan")
