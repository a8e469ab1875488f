"""French text inside a graph: held against numpy, and both against a plain Python reading."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from common.edge.onnxfile import read_summary
from common.edge.operators import OPERATORS
from common.edge.textcodes import codes_of, text_of
from common.edge.textfold import fold as fold_at_the_edge
from common.lab import graph
from common.lab.graph import text
from common.lab.graph.text_head import BLOCKS, CHARACTERS, TextTable
from tests.common.lab.graph.text_samples import N_CLASSES, fuzzed, graph_of, head

Bag = list[tuple[text.Kind, int, tuple[int, int], float]]
"""Kind, bucket, span in the folded text and letters covered, gram by gram."""


def bucket(kind: text.Kind, hashed: int) -> int:
    place = [one.name for one in text.KINDS].index(kind.name) + 1
    mixed = (hashed + 97 * place) % text.PRIME * text.MIXER % text.PRIME
    return mixed % kind.size + kind.start


def read_plainly(folded: str) -> Bag:
    """Find the grams of a folded text with loops and strings only."""
    words, bag, start = folded.split(), [], 1
    spans = []
    for word in words:
        spans.append((start, start + len(word)))
        start += len(word) + 1
    factors = text._WORD_FACTORS.tolist()
    hashes = [
        sum(ord(c) * factors[min(i, text.N_OFFSETS - 1)] for i, c in enumerate(word)) % text.PRIME
        for word in words
    ]
    for kind in text.KINDS:
        if kind.words == 1:
            bag += [
                (kind, bucket(kind, h), s, s[1] - s[0]) for h, s in zip(hashes, spans, strict=True)
            ]
        elif kind.words == 2:
            for i in range(len(words) - 1):
                hashed = hashes[i] * text.LEFT + hashes[i + 1] * text.RIGHT
                letters = len(words[i]) + len(words[i + 1])
                bag.append((kind, bucket(kind, hashed), (spans[i][0], spans[i + 1][1]), letters))
        else:
            for word, (first, _) in zip(words, spans, strict=True):
                padded = f" {word} "
                for at in range(len(padded) - kind.letters + 1):
                    gram = padded[at : at + kind.letters]
                    hashed = sum(
                        ord(c) * int(f) for c, f in zip(gram, text._LETTER_FACTORS, strict=False)
                    )
                    span = (first - 1 + at, first - 1 + at + kind.letters)
                    bag.append((kind, bucket(kind, hashed), span, len(gram.strip())))
    return bag


def score_plainly(folded: str, table: TextTable) -> np.ndarray:
    """Return what the known grams add to each class, in float64, without the prior."""
    block_of = {kind: block for block, kinds in BLOCKS.items() for kind in kinds}
    sums = {block: np.zeros(N_CLASSES) for block in BLOCKS}
    squares = dict.fromkeys(BLOCKS, 0.0)
    for kind, found, _, _ in read_plainly(folded):
        row = table.rows[table.slots[found]].astype(np.float64)
        sums[block_of[kind.name]] += row[:-1] * table.weight_step
        squares[block_of[kind.name]] += row[-1] * table.importance_step
    return sum(
        (sums[block] / np.sqrt(squares[block]) if squares[block] > 0 else np.zeros(N_CLASSES))
        for block in BLOCKS
    )


@cache
def session():
    return graph.session(graph_of())


def ran(texts: list[str]) -> dict[str, np.ndarray]:
    return graph.run(session(), {"codes": codes_of(texts)})


def in_numpy(texts: list[str]) -> dict[str, np.ndarray]:
    raw, contributions, details = head().with_details(np, None, {"codes": codes_of(texts)})
    return {
        "raw": raw.reshape(-1, N_CLASSES),
        "contributions": contributions.reshape(-1, N_CLASSES, 4),
        "characters": details[CHARACTERS],
    }


def compare(texts: list[str]) -> None:
    """Hold the graph against numpy: families and characters to the bit, scores to 1e-6."""
    found, expected = ran(texts), in_numpy(texts)
    for name in ("contributions", "characters"):
        assert np.array_equal(found[name], expected[name]), name
    assert np.abs(found["raw"] - expected["raw"]).max() <= 1e-6 * np.abs(expected["raw"]).max()
    top = found["raw"].argmax(axis=1)
    chosen = found["contributions"][np.arange(len(top)), top]
    # Prior apart, the families of the highest class are what its characters add up to.
    assert found["characters"].sum(axis=1, dtype=np.float64) == pytest.approx(
        chosen[:, 1:].sum(axis=1), abs=1e-5
    )


def test_graph_and_numpy_agree_on_fuzzed_french():
    """Emoji, decomposed accents, 20,000 characters, nothing at all: one reading only."""
    for texts in (fuzzed(12), *(fuzzed(612)[start : start + 100] for start in range(12, 612, 100))):
        compare(texts)


@pytest.mark.slow
def test_graph_and_numpy_agree_on_ten_thousand_strings():
    """The bar of the issue: 10,000 fuzzed French strings."""
    texts = fuzzed(10_000, seed=1)[12:]
    for start in range(0, len(texts), 256):
        compare(texts[start : start + 256])


def test_both_read_what_plain_python_reads():
    """The array code is short and clever; loops over strings are neither, and say the same."""
    texts = [one for one in fuzzed(160, seed=2) if len(one) < 1000]
    found = ran(texts)
    codes = codes_of(texts)
    for row, folded in enumerate(fold_at_the_edge(codes)):
        expected = score_plainly(text_of(folded), head().table) + head().prior
        assert found["raw"][row] == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_characters_carry_the_grams_that_cover_them():
    """« ab » and one known word: its two letters share the word's weight, in the typed text."""
    word = next(gram for gram in read_plainly(" ab ") if gram[0].name == "word")
    weights = np.zeros((1, 2))
    weights[0] = (-1.0, 3.0)
    table = TextTable.of([word[1]], weights, np.array([2.0]))
    small = type(head())(table, (0.0, 0.0))
    raw, _, details = small.with_details(np, None, {"codes": codes_of(["  ÂB !"])})
    # The only known gram has the norm 2: 3 / 2 for the second class, half for each letter.
    assert raw.tolist() == pytest.approx([-0.5, 1.5], abs=1e-4)
    assert details[CHARACTERS][0].tolist() == pytest.approx([0, 0, 0.75, 0.75, 0, 0], abs=1e-4)


def test_a_text_does_not_depend_on_the_texts_beside_it():
    """Padding and neighbours change no bit of what is counted, and no score by more than 1e-6."""
    texts = fuzzed(60, seed=3)[12:]
    together = ran(texts)
    for row, one in enumerate(texts):
        alone = ran([one])
        assert np.array_equal(alone["contributions"][0], together["contributions"][row])


def test_the_traced_folding_is_the_edge_s():
    """Graph and index share one table and one rule."""
    texts = sorted(fuzzed(300, seed=4), key=len)
    # Rows are as wide as the longest: the two of 18,000 characters stand alone.
    for some in (texts[:-2], texts[-2:]):
        codes = codes_of(some)
        assert np.array_equal(text.fold(np, codes).symbols, fold_at_the_edge(codes))


def test_the_graph_holds_only_operators_that_the_edge_allows():
    """No loop, no value-dependent shape: a stranger's file is refused before it is opened."""
    assert not read_summary(graph_of()).operators - OPERATORS
    assert len(graph_of()) <= 5_000_000


def test_the_graph_opens_where_no_locale_is_installed(tmp_path: Path):
    """Slim containers have LC_ALL=C; ONNX's own text operators fail there."""
    (tmp_path / "text.onnx").write_bytes(graph_of())
    code = (
        "import sys, numpy as np, onnxruntime as ort\n"
        "codes = np.array([[233, 99, 111, 108, 101]], dtype=np.int64)\n"
        "print(ort.InferenceSession(sys.argv[1]).run(['raw'], {'codes': codes})[0].tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "text.onnx")],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "LC_ALL": "C", "LANG": "C"},
    )
    assert done.stdout.strip() == str(ran(["école"])["raw"].tolist())
