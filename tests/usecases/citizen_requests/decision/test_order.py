"""The whole command, from a commune's files to pages, and from answers to what is learnt."""

import csv

import pytest

from common.lab.usecase import PlanOrder
from usecases.citizen_requests import simulate
from usecases.citizen_requests.decision import order
from usecases.citizen_requests.routing.corrections import with_corrections
from usecases.citizen_requests.usecase import USECASE

CLOSED, WAITING = 160, 12


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Invented requests written as a commune's export would be."""
    folder = tmp_path_factory.mktemp("commune")
    (folder / "closes").mkdir()
    made = simulate.simulate(5, CLOSED + WAITING)
    rows = [
        (row.request_id, f"{when:%d/%m/%Y %H:%M}", row.text, row.first_service, row.service)
        for row, when in zip(made.extras["requests"].itertuples(), made.times, strict=True)
    ]
    header = ("identifiant", "date", "texte", "service_initial", "service_final")
    _write(folder / "closes" / "demandes.csv", header, rows[:CLOSED])
    _write(folder / "attente.csv", header[:3], [row[:3] for row in rows[CLOSED:]])
    first = rows[CLOSED][0]
    _write(
        folder / "retours.csv",
        ("identifiant", "service_juste", "passage_utile"),
        [(first, "Voirie et trottoirs", "non")],
    )
    return folder, {row[2] for row in rows}


def _write(path, header, rows):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=";").writerows([header, *rows])


@pytest.fixture(scope="module")
def done(files, tmp_path_factory):
    folder, _ = files
    out, said = tmp_path_factory.mktemp("out"), []
    asked = PlanOrder(
        load=lambda: pytest.fail("the pages take no other data"),
        out=out,
        files={
            "requests": folder / "attente.csv",
            "closed": folder / "closes",
            "feedback": folder / "retours.csv",
        },
        say=said.append,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(order, "_index", lambda: (None, "pas de fiches"))
        return order.plan(asked), said


def test_a_commune_s_own_requests_are_neither_fictional_nor_simulated(done):
    """The banners must not cry wolf."""
    page, _ = done
    text = "".join(path.read_text("utf-8") for path in page.parent.glob("*.html"))
    assert "FICTIF" not in text
    assert "SIMULÉ" not in text


def test_no_text_comes_out_as_it_came_in(done, files):
    """Texts that hold something personal differ once masked; none of these is written."""
    page, _ = done
    written = "".join(path.read_text("utf-8") for path in page.parent.rglob("*") if path.is_file())
    personal = [text for text in files[1] if "@" in text or "06 39" in text]
    assert personal
    assert not [text for text in personal if text in written]
    assert "06 39" not in written


def test_transfers_are_counted_on_own_data(done):
    page, _ = done
    assert "ont changé de service" in (page.parent / "pilotage.html").read_text("utf-8")


def test_the_command_says_what_to_do_with_the_answers(done):
    page, said = done
    (line,) = [each for each in said if "réponses d'agents" in each]
    assert "1 lues, 1 services corrigés, 0 passages utiles sur 1 jugés" in line
    assert f"--resume {page.parent / 'corrections'}" in line


def test_the_corrections_are_what_resume_learns_from(done):
    """One corrected request stands beside the catalogue of the municipal services."""
    page, _ = done
    learnt_from = with_corrections(simulate.simulate(0, 40), page.parent / "corrections")
    (row,) = learnt_from.extras["catalogue"].itertuples()
    services = learnt_from.extras["services"]["code"]
    assert services[row.service_code] == "voirie"


def test_the_use_case_offers_the_plan_and_its_options():
    assert USECASE.plan is order.plan
    assert set(USECASE.plan_files) == {"requests", "closed", "feedback", "key"}
    assert set(USECASE.plan_options) == {"bundle"}
