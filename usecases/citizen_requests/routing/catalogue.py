"""What each service says it does: the first thing a router can learn from, before any request."""

import tomllib
from functools import cache
from pathlib import Path

import pandas as pd

__all__ = ["FILE", "catalogue", "keywords"]

FILE = Path(__file__).with_name("catalogue.toml")


@cache
def catalogue(file: Path = FILE) -> pd.DataFrame:
    """Return the phrases of a service catalogue.

    Parameters
    ----------
    file
        TOML, one table: service to a list of phrases, each a few comma-separated duties.

    Returns
    -------
    DataFrame
        ``service`` and ``text``: every phrase whole, and each of its duties by itself.
    """
    with file.open("rb") as handle:
        listed = tomllib.load(handle)
    rows = [
        (service, text)
        for service, phrases in listed.items()
        for phrase in phrases
        for text in _whole_and_parts(phrase)
    ]
    return pd.DataFrame(rows, columns=["service", "text"])


def _whole_and_parts(phrase: str) -> list[str]:
    """Return a phrase and its duties.

    >>> _whole_and_parts("parcs, jardins")
    ['parcs, jardins', 'parcs', 'jardins']
    """
    parts = [part.strip() for part in phrase.split(",")]
    return [phrase, *parts] if len(parts) > 1 else [phrase]


def keywords(service: str) -> str:
    """Return all phrases of one service as one text."""
    table = catalogue()
    return " ".join(table.loc[table["service"] == service, "text"])
