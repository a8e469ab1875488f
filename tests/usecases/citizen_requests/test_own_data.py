"""A commune's own export is masked as it is read, or refused line by line without being quoted."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from common.edge.errors import TableError
from usecases.citizen_requests.own_data import read
from usecases.citizen_requests.requests.collection import requests_of

HEADER = (
    "Identifiant;Date création;Nom;Courriel;Canal;Objet;Texte;Service initial;Service final;"
    "Services valides;Transferts;Code clôture;Urgence;Doublon de"
)
FIRST = (
    'A1;03/03/2025 10:02;Sow;a@example.org;Courriel;Trou;"Bonjour,\nun trou devant le 12 rue des '
    'Lilas, 06 39 98 14 22.";Propreté urbaine;Voirie et trottoirs;proprete|Espaces verts;1;TRAITE;'
    "haute;"
)
SECOND = (
    "A2;04/03/2025 11:30;Sow;;Téléphone;;Le trou de la rue des Lilas est toujours là.;;voirie;;"
    "Voirie > Propreté > Voirie;;;A1"
)

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write demandes.csv and return its folder."""

    def put(*lines: str, header: str = HEADER, encoding: str = "utf-8") -> Path:
        (tmp_path / "demandes.csv").write_bytes("\r\n".join((header, *lines)).encode(encoding))
        return tmp_path

    return put


def test_an_export_becomes_requests_with_all_that_is_known(write: Write) -> None:
    """French names of columns, times and services; several services may be right."""
    dataset = read(write(FIRST, SECOND))
    first, second = requests_of(dataset).to_dict("records")
    assert first["service"] == second["service"] == "voirie"
    assert first["first_service"] == "proprete"
    assert first["also_ok"] == "proprete|espaces_verts"
    assert (first["n_transfers"], second["n_transfers"]) == (1, 2)
    assert (first["channel"], second["channel"]) == ("mail", "phone")
    assert first["closing_code"] == "traite"
    assert second["duplicate_of"] == "A1"
    np.testing.assert_array_equal(dataset.columns["urgency_level"], [1, np.nan])
    np.testing.assert_array_equal(dataset.columns["duplicate_of_id"], [np.nan, 0])
    assert str(dataset.times[0]) == "2025-03-03 09:02:00+00:00"  # 10:02 in Paris, in winter
    assert dataset.extras["services"].to_numpy().tolist() == [["voirie", "Voirie et trottoirs"]]


def test_nothing_that_identifies_a_person_is_kept(write: Write) -> None:
    """Planted in text, subject and columns; looked for in all that the data set holds."""
    planted = (
        "06 39 98 14 22",
        "12 rue des Lilas",
        "Sow",
        "a@example.org",
        "Kadiatou",
        "AB-123-CD",
    )
    line = (
        "A3;05/03/2025;Sow;a@example.org;web;Voiture AB-123-CD;Je m'appelle Kadiatou Sow.;;x;;;;;"
    )
    dataset = read(write(FIRST, SECOND, line))
    held = "".join(table.to_csv() for table in dataset.extras.values())
    held += str(dataset.columns) + str(dataset.groups)
    assert not [each for each in planted if each in held]
    assert "[TÉLÉPHONE]" in held
    assert requests_of(dataset)["place"].tolist()[0] == "rue des Lilas"
    counts = dict(dataset.extras["reading"].to_numpy().tolist())
    assert counts["colonnes personnelles non lues"] == 2
    assert counts["masqué : phone"] == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_encodings_are_told_apart_and_mojibake_is_undone(write: Write, encoding: str) -> None:
    """What a tool wrote twice over comes back as French."""
    line = SECOND.replace("toujours là", "toujours lÃ\u00a0, barrÃ©e")
    assert "toujours là, barrée" in requests_of(read(write(line, encoding=encoding)))["text"][0]


def test_repeats_and_unknown_services_are_kept_out_of_learning(write: Write) -> None:
    """So that no text is on both sides of a split; they stay in the data set."""
    repeat = SECOND.replace("A2;04/03", "A3;06/03").replace("A1", "")
    unknown = SECOND.replace("A2;04/03", "A4;07/03").replace(
        "Le trou", "Un autre trou bien plus gros"
    )
    dataset = read(write(FIRST, SECOND, repeat, unknown.replace(";voirie;", ";à définir;")))
    assert dataset.valid.tolist() == [True, True, False, False]
    assert requests_of(dataset)["near_earlier"].tolist() == [False, False, True, False]


def test_lines_that_cannot_be_read_are_named_together_and_never_quoted(write: Write) -> None:
    """A date, an urgency, an identifier that is an address, one that comes twice."""
    secret = "06 39 98 77 77"
    bad = [
        FIRST.replace("03/03/2025 10:02", "bientôt"),
        SECOND.replace(";;A1", ";très vite;A1"),
        SECOND.replace("A2;", f"Mme Sow {secret};"),
        SECOND.replace("A2;", "A1;").replace("Le trou", secret),
    ]
    with pytest.raises(TableError) as error:
        read(write(*bad))
    text = str(error.value)
    assert "4 problems" in text
    assert "demandes.csv line 3: 'bientôt'" in text  # the first request takes lines 2 and 3
    assert "'très vite'" in text
    assert secret not in text


def test_a_file_without_the_needed_columns_says_which_names_they_may_bear(write: Write) -> None:
    """Text, date and service are needed; a folder has one table."""
    with pytest.raises(TableError, match="no column for received, service") as error:
        read(write("x", header="texte"))
    assert "service_final" in error.value.expected
    with pytest.raises(TableError, match="has no line"):
        read(write())


def test_a_folder_holds_one_table(tmp_path: Path) -> None:
    """demandes.csv, or the only CSV file there is."""
    with pytest.raises(TableError, match="CSV files none"):
        read(tmp_path)
    with pytest.raises(TableError, match="is not a folder"):
        read(tmp_path / "absent")
    (tmp_path / "export_gru.csv").write_text(f"{HEADER}\n{SECOND}\n", encoding="utf-8")
    assert len(read(tmp_path).times) == 1
    (tmp_path / "autre.csv").write_text("x")
    with pytest.raises(TableError, match=r"autre\.csv, export_gru\.csv"):
        read(tmp_path)


def test_requests_without_any_text_are_counted_and_left_out(write: Write) -> None:
    """An empty one may stand beside others, not alone."""
    empty = "A9;04/03/2025;;;;;;;voirie;;;;;"
    dataset = read(write(SECOND, empty))
    assert len(dataset.times) == 1
    assert dict(dataset.extras["reading"].to_numpy().tolist())["sans texte, écartées"] == 1
    with pytest.raises(TableError, match="no request has a text"):
        read(write(empty))
