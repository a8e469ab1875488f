"""``aune new``: the folder it writes runs and conforms as it stands."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from common.edge.errors import UsageError
from usecases.new import new_usecase

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import sys
from common.lab.checks import yield_checks
from usecases import discover
found = discover()
checks = list(yield_checks(found["street_lighting"]))
for check in checks:
    check.run()
print(len(checks))
"""


def copied(folder):
    """Copy what a new use case needs; nothing of ours is touched."""
    for package in ("common", "usecases"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(ROOT / "requirements.lock", folder)
    return folder


@pytest.mark.slow
def test_new_use_case_conforms_as_it_stands(tmp_path):
    """Discovery, and every check of the suite, with no other file touched."""
    root = copied(tmp_path)
    folder = new_usecase("street_lighting", "Éclairage public", root / "usecases")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=root, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(root), "PATH": "", "OMP_NUM_THREADS": "1", "HOME": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 19  # 2 checks of the use case, 17 of its task
    ruff = Path(sys.executable).with_name("ruff")
    config = ["--config", str(ROOT / "pyproject.toml")]
    for verb in (["check"], ["format", "--check"]):
        tidy = subprocess.run(
            [str(ruff), *verb, *config, str(folder)], capture_output=True, text=True, check=False
        )
        assert tidy.returncode == 0, tidy.stdout


def test_own_counts_are_read_and_a_wrong_line_is_named(tmp_path):
    """The blank reader already refuses what it cannot understand."""
    root = copied(tmp_path)
    new_usecase("street_lighting", "Éclairage public", root / "usecases")
    data = tmp_path / "own"
    data.mkdir()
    (data / "counts.csv").write_text("place;day;count\nA;2025-03-01;4\nA;2025-03-32;5\n", "utf-8")
    program = (
        "import sys; from pathlib import Path; from usecases.street_lighting import data;"
        "data.read(Path(sys.argv[1]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(data)], cwd=root, capture_output=True, text=True,
        check=False, env={"PYTHONPATH": str(root), "PATH": ""},
    )  # fmt: skip
    assert "line 3" in done.stderr
    assert "2025-03-32" in done.stderr


@pytest.mark.parametrize("name", ["Street", "street-lighting", "class", "1st", "", "../x"])
def test_name_that_cannot_be_a_module_is_refused(tmp_path, name):
    """The folder is imported: its name is an identifier."""
    with pytest.raises(UsageError, match="use case name"):
        new_usecase(name, "Titre", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("title", ["", "  ", "deux\nlignes", 'l"éclairage'])
def test_title_that_would_break_the_code_is_refused(tmp_path, title):
    """It is written between quotes."""
    with pytest.raises(UsageError, match="title"):
        new_usecase("street", title, tmp_path)


def test_existing_use_case_is_left_alone(tmp_path):
    """Nothing is ever overwritten."""
    (tmp_path / "street").mkdir()
    with pytest.raises(UsageError, match="exists"):
        new_usecase("street", "Titre", tmp_path)
