"""Bring a data set to the services and the days that a task knows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from common.lab.french_csv import plain
from common.lab.usecase import Dataset, Split
from usecases.citizen_requests.requests.collection import requests_of

__all__ = ["COMPETENCES", "by_channel", "for_competence", "for_services", "over"]

COMPETENCES = ("Commune", "Autre organisme")
"""Whose business a request is."""

RANKS = (0.0, 0.3, 0.9, 1.0)
"""Shares of invented requests placed before, around and after the start of the test period."""
BEFORE_DAYS, AFTER_DAYS = 200, 30


def for_services(dataset: Dataset, services: Sequence[str], other: str = "") -> Dataset:
    """Return the data set with the services of a task: numbers, names, and others as good.

    Parameters
    ----------
    dataset
        With services of its own (a commune's export).
    services
        Those of the task, in its order. One of the data set's is the same where its code or
        its title is; accents, case and punctuation do not matter.
    other
        The task's service for all others; where there is none, they become unknown.
    """
    same = {plain(name): name for name in services}
    own = dataset.extras["services"]
    pairs = zip(own["code"], own["title"], strict=True)
    named = {code: same.get(plain(code), same.get(plain(title), other)) for code, title in pairs}
    places = {name: float(place) for place, name in enumerate(services)}
    targets = np.array([*(places.get(named[code], np.nan) for code in own["code"]), np.nan])
    given = dataset.columns["service_code"]
    recoded = targets[np.where(np.isfinite(given), given, len(own)).astype(np.int64)]
    requests = dataset.extras["requests"]
    renamed = requests.assign(
        service=requests["service"].map(named).fillna(""),
        also_ok=requests["also_ok"].fillna("").map(lambda codes: _renamed(codes, named)),
    )
    listed = pd.DataFrame({"code": list(services), "title": list(services)})
    return replace(
        dataset,
        columns={**dataset.columns, "service_code": recoded},
        valid=dataset.valid & np.isfinite(recoded),
        extras={**dataset.extras, "services": listed, "requests": renamed},
    )


def _renamed(codes: str, named: Mapping[str, str]) -> str:
    """Return services joined by ``|`` under their new names; unknown ones are left out.

    >>> _renamed("parcs|ailleurs", {"parcs": "Espaces verts"})
    'Espaces verts'
    """
    return "|".join(dict.fromkeys(filter(None, (named.get(each) for each in codes.split("|")))))


def for_competence(dataset: Dataset) -> Dataset:
    """Return the data set with two answers: the town hall's business, or another body's."""
    ours = dataset.columns["town_hall"]
    listed = pd.DataFrame({"code": list(COMPETENCES), "title": list(COMPETENCES)})
    requests = dataset.extras["requests"].assign(also_ok="")
    return replace(
        dataset,
        columns={**dataset.columns, "service_code": 1.0 - ours},
        valid=np.isfinite(ours),
        extras={**dataset.extras, "services": listed, "requests": requests},
    )


def over(dataset: Dataset, split: Split) -> Dataset:
    """Spread invented requests over a split, most of them around the start of its test period."""
    marks = [
        pd.Timestamp(split.train_start),
        pd.Timestamp(split.test.start) - pd.Timedelta(days=BEFORE_DAYS),
        pd.Timestamp(split.test.start) + pd.Timedelta(days=AFTER_DAYS),
        pd.Timestamp(split.test.stop) - pd.Timedelta(days=1),
    ]
    seconds = [mark.timestamp() for mark in marks]
    placed = np.interp(np.linspace(0, 1, len(dataset.times)), RANKS, seconds)
    times = pd.to_datetime(placed.round().astype(np.int64), unit="s", utc=True)
    return replace(dataset, times=pd.DatetimeIndex(times))


def by_channel(dataset: Dataset) -> Dataset:
    """Return the data set with the channel as unit: form, mail or phone."""
    return replace(dataset, groups=pd.Categorical(requests_of(dataset)["channel"]))
