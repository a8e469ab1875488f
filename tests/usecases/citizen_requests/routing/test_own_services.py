"""A town hall's own services are what its requests are routed to: none is lost in « autre »."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import DataError
from common.lab import graph
from common.lab.usecase import Dataset
from usecases.citizen_requests.requests.collection import Collection, dataset_of, requests_of
from usecases.citizen_requests.requests.paris import OTHER, SERVICES
from usecases.citizen_requests.routing.corrections import with_corrections
from usecases.citizen_requests.routing.own_services import FEWEST, REST, own_services, suited
from usecases.citizen_requests.tasks import ROUTING, routing_task
from usecases.citizen_requests.usecase import USECASE

OWN = {"voirie": "Voirie et trottoirs", "sports": "Service des Sports", "caves": "Les caves"}
TEXTS = {"voirie": "un trou dans la chaussée", "sports": "le gymnase est fermé", "caves": "la cave"}


def requests(counts: dict[str, int], titles: dict[str, str] = OWN) -> Dataset:
    """Return fictional requests, one a day: so many of each service, in turn."""
    codes = [code for code, n in counts.items() for _ in range(n)]
    dealt = np.random.default_rng(0).permutation(codes)
    table = pd.DataFrame(
        {
            "request_id": [f"r{place}" for place in range(len(codes))],
            "received": pd.date_range("2025-01-01", periods=len(codes), tz="UTC"),
            "text": [f"{TEXTS.get(code, code)}, rue {place}" for place, code in enumerate(dealt)],
            "service": dealt,
            "also_ok": np.where(dealt == "sports", "voirie|caves", ""),
            "unit": dealt,
        }
    )
    return dataset_of(table, Collection("own_fictional", titles))


def test_the_task_takes_the_services_of_the_data_most_frequent_first():
    """Sixty of sports, thirty of roads, nine of cellars: nine are too few to show anything of."""
    dataset = requests({"voirie": 30, "sports": 60, "caves": FEWEST - 1})
    task, recoded = suited(routing_task, ROUTING, dataset)
    services = ("Service des Sports", "Voirie et trottoirs", REST)
    assert next(output.labels for output in task.outputs if output.name == "p_service") == services
    assert tuple(recoded.extras["services"]["code"]) == services
    counts = np.bincount(recoded.columns["service_code"].astype(int))
    assert counts.tolist() == [60, 30, FEWEST - 1]
    assert recoded.valid.all()
    assert not set(services) & set(SERVICES)


def test_other_services_as_good_and_names_follow():
    """A vendor's history names the services of services.csv; any valid service counts as right."""
    _, recoded = suited(routing_task, ROUTING, requests({"voirie": 30, "sports": 60, "caves": 2}))
    rows = requests_of(recoded)
    sports = rows[rows["service"] == "Service des Sports"]
    assert len(sports) == 60
    assert set(sports["also_ok"]) == {f"Voirie et trottoirs|{REST}"}


def test_a_graph_is_fitted_that_answers_among_them():
    """Three services in, three chances out: nothing of Paris is left in the ladder."""
    task, recoded = suited(
        routing_task, ROUTING, requests({"voirie": 30, "sports": 60, "caves": 30})
    )
    examples = task.examples(recoded, _whole(recoded))
    assert "keywords" not in [rung.name for rung in task.rungs]  # no catalogue of its own
    rung = next(rung for rung in task.rungs if rung.name == "plain")
    model = graph.assemble(task, rung, rung.fit(graph.training(task, examples, 0)))
    given = {name: values[:4] for name, values in examples.inputs.items()}
    outputs = graph.run(
        model.SerializeToString(), {**given, "thresholds": np.tile(np.float32(0.9), (4, 2))}
    )
    assert outputs["p_service"].shape == (4, 3)
    assert (outputs["p_service"].argmax(axis=1) == examples.target[:4].argmax(axis=1)).all()


def test_a_catalogue_of_one_s_own_makes_the_rungs_that_read_it(tmp_path: Path):
    """``catalogue.toml`` beside the requests: services by title or by code."""
    (tmp_path / "demandes.csv").write_text(
        "date;texte;service_final\n"
        + "".join(
            f"2025-0{1 + day // 28}-{1 + day % 28:02} 10:00;Demande {day} {day**3};"
            f"{'Service des Sports' if day % 2 else 'voirie'}\n"
            for day in range(60)
        ),
        encoding="utf-8",
    )
    (tmp_path / "catalogue.toml").write_text(
        '"service des sports" = ["gymnases, stades"]\n"Voirie et trottoirs" = ["rues"]\n'
        '"Un service sans demande" = ["rien"]\n',
        encoding="utf-8",
    )
    task, recoded = USECASE.suit(ROUTING, USECASE.read(tmp_path, ROUTING), ())
    assert {"keywords", "described"} <= {rung.name for rung in task.rungs}
    # « gymnases, stades » whole and in two parts; « rues » alone; nothing of a service without one.
    assert sorted(recoded.extras["catalogue"]["service_code"].value_counts()) == [1, 3]


def test_data_with_the_declared_services_keep_the_declared_task():
    """Paris itself, or the simulator: task and data are returned as they are."""
    titles = {service: service for service in SERVICES}
    dataset = requests({SERVICES[0]: 20, SERVICES[1]: 20}, titles)
    assert suited(routing_task, ROUTING, dataset) == (ROUTING, dataset)
    shouted = requests({"a": 20, "b": 20}, {"a": SERVICES[0].upper(), "b": SERVICES[1]})
    task, recoded = suited(routing_task, ROUTING, shouted)
    assert task is ROUTING
    assert tuple(recoded.extras["services"]["code"]) == SERVICES
    assert (recoded.columns["service_code"] < 2).all()


def test_a_bundle_at_hand_says_what_is_chosen_among():
    """Newer data may count services in another order: answers are held to the bundle's."""
    dataset = requests({"voirie": 30, "sports": 60})
    answers = ("Voirie et trottoirs", "Service des Sports", REST)
    task, recoded = suited(routing_task, ROUTING, dataset, answers)
    assert next(output.labels for output in task.outputs if output.labels) == answers
    assert np.bincount(recoded.columns["service_code"].astype(int)).tolist() == [30, 60]


def test_a_bundle_of_other_services_is_refused_rather_than_scored():
    """All of it would be « Autre direction », and perfectly right."""
    with pytest.raises(DataError, match="requests of 1 of the services"):
        suited(routing_task, ROUTING, requests({"voirie": 30, "sports": 60}), SERVICES)


def test_one_service_is_no_choice():
    """The other one has too few requests, and the rest is not told apart from it."""
    assert own_services(requests({"voirie": 30}), SERVICES) == ("Voirie et trottoirs",)
    with pytest.raises(DataError, match="fit on these data"):
        suited(routing_task, ROUTING, requests({"voirie": 30}))


def test_own_services_are_no_themes_and_the_refusal_says_where_to_go(tmp_path: Path):
    """It used to fit a ladder on requests without any known answer."""
    (tmp_path / "demandes.csv").write_text(
        "date;texte;service_final\n2026-05-04 10:00;Le terrain est boueux;Service des Sports\n",
        encoding="utf-8",
    )
    with pytest.raises(DataError, match="--task routing"):
        USECASE.read(tmp_path, USECASE.task("routing_themes"))


def test_corrections_go_to_the_town_hall_s_own_services(tmp_path: Path):
    """What an agent chose is one of its services, by title; any other is the rest."""
    (tmp_path / "demandes.csv").write_text(
        "date;texte;service_final\n"
        "2026-05-04 10:00;Le terrain de sport est boueux;Service des Sports\n"
        "2026-05-05 10:00;La crèche est fermée;Petite enfance\n",
        encoding="utf-8",
    )
    _, recoded = suited(routing_task, ROUTING, requests({"voirie": 30, "sports": 60, "caves": 2}))
    added = with_corrections(recoded, tmp_path, REST).extras["catalogue"]
    assert added["service_code"].tolist() == [0, 2]
    assert OTHER not in recoded.extras["services"]["code"].tolist()


def _whole(dataset: Dataset):
    from common.lab.evaluation import span

    return span(dataset)
