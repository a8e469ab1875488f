"""A text graph gives the same answer in Node and WebAssembly, from the text itself."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from common.edge.textcodes import codes_of
from common.lab import graph
from tests.common.lab.graph.text_samples import fuzzed, graph_of
from tests.test_node import ENTRIES, installed

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("node_text.mjs")


@pytest.mark.parametrize("package", ENTRIES)
def test_a_client_in_javascript_reads_texts_as_python_does(package: str, tmp_path: Path) -> None:
    """Normalise, take code points, run: one line of client code, and the same scores.

    The sums inside are of whole numbers: families and characters agree to 1e-6 of their size.
    """
    texts = [text for text in fuzzed(400, seed=6) if not _surrogate(text)]
    (tmp_path / "text.onnx").write_bytes(graph_of())
    job = tmp_path / "job.json"
    answers = tmp_path / "answers.json"
    asked = {"model": str(tmp_path / "text.onnx"), "texts": texts, "answers": str(answers)}
    job.write_text(json.dumps(asked))
    done = subprocess.run(
        ["node", str(SCRIPT), str(installed(package)), str(job)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "NODE_OPTIONS": ""},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    session = graph.session(graph_of())
    for text, found in zip(texts, json.loads(answers.read_text()), strict=True):
        expected = graph.run(session, {"codes": codes_of([text])})
        for name, values in expected.items():
            scale = 1 + np.abs(values).max()
            assert np.abs(np.array(found[name]) - values.ravel()).max() <= 1e-6 * scale, name


def _surrogate(text: str) -> bool:
    """Whether JSON could not carry the text: half of a pair is no character."""
    return any(0xD800 <= ord(letter) <= 0xDFFF for letter in text)
