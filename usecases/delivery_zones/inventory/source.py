"""The public inventory of delivery areas, fetched and verified, with the schema that checks it."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from common.lab.sources import fetch, load_sources
from usecases.delivery_zones.inventory.areas import (
    HAUTS_DE_SEINE_COLUMNS,
    TableSchema,
    areas_of,
    from_hauts_de_seine,
    read_inventory,
    read_schema,
)

__all__ = ["Inventory", "load_inventory"]

SOURCES = Path(__file__).parents[1] / "sources.toml"
SOURCE = "hauts_de_seine_areas"
AREAS_FILE, SCHEMA_FILE = "data/Hauts de Seine/aires-de-livraison.csv", "schema.json"


@dataclass(frozen=True)
class Inventory:
    """An inventory as it was written, and the schema it is held against.

    Parameters
    ----------
    table
        As from `inventory.read_inventory`, either layout, every cell as text.
    schema
        The Table Schema `aire-livraison`.
    title
        French name of the inventory, printed on the pages.
    """

    table: pd.DataFrame
    schema: TableSchema
    title: str

    @property
    def areas(self) -> pd.DataFrame:
        """The typed columns that a decision needs (`inventory.areas_of`)."""
        if set(HAUTS_DE_SEINE_COLUMNS) <= set(self.table):
            return areas_of(from_hauts_de_seine(self.table, self.schema))
        return areas_of(self.table.reindex(columns=[*self.schema.columns], fill_value=""))


def load_inventory(path: Path | None = None) -> Inventory:
    """Read a commune's inventory, or the public one of the Hauts-de-Seine (1,007 areas).

    Parameters
    ----------
    path
        A CSV file in either layout; None for the public inventory.

    Raises
    ------
    SourceError
        If a pinned file cannot be had or is not the pinned one.
    TableError
        If the file is in neither layout.
    """
    source = {source.name: source for source in load_sources(SOURCES)}[SOURCE]
    files = {name: file for (_, name), file in fetch([source]).items()}
    return Inventory(
        table=read_inventory(path or files[AREAS_FILE]),
        schema=read_schema(files[SCHEMA_FILE]),
        title=source.title if path is None else path.name,
    )
