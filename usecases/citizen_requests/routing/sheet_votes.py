"""Route by retrieval over the national sheets: which themes, and whose business it is."""

import numpy as np
import pandas as pd

from common.edge.retrieval import Retrieval
from common.lab.index import build
from common.lab.usecase import Dataset
from usecases.citizen_requests.answers.documents import LABELS, sheet_documents
from usecases.citizen_requests.answers.plan import plan
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.sheets.library import sheet_tables

__all__ = ["title_blind_votes"]


def title_blind_votes(dataset: Dataset) -> pd.DataFrame:
    """Return the votes of the sheets for titles that the index does not hold.

    The asked titles are left out of the index, all of them: what is found, is found by dossier,
    headings and text, as for a question in a citizen's words. The sheet itself stays in it, as
    in production, where the answer is mostly there; a request without a sheet must abstain.

    Parameters
    ----------
    dataset
        Titles whose ``request_id`` is a sheet's id (``data.load("themes")``).

    Returns
    -------
    DataFrame
        One row per row of the data set, one column per label of
        `usecases.citizen_requests.answers.documents.LABELS`.
    """
    rows = requests_of(dataset)
    documents = sheet_documents(sheet_tables(), untitled=set(rows["request_id"]))
    arrays, settings = build(documents, plan(LABELS))
    index = Retrieval(arrays, settings)
    votes = [index.search(text).votes for text in rows["text"]]
    return pd.DataFrame(np.array(votes, dtype=np.float32), columns=list(LABELS))
