"""What is proposed for a request: urgency before sorting, bodies by name, sure passages only."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from common.edge.bundle import Bundle
from common.edge.errors import UsageError
from common.edge.retrieval.citing import Answer
from usecases.citizen_requests.answers.abstention.features import ALL_FEATURES
from usecases.citizen_requests.decision import order
from usecases.citizen_requests.decision.findings import _action, _bodies, _proposed
from usecases.citizen_requests.decision.similar import Neighbour
from usecases.citizen_requests.requests.services import HUMAN, OUT_OF_COMPETENCE
from usecases.citizen_requests.routing.answers import CLARIFY, ROUTE
from usecases.citizen_requests.routing.answers import HUMAN as TO_A_PERSON
from usecases.citizen_requests.urgency.levels import urgency_of

CALM, DANGER = urgency_of("La poubelle déborde"), urgency_of("Il y a le feu dans la cave")
ALIKE = Neighbour("S1", "3 mars 2026", "Hors compétence", "titre de séjour", 0.6, "prefecture")


@pytest.mark.parametrize("decision", [ROUTE, CLARIFY, TO_A_PERSON])
def test_danger_reaches_a_person_whatever_the_router_says(decision):
    assert _action("voirie", decision, DANGER) == "human"


@pytest.mark.parametrize(
    ("best", "decision", "action"),
    [
        ("voirie", ROUTE, "route"),
        (OUT_OF_COMPETENCE, ROUTE, "elsewhere"),
        (OUT_OF_COMPETENCE, CLARIFY, "clarify"),
        ("voirie", CLARIFY, "clarify"),
        ("voirie", TO_A_PERSON, "human"),
        (HUMAN, ROUTE, "human"),
    ],
)
def test_the_router_s_decision_becomes_one_of_four_actions(best, decision, action):
    assert _action(best, decision, CALM) == action


def test_the_right_body_is_named_in_french_once():
    alike = [ALIKE, replace(ALIKE, id="S2"), replace(ALIKE, body="banque_de_france")]
    found = _bodies("", alike, None)
    assert found == ("la préfecture ou la sous-préfecture", "la Banque de France")


def test_without_neighbour_nor_sheet_no_body_is_made_up():
    assert _bodies("titre de séjour", [replace(ALIKE, body="")], None) == ()


@pytest.mark.parametrize(("share", "shown"), [(0.59, False), (0.6, True)])
def test_without_a_learnt_chance_the_rule_of_words_decides(share, shown):
    features = np.zeros(len(ALL_FEATURES))
    features[ALL_FEATURES.index("words_share")] = share
    assert _proposed(Answer((), tuple(features.tolist()), ()), None) is shown


@pytest.mark.parametrize(("chance", "shown"), [(0.79, False), (0.8, True)])
def test_a_learnt_chance_overrules_the_rule_of_words(chance, shown):
    assert _proposed(Answer((), (1.0,) * len(ALL_FEATURES), ()), chance) is shown


def _bundle(task):
    def predict(inputs):
        return {"p_answerable": inputs["retrieval_features"][:, :1] / 2}

    manifest = SimpleNamespace(usecase="citizen_requests", task=task)
    return SimpleNamespace(manifest=manifest, predict=predict)


def test_the_bundle_of_answers_gives_the_chance(monkeypatch):
    """The stand-in answers half of the first feature: 0.8 / 2 = 0.4."""
    monkeypatch.setattr(Bundle, "open", lambda *_: _bundle("answers"))
    chance = order._chance(("paquet",), Path("cle.pem"))
    assert chance([0.8, 0.0]) == pytest.approx(0.4)


def test_another_task_s_bundle_is_refused(monkeypatch):
    monkeypatch.setattr(Bundle, "open", lambda *_: _bundle("routing"))
    with pytest.raises(UsageError, match="citizen_requests/routing"):
        order._chance(("paquet",), Path("cle.pem"))


def test_no_bundle_means_no_chance():
    assert order._chance((), None) is None
