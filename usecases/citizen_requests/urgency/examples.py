"""Requests as rows of the urgency graph: text, cues read beside it, and the level it had."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd

from common.edge.errors import SourceError
from common.lab.usecase import Array, Dataset, Examples, Period, Split
from usecases.citizen_requests import simulate
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.requests.collection import Collection, dataset_of, requests_of
from usecases.citizen_requests.routing.examples import routing_examples
from usecases.citizen_requests.routing.recode import by_channel, over
from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.urgency.levels import LEVELS, urgency_of

__all__ = [
    "URGENCY_SPLIT",
    "as_levels",
    "authored_examples",
    "cue_shares",
    "load",
    "simulated",
    "urgency_examples",
]

N_INVENTED = 1_500
URGENCY_SPLIT = Split(
    train_start=date(2024, 1, 1),
    origins=(date(2025, 1, 1), date(2025, 4, 1)),
    test=Period(date(2025, 7, 1), date(2026, 1, 1)),
)
"""Days of the simulator."""


def cue_shares(text: str) -> tuple[float, float, float]:
    """Return what the cues give to each level, adding up to 1: the client step of the graph.

    Examples
    --------
    >>> max(range(3), key=cue_shares("Odeur de gaz dans l'immeuble").__getitem__)
    2
    """
    urgency = urgency_of(clean(text).kept)
    return 1 - urgency.p_raised, urgency.p_raised - urgency.p_at_once, urgency.p_at_once


def as_levels(dataset: Dataset) -> Dataset:
    """Return the data set with the three levels where services stood."""
    level = dataset.columns["urgency_level"]
    known = np.isfinite(level)
    listed = pd.DataFrame({"code": [str(at) for at in range(len(LEVELS))], "title": list(LEVELS)})
    return replace(
        dataset,
        columns={**dataset.columns, "service_code": level},
        valid=known,
        extras={
            **dataset.extras,
            "services": listed,
            "requests": requests_of(dataset).assign(also_ok=""),
        },
    )


def load() -> Dataset:
    """Refuse: there is no public set of requests with their urgency.

    Raises
    ------
    SourceError
        Always; ``--data auto`` then takes the simulator and says so.
    """
    raise SourceError(
        "no public data set says how urgent requests were",
        expected="a commune's own export with the column urgence, or the simulator",
        remedy="pass --data simulated, or a folder with your own export",
    )


def simulated(seed: int, n_requests: int = N_INVENTED) -> Dataset:
    """Return SIMULATED requests with their levels, over the days of the task's split."""
    return by_channel(over(as_levels(simulate.simulate(seed, n_requests)), URGENCY_SPLIT))


def urgency_examples(dataset: Dataset, period: Period) -> Examples:
    """Return the requests of a period: ``codes`` and ``cues``; target 1 at the level it had.

    Parameters
    ----------
    dataset
        As `as_levels` returns it.
    period
        Days of reception.
    """
    made = routing_examples(dataset, period, catalogue=False)
    first, last = (pd.Timestamp(day, tz="UTC") for day in (period.start, period.stop))
    inside = np.flatnonzero((dataset.times >= first) & (dataset.times < last))
    texts = requests_of(dataset)["text"].fillna("").to_numpy()[inside]
    cues = np.array([cue_shares(text) for text in texts], dtype=np.float32).reshape(-1, len(LEVELS))
    floor = np.zeros(len(inside), dtype=np.int64)
    return replace(made, inputs={"codes": made.inputs["codes"], "cues": cues, "agent_level": floor})


def authored_examples(dataset: Dataset, period: Period) -> Examples:
    """Return the frozen authored requests instead: a check of behaviour, never a score."""
    del dataset
    requests = frozen_requests()
    rows = pd.DataFrame(
        {
            "request_id": [request.id for request in requests],
            "received": _inside(period, len(requests)),
            "text": [request.text for request in requests],
            "service": "",
            "unit": [request.channel for request in requests],
            "urgency": [float(request.urgency) for request in requests],
        }
    )
    written = Collection("authored requests", {"": ""}, "Demandes écrites pour Aune.")
    return urgency_examples(as_levels(dataset_of(rows, written)), period)


def _inside(period: Period, n_rows: int) -> pd.DatetimeIndex:
    """Spread rows over a period: their own dates mean nothing to a split."""
    start, stop = (pd.Timestamp(day, tz="UTC") for day in (period.start, period.stop))
    seconds: Array = np.linspace(start.timestamp(), stop.timestamp() - 1, n_rows)
    return pd.to_datetime(seconds.astype(np.int64), unit="s", utc=True)
