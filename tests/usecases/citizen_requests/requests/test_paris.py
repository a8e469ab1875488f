"""Titles of Paris projects: who is in charge, in which split, near what came before."""

import csv
import os
import sqlite3
from pathlib import Path

import pytest

from common.edge.errors import SourceError
from usecases.citizen_requests.requests.paris import (
    DIRECTORATES,
    OTHER,
    SERVICES,
    paris,
    read_projects,
)

COLUMNS = (
    "identifiant_projet_gagnant", "edition", "titre_projet_gagnant", "direction_pilote_projet",
    "thematique", "arrondissement_projet_gagnant", "echelle_bp",
)  # fmt: skip


def database(folder: Path, *rows: tuple[object, ...]) -> Path:
    path = folder / "projects.db"
    with sqlite3.connect(path) as link:
        link.execute(f"CREATE TABLE projects ({', '.join(COLUMNS)})")
        link.executemany(
            "INSERT INTO projects VALUES (?, ?, ?, ?, 'Cadre de vie', 4, 'Paris')", rows
        )
    link.close()
    return path


def test_editions_are_the_splits_and_repeats_are_dropped(tmp_path: Path) -> None:
    """Up to 2018 train, 2019 tune, later test; a repeat within a split stays."""
    roads, trees = DIRECTORATES[:2]
    found = read_projects(database(
        tmp_path,
        (1, 2017, "Des arbres rue Manin", trees),
        (2, 2018, "Des arbres rue Manin !", trees),
        (3, 2019, "DES ARBRES RUE MANIN", trees),
        (4, 2019, "Un banc place Monge", roads),
        (5, 2022, "Une fontaine à boire", "Direction du Logement et de l’Habitat"),
        (6, 2023, "NON REGISTRÉ", roads),
    ))  # fmt: skip
    assert found["split"].tolist() == ["train", "train", "dropped", "tune", "test", "dropped"]
    assert found["near_earlier"].tolist() == [False, False, True, False, False, False]
    assert found["service"].tolist() == [trees, trees, trees, roads, OTHER, roads]


@pytest.mark.parametrize("wrong", [(1, None, "Un banc", "x"), (1, 2019, None, "x")])
def test_a_project_without_edition_or_title_is_refused(
    tmp_path: Path, wrong: tuple[object, ...]
) -> None:
    """It could be put in no split."""
    with pytest.raises(SourceError, match="1 projects without"):
        read_projects(database(tmp_path, wrong))


def test_a_file_that_is_no_such_database_is_refused(tmp_path: Path) -> None:
    """Neither another format nor a missing file, which is not made."""
    text = tmp_path / "text.db"
    text.write_text("not a database, but long enough to have a header of sixteen bytes")
    with pytest.raises(SourceError, match=r"text\.db"):
        read_projects(text)
    with pytest.raises(SourceError, match=r"absent\.db"):
        read_projects(tmp_path / "absent.db")
    assert not (tmp_path / "absent.db").exists()


@pytest.mark.public_data
def test_the_editions_to_2019_are_the_prepared_table() -> None:
    """982 projects, field by field; 1,341 in all editions."""
    mirror = os.environ.get("AUNE_MIRROR", "")
    if not mirror:
        pytest.skip("the public originals are not at hand")
    found = paris()
    assert len(found) == 1_341
    assert found.groupby("split").size().to_dict() == {
        "train": 787, "tune": 189, "test": 357, "dropped": 8,
    }  # fmt: skip
    table = Path(mirror).parent / "data/citizen_requests/routing_paris_bp_2014_2019.csv"
    if not table.is_file():
        pytest.skip("the prepared tables are not at hand")
    with table.open(encoding="utf-8", newline="") as file:
        theirs = [list(row.values()) for row in csv.DictReader(file)]
    names = ["project_id", "edition", "text", "directorate", "theme", "district", "scale"]
    ours = found.loc[found["edition"] <= 2019, names].astype(str).to_numpy().tolist()
    assert ours == theirs


@pytest.mark.public_data
def test_the_ten_directorates_are_those_with_more_than_ten_projects() -> None:
    """To 2019; none of the others has more than nine (brief 4.1: 10 directorates and OTHER)."""
    if not os.environ.get("AUNE_MIRROR"):
        pytest.skip("the public originals are not at hand")
    counts = paris().query("edition <= 2019")["directorate"].value_counts()
    assert tuple(counts[counts > 10].index) == DIRECTORATES
    assert counts[counts <= 10].max() == 9
    assert len(SERVICES) == 11
