"""The urgency graph raises, and is never below what the cues or an agent said."""

import numpy as np
import pytest

from common.edge.errors import SourceError
from common.lab.usecase import Answer, Features
from usecases.citizen_requests.authored import frozen_requests
from usecases.citizen_requests.urgency.examples import (
    URGENCY_SPLIT,
    authored_examples,
    cue_shares,
    load,
    simulated,
    urgency_examples,
)
from usecases.citizen_requests.urgency.tasks import URGENCY_TASKS, finish

TASK = URGENCY_TASKS[0]


def answered(scores: list[float], cues: list[float], agent_level: int) -> int:
    """Return the level of one request."""
    raw = np.array([scores], dtype=np.float32)
    inputs = {
        "codes": np.zeros((1, 1), np.int64),
        "cues": np.array([cues], dtype=np.float32),
        "agent_level": np.array([agent_level]),
    }
    given = Answer(raw=raw, contributions=raw[..., None], baseline=0.0, spread=None)
    return int(finish(np, inputs, Features({}, {}), given)["level"][0, 0])


def test_the_level_is_the_highest_of_agent_cues_and_text() -> None:
    """Nothing lowers it: the rule of the issue."""
    sure_ordinary, sure_urgent = [9.0, 0.0, 0.0], [0.0, 0.0, 9.0]
    assert answered(sure_ordinary, [1, 0, 0], 0) == 0
    assert answered(sure_ordinary, [0.1, 0.1, 0.8], 0) == 2
    assert answered(sure_ordinary, [1, 0, 0], 1) == 1
    assert answered(sure_urgent, [1, 0, 0], 0) == 2
    assert answered([0.0, 9.0, 0.0], [1, 0, 0], 2) == 2


def test_cues_make_chances() -> None:
    """They add up to one and follow the words."""
    calm, alarmed = cue_shares("Quels sont les horaires ?"), cue_shares("Au feu ! Flammes !")
    assert sum(calm) == pytest.approx(1)
    assert calm[0] > 0.9
    assert alarmed[2] > 0.7


def test_simulated_requests_become_rows_with_their_level() -> None:
    """One level a row; the code points and the cues beside them."""
    rows = urgency_examples(simulated(seed=3, n_requests=120), URGENCY_SPLIT.test)
    assert len(rows) > 10
    assert (rows.target.sum(axis=1) == 1).all()
    assert set(rows.inputs) == {field.name for field in TASK.inputs}


def test_the_authored_track_holds_the_frozen_set() -> None:
    """All of it, in its order, whatever the period."""
    rows = authored_examples(simulated(seed=3, n_requests=20), URGENCY_SPLIT.test)
    assert rows.target.argmax(axis=1).tolist() == [r.urgency for r in frozen_requests()]


def test_there_is_no_public_data_and_it_says_so() -> None:
    """``--data auto`` must fall to the simulator, loudly."""
    with pytest.raises(SourceError, match="how urgent"):
        load()
