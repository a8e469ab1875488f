"""The columns of a citizen-relations export: their names, and what may stand in their cells."""

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_csv import Problems, Table, column_index, plain, read_table, to_utc
from common.lab.usecase import Array

__all__ = [
    "CHANNELS",
    "NAMES",
    "PERSONAL",
    "TIMEZONE",
    "URGENCIES",
    "cells_of",
    "identifiers",
    "received_seconds",
    "requests_table",
    "urgencies",
    "whole_text",
]

TIMEZONE: Final = "Europe/Paris"
NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "request_id": ("identifiant", "id", "numero", "reference", "id_demande", "request_id"),
    "received": ("date", "date_creation", "date_depot", "date_reception", "recu_le", "received"),
    "channel": ("canal", "origine", "mode", "channel"),
    "subject": ("objet", "sujet", "titre", "subject"),
    "body": ("texte", "message", "corps", "description", "demande", "text"),
    "service": ("service_final", "service_traitant", "service"),
    "first_service": ("service_initial", "service_destinataire", "first_service"),
    "also_ok": ("services_valides", "services_acceptables", "autres_services", "also_ok"),
    "transfers": ("transferts", "nb_transferts", "transfers"),
    "closing_code": ("code_cloture", "motif_cloture", "statut", "closing_code"),
    "urgency": ("urgence", "priorite", "urgency"),
    "duplicate_of": ("doublon_de", "duplicate_of"),
}
"""Field to the names that its column may bear, as `french_csv.plain` writes them."""

URGENCIES: Final[Mapping[str, float]] = {
    "": np.nan,
    **dict.fromkeys(("0", "normale", "normal", "basse", "non", "standard"), 0.0),
    **dict.fromkeys(("1", "haute", "prioritaire", "elevee"), 1.0),
    **dict.fromkeys(("2", "urgente", "urgent", "critique", "immediate", "oui"), 2.0),
}
CHANNELS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("mail", "courriel", "email", "e_mail", "messagerie"), "mail"),
    **dict.fromkeys(("formulaire", "form", "web", "internet", "teleservice", "portail"), "form"),
    **dict.fromkeys(("telephone", "tel", "appel", "phone"), "phone"),
    **dict.fromkeys(("guichet", "accueil", "comptoir"), "desk"),
    **dict.fromkeys(("courrier", "lettre", "papier"), "letter"),
}
IDENTIFIER = re.compile(r"[\w./-]{1,40}")
PERSONAL = re.compile(
    r"(^|_)(nom|prenom|usager|demandeur|courriel|e?mail|telephone|tel|adresse|naissance|civilite)"
)
"""Columns that say who wrote: counted, never read."""


def requests_table(path: Path, problems: Problems) -> Table:
    """Read a file of requests, one a line.

    Raises
    ------
    TableError
        If it cannot be read at all or has no line.
    """
    table = read_table(path, problems)
    problems.refuse()
    if table is None or not table.lines:
        raise TableError(f"{path.name} has no line", expected="a header and one line per request")
    return table


def cells_of(
    table: Table, wanted: Collection[str], needed: Collection[str]
) -> dict[str, Sequence[str]]:
    """Return the cells of some fields; empty ones where a column that is not needed is absent.

    A column that says who wrote is no field's column, whatever its name holds besides.

    Raises
    ------
    TableError
        If a needed column is absent.
    """
    header = ["" if PERSONAL.search(plain(name)) else name for name in table.header]
    places = {name: column_index(header, NAMES[name]) for name in wanted}
    lacking = [name for name in needed if places[name] is None]
    if lacking:
        raise TableError(
            f"{table.path.name}: no column for {', '.join(lacking)}",
            expected="; ".join(f"{name}: {' or '.join(NAMES[name][:3])}" for name in lacking),
            remedy="name the columns so, in the first line",
        )
    empty = [""] * len(table.lines)
    return {name: empty if at is None else table.cells[at] for name, at in places.items()}


def whole_text(subject: str, body: str) -> str:
    r"""Return the subject, then the body, each where there is one.

    >>> whole_text(" Nid de poule ", ""), whole_text("Objet", "Bonjour")
    ('Nid de poule', 'Objet\nBonjour')
    """
    return "\n".join(part for part in (subject.strip(), body.strip()) if part)


def identifiers(table: Table, cells: Sequence[str], n_digits: int, problems: Problems) -> list[str]:
    """Return each request's identifier, or ``R`` and its rank where the file has none.

    What could hold a sender is refused and not quoted.
    """
    if not any(cells):
        return [f"R{row:0{n_digits}d}" for row in range(1, len(cells) + 1)]
    ids = [cell.strip() for cell in cells]
    odd = np.array([IDENTIFIER.fullmatch(each) is None for each in ids], dtype=bool)
    again = pd.Series(ids).duplicated().to_numpy() & ~odd
    remedy = "export the number of the request, not its text or its sender"
    hidden = [f"{len(each)} characters" for each in ids]
    problems.add_lines(table, odd, hidden, "1 to 40 letters, digits, . / - or _", remedy)
    problems.add_lines(table, again, ids, "each identifier once", remedy)
    return ids


def received_seconds(
    table: Table, cells: Sequence[str], ids: Sequence[str], problems: Problems
) -> Array:
    """Return when each request arrived, in UTC seconds; what is no date is noted."""
    seconds, unreadable, skipped = to_utc(cells, ids, TIMEZONE)
    problems.add_lines(
        table, unreadable | skipped, cells, "a date such as 03/03/2025 10:02",
        "correct the date, or leave the line out",
    )  # fmt: skip
    return seconds


def urgencies(table: Table, cells: Sequence[str], problems: Problems) -> Array:
    """Return 0, 1, 2 or NaN (not said) for each request; anything else is noted."""
    levels = [URGENCIES.get(plain(cell)) for cell in cells]
    wrong = np.array([level is None for level in levels], dtype=bool)
    problems.add_lines(
        table, wrong, cells, "0, 1 or 2; or normale, haute, urgente",
        "correct the column, or leave it out",
    )  # fmt: skip
    return np.array([np.nan if level is None else level for level in levels])
