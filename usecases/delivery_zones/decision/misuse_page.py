"""The page « mésusage »: minutes lost to long stays by hour, how long vehicles stay, when to go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.pages.figure import WIDTH, Figure, Table
from common.lab.pages.french import bounds, number, percent, plural, quantity
from common.lab.pages.section import Listing, Section
from common.lab.pages.svg import ACCENT, INK, Canvas, Scale, axes, whisker
from common.lab.usecase import Array
from usecases.delivery_zones.decision.misuse import Misuse, Policy, Regime, misuse, patrol_hours
from usecases.delivery_zones.decision.observed import Observed, goods_regime
from usecases.delivery_zones.decision.page_parts import Page, at_hour, in_parentheses
from usecases.delivery_zones.demand.dwell import MAX_POLL_MINUTES, MIN_STAYS, dwell_by_zone

__all__ = ["Rule", "RuleFindings", "misuse_csv", "misuse_findings", "misuse_page", "too_rare"]

MAX_ROWS: Final = 60
MAX_FIGURES: Final = 3
CSV_FILE: Final = "mesusage.csv"
CAVEAT: Final = (
    "Relevées toutes les 15 minutes, les durées manqueraient un stationnement court sur dix et "
    "allongeraient la moyenne de 25 à 28 minutes ; au-delà de 5 minutes entre deux relevés, "
    "l'outil refuse de dire une durée."
)
LOWER_BOUND: Final = (
    "Borne basse : un véhicule non autorisé qui part avant la limite ne se voit pas. Les places "
    "ne comptent pas avant leur premier stationnement, ni pendant les pannes de capteur."
)


@dataclass(frozen=True)
class Rule:
    """The rule of some zones.

    Parameters
    ----------
    limit_minutes
        Longest stay allowed in goods hours.
    hours
        OSM opening_hours of the by-law; empty supposes Monday to Saturday, 7 to 20 h.
    is_hypothesis
        Whether no by-law says the limit or the hours.
    regime
        Tells when goods have the bay, at civil times.
    """

    limit_minutes: float
    hours: str
    is_hypothesis: bool
    regime: Regime

    @property
    def words(self) -> str:
        """The rule in French."""
        hours = self.hours or "lundi à samedi de 7 h à 20 h"
        limit = number(self.limit_minutes, 0)
        return (
            f"{limit} minutes, {hours}"
            + " (HYPOTHÈSE : aucun arrêté ne le dit)" * self.is_hypothesis
        )


@dataclass(frozen=True)
class RuleFindings:
    """What was observed under one rule.

    Parameters
    ----------
    rule
        Limit and hours.
    whole
        Misuse over all the zones under it.
    zones
        One row per zone with enough stays: ``curb_zone_id``, the `dwell.Dwell` figures,
        ``misuse``, ``misuse_low``, ``misuse_high`` (minutes per bay-hour), ``patrol`` (hours).
    """

    rule: Rule
    whole: Misuse
    zones: pd.DataFrame


def misuse_findings(seen: Observed) -> list[RuleFindings]:
    """Observe stays and misuse under each rule, the rule with most stays first.

    None where bays are looked at too rarely for a length of stay.
    """
    found: list[RuleFindings] = []
    if seen.poll_minutes > MAX_POLL_MINUTES:
        return found
    for rule, zones in _rules(seen):
        sessions = seen.sessions[seen.sessions["curb_zone_id"].isin(zones["curb_zone_id"])]
        if (whole := _misuse(seen, rule, sessions)) is None:
            continue
        inside = sessions[_in_period(seen, sessions)]
        told = dwell_by_zone(inside, zones, seen.outages, poll_minutes=seen.poll_minutes)
        if len(told):
            found.append(RuleFindings(rule, whole, _with_misuse(seen, rule, told)))
    return sorted(found, key=lambda item: -item.whole.n_stays)


def misuse_page(seen: Observed, findings: Sequence[RuleFindings]) -> Page:
    """Return the page; said skipped where no zone has a limit and enough stays."""
    title = "Le mésusage : quand les longs stationnements bloquent les places"
    if not findings:
        why = f"Aucune zone n'a de limite et assez de stationnements ({MIN_STAYS} au moins)."
        return Page("mesusage.html", title, "", skipped=too_rare(seen) or why)
    sections = [_section(seen, item) for item in findings[:MAX_FIGURES]]
    unsure = any(item.rule.is_hypothesis for item in findings)
    return Page(
        file="mesusage.html",
        title=title,
        lead="Minutes perdues au-delà de la limite, heure par heure, et heures où passer : des "
        "totaux, jamais un véhicule ni une personne.",
        first=_first(findings[0]),
        hypothesis="La durée limite ou les heures de livraison ne figurent dans aucun arrêté des "
        "données : elles sont supposées, et rien de cette page n'est opposable." * unsure,
        sections=[*sections, Section("Ce que ces chiffres valent", bullets=[
            CAVEAT, LOWER_BOUND,
            f"Moins de {MIN_STAYS} stationnements : la case reste vide, pour ne désigner personne.",
            "Un stationnement coupé par une panne dure au moins ce qu'on en a vu (Kaplan-Meier).",
            "Un véhicule resté la nuit commence son temps permis à l'ouverture des heures de "
            "livraison : sous une longue limite, les premières heures en paraissent calmes.",
            "Durées : à toute heure. Mésusage : aux seules heures de livraison, au-delà de la "
            "limite. Intervalles à 95 %, jours entiers rééchantillonnés.",
        ])],
        exports=[(CSV_FILE, "une ligne par zone : durées, dépassements, mésusage, intervalles")],
    )  # fmt: skip


def too_rare(seen: Observed) -> str:
    """Say in French that bays are looked at too rarely for a length of stay; nothing if not."""
    if seen.poll_minutes <= MAX_POLL_MINUTES:
        return ""
    return (
        f"Places relevées toutes les {seen.poll_minutes} minutes : c'est trop peu pour une durée. "
        "Demander au fournisseur les arrivées et les départs."
    )


def misuse_csv(seen: Observed, findings: Sequence[RuleFindings]) -> list[str]:
    """Return the lines of the CSV file, a zone each."""
    columns = ["n", "cut", "limit_minutes", "median", "median_low", "median_high", "p85", "p85_low",
               "p85_high", "share_over", "share_over_low", "share_over_high", "misuse",
               "misuse_low", "misuse_high"]  # fmt: skip
    lines = ["\ufeffzone;nom;" + ";".join(columns) + ";heures_de_passage;limite_supposee\n"]
    for item in findings:
        for row in item.zones.itertuples():
            cells = [getattr(row, name) for name in columns]
            told = [f"{x:.4g}".replace(".", ",") if np.isfinite(x) else "" for x in cells]
            hours = " ".join(f"{hour}h" for hour in row.patrol)
            name = seen.title(row.curb_zone_id).replace(";", ",")
            unsure = "oui" if item.rule.is_hypothesis else "non"
            lines.append(f"{row.curb_zone_id};{name};{';'.join(told)};{hours};{unsure}\n")
    return lines


def _cadence(seen: Observed) -> str:
    if seen.poll_minutes:
        return f"Places relevées toutes les {plural(seen.poll_minutes, 'minute')}."
    return "Durées lues des arrivées et des départs, comme ils se produisent."


def _rules(seen: Observed) -> list[tuple[Rule, pd.DataFrame]]:
    zones = seen.zones[seen.zones["max_stay_minutes"] > 0]
    hours = pd.Series(seen.hours, index=seen.zones.index)[zones.index]
    supposed = "max_stay_is_hypothesis"
    unsure = zones[supposed].astype(bool) if supposed in zones else False
    zones = zones.assign(_hours=hours, _unsure=unsure)
    return [
        (Rule(float(limit), str(text), bool(flag) or not text, goods_regime(str(text))), table)
        for (limit, text, flag), table in zones.groupby(["max_stay_minutes", "_hours", "_unsure"])
    ]


def _in_period(seen: Observed, sessions: pd.DataFrame) -> Array:
    first = pd.Timestamp(seen.first_day, tz=seen.timezone)
    end = pd.Timestamp(seen.end_day, tz=seen.timezone)
    start = sessions["event_time_start"]
    inside: Array = ((start >= first) & (start < end)).to_numpy()
    return inside


def _misuse(seen: Observed, rule: Rule, sessions: pd.DataFrame) -> Misuse | None:
    """Return the misuse of some sessions; None where no goods hour is known."""
    policy = Policy(rule.limit_minutes, rule.regime, seen.timezone, seen.first_day, seen.end_day)
    if sessions.empty:
        return None
    try:
        return misuse(sessions, policy, seen.outages, poll_minutes=seen.poll_minutes)
    except DataError:
        return None


def _with_misuse(seen: Observed, rule: Rule, told: pd.DataFrame) -> pd.DataFrame:
    nothing = (np.nan, np.nan, np.nan, ())
    rows = []
    stays = dict(tuple(seen.sessions.groupby("curb_zone_id")))
    for zone in told["curb_zone_id"]:
        found = _misuse(seen, rule, stays[zone])
        rows.append(
            nothing
            if found is None
            else (found.minutes_per_bay_hour, found.low, found.high, tuple(patrol_hours(found)))
        )
    columns = ["misuse", "misuse_low", "misuse_high", "patrol"]
    figures = pd.DataFrame(rows, columns=columns, index=told.index)
    table = told.join(figures)
    return table.sort_values("misuse", ascending=False, kind="stable", ignore_index=True)


def _section(seen: Observed, item: RuleFindings) -> Section:
    shown = item.zones.head(MAX_ROWS)
    header = ("Zone", "Stationnements", "Médiane", "85 % partis avant", "Au-delà de la limite",
              "Mésusage, min par place et heure", "Heures de passage")  # fmt: skip
    rows = [
        (
            seen.title(row.curb_zone_id),
            number(row.n, 0),
            _minutes(row.median, row.median_low, row.median_high),
            _minutes(row.p85, row.p85_low, row.p85_high),
            _share(row.share_over, row.share_over_low, row.share_over_high),
            _rate(row.misuse, row.misuse_low, row.misuse_high),
            _hours(row.patrol) or "—",
        )
        for row in shown.itertuples()
    ]
    label = f"Durées et dépassements, {plural(len(rows), 'zone')} sur {len(item.zones)}"
    return Section(
        f"Limite : {item.rule.words}",
        words=[f"Observé {seen.period} : {plural(item.whole.n_stays, 'stationnement')} aux heures "
               f"de livraison, {number(item.whole.bay_hours, 0)} heures de place vues."],
        figures=[_figure(item)],
        listings=[Listing(label, header, rows)],
    )  # fmt: skip


def _minutes(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "—"
    words = quantity(value, "min", 0)
    told = np.isfinite(low) and np.isfinite(high)
    return f"{words} {in_parentheses(bounds(low, high, digits=0))}" if told else words


def _rate(value: float, low: float, high: float) -> str:
    if not np.isfinite(value):
        return "—"
    return f"{number(value, 1)} {in_parentheses(bounds(low, high, digits=1))}"


def _share(value: float, low: float, high: float) -> str:
    return f"{percent(value, 0)} {in_parentheses(bounds(100 * low, 100 * high, '%', 0))}"


def _hours(hours: Sequence[int]) -> str:
    return ", ".join(at_hour(hour) for hour in sorted(hours))


def _figure(item: RuleFindings) -> Figure:
    """Return the minutes of misuse by hour with their intervals; nothing where hidden."""
    table = item.whole.by_hour
    known = table[table["minutes_per_bay_hour"].notna()]
    highest = float(known["high"].max()) if len(known) else 1.0
    canvas = Canvas(WIDTH, 270)
    hours = table["hour"].tolist()
    across = Scale(min(hours) - 0.6, max(hours) + 0.6, 46, WIDTH - 12)
    up = Scale(0.0, max(highest * 1.08, 0.1), 226, 30)
    axes(canvas, across, up, "", days=[float(h) for h in hours if (h - hours[0]) % 2 == 0])
    canvas.text((0, 15), "minutes de mésusage par place et par heure")
    canvas.text((WIDTH - 12, 262), "heure locale", anchor="end")
    for row in known.itertuples():
        left, right = across(row.hour - 0.33), across(row.hour + 0.33)
        top = up(row.minutes_per_bay_hour)
        canvas.rect((left, top), (right - left, 226 - top), ACCENT)
        middle = across(row.hour)
        whisker(canvas, (middle, up(row.low)), (middle, up(row.high)), INK)
    title = "Minutes perdues au-delà de la limite, par heure"
    description = (
        f"En moyenne {_rate(item.whole.minutes_per_bay_hour, item.whole.low, item.whole.high)} "
        "minutes par place et par heure de livraison. Barre : moyenne ; trait : intervalle à 95 %. "
        "Sans barre : trop peu de stationnements, ou hors des heures de livraison."
    )
    rows = tuple(
        (at_hour(row.hour), number(row.n_stays, 0) if row.n_stays else f"moins de {MIN_STAYS}",
         _rate(row.minutes_per_bay_hour, row.low, row.high))
        for row in table.itertuples()
    )  # fmt: skip
    shown = Table(("Heure", "Stationnements", "Minutes (intervalle à 95 %)"), rows)
    return Figure(title, canvas.render(title, description), description, shown)


def _first(item: RuleFindings) -> list[str]:
    hours = patrol_hours(item.whole)
    rate = _rate(item.whole.minutes_per_bay_hour, item.whole.low, item.whole.high)
    if hours:
        line = (
            f"Passer d'abord vers {_hours(hours)} : le mésusage y dépasse la moyenne, "
            "incertitude comprise."
        )
    else:
        line = "Aucune heure ne ressort : répartir les passages sur la journée."
    return [line, f"Mésusage moyen : {rate} minutes par place et par heure de livraison, au moins."]
