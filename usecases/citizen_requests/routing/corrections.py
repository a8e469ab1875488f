"""What agents corrected: learnt from like the catalogue, at every fit and at its weight."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from common.lab.usecase import Dataset
from usecases.citizen_requests import own_data
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.routing.examples import CATALOGUE
from usecases.citizen_requests.routing.recode import for_services

__all__ = ["with_corrections"]


def with_corrections(dataset: Dataset, folder: Path, other: str = "") -> Dataset:
    """Return the data set with corrected requests beside the service catalogue.

    Corrections are newer than the periods that a run is scored on. They are put where the
    catalogue stands, learnt from at every fit: the figures of such a run tell whether the
    adapted model has forgotten anything, not how well it follows the corrections.

    Parameters
    ----------
    dataset
        What the task learns from.
    folder
        A folder in the form of own data (`own_data.read`), whose ``service_final`` is the
        service that the agent chose; texts are masked as they are read.
    other
        The task's service for all that it does not name.

    Raises
    ------
    TableError
        As `own_data.read`.
    """
    services: Sequence[str] = dataset.extras["services"]["code"].tolist()
    corrected = for_services(own_data.read(folder), services, other)
    known = np.asarray(corrected.valid)
    table = pd.DataFrame(
        {
            "service_code": corrected.columns["service_code"][known].astype(np.int64),
            "text": requests_of(corrected)["text"].to_numpy()[known],
        }
    )
    parts = [part for part in (dataset.extras.get(CATALOGUE), table) if part is not None]
    joined = pd.concat(parts, ignore_index=True)
    return replace(dataset, extras={**dataset.extras, CATALOGUE: joined})
