"""Requests as a Dataset: numbers in its columns, texts beside them, found again by number."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, Source

__all__ = ["COLUMNS", "Collection", "dataset_of", "requests_of"]

COLUMNS: Mapping[str, str] = {
    "request_id": "",
    "text": "",
    "channel": "",
    "register": "",
    "service": "",
    "also_ok": "",
    "action": "",
    "right_body": "",
    "duplicate_of": "",
    "place": "",
}
"""Columns of ``extras["requests"]`` and what stands where a collection knows nothing.

``also_ok``: other services that are as good, joined by ``|``; ``right_body``: whose business it
is where it is not the town hall's; ``duplicate_of``: the request_id of an earlier one; ``place``:
street or address, kept apart from the text for the agent."""

UNITS: Mapping[str, str] = {
    "text_id": "1",
    "service_code": "1",
    "urgency_level": "1",
    "duplicate_of_id": "1",
    "town_hall": "1",
}


@dataclass(frozen=True)
class Collection:
    """What a set of requests is, beside its rows.

    Parameters
    ----------
    name
        As `Dataset.name`.
    services
        Code to French title, in the order of ``service_code``.
    proxy, sources, simulated
        As in `Dataset`.
    tables
        Further extras, by name.
    """

    name: str
    services: Mapping[str, str]
    proxy: str = ""
    sources: tuple[Source, ...] = ()
    simulated: bool = False
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)


def dataset_of(requests: pd.DataFrame, collection: Collection) -> Dataset:
    """Return requests as a Dataset, in order of time.

    Parameters
    ----------
    requests
        ``request_id`` (unique), ``received`` (UTC, aware), ``text``, ``service`` (a code, or
        empty where unknown) and ``unit`` (what the statistics resample); optional: the
        other `COLUMNS`, ``urgency`` (0, 1, 2 or NaN) and ``town_hall`` (1, 0 or NaN: whose
        business it is). Other columns are kept in the extras.
    collection
        What they are.

    Returns
    -------
    Dataset
        Columns, all float64, NaN for unknown: ``text_id`` (row of ``extras["requests"]``),
        ``service_code`` (row of ``extras["services"]``), ``urgency_level``,
        ``duplicate_of_id`` (text_id of the earlier request), ``town_hall``. ``valid`` where
        the service is known. Extras: ``requests``, ``services`` and the collection's.

    Raises
    ------
    UsageError
        If an id occurs twice or a service is not one of the collection's.
    """
    rows = requests.sort_values("received", kind="stable").reset_index(drop=True)
    codes = {code: at for at, code in enumerate(collection.services)}
    _check(rows, codes)
    number = pd.Series(rows.index, index=rows["request_id"])
    missing = pd.Series(np.nan, index=rows.index)
    duplicate = rows.get("duplicate_of", pd.Series("", index=rows.index))
    columns = {
        "text_id": pd.Series(rows.index, dtype=float),
        "service_code": rows["service"].map(codes),
        "urgency_level": rows.get("urgency", missing),
        "duplicate_of_id": duplicate.map(number),
        "town_hall": rows.get("town_hall", missing),
    }
    texts = rows.drop(columns=["received", "unit", "urgency", "town_hall"], errors="ignore")
    absent = {name: default for name, default in COLUMNS.items() if name not in texts}
    services = pd.DataFrame(
        {"code": list(collection.services), "title": list(collection.services.values())}
    )
    return Dataset(
        name=collection.name,
        columns={name: np.array(each, dtype=np.float64) for name, each in columns.items()},
        units=UNITS,
        times=pd.DatetimeIndex(rows["received"]),
        groups=pd.Categorical(rows["unit"]),
        valid=rows["service"].isin(list(codes)).to_numpy(),
        timezone="Europe/Paris",
        sources=collection.sources,
        simulated=collection.simulated,
        proxy=collection.proxy,
        extras={"requests": texts.assign(**absent), "services": services, **collection.tables},
    )


def requests_of(dataset: Dataset) -> pd.DataFrame:
    """Return the texts of a data set's rows, row by row, also after `Dataset.at`.

    Parameters
    ----------
    dataset
        As `dataset_of` makes it, or some of its rows. A row whose ``text_id`` is unknown
        has an empty text (the look-ahead checks blank later rows that way), as has one
        whose number is no row of the extras.
    """
    texts = dataset.extras["requests"]
    asked = dataset.columns["text_id"]
    known = np.isfinite(asked) & (asked >= 0) & (asked < len(texts))
    at = np.where(known, asked, 0).astype(np.int64)
    rows = texts.iloc[at].reset_index(drop=True)
    if known.all():
        return rows
    return rows.apply(lambda column: column.where(known, COLUMNS.get(str(column.name))))


def _check(rows: pd.DataFrame, codes: Mapping[str, int]) -> None:
    twice = rows["request_id"][rows["request_id"].duplicated()]
    if len(twice):
        raise UsageError(f"request {twice.iloc[0]!r} occurs twice", expected="unique ids")
    unknown = sorted(set(rows["service"]) - set(codes) - {""})
    if unknown:
        raise UsageError(
            f"services {', '.join(unknown)}", expected="one of " + ", ".join(codes) + " or empty"
        )
