"""The page « dimensionnement »: a bay more or fewer, other hours, a shorter limit."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.french import bounds, number, percent, plural
from common.lab.pages.section import Listing, Section
from common.lab.pages.svg import ACCENT, INK, RUST, Canvas, Scale, Shape, whisker
from usecases.delivery_zones.decision.misuse_page import too_rare
from usecases.delivery_zones.decision.observed import GOODS_HOURS, Observed
from usecases.delivery_zones.decision.page_parts import Page, at_hour, in_parentheses
from usecases.delivery_zones.decision.sizing import (
    SERVICE_LEVEL,
    Scenario,
    bays_by_hour,
    scenarios,
)
from usecases.delivery_zones.demand.zone_demand import Drift, Window, demand_of, drift_of

__all__ = ["ZoneSizing", "sizing_csv", "sizing_findings", "sizing_page"]

DOUBLE_PARKING_MINUTES: Final = 10.0
"""Assumed length of a stop in the traffic lane by a driver who finds no bay: no data tells."""
WIDER_HOURS: Final = (6, 22)
HALF_PERCENT: Final = 0.005
SHORTER: Final = 2 / 3
"""20 minutes instead of 30."""
FORMULA: Final = (
    "B(c, a) = (aᶜ / c!) / (1 + a + a² / 2! + … + aᶜ / c!), où c est le nombre de places et a "
    "les arrivées par heure multipliées par la durée moyenne en heures (Erlang B)."
)
LABEL: Final = "Avant et après, intervalle à 90 %"
CSV_FILE: Final = "dimensionnement.csv"


@dataclass(frozen=True)
class ZoneSizing:
    """The what-if table of one zone.

    Parameters
    ----------
    zone
        Its id.
    bays
        Bays in service.
    table
        One row per question, today's first: the columns of `sizing.scenarios` and ``label``.
    drift
        How demand moved lately.
    needed
        Bays for 5 % refused at the hour that needs most: (hour, bays, low, high at 90 %).
    hidden_hours
        Hours so full that their demand is only a lower bound.
    """

    zone: str
    bays: int
    table: pd.DataFrame
    drift: Drift
    needed: tuple[int, int, int, int]
    hidden_hours: tuple[int, ...]

    def row(self, label: str) -> "pd.Series | None":
        """Return the row of a question; None where it was not asked."""
        found = self.table[self.table["label"] == label]
        return found.iloc[0] if len(found) else None


TODAY, MORE, FEWER = "Aujourd'hui", "Une place de plus", "Une place de moins"


def sizing_findings(seen: Observed, chosen: Sequence[str]) -> list[ZoneSizing]:
    """Answer the questions for the zones chosen; those without stays in goods hours are left out.

    The goods hours of 7 to 20 h, Monday to Saturday, are the window of all but one question.
    """
    found: list[ZoneSizing] = []
    if too_rare(seen):
        return found
    window = Window(seen.first_day, seen.end_day, seen.timezone)
    for zone in chosen:
        row = seen.zones.iloc[seen.place(zone)]
        if row["n_spaces"] < 1:
            continue
        try:
            demand = demand_of(seen.sessions, zone, int(row["n_spaces"]), window)
            labels, asked = _questions(int(row["n_spaces"]), float(row["max_stay_minutes"]))
            told = scenarios(demand, asked).iloc[1:].assign(label=labels)
        except DataError:
            continue
        table = _with_todays_refusals(told.reset_index(drop=True))
        needed = bays_by_hour(demand).iloc[slice(*GOODS_HOURS)]
        most = needed.loc[needed["load"].idxmax()]
        hour, bays, low, high = (
            int(most[name]) for name in ("hour", "bays", "bays_low", "bays_high")
        )
        found.append(
            ZoneSizing(zone, demand.bays, table, drift_of(demand),
                       (hour, bays, low, high), demand.hidden_hours)
        )  # fmt: skip
    return found


def sizing_page(seen: Observed, findings: Sequence[ZoneSizing]) -> Page:
    """Return the page; said skipped where no zone can be sized."""
    title = "Le dimensionnement : une place de plus ou de moins"
    if not findings:
        why = "Aucune zone n'a assez de stationnements aux heures de livraison."
        return Page("dimensionnement.html", title, "", skipped=too_rare(seen) or why)
    return Page(
        file="dimensionnement.html",
        title=title,
        lead="Ce que changeraient une place, d'autres heures ou une limite plus courte : part des "
        "arrivées sans place, avant et après.",
        first=_first(seen, findings),
        hypothesis="Un arrêt qui ne trouve pas de place est supposé durer "
        f"{number(DOUBLE_PARKING_MINUTES, 0)} minutes en double file ; aucune donnée ne le dit. "
        "Une limite est supposée tenue par tous ; le nombre d'arrivées, inchangé.",
        sections=[
            Section("En une image", figures=[_figure(seen, findings)]),
            *(_section(seen, item) for item in findings),
            _method(),
        ],
        exports=[(CSV_FILE, "les mêmes questions, une ligne chacune")],
    )


def sizing_csv(seen: Observed, findings: Sequence[ZoneSizing]) -> list[str]:
    """Return the lines of the CSV file, a question each."""
    columns = [
        "bays", "limit_minutes", "first_hour", "end_hour", "blocking", "blocking_low",
        "blocking_high", "lost_per_week", "lost_per_week_low", "lost_per_week_high",
    ]  # fmt: skip
    lines = ["\ufeffzone;nom;question;" + ";".join(columns) + ";methode;derive\n"]
    for item in findings:
        for row in item.table.to_dict("records"):
            figures = [f"{float(row[c]):.4g}".replace(".", ",") if pd.notna(row[c]) else ""
                       for c in columns]  # fmt: skip
            drift = "oui" if row["drift_flag"] else "non"
            name = seen.title(item.zone).replace(";", ",")
            cells = [item.zone, name, row["label"], *figures, row["method"], drift]
            lines.append(";".join(map(str, cells)) + "\n")
    return lines


def _questions(bays: int, limit: float) -> tuple[list[str], list[Scenario]]:
    """Return the questions of a zone; those of a limit only where there is one."""
    start, stop = GOODS_HOURS
    early, late = WIDER_HOURS
    asked = {TODAY: Scenario(bays, None, start, stop), MORE: Scenario(bays + 1, None, start, stop)}
    if bays > 1:
        asked[FEWER] = Scenario(bays - 1, None, start, stop)
    if limit > 0:
        shorter = round(SHORTER * limit)
        asked[f"Limite de {limit:.0f} min tenue"] = Scenario(bays, limit, start, stop)
        asked[f"Limite de {shorter} min tenue"] = Scenario(bays, shorter, start, stop)
    asked[f"Heures comptées de {at_hour(early)} à {at_hour(late)}"] = Scenario(
        bays, None, early, late
    )
    return list(asked), list(asked.values())


def _with_todays_refusals(table: pd.DataFrame) -> pd.DataFrame:
    """Make replayed rows answer the same question as the others: of all who came, how many fail.

    A replay tells the share r of the stays *seen* that fewer bays would refuse; those refused
    today left no stay. Of all arrivals B + (1 - B) r then fail, B being today's blocking (first
    row, same hours). Low bounds are combined with low, high with high: wider than needed.

    >>> asked = {"lost_per_week": [10.0, 20.0], "method": ["formula", "replay"]}
    >>> ends = {f"blocking{end}": [0.1, 0.2] for end in ("", "_low", "_high")}
    >>> found = _with_todays_refusals(pd.DataFrame(asked | ends | {
    ...     "lost_per_week_low": [10.0, 20.0], "lost_per_week_high": [10.0, 20.0]}))
    >>> found["blocking"].round(2).tolist()  # 0.1 + 0.9 x 0.2
    [0.1, 0.28]
    >>> found["lost_per_week"].tolist()  # 10 + 0.9 x 20
    [10.0, 28.0]
    """
    found = table.copy()
    replayed = (table["method"] == "replay").to_numpy()
    for end in ("", "_low", "_high"):
        served = 1 - table[f"blocking{end}"].iloc[0]
        for name in (f"blocking{end}", f"lost_per_week{end}"):
            refused = table[name].iloc[0]
            found.loc[replayed, name] = refused + served * table.loc[replayed, name]
    return found


def _section(seen: Observed, item: ZoneSizing) -> Section:
    today = item.table.iloc[0]
    rows = [_row(row, today) for row in item.table.to_dict("records")]
    hour, bays, low, high = item.needed
    notes = [
        f"Pour au plus {percent(SERVICE_LEVEL, 0)} d'arrivées sans place à l'heure la plus chargée "
        f"({at_hour(hour)}) : {plural(bays, 'place')} (entre {low} et {high}).",
    ]
    if item.drift.flagged:
        notes.append(f"ATTENTION, DÉRIVE : {item.drift.reason}.")
    if item.hidden_hours:
        hours = ", ".join(at_hour(hour) for hour in item.hidden_hours)
        notes.append(f"Demande cachée à {hours} : complet plus de 9 fois sur 10, c'est un minimum.")
    header = ("Question", "Arrivées sans place", "Arrêts perdus par semaine",
              "Double file évitée, min par semaine", "Comment")  # fmt: skip
    words = [f"{plural(item.bays, 'place')} en service, {seen.period}, lundi à samedi."]
    title = seen.title(item.zone)
    return Section(title, words=words, listings=[Listing(LABEL, header, rows)], notes=notes)


def _row(row: dict[str, object], today: pd.Series) -> tuple[str, ...]:
    share, low, high = (float(str(row[f"blocking{end}"])) for end in ("", "_low", "_high"))
    lost, least, most = (float(str(row[f"lost_per_week{end}"])) for end in ("", "_low", "_high"))
    saved = (float(today["lost_per_week"]) - lost) * DOUBLE_PARKING_MINUTES
    same_hours = row["first_hour"] == today["first_hour"] and row["label"] != TODAY
    return (
        str(row["label"]),
        f"{percent(share)} {in_parentheses(bounds(100 * low, 100 * high, '%', 1))}",
        f"{number(lost, 1)} {in_parentheses(bounds(least, most, digits=1))}",
        number(saved, 0) if same_hours else "—",
        "arrêts rejoués" if row["method"] == "replay" else "formule",
    )


def _figure(seen: Observed, findings: Sequence[ZoneSizing]) -> Figure:
    """Return today, a bay more and a bay fewer for each zone, with 90 % intervals."""
    kinds: tuple[tuple[str, Shape, str, bool], ...] = (
        (FEWER, "triangle", RUST, False), (TODAY, "circle", INK, False),
        (MORE, "diamond", ACCENT, True),
    )  # fmt: skip
    height = 74.0
    canvas = Canvas(WIDTH, height * len(findings) + 60)
    asked = [(item, kind, row) for item in findings for kind in kinds
             if (row := item.row(kind[0])) is not None]  # fmt: skip
    across = Scale(0.0, max(float(row["blocking_high"]) for _, _, row in asked) * 1.05 or 1.0,
                   14, WIDTH - 60)  # fmt: skip
    bottom = height * len(findings) + 34
    for x, (label, shape, colour, hollow) in zip((14, 190, 330), kinds, strict=True):
        canvas.mark((x, 12), shape, colour, hollow=hollow)
        canvas.text((x + 12, 16), label, colour=INK)
    for tick in across.ticks():
        canvas.line((across(tick), 30), (across(tick), bottom))
        canvas.text((across(tick), bottom + 18), percent(tick, 0), anchor="middle")
    for line, item in enumerate(findings):
        y = 46 + height * line
        canvas.rect((8, y - 12), (WIDTH - 90, 17), "#fff")
        canvas.text((14, y), seen.title(item.zone), colour=INK, bold=True)
        mine = [(kind, row) for other, kind, row in asked if other is item]
        for step, ((_, shape, colour, hollow), row) in enumerate(mine):
            at = y + 16 + 16 * step
            low, high = across(float(row["blocking_low"])), across(float(row["blocking_high"]))
            whisker(canvas, (low, at), (high, at), colour)
            canvas.mark((across(float(row["blocking"])), at), shape, colour, hollow=hollow)
            canvas.text((high + 10, at + 4), _whole(float(row["blocking"])), colour=colour)
    title = "Part des arrivées sans place : une place de moins, aujourd'hui, une place de plus"
    description = (
        "Triangle : une place de moins ; disque : aujourd'hui ; losange vide : une place de plus. "
        "Trait : intervalle à 90 %, jours rééchantillonnés et dérive de la demande compris."
    )
    rows = tuple(
        (seen.title(item.zone), kind[0], percent(float(row["blocking"])),
         bounds(100 * float(row["blocking_low"]), 100 * float(row["blocking_high"]), "%", 1))
        for item, kind, row in asked
    )  # fmt: skip
    table = Table(("Zone", "Question", "Arrivées sans place", "Intervalle à 90 %"), rows)
    return Figure(title, canvas.render(title, description), description, table)


def _whole(share: float) -> str:
    """Return a whole percentage; a small share is not called zero."""
    return "moins de 1\u00a0%" if 0 < share < HALF_PERCENT else percent(share, 0)


def _method() -> Section:
    return Section(
        "La formule, et ce qu'elle ne sait pas",
        words=[FORMULA, "La charge a suit l'heure et les arrêts déjà commencés (charge offerte "
               "modifiée) ; les arrivées sont corrigées du temps où tout était pris."],
        bullets=[
            "Une place de moins : les vrais arrêts sont rejoués sur moins de places (écart moyen "
            "de 2,5 points sur un mois de test à Dundee), et s'ajoutent à ceux que la formule dit "
            "déjà refusés aujourd'hui.",
            "Une place de plus : les conducteurs refusés n'ont laissé aucune trace. Vérifiée là où "
            "la vérité est connue, la formule se trompe de 5,6 points en moyenne : c'est un ordre "
            "de grandeur.",
            "La demande qu'une place nouvelle attirerait n'est pas connue, ni ce que feraient les "
            "conducteurs si la limite était tenue.",
            "Élargir les heures de 7 h-20 h à 6 h-22 h change ici la période comptée ; l'effet sur "
            "les voitures qui s'y garent la nuit ne se lit pas dans ces données.",
            "Une panne de capteur cache des arrivées : la demande est alors sous-estimée.",
        ],
    )  # fmt: skip


def _first(seen: Observed, findings: Sequence[ZoneSizing]) -> list[str]:
    """Return where a bay more avoids most lost stops."""
    gains = []
    for item in findings:
        today, more = item.row(TODAY), item.row(MORE)
        if today is not None and more is not None:
            gains.append(float(today["lost_per_week"]) - float(more["lost_per_week"]))
    best = int(np.argmax(gains))
    lines = [
        f"Une place de plus rendrait le plus à {seen.title(findings[best].zone)} : environ "
        f"{plural(gains[best], 'arrêt retrouvé', 'arrêts retrouvés')} par semaine."
    ]
    drifting = [seen.title(item.zone) for item in findings if item.drift.flagged]
    if drifting:
        names = ", ".join(drifting)
        lines.append(f"Dérive signalée ou non mesurable : {names}. Attendre avant de peindre.")
    return lines
