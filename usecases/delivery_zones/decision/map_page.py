"""The page « carte »: where all bays are taken, how often, and where nothing is known."""

from typing import Final

import numpy as np
import pandas as pd

from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.french import bounds, number, percent, plural
from common.lab.pages.section import Listing, Plot, Section
from common.lab.pages.svg import ACCENT, INK, Canvas, Scale, whisker
from usecases.delivery_zones.decision.map import Mark, area_map
from usecases.delivery_zones.decision.observed import Observed
from usecases.delivery_zones.decision.page_parts import Drawing, Page

__all__ = ["full_csv", "map_page"]

FULL_BOUNDS: Final = (0.05, 0.2, 0.4)
MARKS: Final = (
    Mark("Complète moins de 5 % du temps", 0),
    Mark("de 5 à 20 %", 2),
    Mark("de 20 à 40 %", 3),
    Mark("40 % du temps ou plus", 1),
    Mark("Pas de données : inconnu, ni libre ni complète", 5),
)
"""The order of `FULL_BOUNDS`, then what is not known; each class has its own shape."""
UNKNOWN_MARK: Final = len(MARKS) - 1
MAX_ROWS, MAX_BARS = 60, 15
ROW, LEFT = 34.0, 18.0
MIN_MAPPED: Final = 3
"""Two points make no map."""
CSV_FILE: Final = "carte.csv"


def map_page(seen: Observed) -> Page:
    """Return the page of the map; without positions, the same figures as a ranking."""
    table = seen.zones.set_index("curb_zone_id").join(seen.share_full)
    placed = table["lon"].notna() & table["lat"].notna()
    figures: list[Plot] = [_map(table[placed])] if placed.sum() >= MIN_MAPPED else []
    if (ranking := _ranking(table)) is not None:
        figures.append(ranking)
    words = [
        "Part du temps où toutes les places d'une zone sont prises aux heures de livraison "
        f"({seen.hours_words}), {seen.period}.",
    ]
    if not placed.all():
        words.append(
            f"Sans coordonnées dans les données : {plural(int((~placed).sum()), 'zone')}, au "
            "tableau mais pas sur la carte."
        )
    return Page(
        file="carte.html",
        title="La carte : où les places manquent",
        lead="La part du temps où toutes les places d'une zone sont prises aux heures de "
        "livraison.",
        first=_first(table),
        sections=[
            Section("Où", words=words, figures=figures),
            Section("Zone par zone", listings=[_listing(table)], notes=[
                "Intervalle à 95 %, jours entiers rééchantillonnés.",
                f"{CSV_FILE} donne toutes les zones.",
            ]),
        ],
        exports=[(CSV_FILE, "toutes les zones avec leur part du temps complète et son intervalle")],
    )  # fmt: skip


def full_csv(seen: Observed) -> list[str]:
    """Return the lines of the CSV file: a zone each, empty where nothing is known."""
    table = seen.zones.set_index("curb_zone_id").join(seen.share_full)
    lines = ["\ufeffzone;nom;places;lon;lat;part_complete;bas_95;haut_95;jours\n"]
    for zone, row in table.iterrows():
        figures = [row["lon"], row["lat"], row["share"], row["low"], row["high"]]
        cells = [f"{x:.6g}".replace(".", ",") if np.isfinite(x) else "" for x in figures]
        name = str(row["title"]).replace(";", ",")
        lines.append(f"{zone};{name};{row['n_spaces']};{';'.join(cells)};{int(row['days'])}\n")
    return lines


def _class(share: float) -> int:
    """Return the place of a share among the marks.

    >>> [_class(x) for x in (0.0, 0.05, 0.39, 0.4, float("nan"))]
    [0, 1, 2, 3, 4]
    """
    if not np.isfinite(share):
        return UNKNOWN_MARK
    return int(np.searchsorted(FULL_BOUNDS, share, side="right"))


def _map(table: pd.DataFrame) -> Drawing:
    communes = table["commune"].fillna("") if "commune" in table else pd.Series("", table.index)
    classes = [_class(share) for share in table["share"]]
    ranked = table["share"].rank(ascending=False, method="first")
    labels = [
        f"{title} : {percent(share, 0)}" if place <= MAX_ROWS else ""
        for title, share, place in zip(table["title"], table["share"], ranked, strict=True)
    ]
    title = "Les zones, par part du temps où toutes les places sont prises"
    n_unknown = classes.count(UNKNOWN_MARK)
    description = (
        f"{plural(len(table), 'zone')} à leur place, sans fond de carte ; la forme et la couleur "
        f"disent la part du temps complète. {plural(n_unknown, 'zone')} sans données : anneau vide."
    )
    svg = area_map(
        table[["lon", "lat"]].to_numpy(float), communes.tolist(), classes, MARKS,
        title=title, description=description, labels=labels,
    )  # fmt: skip
    rows = tuple((mark.label, number(classes.count(place), 0)) for place, mark in enumerate(MARKS))
    return Drawing(title, svg, description, Table(("Classe", "Zones"), rows))


def _ranking(table: pd.DataFrame) -> Figure | None:
    """Return the fullest zones with their intervals; None where nothing is known."""
    known = table[table["share"].notna()].sort_values("share", ascending=False, kind="stable")
    known = known[known["share"] > 0].head(MAX_BARS)
    if known.empty:
        return None
    canvas = Canvas(WIDTH, ROW * len(known) + 30)
    across = Scale(0.0, float(known["high"].max()) * 1.05, LEFT, WIDTH - 64)
    bottom = ROW * len(known) + 6
    for tick in across.ticks():
        canvas.line((across(tick), 0), (across(tick), bottom))
        canvas.text((across(tick), bottom + 17), percent(tick, 0), anchor="middle")
    for line, row in enumerate(known.itertuples()):
        y = ROW * line + 14
        canvas.text((LEFT, y), str(row.title), colour=INK)
        canvas.rect((LEFT, y + 4), (across(row.share) - LEFT, 10), ACCENT)
        whisker(canvas, (across(row.low), y + 9), (across(row.high), y + 9), INK)
        canvas.text((across(row.high) + 6, y + 14), percent(row.share, 0), colour=INK)
    title = "Les zones les plus souvent complètes"
    description = (
        "Barre : part du temps où toutes les places sont prises aux heures de livraison ; trait "
        "fin : intervalle à 95 %."
    )
    rows = tuple(
        (str(row.title), percent(row.share), _bounds(row.low, row.high))
        for row in known.itertuples()
    )
    table_shown = Table(("Zone", "Part du temps", "Intervalle à 95 %"), rows)
    return Figure(title, canvas.render(title, description), description, table_shown)


def _bounds(low: float, high: float) -> str:
    return bounds(100 * low, 100 * high, "%", 1)


def _listing(table: pd.DataFrame) -> Listing:
    ranked = table.sort_values("share", ascending=False, kind="stable", na_position="last")
    rows = [
        (
            str(row.title), str(row.n_spaces), percent(row.share),
            _bounds(row.low, row.high), str(row.days),
        )
        if np.isfinite(row.share)
        else (str(row.title), str(row.n_spaces), "inconnu", "—", "0")
        for row in ranked.head(MAX_ROWS).itertuples()
    ]  # fmt: skip
    label = f"Les {len(rows)} zones les plus souvent complètes, sur {len(table)}"
    return Listing(
        label, ("Zone", "Places", "Temps complet", "Intervalle à 95 %", "Jours vus"), rows
    )


def _first(table: pd.DataFrame) -> list[str]:
    known = table[table["share"].notna()]
    unknown = len(table) - len(known)
    lines = ["Aucune zone n'a de données : vérifier les capteurs d'abord."]
    if len(known):
        worst = known.loc[known["share"].idxmax()]
        lines = [
            f"La plus souvent complète : {worst['title']}, {percent(worst['share'], 0)} des heures "
            f"de livraison ({_bounds(worst['low'], worst['high'])})."
        ]
    if unknown:
        lines.append(
            f"{plural(unknown, 'zone')} sans données : rien n'en est dit, et surtout pas qu'on y "
            "trouve une place."
        )
    return lines
