"""What a service takes to start and to hold models, measured on processes of its own."""

import os
from dataclasses import replace

import pytest

from benchmarks.serving.footprint import lines, measure, newer_copy
from common.edge.bundle import Bundle
from common.lab.export import write_bundle

MODELS = 3
MOST_MB_EACH = 4.0
"""A graph of a few nodes takes 0.5 MB; a reference model of 100 kB to 1 MB takes 2 to 5."""


def test_the_copy_to_roll_back_from_is_a_sound_bundle_of_the_next_version(sealed_zip, tmp_path):
    newer, key = newer_copy(sealed_zip, tmp_path)
    assert Bundle.open(newer, [key]).manifest.version == "1.2.4"


@pytest.mark.slow
def test_memory_grows_by_a_model_not_by_a_server(bundle_content, signing_key, tmp_path):
    """Private memory: what other processes share of the libraries would hide the rest."""
    bundles = [
        write_bundle(
            tmp_path / f"{n}.zip", replace(bundle_content, task=f"day_{n}"), signing_key[0]
        )
        for n in range(MODELS)
    ]
    before = dict(os.environ)
    found = measure(bundles, signing_key[1], repeats=1)
    assert dict(os.environ) == before
    heap_mb = [start.memory_mb["heap"] for start in found.starts]
    # From one on: the first also brings onnxruntime itself, 10 to 15 MB.
    growth_mb = (heap_mb[MODELS] - heap_mb[1]) / (MODELS - 1)
    assert growth_mb < MOST_MB_EACH
    # Without a model a service holds less than a bare one, which has a model and no defence.
    assert heap_mb[0] < found.bare.memory_mb["heap"]
    assert found.starts[MODELS].threads <= 5
    assert [command.words for command in found.commands] == [
        "aune --help", "aune installed", "aune rollback",
    ]  # fmt: skip
    assert len(list(lines(found))) == 1 + 1 + (MODELS + 1) + 3
