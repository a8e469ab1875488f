"""Requests are read line by line; what agents answer comes back as corrections to learn from."""

import pytest

from common.edge.errors import TableError
from usecases.citizen_requests import own_data
from usecases.citizen_requests.decision import feedback
from usecases.citizen_requests.decision.inbox import authored_inbox, read_inbox

TITLES = {"voirie": "Voirie et trottoirs", "proprete": "Propreté urbaine"}
FILE = (
    "identifiant;date;canal;objet;texte;nom;urgence\n"
    "A1;03/03/2026 10:02;courriel;Trou;Un trou s'est ouvert devant le portail, appelez au "
    "06 39 98 14 22 avant midi pour le voir;Durand;\n"
    "A2;02/03/2026 09:00;téléphone;;Mme Aïcha Sow signale un dépôt;Sow;haute\n"
)


@pytest.fixture
def inbox(tmp_path):
    path = tmp_path / "attente.csv"
    path.write_text(FILE, encoding="utf-8")
    return read_inbox(path)


def _said(tmp_path, *lines):
    path = tmp_path / "retours.csv"
    path.write_text("\n".join([";".join(feedback.COLUMNS), *lines]) + "\n", encoding="utf-8")
    return path


def test_requests_come_in_order_of_arrival_masked(inbox):
    assert [each.id for each in inbox.requests] == ["A2", "A1"]
    texts = " ".join(each.text for each in inbox.requests)
    assert "[TÉLÉPHONE]" in texts
    assert not any(planted in texts for planted in ("06 39", "Aïcha", "Sow", "Durand"))


def test_the_agents_level_and_channel_are_kept(inbox):
    first = inbox.requests[0]
    assert (first.agent_level, first.channel, f"{first.received:%d/%m %H:%M}") == (
        1, "téléphone", "02/03 09:00",
    )  # fmt: skip


def test_every_bad_line_is_named_and_no_request_is_quoted(tmp_path):
    path = tmp_path / "attente.csv"
    path.write_text(
        "identifiant;date;texte;urgence\n"
        "A1;hier;Le secret de Mme Sow;\n"
        "A1;03/03/2026;Autre secret;très\n"
        "Madame Sow 06 39 98 14 22;03/03/2026;Secret;\n",
        encoding="utf-8",
    )
    with pytest.raises(TableError) as refused:
        read_inbox(path)
    said = str(refused.value)
    assert all(f"attente.csv line {line}" in said for line in (2, 3, 4))
    assert "secret" not in said.lower()
    assert "Sow" not in said


def test_a_file_without_texts_says_which_column_it_wants(tmp_path):
    path = tmp_path / "attente.csv"
    path.write_text("date;service\n03/03/2026;voirie\n", encoding="utf-8")
    with pytest.raises(TableError, match=r"body.*texte or message"):
        read_inbox(path)


def test_a_text_too_long_for_the_graph_is_cut_and_says_so(tmp_path):
    """7,000 times « mot » and a blank: 28,000 characters, of which a graph takes 20,000."""
    path = tmp_path / "attente.csv"
    path.write_text("date;texte\n03/03/2026;" + "mot " * 7_000 + "\n", encoding="utf-8")
    (request,) = read_inbox(path).requests
    assert (len(request.text), request.cut) == (20_000, True)


def test_the_shipped_requests_say_that_they_are_fictional():
    assert authored_inbox(3).fictional


def test_an_untouched_file_of_answers_says_nothing(tmp_path, inbox):
    path = tmp_path / "retours.csv"
    path.write_text(feedback.template(inbox), encoding="utf-8")
    assert feedback.read_feedback(path, inbox, TITLES) == ()


def test_answers_become_own_data_that_learning_reads_masked(tmp_path, inbox):
    """The chain to ``aune run --resume``: the agent's service is the final one."""
    path = _said(tmp_path, "A1;Voirie et trottoirs;haute;A2;oui", "A2;proprete;;;non")
    answers = feedback.read_feedback(path, inbox, TITLES)
    assert [(each.service, each.urgency, each.useful) for each in answers] == [
        ("voirie", 1, True), ("proprete", None, False),
    ]  # fmt: skip
    folder = tmp_path / "corrections"
    folder.mkdir()
    (folder / "demandes.csv").write_text(feedback.corrections(answers, inbox), encoding="utf-8")
    rows = own_data.read(folder).extras["requests"].set_index("request_id")
    assert rows["service"].to_dict() == {"A2": "proprete", "A1": "voirie"}
    assert rows.loc["A1", "duplicate_of"] == "A2"
    assert "[TÉLÉPHONE]" in rows.loc["A1", "text"]


def test_an_answer_without_a_service_corrects_nothing(tmp_path, inbox):
    answers = feedback.read_feedback(_said(tmp_path, "A1;;;;oui"), inbox, TITLES)
    assert len(answers) == 1
    assert feedback.corrections(answers, inbox).count("\n") == 1  # the header alone


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("B9;voirie;;;", "identifier of a request of the pages"),
        ("A1;voierie;;;", "a service of the town hall"),
        ("A1;voirie;maximale;;", "normale, haute, urgente"),
        ("A2;proprete;;A1;", "earlier request"),
        ("A1;voirie;;A1;", "earlier request"),
        ("A1;voirie;;;peut-être", "oui, non"),
    ],
)
def test_a_wrong_answer_is_refused_with_its_line(tmp_path, inbox, line, wanted):
    with pytest.raises(TableError, match=wanted) as refused:
        feedback.read_feedback(_said(tmp_path, line), inbox, TITLES)
    assert "retours.csv line 2" in str(refused.value)


def test_a_request_answered_twice_is_refused(tmp_path, inbox):
    with pytest.raises(TableError, match="each identifier once"):
        feedback.read_feedback(_said(tmp_path, "A1;voirie;;;", "A1;proprete;;;"), inbox, TITLES)
