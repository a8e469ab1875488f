"""What agents decide comes back to the journal; a past prediction can be explained from it."""

from urllib.parse import urlencode

import pytest

from common.edge.journal.check import verify
from common.edge.journal.reading import decisions_on
from common.edge.serving.pages.controls import example

MODEL = "building_energy.day_ahead"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def kept(caller, tmp_path):
    """A server that keeps a journal, and its folder."""
    folder = tmp_path / "journal"
    call = caller(journal=folder)
    yield call, folder
    call.app.journal.close()


def predicted(call, one_row):
    return call("POST", f"/models/{MODEL}/predict", one_row).json()["rows"][0]["journal"]


def test_a_program_sends_a_decision_back(kept, one_row):
    """The chain holds the prediction and what became of it."""
    call, folder = kept
    line = predicted(call, one_row)
    sent = {"journal": line, "action": "modified", "agent": "agent-12", "values": [3.5]}
    reply = call("POST", "/decisions", sent)
    assert (reply.status, reply.json()["of"]) == (201, line)
    (body,) = decisions_on(folder, line)
    assert (body["action"], body["values"], body["agent"]) == ("modified", [3.5], "agent-12")
    assert verify(folder).intact


def test_an_agent_decides_on_the_page_and_reads_the_sheet(kept):
    """From the form to the answer, from the answer to the decision and its explanation."""
    call, _ = kept
    (served,) = call.app.fleet.models.values()
    answer = call("POST", f"/modeles/{MODEL}", urlencode(example(served)).encode(),
                  content_type=FORM).body.decode()  # fmt: skip
    assert 'action="/decisions"' in answer
    form = urlencode({"journal": 1, "action": "accepted", "agent": "", "reason": ""}).encode()
    assert call("POST", "/decisions", form, content_type=FORM).status == 201
    sheet = call("GET", "/decisions/1")
    assert sheet.status == 200
    for said in ("decision-sheet", "accepté", "Degré et mode de contribution"):
        assert said in sheet.body.decode()


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"journal": 99, "action": "accepted"}, "Ligne 99"),
        ({"journal": 1, "action": "perhaps"}, "accepted, modified ou rejected"),
        ({"journal": 1, "action": "accepted", "agent": "Jeanne Dupont"}, "pseudonyme"),
        ({"journal": 1, "action": "accepted", "name": "x"}, "name"),
        ({"journal": "one", "action": "accepted"}, "nombres"),
        ({"action": "accepted"}, "journal"),
        ({"journal": 1, "action": "modified", "values": "abc"}, "nombres"),
    ],
)
def test_a_decision_that_is_none_is_refused_by_name(kept, one_row, sent, named):
    """Nothing of it reaches the journal: a name would stay there for good."""
    call, folder = kept
    predicted(call, one_row)
    reply = call("POST", "/decisions", sent)
    assert reply.status == 422
    assert named in reply.json()["detail"]
    assert decisions_on(folder, 1) == ()


def test_without_a_journal_there_is_nothing_to_decide_on(call, one_row):
    """The refusal says how a journal is kept."""
    reply = call("POST", "/decisions", {"journal": 1, "action": "accepted"})
    assert reply.status == 404
    assert "--journal" in reply.json()["detail"]
