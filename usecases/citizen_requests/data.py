"""The public texts that stand in for requests: titles of Paris projects and of national sheets."""

import pandas as pd

from usecases.citizen_requests.requests.paris import paris
from usecases.citizen_requests.sheets.library import VINTAGE, questions, sheet_tables, titles

__all__ = ["VINTAGE", "anchors", "paris", "questions", "sections", "sheets", "titles"]


def sheets() -> pd.DataFrame:
    """Return the 3,159 sheets (see `SheetTables`)."""
    return sheet_tables().sheets


def sections() -> pd.DataFrame:
    """Return the sheets' sections (see `SheetTables`)."""
    return sheet_tables().sections


def anchors() -> pd.DataFrame:
    """Return the texts by which other pages name a sheet (see `SheetTables`)."""
    return sheet_tables().anchors
