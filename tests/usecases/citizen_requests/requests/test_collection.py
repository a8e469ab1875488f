"""Requests become numbers in columns and texts beside them, and are found again."""

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import UsageError
from usecases.citizen_requests.requests.collection import Collection, dataset_of, requests_of

COLLECTION = Collection("three", {"voirie": "Voirie", "proprete": "Propreté"})


def requests() -> pd.DataFrame:
    """Three, out of order; the last repeats the first, and nobody knows the second's service."""
    return pd.DataFrame(
        {
            "request_id": ["c", "a", "b"],
            "received": pd.to_datetime(["2025-01-03", "2025-01-01", "2025-01-02"], utc=True),
            "text": ["toujours le trou", "un trou", "euh"],
            "service": ["voirie", "voirie", ""],
            "unit": ["u", "u", "v"],
            "duplicate_of": ["a", "", ""],
            "urgency": [1.0, 0.0, np.nan],
        }
    )


def test_rows_are_in_order_of_time_and_numbers_lead_back_to_texts() -> None:
    """text_id is the row of the texts, service_code that of the services."""
    dataset = dataset_of(requests(), COLLECTION)
    texts = requests_of(dataset)
    assert texts["request_id"].tolist() == ["a", "b", "c"]
    np.testing.assert_array_equal(dataset.columns["service_code"], [0, np.nan, 0])
    np.testing.assert_array_equal(dataset.columns["urgency_level"], [0, np.nan, 1])
    np.testing.assert_array_equal(dataset.columns["duplicate_of_id"], [np.nan, np.nan, 0])
    np.testing.assert_array_equal(dataset.valid, [True, False, True])
    assert dataset.extras["services"]["title"].tolist() == ["Voirie", "Propreté"]


def test_some_rows_keep_their_own_texts() -> None:
    """Dataset.at leaves the extras whole: the number still leads to the right text."""
    dataset = dataset_of(requests(), COLLECTION)
    later = dataset.at(np.array([False, True, True]))
    assert requests_of(later)["text"].tolist() == ["euh", "toujours le trou"]


def test_a_blanked_row_has_no_text() -> None:
    """The look-ahead checks replace later numbers by NaN or noise: no text may come of it."""
    dataset = dataset_of(requests(), COLLECTION)
    dataset.columns["text_id"][1:] = [np.nan, -1_000.0]
    assert requests_of(dataset)["text"].tolist() == ["un trou", "", ""]


def test_an_id_or_service_that_cannot_be_is_refused() -> None:
    """Twice the same id; a service that the collection does not have."""
    with pytest.raises(UsageError, match="'a' occurs twice"):
        dataset_of(requests().replace("c", "a"), COLLECTION)
    with pytest.raises(UsageError, match="services ecole"):
        dataset_of(requests().replace("voirie", "ecole"), COLLECTION)
