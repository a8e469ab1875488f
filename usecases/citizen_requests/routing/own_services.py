"""Route among a town hall's own services: the task and its data brought to one list of them.

The task as declared chooses among Paris directorates, those of the public data. Fitted on a
town hall's own requests it must choose among the services that dealt with them.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import DataError
from common.lab.french_csv import plain
from common.lab.usecase import Dataset, Task
from usecases.citizen_requests.requests.paris import OTHER
from usecases.citizen_requests.routing.catalogue import catalogue
from usecases.citizen_requests.routing.examples import with_catalogue
from usecases.citizen_requests.routing.recode import for_services

__all__ = ["FEWEST", "PHRASES", "REST", "own_services", "rest_of", "suited"]

FEWEST: Final = 10
"""Closed requests under which a service is put with the rest: nothing could be shown of it
(brief 3.A leaves classes of fewer test rows out of the macro average)."""
REST: Final = "Autres services"
PHRASES: Final = "phrases"
"""Name of the extra table with a town hall's own catalogue: ``service`` and ``text``."""


Build = Callable[[Sequence[str], Sequence[str] | None], Task]
"""From services and what each says it does to the task among them (`tasks.routing_task`)."""


def suited(
    build: Build, task: Task, dataset: Dataset, answers: Sequence[str] = ()
) -> tuple[Task, Dataset]:
    """Return the task among the data's own services, and the data with that task's services.

    Parameters
    ----------
    build
        Makes the task among other services.
    task
        The routing task as declared.
    dataset
        Public, simulated or own requests. Where each of its services is one of the task's,
        both are returned for the services declared.
    answers
        The services of a bundle at hand, in its order: they are taken whatever the data hold.

    Raises
    ------
    DataError
        Requests of fewer than two services are left.
    """
    declared = _answers(task)
    services = tuple(answers) or own_services(dataset, declared)
    if services == declared == tuple(dataset.extras["services"]["code"]):
        return task, dataset
    recoded = for_services(dataset, services, rest_of(services))
    left = np.unique(recoded.columns["service_code"][np.asarray(recoded.valid)])
    if len(left) < 2:
        raise DataError(
            f"{dataset.name}: requests of {len(left)} of the services {', '.join(services)}",
            expected=f"two services with at least {FEWEST} closed requests each",
            remedy="check the column service_final, or fit on these data: aune run",
        )
    if services == declared:
        return task, with_catalogue(recoded, catalogue())
    phrases = _phrases(dataset, services)
    if phrases is None:
        return replace(build(services, None), split=task.split), recoded
    texts = [" ".join(phrases.loc[phrases["service"] == name, "text"]) for name in services]
    return replace(build(services, texts), split=task.split), with_catalogue(recoded, phrases)


def own_services(dataset: Dataset, declared: Sequence[str]) -> tuple[str, ...]:
    """Return the services to choose among: the declared ones where the data hold no other.

    Else the titles of the data's own with `FEWEST` closed requests, most frequent first, and
    `REST` where there are others.
    """
    listed = dataset.extras["services"]
    given = dataset.columns["service_code"]
    known = given[np.asarray(dataset.valid) & np.isfinite(given)].astype(np.int64)
    counts = np.bincount(known, minlength=len(listed))
    same = {plain(name) for name in declared}
    seen = listed[counts > 0]
    if all({plain(row.code), plain(row.title)} & same for row in seen.itertuples()):
        return tuple(declared)
    order = [int(place) for place in np.argsort(-counts, kind="stable") if counts[place] >= FEWEST]
    frequent = tuple(str(listed["title"].iloc[place]) for place in order)
    return (*frequent, REST) if len(frequent) < len(seen) else frequent


def rest_of(services: Sequence[str]) -> str:
    """Return the service that takes what the others do not; empty where there is none.

    >>> rest_of(["Voirie", "Autres services"]), rest_of(["Voirie"])
    ('Autres services', '')
    """
    return next((name for name in services if name in (REST, OTHER)), "")


def _answers(task: Task) -> tuple[str, ...]:
    return next(output.labels for output in task.outputs if output.labels)


def _phrases(dataset: Dataset, services: Sequence[str]) -> pd.DataFrame | None:
    """Return the town hall's own catalogue under the names of its services."""
    written = dataset.extras.get(PHRASES)
    if written is None:
        return None
    same = {plain(name): name for name in services}
    listed = dataset.extras["services"]
    titles = zip(listed["code"], listed["title"], strict=True)
    same |= {plain(code): same[plain(title)] for code, title in titles if plain(title) in same}
    named = written.assign(service=[same.get(plain(name), "") for name in written["service"]])
    known = named[named["service"] != ""].reset_index(drop=True)
    return None if known.empty else known
