"""The whole order: a commune's own files in, pages and exports out, wishes and refusals."""

import csv

import pytest

from common.edge.errors import DataError, UsageError
from common.lab.usecase import PlanOrder
from tests.usecases.waste_collection.decision.conftest import dataset_of
from usecases.waste_collection.decision import choice
from usecases.waste_collection.decision.options import PLAN_FILES, PLAN_OPTIONS
from usecases.waste_collection.fill.readings import containers_of, readings_of
from usecases.waste_collection.usecase import USECASE


@pytest.fixture(autouse=True)
def _short(monkeypatch, tmp_path):
    """Few steps, and no results of another run in sight."""
    monkeypatch.setattr(choice, "ITERATIONS", 40)
    monkeypatch.setattr(choice, "AGAIN_ITERATIONS", 20)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def own(tmp_path):
    """Write the eight containers as a commune's files."""
    folder = tmp_path / "mes_conteneurs"
    folder.mkdir()
    dataset = dataset_of()
    table = containers_of(dataset)[["container_id", "name", "lat", "lon", "stream", "capacity_l"]]
    table = table.assign(timezone="Europe/Paris", stream="Verre")
    table.to_csv(folder / "containers.csv", index=False, sep=";")
    readings = readings_of(dataset)[["container_id", "day", "level_percent"]]
    readings.rename(columns={"day": "time"}).to_csv(folder / "readings.csv", index=False, sep=";")
    fleet = tmp_path / "vehicles.csv"
    fleet.write_text(
        "camion;charge_utile_kg;volume_l;flux;debut;fin;km_max;energie\n"
        "grue-1;9000;20000;verre;06:00;13:00;;diesel\n"
        "grue-2;9000;20000;glass;06:00;13:00;150;electrique\n",
        encoding="utf-8",
    )
    return {"readings": folder, "fleet": fleet}


def order(out, files, **options):
    lines = []
    words = {name.replace("_", "-"): values for name, values in options.items()}
    return PlanOrder(_no_data, out, files, words, lines.append), lines


def _no_data():
    raise AssertionError("the commune's own readings are used, no other")


def stops(path):
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {row["container_id"]: row["vehicle_id"] for row in rows if row["container_id"]}


def test_the_use_case_plans_and_names_what_it_takes():
    """The command reads its options from here."""
    assert USECASE.plan is not None
    assert (USECASE.plan_files, USECASE.plan_options) == (PLAN_FILES, PLAN_OPTIONS)


def test_a_plan_from_own_files_and_a_second_one_from_it(own, tmp_path):
    """Lock, add and remove against the former plan; feedback comes back as labels."""
    ends = {"depot": ("47.21,-1.60",), "tip": ("47.25,-1.52",)}
    first, said = order(tmp_path / "one", own, **ends)
    index = USECASE.plan(first)
    assert index == tmp_path / "one" / "index.html"
    assert any("Contrôle : Aucune règle enfreinte" in line for line in said)
    before = stops(tmp_path / "one" / "plan.csv")
    assert {"c1", "c2", "c6"} <= set(before)

    returns = tmp_path / "retours.csv"
    returns.write_text("conteneur;heure;constat\nc5;09/04/2026 09:00;vidé\n", encoding="utf-8")
    files = {**own, "former": tmp_path / "one" / "plan.csv", "feedback": returns}
    again, said = order(
        tmp_path / "two", files, lock=("c1@grue-2",), add=("c3",), remove=("c2,c6",), **ends
    )
    USECASE.plan(again)
    after = stops(tmp_path / "two" / "plan.csv")
    assert after["c1"] == "grue-2"
    assert "c3" in after
    assert not {"c2", "c6"} & set(after)
    text = (tmp_path / "two" / "index.html").read_text(encoding="utf-8")
    assert "Ce qui change face au plan du 2026-04-10" in text
    assert (tmp_path / "two" / "labels" / "collections.csv").exists()
    assert said[0].startswith("1 retours lus")


def test_a_road_matrix_replaces_the_crow_s_flight(own, tmp_path):
    """Places depot and tip and every container; 2 km and 5 min everywhere."""
    names = ["depot", "tip", *(f"c{number}" for number in range(1, 9))]
    lines = [f"{a};{b};2000;300" for a in names for b in names if a != b]
    matrix = tmp_path / "routes.csv"
    matrix.write_text("\n".join(["from_id;to_id;distance_m;duration_s", *lines]), encoding="utf-8")
    one, said = order(tmp_path / "out", {**own, "roads": matrix})
    index = USECASE.plan(one)
    assert "matrice routière routes.csv" in index.read_text(encoding="utf-8")
    assert "Distances : matrice routière routes.csv." in said
    short = matrix.read_text(encoding="utf-8").replace("c8", "c9")
    matrix.write_text(short, encoding="utf-8")
    with pytest.raises(DataError, match="no container 'c8'"):
        USECASE.plan(one)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("date", "demain"),
        ("depot", "ici"),
        ("cadence", "9"),
        ("overflow_km", "cher"),
        ("add", "c99"),
        ("lock", "c1@grue-9"),
    ],
)
def test_an_option_that_cannot_be_meant_is_refused(own, tmp_path, option, value):
    """Before anything is written."""
    one, _ = order(tmp_path / "out", own, **{option: (value,)})
    with pytest.raises(UsageError):
        USECASE.plan(one)
    assert not (tmp_path / "out" / "index.html").exists()
