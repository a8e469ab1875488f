"""The page « plan »: which bays to add, remove or move, before and after, who gains and loses."""

from typing import Final

import numpy as np
import pandas as pd

from common.lab.pages.figure import Table
from common.lab.pages.french import NO_BREAK, number, percent, plural, quantity
from common.lab.pages.section import Listing, Section
from usecases.delivery_zones.decision.map import Mark, area_map
from usecases.delivery_zones.decision.page_parts import Drawing, Page
from usecases.delivery_zones.decision.plan import HYPOTHESIS, Plan

__all__ = ["CSV_FILE", "GEOJSON_FILE", "plan_page"]

CSV_FILE, GEOJSON_FILE = "plan.csv", "plan.geojson"
MAX_MOVES: Final = 40
MAX_MAPPED: Final = 1200
"""Two maps of more areas would pass the 150 KiB of a page; the GeoJSON file has them all."""
LOST_BOUNDS: Final = (0.1, 0.2, 0.3)
LOST_MARKS: Final = (
    Mark("Moins de 10 % de livraisons sans place", 5),
    Mark("de 10 à 20 %", 0),
    Mark("de 20 à 30 %", 3),
    Mark("30 % ou plus", 1),
)
ACTION_MARKS: Final = {
    "ajout": Mark("Une place ou plus ajoutée", 4),
    "retrait": Mark("Une place ou plus retirée", 1),
    "fermeture": Mark("Aire fermée, reprise par une voisine", 3),
    "reprise": Mark("Aire qui reprend les livraisons d'une voisine", 0),
}


def plan_page(plan: Plan, inventory_title: str) -> Page:
    """Return the page of a relocation plan.

    Parameters
    ----------
    plan
        From `plan.plan_relocation`.
    inventory_title
        Which inventory, in French.
    """
    return Page(
        file="plan.html",
        title="Le plan : quelles places déplacer",
        lead="Au même nombre de places, lesquelles ajouter, retirer ou déplacer ; qui y gagne, qui "
        "y perd.",
        first=_first(plan),
        hypothesis=HYPOTHESIS.removeprefix("HYPOTHÈSE : ") * plan.demand_is_hypothesis,
        observed=False,
        foot=f"Données : {inventory_title}.",
        sections=[
            _before_after(plan),
            Section("Sur la carte", figures=_maps(plan)),
            _communes(plan),
            _equity(plan),
            _moves(plan),
            _proof(plan, inventory_title),
        ],
        exports=[
            (CSV_FILE, "les aires touchées, une ligne chacune, pour un tableur"),
            (GEOJSON_FILE, "toutes les aires avec leur part dans le plan, pour un SIG"),
        ],
    )


def _first(plan: Plan) -> list[str]:
    changed = plan.changed
    if changed.empty:
        return ["Rien à déplacer : aucun plan permis ne fait mieux que l'existant."]
    best, totals = changed.iloc[0], plan.totals()
    gain = totals["lost_before"] - totals["lost_after"]
    return [
        f"À regarder d'abord : {best['address']} ({best['commune']}), {best['action']}.",
        f"Le plan entier touche {plural(len(changed), 'aire')} et rendrait une place à "
        f"{plural(gain, 'livraison')} par jour"
        + (" sous l'hypothèse de demande." if plan.demand_is_hypothesis else "."),
    ]


def _before_after(plan: Plan) -> Section:
    totals = plan.totals()
    rows = [
        ("Places", *_pair(totals, "bays", 0)),
        ("Livraisons sans place, par jour", *_pair(totals, "lost", 0)),
        ("Marche et livraisons perdues, km pondérés par jour", *_pair(totals, "metres", 0, 1000)),
    ]
    words = (
        f"{plural(totals['bays_added'], 'place')} à peindre, "
        f"{plural(totals['bays_removed'], 'place')} à rendre, "
        f"{plural(totals['areas_closed'], 'aire fermée', 'aires fermées')} ; "
        f"{plural(totals['deliveries_walking'], 'livraison')} par jour à faire depuis l'aire "
        "voisine."
    )
    header = ("Toutes les aires", "Avant", "Après", "Différence")
    return Section("Avant et après", words=[words], listings=[Listing("En tout", header, rows)])


def _pair(
    totals: "dict[str, float] | pd.Series", name: str, digits: int, scale: float = 1.0
) -> tuple[str, str, str]:
    """Return before, after and difference as text."""
    before, after = float(totals[f"{name}_before"]) / scale, float(totals[f"{name}_after"]) / scale
    change = number(after - before, digits)
    sign = "+" if round(after - before, digits) > 0 else ""
    return number(before, digits), number(after, digits), sign + change


def _maps(plan: Plan) -> list[Drawing]:
    """Return before, after and what changes; of a large inventory only what changes."""
    changes = [_action_map(plan)] if len(plan.changed) else []
    if len(plan.areas) > MAX_MAPPED:
        return changes
    return [
        _service_map(plan, "before", "Avant : livraisons sans place, aire par aire"),
        _service_map(plan, "after", "Après : livraisons sans place, aire par aire"),
        *changes,
    ]


def _service_map(plan: Plan, moment: str, title: str) -> Drawing:
    """Return the areas by share of deliveries without a bay; closed areas count their own."""
    areas = plan.areas
    asked = areas["deliveries_per_day"].to_numpy(float)
    lost = areas[f"lost_{moment}"].to_numpy(float)
    share = np.divide(lost, asked, out=np.zeros(len(areas)), where=asked > 0)
    classes = np.searchsorted(LOST_BOUNDS, share, side="right").tolist()
    counts = [(mark.label, number(classes.count(k), 0)) for k, mark in enumerate(LOST_MARKS)]
    description = (
        f"{plural(len(areas), 'aire')} ; la forme et la couleur disent la part des livraisons qui "
        "trouvent toutes les places prises."
    )
    svg = area_map(areas[["lon", "lat"]].to_numpy(float), areas["commune"].tolist(), classes,
                   LOST_MARKS, title=title, description=description)  # fmt: skip
    return Drawing(title, svg, description, Table(("Classe", "Aires"), tuple(counts)))


def _action_map(plan: Plan) -> Drawing:
    """Return the touched areas only: what happens to each."""
    touched = plan.changed
    names = list(ACTION_MARKS)
    title = "Ce que le plan change"
    description = f"{plural(len(touched), 'aire touchée', 'aires touchées')}, une forme par geste."
    counts = tuple(
        (mark.label, number(int((touched["action"] == name).sum()), 0))
        for name, mark in ACTION_MARKS.items()
    )
    table = Table(("Geste", "Aires"), counts)
    labels = [f"{row.address} : {row.action}" for row in touched.itertuples()]
    svg = area_map(
        touched[["lon", "lat"]].to_numpy(float), touched["commune"].tolist(),
        [names.index(action) for action in touched["action"]], list(ACTION_MARKS.values()),
        title=title, description=description, labels=labels,
    )  # fmt: skip
    return Drawing(title, svg, description, table)


def _communes(plan: Plan) -> Section:
    header = ("Commune", "Verdict", "Places avant", "Places après", "Perdues avant, par jour",
              "Perdues après", "Différence")  # fmt: skip
    rows = []
    for row in plan.communes.to_dict("records"):
        bays, lost = _pair(row, "bays", 0), _pair(row, "lost", 1)
        mark = " (parmi les moins bien servies)" * bool(row["worst_served"])
        rows.append((f"{row['commune']}{mark}", row["verdict"], bays[0], bays[1], *lost))
    losers = [
        row["commune"] for row in plan.communes.to_dict("records") if row["verdict"] == "perd"
    ]
    words = (
        "Perdent : " + ", ".join(losers) + "."
        if losers
        else "Aucune commune n'y perd dans son ensemble."
    )
    return Section("Qui gagne, qui perd", words=[words],
                   listings=[Listing("Par commune", header, rows)])  # fmt: skip


def _equity(plan: Plan) -> Section:
    header = ("Quart des aires", "Aires", "Perdues avant, par jour", "Perdues après", "Différence",
              "Aires mieux servies", "Aires moins bien servies")  # fmt: skip
    rows = [
        (str(row["quarter"]), number(row["areas"], 0), *_pair(row, "lost", 1),
         number(row["better"], 0), number(row["worse"], 0))
        for row in plan.equity.to_dict("records")
    ]  # fmt: skip
    settings = plan.settings
    kept = [
        words
        for holds, words in (
            (settings.protect_worst_areas, "aucune aire du quart le moins bien servi n'y perd"),
            (settings.protect_worst_communes, "aucune commune du quart le moins bien servi n'y "
             "perd dans son ensemble"),
        )
        if holds
    ]  # fmt: skip
    words = "Règles d'équité tenues : " + " ; ".join(kept) + "." if kept else (
        "Aucune règle d'équité n'est imposée : le lire ligne à ligne."
    )  # fmt: skip
    return Section("Équité", words=[words], listings=[Listing(
        "Les aires rangées par qualité de service avant le plan", header, rows)])  # fmt: skip


def _moves(plan: Plan) -> Section:
    changed = plan.changed
    header = ("Aire", "Commune", "Geste", "Places", "Pourquoi")
    rows = [
        (f"{row.area_id} · {row.address}", row.commune, row.action,
         f"{row.bays_before} puis {row.bays_after}".replace(" ", NO_BREAK), row.reason)
        for row in changed.head(MAX_MOVES).itertuples()
    ]  # fmt: skip
    note = (
        f"Les {plural(len(rows), 'geste')} au plus grand gain, sur {number(len(changed), 0)} ; "
        f"{CSV_FILE} les a tous."
    )
    listing = Listing("Du plus grand gain au plus petit", header, rows)
    return Section("Les gestes", listings=[listing], notes=[note])


def _proof(plan: Plan, inventory_title: str) -> Section:
    found, rules = plan.solution, plan.settings
    balance = (
        f"solde de places par commune : {number(rules.commune_balance, 0)} au plus"
        if rules.commune_balance is not None
        else "places libres de passer d'une commune à l'autre"
    )
    return Section(
        "Ce qui est prouvé, ce qui est choisi",
        bullets=[
            f"Écart prouvé à l'optimum : {percent(found.gap, 2)} du coût, "
            f"{percent(found.gap_of_gain, 2)} du gain possible (programme en nombres entiers, "
            f"{quantity(found.solve_seconds, 's', 1)}).",
            f"Borne recalculée sans le solveur : écart de {percent(found.certified_gap, 2)}.",
            f"Règles : {plural(rules.max_moves, 'place')} à peindre au plus, "
            f"{balance}, reprise par une voisine à "
            f"{quantity(rules.takeover_metres, 'm', 0)} au plus.",
            "Une livraison perdue vaut "
            f"{quantity(rules.walking.lost_delivery_metres, 'm', 0)} de marche ; à pied, on marche "
            f"{number(rules.walking.detour, 1)} fois la ligne droite. La commune peut changer ces "
            "chiffres.",
            "Ne sont pas connus : les commerces, la pente, la largeur des trottoirs, les pistes "
            "cyclables, l'arrêté. Chaque geste se vérifie sur place.",
            f"Inventaire : {inventory_title}.",
        ],
    )
