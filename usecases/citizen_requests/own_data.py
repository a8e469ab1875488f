"""Read a commune's own requests into a Dataset: masked before anything is kept.

A folder holds ``demandes.csv`` (or ``requests.csv``, or one CSV file of any name), the export of a
citizen-relations tool, one line per closed request. Columns, by any of these names, case and
accents aside:

* ``texte`` (message, corps, description, demande), with or without ``objet`` (sujet, titre);
* ``date`` (date_creation, date_reception, recu_le): ISO or French, local time;
* ``service_final`` (service, service_traitant): who dealt with it;
* where known: ``identifiant`` (id, numero, reference), ``canal``, ``service_initial``,
  ``services_valides`` (others as good, joined by ``|``), ``transferts`` (a number, or the services
  joined by ``>``), ``code_cloture``, ``urgence`` (0 to 2, or normale, haute, urgente),
  ``doublon_de`` (identifiant of the earlier request).

Beside it, ``catalogue.toml`` may say what each service does (`routing.catalogue`).

Columns that say who wrote (nom, courriel, telephone...) are not read. UTF-8, UTF-16 and
Windows-1252 are told apart, mojibake is undone (ftfy), and each text is pseudonymised by
`text.masking.masks` as it is read: nothing else of it reaches the Dataset, a log or a Run.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.edge.textcodes import LONGEST_TEXT
from common.lab.french_csv import Problems, Table, plain
from common.lab.usecase import Array, Dataset
from usecases.citizen_requests.requests.collection import Collection, dataset_of
from usecases.citizen_requests.requests.export import (
    CHANNELS,
    NAMES,
    PERSONAL,
    cells_of,
    identifiers,
    received_seconds,
    requests_table,
    urgencies,
    whole_text,
)
from usecases.citizen_requests.requests.nearness import near_earlier
from usecases.citizen_requests.requests.services import OUT_OF_COMPETENCE, TITLES
from usecases.citizen_requests.text.cleaning.cleaner import repaired
from usecases.citizen_requests.text.masking.masks import mask

__all__ = ["read"]

FILES = ("demandes.csv", "requests.csv")

N_DIGITS = 6
SEPARATORS = re.compile(r"[|,;]")
NEAR = 0.8
"""Jaccard index of 5-grams from which a request repeats an earlier one (brief 3.A)."""
UNKNOWN_SERVICES = frozenset({"", "inconnu", "non_renseigne", "a_definir", "sans_objet"})


@dataclass
class _Texts:
    """Pseudonymised texts as they are read, and what was found in them, in numbers only."""

    masked: list[str] = field(default_factory=list)
    streets: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, subject: str, body: str) -> None:
        found = mask(whole_text(subject, body))
        text = found.text.strip()
        self.counts.update(f"masqué : {span.kind}" for span in found.found)
        self.counts["textes qui disent un fait de santé"] += bool(found.flagged)
        self.counts["textes coupés à 20 000 caractères"] += len(text) > LONGEST_TEXT
        self.masked.append(text[:LONGEST_TEXT])
        self.streets.append(next((place.street for place in found.locations), ""))


def read(folder: Path) -> Dataset:
    """Read a folder.

    Parameters
    ----------
    folder
        See the module's text.

    Returns
    -------
    Dataset
        As `data.load` gives, services in order of frequency (the 21 codes of
        `requests.services` where a name or code is one of theirs). Not ``valid``: requests
        without a known service, and those that repeat an earlier one in nearly the same
        words, so that no text is on both sides of a split. ``place`` holds the first
        street, without its number. ``extras["reading"]`` says in numbers what was read,
        masked and left out.

    Raises
    ------
    TableError
        Naming file, line, what was found, what was expected and what to do, for up to 20
        problems at once; never quoting a request.
    """
    problems = Problems()
    table = requests_table(_file(folder), problems)
    cells = cells_of(table, NAMES, needed=("received", "body", "service"))
    rows = _checked(table, cells, problems)
    problems.refuse()
    texts = _Texts()
    for subject, body in zip(cells["subject"], cells["body"], strict=True):
        texts.add(subject, body)
    return _dataset(folder, table, rows.assign(text=texts.masked, place=texts.streets), texts)


def _file(folder: Path) -> Path:
    if not folder.is_dir():
        raise TableError(
            f"{folder} is not a folder", expected="a folder", remedy="give the folder, not a file"
        )
    files = {path.name.lower(): path for path in folder.iterdir() if path.suffix.lower() == ".csv"}
    named = [files[name] for name in FILES if name in files] or list(files.values())
    if len(named) != 1:
        raise TableError(
            f"{folder}: CSV files {', '.join(sorted(files)) or 'none'}",
            expected="demandes.csv, or a single CSV file",
            remedy="see usecases/citizen_requests/own_data.py for its columns",
        )
    return named[0]


def _checked(table: Table, cells: Mapping[str, Sequence[str]], problems: Problems) -> pd.DataFrame:
    """Return every field but the text, and note the lines that cannot be read."""
    ids = identifiers(table, cells["request_id"], N_DIGITS, problems)
    seconds = received_seconds(table, cells["received"], ids, problems)
    urgency = urgencies(table, cells["urgency"], problems)
    channel = [CHANNELS.get(plain(cell), plain(cell)) for cell in cells["channel"]]
    service = [_service(cell) for cell in cells["service"]]
    return pd.DataFrame(
        {
            "request_id": ids,
            "received": pd.to_datetime(seconds, unit="s", utc=True),
            "channel": channel,
            "service": service,
            "service_title": [repaired(cell).strip() for cell in cells["service"]],
            "first_service": [_service(cell) for cell in cells["first_service"]],
            "also_ok": [_several(cell) for cell in cells["also_ok"]],
            "n_transfers": [_n_transfers(cell) for cell in cells["transfers"]],
            "closing_code": [plain(cell) for cell in cells["closing_code"]],
            "urgency": urgency,
            "duplicate_of": [cell.strip() for cell in cells["duplicate_of"]],
        }
    )


@cache
def _known() -> Mapping[str, str]:
    return {plain(title): code for code, title in TITLES.items()}


@lru_cache(maxsize=4096)  # services repeat themselves
def _service(cell: str) -> str:
    """Return the code of a service: a known one by code or title, else its plain name.

    >>> _service("État civil et citoyenneté"), _service("Service des Sports")
    ('etat_civil_citoyennete', 'service_des_sports')
    """
    name = plain(repaired(cell))
    return "" if name in UNKNOWN_SERVICES else _known().get(name, name)


def _several(cell: str) -> str:
    return "|".join(filter(None, (_service(each) for each in SEPARATORS.split(cell))))


def _n_transfers(cell: str) -> float:
    """Return how often a request was passed on.

    >>> _n_transfers("2"), _n_transfers("Voirie > Propreté > Voirie")
    (2.0, 2.0)
    """
    text = cell.strip()
    if not text:
        return float("nan")
    return float(text) if text.isdecimal() else float(text.count(">"))


def _dataset(folder: Path, table: Table, rows: pd.DataFrame, texts: _Texts) -> Dataset:
    kept = rows[rows["text"] != ""].sort_values("received", kind="stable", ignore_index=True)
    if kept.empty:
        raise TableError(f"{table.path.name}: no request has a text", expected="texts")
    near = _near(kept)
    known = kept["service"] != ""
    titles = _titles(kept[known])
    month = kept["received"].dt.strftime("%Y-%m")
    labelled = kept.assign(
        near_earlier=near,
        unit=month + " · " + kept["service"].where(known, "inconnu"),
        town_hall=np.where(known, (kept["service"] != OUT_OF_COMPETENCE) * 1.0, np.nan),
    ).drop(columns="service_title")
    personal = [name for name in table.header if PERSONAL.search(plain(name))]
    counts = {
        "lignes lues": len(rows),
        "sans texte, écartées": len(rows) - len(kept),
        "sans service connu": int((~known).sum()),
        "presque identiques à une demande antérieure": int(near.sum()),
        "colonnes personnelles non lues": len(personal),
        **{name: texts.counts[name] for name in sorted(texts.counts)},
    }
    reading = pd.DataFrame({"operation": list(counts), "lignes": list(counts.values())})
    collection = Collection(f"own_{folder.name}", titles, tables={"reading": reading})
    dataset = dataset_of(labelled, collection)
    return replace(dataset, valid=dataset.valid & ~near)


def _near(kept: pd.DataFrame) -> Array:
    return near_earlier(kept["text"].tolist(), range(len(kept)), NEAR)


def _titles(known: pd.DataFrame) -> dict[str, str]:
    """Return the services, most frequent first, with their title or their name in the file."""
    first = known.drop_duplicates("service").set_index("service")["service_title"]
    order = known["service"].value_counts(sort=False).sort_values(ascending=False, kind="stable")
    return {code: TITLES.get(code, first[code]) for code in order.index}
