"""Chapter 9 of the guide: its example files are read as it says, refused as it shows."""

import re

import pytest

from common.edge.errors import TableError
from tests.test_notebooks import guide_blocks, guide_chapter, guide_refusal, write_blocks
from usecases.citizen_requests import own_data
from usecases.citizen_requests.decision.feedback import corrections, read_feedback
from usecases.citizen_requests.decision.inbox import MOST_REQUESTS, read_inbox
from usecases.citizen_requests.decision.order import PLAN_FILES, PLAN_OPTIONS
from usecases.citizen_requests.decision.router import FEWEST, closed_requests
from usecases.citizen_requests.routing.own_services import PHRASES
from usecases.citizen_requests.usecase import USECASE

CHAPTER = 9


@pytest.fixture
def folder(tmp_path):
    blocks = guide_blocks(CHAPTER)
    assert set(blocks) == {"demandes.csv", "catalogue.toml", "attente.csv", "retours.csv"}
    closed = tmp_path / "mes_demandes"
    closed.mkdir()
    write_blocks(closed, {name: blocks.pop(name) for name in ("demandes.csv", "catalogue.toml")})
    return write_blocks(tmp_path, blocks)


@pytest.fixture
def closed(folder):
    return closed_requests(own_data.read(folder / "mes_demandes"), simulated=False)


def test_the_guide_s_closed_requests_are_read_as_the_guide_says(closed):
    """D-101 went from the roads to the lighting; two texts held something personal."""
    rows = closed.rows.set_index("request_id")
    assert list(rows.index) == ["D-101", "D-102", "D-103"]
    moved = (rows["first_service"] != "") & (rows["first_service"] != rows["service"])
    assert moved.tolist() == [True, False, False]
    assert rows["text"].str.contains(r"\[[A-ZÉ]+\]").tolist() == [True, True, False]


def test_the_guide_s_catalogue_is_read_beside_the_closed_requests(folder, closed):
    """Its services are those of the example; each phrase counts whole and duty by duty."""
    dataset = USECASE.read(folder / "mes_demandes", USECASE.task("routing"))
    phrases = dataset.extras[PHRASES]
    assert set(phrases["service"]) <= set(closed.titles.values())
    assert "candélabres" in phrases["text"].tolist()


def test_the_guide_s_waiting_requests_are_masked(folder):
    first, second = read_inbox(folder / "attente.csv").requests
    assert (first.agent_level, second.agent_level) == (1, 0)
    assert "[ADRESSE]" in first.text
    assert "rue Foch" in second.text  # a street alone says where the fault is, not who writes


def test_the_guide_s_answers_become_two_corrections(folder, closed):
    inbox = read_inbox(folder / "attente.csv")
    answers = read_feedback(folder / "retours.csv", inbox, closed.titles)
    assert [(each.service, each.urgency) for each in answers] == [
        ("eclairage_public", 2), ("proprete", None),
    ]  # fmt: skip
    assert corrections(answers, inbox).count("\n") == 1 + 2  # header and a line each


def test_wrong_answers_are_refused_in_the_guide_s_words(folder, closed):
    """A service of no town hall and a request of no page."""
    path = folder / "retours.csv"
    path.write_text(
        path.read_text(encoding="utf-8")
        .replace("A-1;Éclairage public", "A-1;Lampes")
        .replace("A-2;", "A-9;"),
        encoding="utf-8",
    )
    with pytest.raises(TableError) as refused:
        read_feedback(path, read_inbox(folder / "attente.csv"), closed.titles)
    assert guide_refusal(CHAPTER) in str(refused.value)


def test_the_guide_names_every_option_of_the_plan_and_no_other():
    used = set(re.findall(r"--([a-z]+)", guide_chapter(CHAPTER))) - {"resume", "data"}
    assert used <= {*PLAN_FILES, *PLAN_OPTIONS}
    assert used >= {"requests", "closed", "feedback", "bundle"}


def test_the_guide_s_limits_are_the_code_s():
    text = guide_chapter(CHAPTER)
    assert f"moins de {FEWEST} demandes closes" in text
    assert f"plus de {MOST_REQUESTS:,} demandes".replace(",", " ") in text
