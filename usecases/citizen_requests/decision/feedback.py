"""What agents answer on a page: a file to fill in, read line by line, made into corrections."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.lab.french_csv import Problems, Table, column_index, plain, read_table
from usecases.citizen_requests.decision.inbox import Inbox
from usecases.citizen_requests.requests.export import URGENCIES

__all__ = ["COLUMNS", "FILE", "Answer", "corrections", "read_feedback", "template"]

FILE: Final = "retours.csv"
COLUMNS: Final = ("identifiant", "service_juste", "urgence", "doublon_de", "passage_utile")
CORRECTION_COLUMNS: Final = (
    "identifiant", "date", "canal", "texte", "service_final", "urgence", "doublon_de",
)  # fmt: skip
USEFUL: Mapping[str, bool | None] = {"": None, "oui": True, "non": False}


@dataclass(frozen=True)
class Answer:
    """What an agent says of one request.

    Parameters
    ----------
    request_id
        Which.
    service
        Code of the right service; empty where the agent says nothing.
    urgency
        0, 1, 2; None where nothing is said.
    duplicate_of
        The earlier request on the same fault; empty for none.
    useful
        Whether the passage helped; None where nothing is said.
    """

    request_id: str
    service: str
    urgency: int | None
    duplicate_of: str
    useful: bool | None


def template(inbox: Inbox) -> str:
    """Return the file to fill in: a line per request, every answer empty."""
    blank = [""] * (len(COLUMNS) - 1)
    return _csv(COLUMNS, [[each.id, *blank] for each in inbox.requests])


def read_feedback(path: Path, inbox: Inbox, titles: Mapping[str, str]) -> tuple[Answer, ...]:
    """Read the answers of agents; lines without any answer are passed over.

    Parameters
    ----------
    path
        With the columns of `COLUMNS`; the last three may be missing.
    inbox
        The requests that were on the pages.
    titles
        Service code to French title; either is taken.

    Raises
    ------
    TableError
        Naming line, what was found, expected and to be done, for up to 20 problems at once.
    """
    problems = Problems()
    table = read_table(path, problems)
    problems.refuse()
    if table is None:
        raise TableError(f"{path.name} cannot be read", expected="a CSV file")
    cells = _cells(table)
    _check_links(table, cells, inbox, problems)
    known = {plain(name): code for code, title in titles.items() for name in (code, title)}
    services = [known.get(plain(cell)) if plain(cell) else "" for cell in cells["service_juste"]]
    levels = [URGENCIES.get(plain(cell)) for cell in cells["urgence"]]
    useful = [plain(cell) for cell in cells["passage_utile"]]
    for name, wrong, expected, remedy in (
        ("service_juste", [service is None for service in services],
         "a service of the town hall: " + ", ".join(titles.values()), "write it as on the page"),
        ("urgence", [level is None for level in levels],
         "0, 1 or 2; or normale, haute, urgente", "correct the line, or leave the cell empty"),
        ("passage_utile", [word not in USEFUL for word in useful],
         "oui, non or nothing", "correct the line"),
    ):  # fmt: skip
        _refused(table, problems, wrong, cells[name], expected, remedy)
    problems.refuse()
    rows = zip(cells["identifiant"], services, levels, cells["doublon_de"], useful, strict=True)
    answers = (
        Answer(name, service or "", _level(level), old, USEFUL[word])
        for name, service, level, old, word in rows
    )
    return tuple(each for each in answers if _says_something(each))


def _level(given: float | None) -> int | None:
    return None if given is None or np.isnan(given) else int(given)


def corrections(answers: Sequence[Answer], inbox: Inbox) -> str:
    """Return the corrected requests as own data: ``aune run citizen_requests --resume`` reads it.

    Only requests whose service an agent gave; texts are those of the pages, masked.
    """
    waiting = {each.id: each for each in inbox.requests}
    rows = [
        [
            each.request_id,
            waiting[each.request_id].received.strftime("%Y-%m-%dT%H:%M:%S%z"),
            waiting[each.request_id].channel,
            waiting[each.request_id].text.strip(),
            each.service,
            "" if each.urgency is None else str(each.urgency),
            each.duplicate_of,
        ]
        for each in answers
        if each.service
    ]
    return _csv(CORRECTION_COLUMNS, rows)


def _says_something(answer: Answer) -> bool:
    said = answer.service or answer.duplicate_of
    return bool(said) or answer.urgency is not None or answer.useful is not None


def _cells(table: Table) -> dict[str, list[str]]:
    places = {name: column_index(table.header, (name,)) for name in COLUMNS}
    lacking = [name for name in COLUMNS[:2] if places[name] is None]
    if lacking:
        raise TableError(
            f"{table.path.name}: no column {', '.join(lacking)}",
            expected="; ".join(COLUMNS),
            remedy=f"start from the file {FILE} written beside the pages",
        )
    empty = [""] * len(table.lines)
    return {
        name: empty if at is None else [cell.strip() for cell in table.cells[at]]
        for name, at in places.items()
    }


def _check_links(
    table: Table, cells: Mapping[str, Sequence[str]], inbox: Inbox, problems: Problems
) -> None:
    """Note unknown and repeated requests, and links to what did not come earlier."""
    order = {each.id: at for at, each in enumerate(inbox.requests)}
    names, links = cells["identifiant"], cells["doublon_de"]
    again = pd.Series(names).duplicated().tolist()
    late = [
        bool(old) and order.get(old, len(order)) >= order.get(new, -1)
        for new, old in zip(names, links, strict=True)
    ]
    _refused(table, problems, [name not in order for name in names], names,
             "the identifier of a request of the pages", "copy it from the page")  # fmt: skip
    _refused(table, problems, again, names, "each identifier once", "keep one line")
    _refused(table, problems, late, links,
             "the identifier of an earlier request of the same file",
             "link the later one to the earlier one")  # fmt: skip


def _refused(
    table: Table, problems: Problems, wrong: Sequence[bool], cells: Sequence[str], *advice: str
) -> None:
    problems.add_lines(table, np.array(wrong, dtype=bool), cells, *advice)


def _csv(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter=";", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
