"""Crews' feedback: read by line, returned as labels that own_data accepts, never about a person."""

import numpy as np
import pytest

from common.edge.errors import TableError
from tests.usecases.waste_collection.decision.conftest import TODAY, dataset_of
from usecases.waste_collection import own_data
from usecases.waste_collection.decision.feedback import applied, read_feedback, write_labels
from usecases.waste_collection.decision.situation import situation_on

CONTAINERS = "container_id;timezone;capacity_l;full_weight_kg;lat;lon\n" + "".join(
    f"c{number};Europe/Paris;3000;1000;47.2;-1.5\n" for number in range(1, 9)
)
RETURNS = (
    "conteneur;heure;constat;niveau vu;poids\n"
    "c1;09/04/2026 07:10;vidé;90;870\n"
    "c2;09/04/2026 07:25;bloqué;60;\n"
    "c3;09/04/2026 07:40;introuvable;;\n"
    "c4;10/04/2026 08:00;vidé;;\n"
)
KNOWN = [f"c{number}" for number in range(1, 9)]


def read(tmp_path, text=RETURNS):
    path = tmp_path / "retours.csv"
    path.write_text(text, encoding="utf-8")
    return read_feedback(path, KNOWN, "Europe/Paris")


def test_feedback_is_read_in_french(tmp_path):
    """07:10 in Paris in April is 05:10 UTC; an empty level stays unknown."""
    found = read(tmp_path).table
    assert found["action"].tolist() == ["emptied", "blocked", "not_found", "emptied"]
    assert str(found["time"][0]) == "2026-04-09 05:10:00+00:00"
    assert found["level_seen"][0] == 90.0
    assert np.isnan(found["level_seen"][2])


def test_labels_return_through_own_data(tmp_path):
    """c1 was emptied on the 9th: 0 % on the morning of the 10th; c2 stands at 60 % under alert.

    The collection counts with the level that was seen, 90 %, and its weight.
    """
    folder = tmp_path / "labels"
    write_labels(read(tmp_path), folder)
    (folder / "containers.csv").write_text(CONTAINERS, encoding="utf-8")
    readings = own_data.read(folder)
    names = np.asarray(readings.groups.astype(str))
    level, alert = readings.columns["level_percent"], readings.columns["alert"]
    morning = [str(time)[:10] for time in readings.times.tz_convert("Europe/Paris")]
    at = {key: row for row, key in enumerate(zip(names, morning, strict=True))}
    assert level[at["c1", "2026-04-10"]] == 0.0
    assert (level[at["c2", "2026-04-10"]], alert[at["c2", "2026-04-10"]]) == (60.0, 1.0)
    assert np.isnan(level[at["c3", "2026-04-10"]])
    collections = own_data.read(folder, "collections")
    assert collections.columns["fill_before_percent"][0] == 90.0
    assert collections.columns["weight_kg"][0] == 870.0
    assert (folder / "faults.csv").read_text(encoding="utf-8").splitlines() == [
        "container_id,date,score,kind",
        "c2,2026-04-09,1,blocked",
        "c3,2026-04-09,1,not_found",
    ]


def test_what_could_not_be_read_is_refused_line_by_line(tmp_path):
    """An unknown container, an action that is none, a level of 400 %."""
    text = RETURNS.replace("c1;", "x1;").replace("introuvable", "fermé").replace(";60;", ";400;")
    with pytest.raises(TableError) as refusal:
        read(tmp_path, text)
    words = str(refusal.value)
    assert "retours.csv line 2: 'x1'" in words
    assert "retours.csv line 4: 'fermé'" in words
    assert "retours.csv line 3: '400'" in words


@pytest.mark.parametrize("column", ["Conducteur", "chauffeur", "Agent", "Immatriculation"])
def test_a_column_that_names_a_worker_or_a_vehicle_is_refused_with_the_reason(tmp_path, column):
    """No worker is ever scored: the file does not even come in."""
    header, *rows = RETURNS.splitlines()
    text = "\n".join([f"{header};{column}", *(f"{row};x" for row in rows)])
    with pytest.raises(TableError, match="no worker is scored"):
        read(tmp_path, text)


def test_feedback_fills_only_what_the_sensor_left_open(tmp_path):
    """c3 is silent and was emptied yesterday: 0 % this morning. c1's own reading stands.

    c2 was found blocked: its reading of this morning is under alert.
    """
    text = RETURNS.replace("introuvable", "vidé")
    dataset = dataset_of(silent="c3")
    before = situation_on(dataset, TODAY)
    after = situation_on(applied(dataset, read(tmp_path, text)), TODAY)
    assert (before.age_days[2], after.age_days[2], after.level_percent[2]) == (10.0, 0.0, 0.0)
    assert after.level_percent[0] == before.level_percent[0] == 80.0
    assert "alerte du système" in after.flags[1]
