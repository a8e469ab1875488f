"""What crews say of the stops, ``retours.csv``: read line by line, returned as labels.

Columns ``container_id``, ``time``, ``action`` (vidé, bloqué, endommagé or introuvable), and where
known ``level_seen`` (percent) and ``weight_kg``; French names are understood. A file with a column
that names a person or a vehicle is refused: containers are described here, never those who empty
them, and no speed is ever computed.
"""

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_columns import (
    bounded_numbers,
    note_strangers,
    required_table,
    utc_seconds,
)
from common.lab.french_csv import Problems, Table, column_index, plain
from common.lab.usecase import Dataset
from usecases.waste_collection.fill.readings import READ_AT_HOUR, containers_of
from usecases.waste_collection.own_data import PERSONAL

__all__ = ["ACTIONS", "Feedback", "applied", "read_feedback", "write_labels"]

ACTIONS = {
    "vide": "emptied",
    "emptied": "emptied",
    "bloque": "blocked",
    "blocked": "blocked",
    "endommage": "damaged",
    "damaged": "damaged",
    "introuvable": "not_found",
    "not_found": "not_found",
}
"""French and English words to the action."""
COLUMNS = {
    "container_id": ("container_id", "conteneur", "id_conteneur", "pav"),
    "time": ("time", "heure", "horodate", "date_heure", "date"),
    "action": ("action", "constat", "resultat"),
    "level_seen": ("level_seen", "niveau_vu", "niveau"),
    "weight_kg": ("weight_kg", "poids", "poids_kg"),
}
NEEDED = ("container_id", "time", "action")
HIGHEST_PERCENT, HEAVIEST_KG = 150.0, 20_000.0
FIRST_HOUR = pd.Timedelta(hours=READ_AT_HOUR)
ONE_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Feedback:
    """Lines of crews' feedback, in order of time.

    Parameters
    ----------
    table
        ``container_id``, ``time`` (aware, UTC), ``action``, ``level_seen`` and ``weight_kg``
        (NaN where not noted). Nothing says who.
    timezone
        IANA zone of the place.
    """

    table: pd.DataFrame
    timezone: str

    @property
    def emptied(self) -> pd.DataFrame:
        """Lines of containers that were emptied."""
        return self.table[self.table["action"] == "emptied"]

    @property
    def faulty(self) -> pd.DataFrame:
        """Lines of containers that could not be emptied."""
        return self.table[self.table["action"] != "emptied"]


def read_feedback(path: Path, known: Iterable[str], timezone: str) -> Feedback:
    """Read the file, or refuse it line by line.

    Parameters
    ----------
    path
        ``retours.csv``.
    known
        Containers.
    timezone
        IANA zone of times without an offset.

    Raises
    ------
    TableError
        Naming file, line, found, expected and what to do, for up to 20 problems at once; or
        the column that names a person or a vehicle.
    """
    problems = Problems()
    table = required_table(path, problems)
    _refuse_persons(table)
    cells = _cells(table, problems)
    problems.refuse()
    ids = [cell.strip() for cell in cells["container_id"]]
    note_strangers(table, ids, frozenset(known), ("container", "containers.csv"), problems)
    seconds, _ = utc_seconds(table, (cells["time"], ids), timezone, problems)
    actions = [ACTIONS.get(plain(cell), "") for cell in cells["action"]]
    problems.add_lines(
        table, np.array([not action for action in actions], dtype=bool), cells["action"],
        "vidé, bloqué, endommagé or introuvable", "correct this cell",
    )  # fmt: skip
    level = bounded_numbers(table, COLUMNS["level_seen"], (0, HIGHEST_PERCENT), problems)
    weight = bounded_numbers(table, COLUMNS["weight_kg"], (0, HEAVIEST_KG), problems)
    problems.refuse()
    stamps = pd.DatetimeIndex(np.asarray(seconds).astype("datetime64[s]"), tz="UTC")
    rows = pd.DataFrame(
        {
            "container_id": ids,
            "time": stamps,
            "action": actions,
            "level_seen": level,
            "weight_kg": weight,
        }
    )
    return Feedback(rows.sort_values(["time", "container_id"], ignore_index=True), timezone)


def write_labels(feedback: Feedback, folder: Path) -> tuple[Path, ...]:
    """Write the feedback as files that `own_data.read` and a fault task take.

    ``readings.csv`` (0 % where a container was emptied, the level seen under alert where it
    could not be), ``collections.csv`` (level seen before, weight) and ``faults.csv`` (brief
    3.5: container_id, date, score, kind). A level that nobody noted is not written.

    Returns
    -------
    tuple of Path
        The files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    return (
        _write(folder / "readings.csv", ("container_id", "time", "level_percent", "alert"),
               _reading_rows(feedback)),
        _write(folder / "collections.csv",
               ("container_id", "time", "fill_before_percent", "weight_kg"),
               ([row.container_id, _stamp(row.time), _text(row.level_seen), _text(row.weight_kg)]
                for row in feedback.emptied.itertuples())),
        _write(folder / "faults.csv", ("container_id", "date", "score", "kind"),
               ([row.container_id, _local(row.time, feedback).date().isoformat(), "1", row.action]
                for row in feedback.faulty.itertuples())),
    )  # fmt: skip


def applied(dataset: Dataset, feedback: Feedback) -> Dataset:
    """Return readings in which the feedback fills mornings that the sensor left open.

    On the morning after a container was emptied, 0 % stands where nothing was read; on the
    morning after one was blocked, damaged or not found, its reading is under alert. What a
    sensor read is never overwritten.
    """
    rows = _next_mornings(dataset, feedback)
    level = np.array(dataset.columns["level_percent"])
    alert = np.array(dataset.columns["alert"])
    valid = np.array(dataset.valid)
    for row, action in rows:
        if action != "emptied":
            alert[row] = 1.0
        elif not valid[row]:
            level[row], alert[row], valid[row] = 0.0, 0.0, True
    columns = {**dataset.columns, "level_percent": level, "alert": alert}
    return replace(dataset, columns=columns, valid=valid)


def _next_mornings(dataset: Dataset, feedback: Feedback) -> list[tuple[int, str]]:
    """Return (row of the reading after it, action) of each line; lines beyond the data drop out."""
    names = np.asarray(dataset.groups.astype(str))
    place = {key: row for row, key in enumerate(zip(names, dataset.times, strict=True))}
    found = []
    for line in feedback.table.itertuples():
        local = _local(line.time, feedback).tz_localize(None)
        day = (local - FIRST_HOUR).normalize() + ONE_DAY
        instant = (day + FIRST_HOUR).tz_localize(feedback.timezone).tz_convert("UTC")
        row = place.get((line.container_id, instant))
        if row is not None:
            found.append((row, str(line.action)))
    return found


def known_containers(dataset: Dataset) -> tuple[str, ...]:
    """Return the containers that feedback may name."""
    return tuple(containers_of(dataset)["container_id"])


def _refuse_persons(table: Table) -> None:
    personal = [name for name in table.header if PERSONAL.search(plain(name))]
    if personal:
        raise TableError(
            f"{table.path.name} line 1: column {personal[0]!r}",
            expected="no column that names a person or a vehicle: feedback describes containers, "
            "and no worker is scored",
            remedy="remove the column before the file enters this tool",
        )


def _cells(table: Table, problems: Problems) -> dict[str, list[str]]:
    places = {name: column_index(table.header, words) for name, words in COLUMNS.items()}
    missing = [name for name in NEEDED if places[name] is None]
    if missing:
        problems.add(
            f"{table.path.name} line 1", f"no column {', '.join(missing)}", ", ".join(COLUMNS),
            "name the columns so",
        )  # fmt: skip
    return {name: table.cells[place] for name, place in places.items() if place is not None}


def _reading_rows(feedback: Feedback) -> Iterable[list[str]]:
    for row in feedback.table.itertuples():
        if row.action == "emptied":
            yield [row.container_id, _stamp(row.time), "0", "0"]
        elif not np.isnan(row.level_seen):
            yield [row.container_id, _stamp(row.time), _text(row.level_seen), "1"]


def _local(time: pd.Timestamp, feedback: Feedback) -> pd.Timestamp:
    return time.tz_convert(feedback.timezone)


def _stamp(time: pd.Timestamp) -> str:
    return str(time.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:g}"


def _write(path: Path, header: tuple[str, ...], rows: Iterable[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer: Callable[[Iterable[str]], object] = csv.writer(file, lineterminator="\n").writerow
        writer(header)
        for row in rows:
            writer(row)
    return path
