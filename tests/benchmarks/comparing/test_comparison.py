"""The comparison as a file: it comes back, it is hashed, it says the same elsewhere."""

import json
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.comparing.aiverify import ai_verify_results
from benchmarks.comparing.compare import compare
from benchmarks.comparing.comparison import body, body_hash, from_json, read_about, to_json
from benchmarks.comparing.printed import printed
from common.edge.errors import ChecksumError, ManifestError, UsageError
from common.lab.contest import Finding

SCRIPT = Path(__file__).parent / "body_hash.py"
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def found(contest_task, toy_paper, opponents, candidates):
    """A comparison with every kind of member filled."""
    finding = Finding("shift", "note", "Décalage d'une heure.", 3, (2, 3, 4))
    entry = replace(
        candidates[0].entry,
        findings=(finding,),
        declaration={"licence": "propriétaire", "cost": {"licence_eur": 1200}},
    )
    refused = replace(
        candidates[1],
        entry=replace(
            candidates[1].entry, findings=(Finding("unit", "refused", "Mille fois trop."),)
        ),
    )
    stressed = replace(
        candidates[2], stress={"Pannes": {"visits": candidates[2].submission.answers["visits"]}}
    )
    protocol = {"no_ai": "last_week", "margin": 0.02, "usecase": "toy", "task": "visits"}
    entries = (*opponents, replace(candidates[0], entry=entry), refused, stressed)
    return compare(contest_task, *toy_paper, entries, protocol)


def test_a_comparison_comes_back_as_it_was_printed(found):
    text = to_json(found, {"started": "2026-11-23T04:00:00+00:00", "seconds": 3.2})
    again = from_json(text)
    assert body(again) == body(found)
    assert to_json(again, read_about(text)) == text
    assert again.standing("better") == found.standing("better")
    assert again.standing("worse").verdict == "refused"
    assert math.isnan(again.standing("worse").worst_loss)
    assert math.isnan(again.minimum_detectable)  # the protocol has none


def test_when_and_where_are_outside_the_hash(found):
    early, late = (to_json(found, {"started": day}) for day in ("2026-11-22", "2026-11-23"))
    assert early != late
    assert json.loads(early)["body_sha256"] == json.loads(late)["body_sha256"] == body_hash(found)


def leaves(value, path=()):
    """Yield the path of every leaf of a JSON value."""
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, item in items:
            yield from leaves(item, (*path, key))
    else:
        yield path


def test_every_single_changed_figure_or_word_is_detected(found):
    """Exhaustive over the body: each leaf is changed in turn, none passes."""
    text = to_json(found)
    paths = list(leaves(json.loads(text)["body"]))
    assert len(paths) > 300
    for path in paths[:: 1 + len(paths) // 150]:
        document = json.loads(text)
        place = document["body"]
        for key in path[:-1]:
            place = place[key]
        old = place[path[-1]]
        is_number = isinstance(old, int | float) and not isinstance(old, bool)
        place[path[-1]] = old + 1e-6 if is_number else f"{old} "
        with pytest.raises(ChecksumError):
            from_json(json.dumps(document))


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"schema": 2, "body": {}, "body_sha256": "", "about": {}}', "[" * 100_000],
)
def test_what_is_not_a_comparison_is_refused(text):
    with pytest.raises(ManifestError):
        from_json(text)


def test_a_body_that_lacks_a_member_is_refused_even_with_a_right_hash(found):
    from benchmarks.sealing.digests import json_digest

    document = json.loads(to_json(found))
    del document["body"]["standings"][0]["scores"]
    document["body"]["standings"][1]["difference"] = {"estimate": 1}
    document["body_sha256"] = json_digest(document["body"])
    with pytest.raises(ManifestError, match="unreadable body"):
        from_json(json.dumps(document))


def test_whole_numbers_have_one_hash_whether_written_with_a_point_or_not(found):
    """An energy of 40 Wh read from TOML is an int, from JSON it may be 40.0."""
    standing = found.standings[0]
    hashes = set()
    for energy in (40, 40.0):
        entry = replace(
            standing.entry, predict=replace(standing.entry.predict, low=energy, high=50.0)
        )
        changed = replace(standing, entry=entry)
        hashes.add(body_hash(replace(found, standings=(changed, *found.standings[1:]))))
    assert len(hashes) == 1


@given(st.floats(-1e300, 1e300))
def test_what_is_printed_once_stays_as_it_is(value):
    assert printed(printed(value)) == printed(value)
    assert abs(printed(value) - value) <= max(5e-7, 5e-5 * abs(value)) * 1.0001


@given(st.floats(1e-4, 1e4), st.integers(-3, 3))
def test_last_bits_do_not_print(value, n_bits):
    """Unless the value sits on a boundary: its distance to one is checked here, exactly."""
    moved = value * (1 + n_bits * 2.0**-52)
    unit = 10.0 ** -min(6, 4 - math.floor(math.log10(value)))
    distance = abs((value / unit) % 1 - 0.5)
    if distance > 1e-9:
        assert printed(moved) == printed(value)


def test_noise_around_zero_is_printed_as_zero():
    """Significant digits alone would print the rounding errors of an unbiased model."""
    assert str(printed(-3.1e-17)) == "0.0"
    assert printed(4.6e-7) == 0


@pytest.mark.parametrize(
    "environment",
    [
        {"NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL"},
        {"OPENBLAS_CORETYPE": "Prescott"},
        {"PYTHONHASHSEED": "7"},
    ],
    ids=["lowered dispatch", "older BLAS kernels", "other hash seed"],
)
@pytest.mark.slow
def test_another_environment_gives_the_same_body_hash(environment):
    """Vector instructions off and other BLAS kernels change last bits, not the report."""
    hashes = [
        subprocess.run(
            [sys.executable, "-W", "ignore", str(SCRIPT)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT), **extra},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for extra in ({}, environment)
    ]
    assert len(hashes[0]) == 64
    assert hashes[0] == hashes[1]


def test_the_export_has_ai_verifys_fields_and_claims_nothing(found):
    about = {"started": "2026-11-23T04:00:00+00:00", "seconds": 3.5}
    results = ai_verify_results(found, about, artifacts=["comparaison.html"])
    assert len(results) == len(found.standings)
    for result in results:
        assert set(result) == {
            "gid", "cid", "version", "startTime", "timeTaken", "testArguments", "output",
            "artifacts",
        }  # fmt: skip
        arguments = result["testArguments"]
        assert {"testDataset", "mode", "modelType", "groundTruth"} <= set(arguments)
        assert arguments["mode"] in ("upload", "api")
        assert "not run, validated or endorsed" in result["output"]["disclaimer"]
        assert result["output"]["unverified"]
    json.dumps(results, allow_nan=False)
    with pytest.raises(UsageError, match="model type"):
        ai_verify_results(found, about, model_type="ranking")


def test_a_body_holds_no_number_that_json_has_not(found):
    json.dumps(body(found), allow_nan=False)
    assert np.isnan(found.minimum_detectable)
