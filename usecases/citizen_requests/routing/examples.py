"""Requests as rows of a routing graph: text, votes of what came before, right services."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from common.edge.textcodes import codes_of
from common.lab.evaluation import WARM_UP_DAYS
from common.lab.usecase import Array, Dataset, Examples, Period
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.routing.lessons import CATALOGUE_UNIT
from usecases.citizen_requests.routing.neighbours import votes_of_earlier

__all__ = ["CATALOGUE", "SHEET_VOTES", "routing_examples", "with_catalogue"]

CATALOGUE = "catalogue"
"""Name of the extra table that holds the phrases of the service catalogue."""
SHEET_VOTES = "sheet_votes"
"""Name of the extra table with what the national sheets vote for each text."""
READ_AFTER_SECONDS = 1
"""A request is read once it has arrived."""


def with_catalogue(dataset: Dataset, phrases: pd.DataFrame) -> Dataset:
    """Return the data set with the service catalogue beside it.

    Parameters
    ----------
    phrases
        ``service`` (codes of the data set's services; others are left out) and ``text``.
    """
    codes = {code: place for place, code in enumerate(dataset.extras["services"]["code"])}
    known = phrases[phrases["service"].isin(list(codes))]
    table = pd.DataFrame({"service_code": known["service"].map(codes), "text": known["text"]})
    return replace(dataset, extras={**dataset.extras, CATALOGUE: table.reset_index(drop=True)})


def routing_examples(
    dataset: Dataset, period: Period, *, catalogue: bool = True, sheet_labels: int = 0
) -> Examples:
    """Return the requests received in a period, and the catalogue where the period opens the data.

    A catalogue is known before any request: its phrases are dated on the first day of the data
    and learnt from like requests, at a weight of their own.

    Parameters
    ----------
    dataset
        As `requests.collection.dataset_of` makes it; ``service_code`` is the truth.
    period
        Days of reception.
    catalogue
        False leaves the phrases out.
    sheet_labels
        Labels that the national sheets vote for; zeros where they were not asked. 0: the
        votes are those of earlier requests, for the services themselves.

    Returns
    -------
    rows
        Inputs ``codes`` and ``votes``; target 1 at the right services (those that
        ``also_ok`` names too), NaN where unknown; every request is a block of its own, or
        every dossier where units are dossiers.
    """
    first, last = (pd.Timestamp(day, tz="UTC") for day in (period.start, period.stop))
    inside = np.flatnonzero((dataset.times >= first) & (dataset.times < last))
    width, votes = _texts_width(dataset), _votes(dataset, sheet_labels)
    texts = requests_of(dataset)["text"].fillna("").tolist()
    made = _rows(dataset, inside, codes_of([texts[row] for row in inside], width), votes[inside])
    phrases = dataset.extras.get(CATALOGUE)
    # Data of one's own are fitted from their 29th day: the split follows them (evaluation.follow).
    after = (first - dataset.times[0].normalize()).days if len(inside) else -1
    opens = len(inside) and (after <= 0 or after == WARM_UP_DAYS)
    if not catalogue or phrases is None or not opens:
        return made
    return _joined(_phrases(phrases, made, width), made)


def _votes(dataset: Dataset, sheet_labels: int) -> Array:
    """Return the votes of the sheets where they are wanted, else of earlier requests."""
    if not sheet_labels:
        return votes_of_earlier(dataset)
    asked = dataset.extras.get(SHEET_VOTES)
    if asked is None:
        return np.zeros((len(dataset.times), sheet_labels), dtype=np.float32)
    rows = dataset.columns["text_id"].astype(np.int64)
    votes: Array = asked.to_numpy(dtype=np.float32)[rows]
    return votes


def _rows(dataset: Dataset, inside: Array, codes: Array, votes: Array) -> Examples:
    n_services = len(dataset.extras["services"])
    times = dataset.times[inside].as_unit("s").tz_localize(None).to_numpy()
    return Examples(
        inputs={"codes": codes, "votes": votes},
        target=_right(dataset, inside, n_services),
        slots=np.broadcast_to(np.arange(n_services), (len(inside), n_services)).copy(),
        units=np.asarray(dataset.groups.astype(str))[inside],
        blocks=_blocks(dataset, inside),
        issued=times + np.timedelta64(READ_AFTER_SECONDS, "s"),
        days=times.astype("datetime64[D]"),
    )


def _right(dataset: Dataset, inside: Array, n_services: int) -> Array:
    """Return 1 at right services, shape (n, n_services); NaN where none is known."""
    codes = dataset.columns["service_code"][inside]
    known = dataset.valid[inside] & (codes >= 0) & (codes < n_services)
    target = np.full((len(inside), n_services), np.nan)
    target[known] = 0.0
    rows = np.flatnonzero(known)
    target[rows, codes[known].astype(np.int64)] = 1.0
    places = {code: place for place, code in enumerate(dataset.extras["services"]["code"])}
    also = requests_of(dataset)["also_ok"].fillna("").to_numpy()[inside]
    for row in rows:
        for code in filter(None, str(also[row]).split("|")):
            if code in places:
                target[row, places[code]] = 1.0
    return target


def _blocks(dataset: Dataset, inside: Array) -> Array:
    """Return what intervals draw: requests, or the dossiers that titles belong to.

    Units that hold many requests of one service (edition and directorate) are no clusters of
    like texts: there each request stands for itself.
    """
    if dataset.extras["requests"].columns.isin(["split"]).any():
        return np.asarray(dataset.groups.codes)[inside].astype(np.int64)
    return np.asarray(inside, dtype=np.int64)


def _phrases(phrases: pd.DataFrame, like: Examples, width: int) -> Examples:
    """Return the phrases as rows dated on the first day, without votes."""
    n, n_services = len(phrases), like.target.shape[1]
    codes = phrases["service_code"].to_numpy(dtype=np.int64)
    return Examples(
        inputs={
            "codes": codes_of(phrases["text"].tolist(), width),
            "votes": np.zeros((n, like.inputs["votes"].shape[1]), dtype=np.float32),
        },
        target=(np.arange(n_services) == codes[:, None]) * 1.0,
        slots=np.broadcast_to(np.arange(n_services), (n, n_services)).copy(),
        units=np.full(n, CATALOGUE_UNIT),
        blocks=np.full(n, -1, dtype=np.int64),
        issued=np.full(n, like.issued.min()),
        days=np.full(n, like.days.min()),
    )


def _joined(first: Examples, second: Examples) -> Examples:
    names = ("target", "slots", "units", "blocks", "issued", "days")
    joined = {name: np.concatenate([getattr(first, name), getattr(second, name)]) for name in names}
    inputs = {
        name: np.concatenate([first.inputs[name], second.inputs[name]]) for name in first.inputs
    }
    return Examples(inputs=inputs, **joined)


def _texts_width(dataset: Dataset) -> int:
    """Return a width that holds every text of the data set, the same for all its rows."""
    texts: Sequence[str] = dataset.extras["requests"]["text"].tolist()
    phrases = dataset.extras.get(CATALOGUE)
    listed = tuple(texts) + (() if phrases is None else tuple(phrases["text"]))
    return _width(listed)


@lru_cache(maxsize=8)
def _width(texts: tuple[str, ...]) -> int:
    return int(codes_of(texts).shape[1])
