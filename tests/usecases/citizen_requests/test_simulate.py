"""Simulated requests run everything, and look like nothing that was measured."""

import json
from datetime import date

import numpy as np
import pytest

from common.edge.errors import UsageError
from common.lab.usecase import Dataset, Period, Split
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.requests.nearness import near_earlier
from usecases.citizen_requests.requests.services import TITLES
from usecases.citizen_requests.simulate import LABELS, REGISTER_SHARES, simulate, simulate_for
from usecases.citizen_requests.simulation.facts import FACTS
from usecases.citizen_requests.simulation.styles import REGISTERS


@pytest.fixture(scope="module")
def simulated() -> Dataset:
    return simulate(7)


def test_it_says_simulated_and_is_the_same_for_the_same_seed(simulated: Dataset) -> None:
    """The name is what every page, table and tag shows."""
    assert simulated.simulated
    assert simulated.name.startswith("SIMULATED")
    assert simulate(7, 60).digest == simulate(7, 60).digest != simulate(8, 60).digest


def test_no_text_comes_twice_and_next_to_none_nearly(simulated: Dataset) -> None:
    """Cut at any day, the later part must not hold the earlier one's words."""
    texts = requests_of(simulated)["text"]
    assert texts.is_unique
    later = (np.arange(len(texts)) > 900).astype(int)
    assert near_earlier(texts.tolist(), later.tolist(), 0.8).sum() <= 0.02 * later.sum()


def test_every_register_and_service_occurs(simulated: Dataset) -> None:
    """About 1,500 requests over two years, all 21 services, eight ways of writing."""
    texts = requests_of(simulated)
    assert len(texts) == 1_500
    assert set(texts["register"]) == set(REGISTERS) == set(REGISTER_SHARES)
    assert set(texts["service"]) == set(TITLES)
    assert set(texts["channel"]) == {"mail", "form", "phone"}
    assert simulated.times.max() - simulated.times.min() > np.timedelta64(700, "D")


def test_inserted_identifiers_are_where_they_are_said_to_be(simulated: Dataset) -> None:
    """A pseudonymiser is measured on them: telephones of fiction, reserved domains."""
    kinds = set()
    for row in requests_of(simulated).itertuples():
        for kind, start, end in json.loads(row.personal):
            found = row.text[start:end]
            kinds.add(kind)
            assert found.strip() == found != ""
            if kind == "phone":
                assert found[:8] in {"01 99 00", "02 61 91", "03 53 01", "04 65 71", "05 36 49",
                                     "06 39 98"}  # fmt: skip
            if kind == "email":
                assert found.rpartition("@")[2].startswith("example.")
    assert kinds == {
        "person", "phone", "email", "address", "street", "plate", "file_number", "birth_date",
    }  # fmt: skip


def test_duplicates_repeat_a_fact_at_the_same_place_in_other_words(simulated: Dataset) -> None:
    """Linked to an earlier request, at most nine days back."""
    texts = requests_of(simulated)
    again = np.flatnonzero((texts["duplicate_of"] != "").to_numpy())
    assert 0.03 * len(texts) < len(again) < 0.08 * len(texts)
    first = simulated.columns["duplicate_of_id"][again].astype(int)
    assert (first < again).all()
    for column in ("fact", "place", "service"):
        assert texts[column].to_numpy()[again].tolist() == texts[column].to_numpy()[first].tolist()
    days = (simulated.times[again] - simulated.times[first]) / np.timedelta64(1, "D")
    assert days.max() <= 9


def test_what_is_not_the_town_halls_business_names_the_right_body(simulated: Dataset) -> None:
    """And urgency is known for every request."""
    texts = requests_of(simulated)
    elsewhere = simulated.columns["town_hall"] == 0
    assert elsewhere.any()
    assert (texts["right_body"][elsewhere] != "").all()
    assert set(texts["action"][elsewhere]) == {"out_of_competence"}
    assert set(np.unique(simulated.columns["urgency_level"])) == {0.0, 1.0, 2.0}


def test_new_facts_come_late(simulated: Dataset) -> None:
    """Words that the first months did not have: what a drift monitor is for."""
    texts = requests_of(simulated)
    half = simulated.times.min() + (simulated.times.max() - simulated.times.min()) * 0.45
    late = {fact.code for fact in FACTS if fact.since > 0}
    seen = set(texts["fact"][simulated.times < half])
    assert late
    assert not late & seen
    assert late <= set(texts["fact"])


@pytest.mark.parametrize("labels", list(LABELS))
def test_it_speaks_the_label_set_that_is_asked_for_over_a_tasks_split(labels: str) -> None:
    """So that each task runs without any data."""
    split = Split(date(2014, 1, 1), (date(2019, 1, 1),), Period(date(2021, 1, 1), date(2025, 1, 1)))
    found = simulate_for(split, 1, labels, 600)
    assert set(requests_of(found)["service"]) <= set(LABELS[labels])
    assert requests_of(found)["service"].nunique() >= 10
    assert found.times.min().year == 2014
    assert found.times.max().year == 2024


def test_facts_are_whole() -> None:
    """Codes are unique, labels exist, a fact out of competence names a body."""
    assert len({fact.code for fact in FACTS}) == len(FACTS)
    for fact in FACTS:
        assert fact.service in TITLES
        assert fact.directorate in {"", *LABELS["paris"]}
        assert fact.theme in {"", *LABELS["themes"]}
        assert fact.town_hall == (fact.service != "hors_competence") == (not fact.body)
        assert min(len(fact.what), len(fact.more), len(fact.ask)) >= 2


def test_what_cannot_be_drawn_is_refused() -> None:
    """Unknown labels, no room for two days."""
    with pytest.raises(UsageError, match="labels 'x'"):
        simulate(0, labels="x")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="1 days"):
        simulate(0, n_days=1)
