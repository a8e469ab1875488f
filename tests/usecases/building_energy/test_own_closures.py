"""Closed days that a commune declares beside its meter files."""

from pathlib import Path

import numpy as np
import pytest

from common.edge.errors import TableError
from usecases.building_energy.forecast import closures
from usecases.building_energy.own_data import read

METERS = "meter_id;timestamp;load_kwh\n" + "".join(
    f"ecole;2024-02-{day:02d} {hour:02d}:00;1,5\n" for day in range(8, 14) for hour in range(24)
)


def folder_with(path: Path, text: str) -> Path:
    """Write one meter over six days and a closures.csv."""
    (path / "ecole.csv").write_text(METERS, encoding="utf-8")
    (path / "closures.csv").write_text(text, encoding="utf-8")
    return path


def test_declared_closures_close_the_days_between_both_ends(tmp_path: Path) -> None:
    """10 to 12 February and the single 8th; French and ISO days mix."""
    text = "du;au\n10/02/2024;12/02/2024\n2024-02-08;2024-02-08\n"
    dataset = read(folder_with(tmp_path, text), "electricity")
    days = np.arange("2024-02-08", "2024-02-14", dtype="datetime64[D]")
    assert closures(days, dataset).tolist() == [1, 0, 1, 1, 1, 0]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("du;au\n12/02/2024;10/02/2024\n", "line 2"),
        ("du;au\n10/02/2024;12/02/2024\n31/02/2024;01/03/2024\n", "line 3"),
        ("quand\n10/02/2024\n", "line 1"),
    ],
)
def test_a_wrong_closure_is_refused_with_its_line(tmp_path: Path, text: str, line: str) -> None:
    """Last before first, a day that does not exist, an unknown header."""
    with pytest.raises(TableError, match=line):
        read(folder_with(tmp_path, text), "electricity")
