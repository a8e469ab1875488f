"""A Run goes to JSON and comes back as it was: the folder of runs is the source of truth."""

import json
import math
from dataclasses import asdict, replace

import pytest

from common.edge.errors import UsageError
from common.lab.record import Run


def test_a_run_round_trips_with_its_footprints(sample_run):
    """NaN (the CV of one pass) is not equal to itself: compared as text."""
    again = Run.from_json(sample_run.to_json())
    assert again.to_json() == sample_run.to_json()
    row, expected = again.ladder[1], sample_run.ladder[1]
    assert row == expected
    assert row.footprints["train"].co2_use_g == expected.footprints["train"].co2_use_g
    assert isinstance(row.footprints["train"].co2_use_g, tuple)
    assert again.tracks == sample_run.tracks


def test_a_run_is_read_from_its_file(sample_run, tmp_path):
    path = tmp_path / "run.json"
    path.write_text(sample_run.to_json(), encoding="utf-8")
    assert Run.read(path).id == sample_run.id


def test_json_keys_are_sorted_and_french_is_readable(sample_run):
    """Two equal runs are equal files, and a person can read the question in them."""
    text = sample_run.to_json()
    assert list(json.loads(text)) == sorted(asdict(sample_run))
    assert "électricité" in text


def test_a_row_is_found_by_name_or_refused_with_the_names(sample_run):
    assert sample_run.row("additive").kind == "additive"
    with pytest.raises(UsageError, match="one of week_persistence, additive, boosted"):
        sample_run.row("deep_network")


def test_figures_per_thousand_predictions(sample_run):
    """0.5 CPU-s for 1,000 predictions, 10 W: 5 J = 5 / 3600 Wh central, 2.5 times either way."""
    footprint = sample_run.row("additive").footprints["predict_1"]
    assert footprint.cpu_seconds_per_1000 == 0.5
    low, central, high = footprint.wh_per_1000
    assert math.isclose(central, 5 / 3600)
    assert math.isclose(low, central / 2.5)
    assert math.isclose(high, central * 2.5)
    half = replace(footprint, predictions=500)  # the same work for half as many
    assert half.cpu_seconds_per_1000 == 1.0


def test_training_has_no_figure_per_prediction(sample_run):
    train = sample_run.row("additive").footprints["train"]
    assert math.isnan(train.cpu_seconds_per_1000)
    assert all(math.isnan(value) for value in train.wh_per_1000)
