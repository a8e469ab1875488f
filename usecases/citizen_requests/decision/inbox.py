"""The requests that wait for an agent: read from a file, masked before anything is kept."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.edge.textcodes import LONGEST_TEXT
from common.lab.french_csv import Problems, plain
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.decision.pieces import Piece, asked, pieces_of
from usecases.citizen_requests.duplicates.signs import Received, prepared
from usecases.citizen_requests.requests.export import (
    CHANNELS,
    TIMEZONE,
    cells_of,
    identifiers,
    received_seconds,
    requests_table,
    urgencies,
    whole_text,
)

__all__ = ["MOST_REQUESTS", "Inbox", "Waiting", "authored_inbox", "read_inbox"]

MOST_REQUESTS: Final = 1_000
"""One page each: more are split into several files."""
N_DIGITS: Final = 4
READ: Final = ("request_id", "received", "channel", "subject", "body", "urgency")
SPOKEN_CHANNELS = {
    "mail": "courriel",
    "form": "formulaire",
    "phone": "téléphone",
    "desk": "guichet",
    "letter": "courrier",
}


@dataclass(frozen=True)
class Waiting:
    """A request that waits.

    Parameters
    ----------
    id, received, channel
        Identifier, local time of arrival, French name of the channel.
    pieces
        Its text, masked (`pieces.pieces_of`).
    agent_level
        Urgency already given by an agent or a form, never lowered.
    signs
        What the linker of duplicates compares; not printable.
    """

    id: str
    received: datetime
    channel: str
    pieces: tuple[Piece, ...]
    agent_level: int
    signs: Received = field(repr=False)

    @property
    def text(self) -> str:
        """What the router reads: what is asked, as far as a graph takes."""
        return asked(self.pieces)[:LONGEST_TEXT]

    @property
    def cut(self) -> bool:
        """Whether the end of the text was not read."""
        return len(asked(self.pieces)) > LONGEST_TEXT


@dataclass(frozen=True)
class Inbox:
    """Requests in order of arrival.

    Parameters
    ----------
    name
        What they are, for the foot of the pages.
    fictional
        Whether they were invented.
    """

    name: str
    requests: tuple[Waiting, ...]
    fictional: bool = False

    def __post_init__(self) -> None:
        if not 0 < len(self.requests) <= MOST_REQUESTS:
            raise UsageError(
                f"{len(self.requests)} requests",
                expected=f"1 to {MOST_REQUESTS}",
                remedy="cut the file into several",
            )


def authored_inbox(n_requests: int | None = None) -> Inbox:
    """Return the requests that ship with Aune: written by hand, everyone in them invented."""
    rows = frozen_requests()[:n_requests]
    paris = ZoneInfo(TIMEZONE)
    return Inbox(
        "demandes écrites pour Aune, FICTIVES",
        tuple(
            _waiting(row.id, row.received.replace(tzinfo=paris), row.channel, row.text, 0)
            for row in rows
        ),
        fictional=True,
    )


def read_inbox(path: Path) -> Inbox:
    """Read waiting requests from a CSV file, with the columns of `own_data` but no service.

    Parameters
    ----------
    path
        ``texte`` and ``date`` are needed; ``identifiant``, ``objet``, ``canal`` and
        ``urgence`` are read where they are there; no other column is.

    Raises
    ------
    TableError
        Naming line, what was found, expected and to be done, for up to 20 problems at once;
        never quoting a request.
    """
    problems = Problems()
    table = requests_table(path, problems)
    cells = cells_of(table, READ, needed=("received", "body"))
    ids = identifiers(table, cells["request_id"], N_DIGITS, problems)
    seconds = received_seconds(table, cells["received"], ids, problems)
    levels = urgencies(table, cells["urgency"], problems)
    texts = list(map(whole_text, cells["subject"], cells["body"]))
    blank = np.array([not text for text in texts], dtype=bool)
    problems.add_lines(table, blank, texts, "a text", "leave the line out")
    problems.refuse()
    times = pd.to_datetime(seconds, unit="s", utc=True).tz_convert(TIMEZONE)
    order = np.argsort(seconds, kind="stable")
    return Inbox(
        f"fichier {path.name}",
        tuple(
            _waiting(
                ids[row], times[row].to_pydatetime(), _channel(cells["channel"][row]), texts[row],
                int(np.nan_to_num(levels[row])),
            )
            for row in order.tolist()
        ),
    )  # fmt: skip


def _waiting(name: str, received: datetime, channel: str, text: str, level: int) -> Waiting:
    """Mask a raw text and forget it."""
    said = SPOKEN_CHANNELS.get(channel, channel or "non dit")
    return Waiting(name, received, said, pieces_of(text), level, prepared(name, received, text))


def _channel(cell: str) -> str:
    return CHANNELS.get(plain(cell), "autre" if plain(cell) else "")
