"""Chapter 8 of the guide: its example files are read as it says, refused as it shows."""

import re

import numpy as np
import pytest

from common.edge.errors import TableError
from tests.test_notebooks import guide_blocks, guide_chapter, guide_refusal, write_blocks
from usecases.waste_collection import own_data
from usecases.waste_collection.decision.feedback import applied, read_feedback
from usecases.waste_collection.decision.options import PLAN_FILES, PLAN_OPTIONS
from usecases.waste_collection.decision.streams import stream_name
from usecases.waste_collection.routing.fleet import read_fleet

CHAPTER = 8
NAMES = {"containers.csv", "readings.csv", "collections.csv", "vehicles.csv", "retours.csv"}
HALLES, GARE = 1, 0  # in the order of their names


@pytest.fixture
def blocks():
    found = guide_blocks(CHAPTER)
    assert set(found) == NAMES
    return found


def test_the_guide_s_containers_are_read_as_the_guide_says(blocks, tmp_path):
    """Two days of two containers; 650 kg of 1,300 are 50 %; the last reading is under alert."""
    folder = write_blocks(tmp_path, blocks)
    readings = own_data.read(folder)
    assert readings.columns["level_percent"].tolist() == [20.0, 60.0, 100.0, 80.0]
    assert readings.columns["alert"].tolist() == [0.0, 0.0, 1.0, 0.0]
    seen = own_data.read(folder, "collections").columns["fill_before_percent"]
    assert sorted(seen.tolist()) == [50.0, 85.0]


def test_the_guide_s_trucks_take_the_guide_s_streams(blocks, tmp_path):
    """06h00 and 06:00 are the same; an empty range is no limit."""
    write_blocks(tmp_path, blocks)
    first, second = read_fleet(tmp_path / "vehicles.csv")
    assert (first.shift_start_s, second.shift_start_s) == (6 * 3600, 6 * 3600)
    assert (first.max_km, second.max_km) == (None, 150.0)
    assert [stream_name(one) for one in second.streams] == ["glass", "paper"]


def test_the_guide_s_feedback_empties_and_alerts(blocks, tmp_path):
    """On the 24th Les Halles stand at 0 % where the sensor is silent; la Gare is under alert."""
    more = blocks["readings.csv"] + "gare;24/11/2026 05:40;100;0\n"
    folder = write_blocks(tmp_path, {**blocks, "readings.csv": more})
    dataset = own_data.read(folder)
    found = read_feedback(tmp_path / "retours.csv", ["halles", "gare"], "Europe/Paris")
    assert found.table["action"].tolist() == ["emptied", "blocked"]
    after = applied(dataset, found)
    level, alert = (after.columns[name].reshape(-1, 2) for name in ("level_percent", "alert"))
    assert np.isnan(dataset.columns["level_percent"].reshape(-1, 2)[-1, HALLES])
    assert level[-1, HALLES] == 0.0
    assert (level[-1, GARE], alert[-1, GARE]) == (100.0, 1.0)


def test_the_guide_s_refused_feedback_is_refused_in_the_words_it_shows(blocks, tmp_path):
    """A container that is in no table, and a finding that is none."""
    wrong = blocks["retours.csv"].replace("halles;", "port;").replace("bloqué", "fermé")
    write_blocks(tmp_path, {**blocks, "retours.csv": wrong})
    with pytest.raises(TableError) as refusal:
        read_feedback(tmp_path / "retours.csv", ["halles", "gare"], "Europe/Paris")
    assert guide_refusal(CHAPTER) in str(refusal.value)


def test_every_option_of_the_guide_s_commands_exists():
    """Those of the general command aside."""
    named = set(re.findall(r"--([a-z][a-z-]*)", guide_chapter(CHAPTER)))
    assert named - {"data"} <= {*PLAN_FILES, *PLAN_OPTIONS}
