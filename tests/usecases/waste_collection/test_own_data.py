"""A commune's own containers are read as they are exported, or refused by file and line."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from common.edge.errors import TableError
from usecases.waste_collection.fill.readings import containers_of, readings_of
from usecases.waste_collection.own_data import read

CONTAINERS = (
    "conteneur;fuseau;latitude;longitude;flux;capacité_l;poids_plein;quartier\n"
    "V1;Europe/Paris;47,21;-1,55;verre;3 000;900;Centre\n"
    "V2;Europe/Paris;47,21;-1,55;papier;4 000;;Centre\n"
)


def folder(tmp_path: Path, **files: str) -> Path:
    """Write files named with an underscore for the point: ``containers_csv``."""
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_text(content, encoding="utf-8")
    return tmp_path


def message(path: Path, what: str = "readings") -> str:
    with pytest.raises(TableError) as refusal:
        read(path, what)  # type: ignore[arg-type]
    return str(refusal.value)


def test_hourly_french_readings_become_the_last_one_by_six_in_the_morning(tmp_path: Path) -> None:
    """05:50 is what the planner sees at 06:00; 06:10 belongs to the next day."""
    rows = (
        "conteneur;horodate;taux_remplissage\n"
        "V1;03/03/2025 05:10;30\nV1;03/03/2025 05:50;32,5\nV1;03/03/2025 06:10;40\n"
        "V1;04/03/2025 06:00;61\nV2;05/03/2025 05:00;\n"
    )
    dataset = read(folder(tmp_path, containers_csv=CONTAINERS, readings_csv=rows))
    table = readings_of(dataset)
    assert table["day"].dt.strftime("%d").tolist() == ["03", "04"]
    assert table["level_percent"].tolist() == [32.5, 61.0]
    # 06:00 in winter is 05:00 UTC; V2 has nothing on either day, and is unknown, not empty
    assert dataset.times[0] == pd.Timestamp("2025-03-03T05:00", tz="UTC")
    assert int(np.isnan(dataset.columns["level_percent"]).sum()) == 2


def test_a_day_without_time_is_its_own_six_in_the_morning(tmp_path: Path) -> None:
    rows = "conteneur,date,niveau,alerte\nV1,2025-07-01,40,0\nV1,2025-07-02,60,1\n"
    table = readings_of(read(folder(tmp_path, containers_csv=CONTAINERS, readings_csv=rows)))
    assert table["day"].dt.day.tolist() == [1, 2]
    assert table["alert"].tolist() == [False, True]


def test_two_containers_of_one_spot_are_a_pair(tmp_path: Path) -> None:
    rows = "conteneur;date;niveau\nV1;2025-07-01;40\n"
    containers = containers_of(read(folder(tmp_path, containers_csv=CONTAINERS, readings_csv=rows)))
    assert containers["pair_id"].tolist() == ["V1", "V1"]
    assert containers["stream"].tolist() == ["verre", "papier"]


def test_weighing_tickets_alone_give_a_fill_where_the_full_weight_is_known(tmp_path: Path) -> None:
    """450 kg of 900 kg is 50 %; 1,000 kg is over the ceiling; V2's full weight is not known."""
    rows = (
        "conteneur;date_collecte;poids_kg\n"
        "V1;03/03/2025 09:00;450\nV1;10/03/2025 09:00;1 000\nV2;03/03/2025 09:05;700\n"
    )
    dataset = read(folder(tmp_path, containers_csv=CONTAINERS, collections_csv=rows), "collections")
    fill = dataset.columns["fill_before_percent"]
    assert fill[dataset.valid].tolist() == [50.0, 100.0]
    assert int((~dataset.valid).sum()) == 1


def test_lines_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    rows = "conteneur;horodate;niveau\nV1;03/13/2025 05:10;30\nV9;03/03/2025 05:10;30\n"
    text = message(folder(tmp_path, containers_csv=CONTAINERS, readings_csv=rows))
    assert "readings.csv line 2" in text
    assert "readings.csv line 3" in text
    assert "V9" in text


def test_a_level_beyond_150_percent_is_refused(tmp_path: Path) -> None:
    rows = "conteneur;horodate;niveau\nV1;03/03/2025 05:10;400\n"
    text = message(folder(tmp_path, containers_csv=CONTAINERS, readings_csv=rows))
    assert "from 0 to 150" in text


def test_a_column_that_names_the_crew_is_refused(tmp_path: Path) -> None:
    """No worker is scored, so who drove must not enter."""
    rows = "conteneur;date;poids;chauffeur\nV1;03/03/2025;450;Dupont\n"
    text = message(folder(tmp_path, containers_csv=CONTAINERS, collections_csv=rows), "collections")
    assert "chauffeur" in text


@pytest.mark.parametrize(
    ("containers", "found"),
    [
        ("conteneur;fuseau\nV1;Paris\n", "Paris"),
        ("conteneur;fuseau\nV1;Europe/Paris\nV1;Europe/Paris\n", "line 3"),
        ("conteneur;lat\nV1;47\n", "timezone"),
        ("conteneur;fuseau;lat\nV1;Europe/Paris;147\n", "from -90 to 90"),
    ],
)
def test_a_table_of_containers_that_is_off_is_refused(
    tmp_path: Path, containers: str, found: str
) -> None:
    rows = "conteneur;date;niveau\nV1;2025-07-01;40\n"
    assert found in message(folder(tmp_path, containers_csv=containers, readings_csv=rows))


def test_a_folder_without_the_file_says_which_is_missing(tmp_path: Path) -> None:
    assert "readings.csv" in message(folder(tmp_path, containers_csv=CONTAINERS))


def test_collections_without_any_fill_volume_or_weight_are_refused(tmp_path: Path) -> None:
    rows = "conteneur;date\nV1;2025-07-01\n"
    text = message(folder(tmp_path, containers_csv=CONTAINERS, collections_csv=rows), "collections")
    assert "no fill can be told" in text
