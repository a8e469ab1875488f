"""The page « inventaire »: what is wrong or missing in the inventory, and what to do about it."""

from typing import Final

from common.lab.pages.french import number, percent, plural
from common.lab.pages.section import Listing, Section
from usecases.delivery_zones.decision.page_parts import Page
from usecases.delivery_zones.inventory.findings import LEVELS, Report

__all__ = ["CSV_FILE", "inventory_page"]

CSV_FILE: Final = "inventaire.csv"
LABEL: Final = "Constats, le plus fréquent d'abord"
TITLES: Final = {
    "erreur": "Erreurs : le schéma ou la loi n'est pas tenu",
    "avertissement": "Avertissements : probablement faux",
    "information": "À savoir",
}


def inventory_page(report: Report, inventory_title: str) -> Page:
    """Return the page of the validator's findings."""
    counts = report.counts()
    table = report.table()
    sections = []
    for level in LEVELS:
        rows = [
            (row["constat"], number(row["lignes"], 0), percent(row["part"], 1), row["exemples"],
             row["règle"])
            for row in table[table["niveau"] == level].to_dict("records")
        ]  # fmt: skip
        if rows:
            header = ("Constat et geste", "Lignes", "Part", "Exemples", "Règle")
            listing = Listing(LABEL, header, rows)
            sections.append(Section(TITLES[level], listings=[listing]))
    return Page(
        file="inventaire.html",
        title="L'inventaire : ce qu'il faut corriger",
        lead=f"{plural(report.n_rows, 'aire contrôlée', 'aires contrôlées')} : "
        f"{plural(counts['erreur'], 'sorte')} d'erreurs, "
        f"{plural(counts['avertissement'], 'sorte')} d'avertissements.",
        first=_first(report),
        observed=False,
        foot=f"Données : {inventory_title}.",
        sections=sections or [Section("Rien à corriger", words=["Toutes les règles sont tenues."])],
        exports=[(CSV_FILE, "une ligne par aire et par constat, à corriger dans un tableur")]
        * bool(report.findings),
    )


def _first(report: Report) -> list[str]:
    if not report.findings:
        return ["Rien à corriger dans cet inventaire."]
    return ["À corriger d'abord : " + report.findings[0].sentence]
