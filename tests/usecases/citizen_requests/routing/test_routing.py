"""Routing: what is learnt from, what is decided, and that nothing later is read."""

from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.edge.textcodes import codes_of, text_of
from common.lab import graph
from common.lab.graph.text_head import CHARACTERS
from common.lab.usecase import Dataset, Period
from usecases.citizen_requests.features import THRESHOLDS
from usecases.citizen_requests.requests.collection import Collection, dataset_of
from usecases.citizen_requests.requests.paris import OTHER, SERVICES
from usecases.citizen_requests.routing.answers import CLARIFY, HUMAN, ROUTE
from usecases.citizen_requests.routing.catalogue import catalogue, keywords
from usecases.citizen_requests.routing.corrections import with_corrections
from usecases.citizen_requests.routing.examples import routing_examples, with_catalogue
from usecases.citizen_requests.routing.lessons import CATALOGUE_UNIT
from usecases.citizen_requests.routing.neighbours import votes_of_earlier
from usecases.citizen_requests.routing.recode import COMPETENCES, for_competence, for_services
from usecases.citizen_requests.routing.thresholds import NEVER, least_sure
from usecases.citizen_requests.tasks import ROUTING

ROADS, PARKS = SERVICES[0], SERVICES[1]
TEXTS = {
    ROADS: ("réparer le trottoir", "une piste cyclable", "le carrefour est dangereux"),
    PARKS: ("planter des arbres", "un jardin partagé", "les fleurs du square"),
}


def requests(n: int = 40) -> Dataset:
    """Return fictional requests, one a day, roads and parks in turn."""
    services = [ROADS if place % 2 else PARKS for place in range(n)]
    table = pd.DataFrame(
        {
            "request_id": [f"r{place}" for place in range(n)],
            "received": pd.date_range("2014-01-01", periods=n, tz="UTC"),
            "text": [
                f"{TEXTS[service][place % 3]}, rue {place}"
                for place, service in enumerate(services)
            ],
            "service": services,
            "unit": services,
        }
    )
    return dataset_of(table, Collection("fictional", {service: service for service in SERVICES}))


@cache
def described() -> tuple[bytes, Dataset]:
    """Return the graph fitted on requests and catalogue, and the data set."""
    dataset = with_catalogue(requests(), catalogue())
    examples = ROUTING.examples(dataset, Period(date(2014, 1, 1), date(2014, 3, 1)))
    rung = next(rung for rung in ROUTING.rungs if rung.name == "described")
    fitted = rung.fit(graph.training(ROUTING, examples, 0))
    return graph.assemble(ROUTING, rung, fitted).SerializeToString(), dataset


def asked(texts: list[str], thresholds: tuple[float, float] = (0.9, 0.9)) -> dict[str, np.ndarray]:
    inputs = {
        "codes": codes_of(texts),
        "votes": np.zeros((len(texts), len(SERVICES)), np.float32),
        THRESHOLDS: np.tile(np.float32(thresholds), (len(texts), 1)),
    }
    return graph.run(described()[0], inputs)


def test_every_service_describes_itself():
    """A service without a phrase could never be proposed before its first request."""
    assert set(catalogue()["service"]) == set(SERVICES)
    assert all(len(keywords(service).split()) > 20 for service in SERVICES)


def test_the_catalogue_is_learnt_from_once_on_the_first_day():
    """It is known before any request, and belongs to no later period."""
    dataset = with_catalogue(requests(), catalogue())
    first = routing_examples(dataset, Period(date(2014, 1, 1), date(2014, 1, 20)))
    later = routing_examples(dataset, Period(date(2014, 1, 20), date(2014, 2, 1)))
    assert (first.units == CATALOGUE_UNIT).sum() == len(catalogue())
    assert not (later.units == CATALOGUE_UNIT).any()
    assert first.inputs["codes"].shape[1] == later.inputs["codes"].shape[1]


def test_votes_come_from_earlier_requests_only():
    """The first request has no neighbour; changing the last one's service changes no vote."""
    dataset = requests()
    votes = votes_of_earlier(dataset)
    assert not votes[0].any()
    assert votes[10:].sum(axis=1) == pytest.approx(1.0)
    codes = dataset.columns["service_code"].copy()
    codes[-1] = 5.0
    other = replace(dataset, columns={**dataset.columns, "service_code": codes})
    assert np.array_equal(votes_of_earlier(other), votes)


def test_a_request_is_routed_and_its_words_say_why():
    """« trottoir » is never in a park's phrases: its letters carry the score, in the text typed."""
    text = "Bonjour, le TROTTOIR est abîmé"
    found = asked([text])
    assert SERVICES[found["ranked"][0, 0]] == ROADS
    characters = found[CHARACTERS][0]
    word = text.index("TROTTOIR")
    inside = characters[word : word + 8].sum()
    assert inside == pytest.approx(max(inside, characters[:7].sum()))
    total = found["contributions"][0, found["ranked"][0, 0], 1:].sum()
    assert characters.sum() == pytest.approx(total, abs=1e-5)


@pytest.mark.parametrize(
    ("thresholds", "decision"),
    [((0.0, 0.0), ROUTE), ((NEVER, 0.0), CLARIFY), ((NEVER, NEVER), HUMAN)],
)
def test_thresholds_decide_and_are_inputs(thresholds: tuple[float, float], decision: int):
    """They are fixed on a validation set and may be stricter in one town hall than in another."""
    assert asked(["un jardin"], thresholds)["decision"].tolist() == [[decision]]


def test_an_empty_text_goes_to_a_person():
    """Nothing to read: the usual shares alone, and nobody is sure."""
    found = asked(["", "   ", "😀"])
    assert (found["decision"] == HUMAN).all()
    assert not found[CHARACTERS].any()


def test_a_threshold_does_not_rest_on_a_lucky_few():
    """19 right answers are too few; 30 of 30 pass, counted as 30 of 31."""
    assert least_sure(np.full(19, 0.99), np.ones(19)) == NEVER
    assert least_sure(np.full(30, 0.99), np.ones(30)) == 0.99
    # 27 of 30 is nine in ten, but not with one error more: 27 / 31.
    assert least_sure(np.full(30, 0.99), np.array([1] * 27 + [0] * 3)) == NEVER


def test_services_of_ones_own_become_the_task_s():
    """A commune's services that the task does not know are « other », never dropped."""
    dataset = requests()
    recoded = for_services(dataset, [PARKS, "Autre"], "Autre")
    assert recoded.columns["service_code"][:4].tolist() == [0.0, 1.0, 0.0, 1.0]
    unknown = for_services(dataset, [PARKS])
    assert unknown.valid.sum() == len(dataset.times) / 2


def test_competence_is_unknown_where_the_data_do_not_say():
    """NaN is not « another body »."""
    dataset = requests(4)
    ours = np.array([1.0, 0.0, np.nan, 1.0])
    told = for_competence(replace(dataset, columns={**dataset.columns, "town_hall": ours}))
    assert told.valid.tolist() == [True, True, False, True]
    assert told.columns["service_code"][:2].tolist() == [0.0, 1.0]
    assert tuple(told.extras["services"]["code"]) == COMPETENCES


def test_texts_come_back_from_their_codes():
    """What a page underlines is the text that was typed."""
    dataset = described()[1]
    examples = ROUTING.examples(dataset, Period(date(2014, 2, 1), date(2014, 2, 10)))
    assert text_of(examples.inputs["codes"][0]).startswith(TEXTS[ROADS][1][:5])


def test_corrections_are_learnt_beside_the_catalogue_and_masked(tmp_path: Path):
    """An agent's file, in the form of own data: the service chosen, no name kept."""
    (tmp_path / "demandes.csv").write_text(
        "identifiant;date;texte;service_final\n"
        "c1;2026-05-04 10:00;Je m'appelle Aïcha Sow, un banc cassé au square;"
        f"{PARKS.upper()}\n"
        "c2;2026-05-05 10:00;La crèche est fermée;Petite enfance\n",
        encoding="utf-8",
    )
    dataset = with_corrections(with_catalogue(requests(), catalogue()), tmp_path, OTHER)
    added = dataset.extras["catalogue"].iloc[len(catalogue()) :]
    assert added["service_code"].tolist() == [SERVICES.index(PARKS), SERVICES.index(OTHER)]
    assert "Aïcha" not in " ".join(added["text"])
