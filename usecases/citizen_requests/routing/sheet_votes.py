"""Route by retrieval over the national sheets: which themes, and whose business it is."""

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from common.edge.retrieval.search import Retrieval
from common.edge.retrieval.settings import RetrievalSettings
from common.lab.index import build
from common.lab.provenance import code_digest
from common.lab.sources import cache_folder
from common.lab.usecase import Array, Dataset
from usecases.citizen_requests.answers.collections import sheets_index
from usecases.citizen_requests.answers.documents import LABELS, sheet_documents
from usecases.citizen_requests.answers.plan import plan
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.sheets.library import sheet_tables

__all__ = ["N_LABELS", "sheet_index", "title_blind_votes"]

N_LABELS = len(LABELS)
"""The themes, then the town hall."""


def title_blind_votes(dataset: Dataset) -> pd.DataFrame:
    """Return the votes of the sheets for titles that the index does not hold.

    The asked titles are left out of the index, all of them: what is found, is found by dossier,
    headings and text, as for a question in a citizen's words. The sheet itself stays in it, as
    in production, where the answer is mostly there; a request without a sheet must abstain.
    Texts that are no title, a town hall's own requests, are asked of the index as it ships.

    Parameters
    ----------
    dataset
        Titles whose ``request_id`` is a sheet's id (``data.load("themes")``), or other texts.

    Returns
    -------
    DataFrame
        One row per row of the data set, one column per label of
        `usecases.citizen_requests.answers.documents.LABELS`.
    """
    rows = requests_of(dataset)
    asked = f"{dataset.digest} {code_digest('citizen_requests')}"
    key = hashlib.sha256(asked.encode()).hexdigest()[:24]
    kept = cache_folder() / "citizen_requests" / f"votes-{key}.npy"
    if kept.exists():
        votes = np.load(kept, allow_pickle=False)
    else:
        titles = tuple(rows["request_id"][rows["request_id"].isin(_sheet_ids())])
        index = Retrieval(*(_built(titles) if titles else sheets_index()))
        votes = np.array([index.search(text).votes for text in rows["text"]], dtype=np.float32)
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_suffix(".part.npy")
        np.save(part, votes, allow_pickle=False)
        part.replace(kept)
    return pd.DataFrame(votes, columns=list(LABELS))


def sheet_index() -> tuple[Mapping[str, Array], RetrievalSettings]:
    """Return the index that a bundle carries: every sheet with its title, filling ``votes``."""
    arrays, settings = sheets_index()
    return arrays, replace(settings, text_input="codes", fills=("votes",))


def _sheet_ids() -> frozenset[str]:
    return frozenset(sheet_tables().sheets["sheet_id"])


@lru_cache(maxsize=1)
def _built(untitled: tuple[str, ...]) -> tuple[Mapping[str, Array], RetrievalSettings]:
    return build(sheet_documents(sheet_tables(), untitled=set(untitled)), plan(LABELS))
