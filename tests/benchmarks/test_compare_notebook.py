"""The notebook that compares vendors runs from sealing to revealing and shows what it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("compare")


@pytest.fixture(scope="module")
def said(folder):
    """What it prints on three simulated meters, without network."""
    variables = {key: value for key, value in os.environ.items() if not key.startswith("AUNE_")}
    variables |= {"OMP_NUM_THREADS": "1", "AUNE_OFFLINE": "1", "TMPDIR": str(folder)}
    variables |= {"AUNE_NOTEBOOK_DATA": "simulated", "AUNE_NOTEBOOK_UNITS": "3"}
    variables |= {"AUNE_NOTEBOOK_OUT": str(folder / "out")}
    done = subprocess.run(
        [sys.executable, str(ROOT / "notebooks" / "compare_vendor.py")],
        cwd=folder, env=variables, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.replace("\u00a0", " ").replace("\u202f", " ")


def test_simulated_data_are_called_so_and_the_seal_a_demonstration(said):
    assert "données SIMULÉES" in said
    assert "démonstration : True ; simulé : True" in said


def test_three_solutions_are_received_and_the_wrong_unit_is_refused(said):
    assert len(re.findall(r" : reçue, reçu [0-9a-f]{12}…", said)) == 3
    assert "en Wh au lieu de kWh (v1) : REFUSÉE" in said


def test_the_detectable_difference_is_said_before_the_table(said):
    assert said.index("avant l'ouverture des réponses") < said.index("écart à la référence")


def test_the_changed_answer_is_found_and_the_original_is_whole(said):
    found = said[said.index("copie altérée :") : said.index("original :")]
    assert "submissions/four_weeks/predictions.parquet" in found
    assert "original : refait à l'identique" in said


def test_the_page_is_where_it_says_and_the_last_cell_gives_the_energy(said, folder):
    page = re.search(r"^page : (\S+)$", said, re.M)[1]
    assert (folder / "out" / page).is_file()
    last = said[said.index("à refaire :") :]
    assert re.findall(r"^(sceller|recevoir|noter|vérifier) .*Wh .*niveau [A-F]", last, re.M) == [
        "sceller", "recevoir", "noter", "vérifier",
    ]  # fmt: skip


def test_anybody_can_check_the_commitment_with_the_standard_library(said, folder):
    script = folder / "out" / "pack" / "revealed" / "verify_commitment.py"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(script)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
