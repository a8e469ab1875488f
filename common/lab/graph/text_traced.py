"""The reading of texts, traced once: every head inlines it, as tracing takes a second."""

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from common.lab.graph.text import KINDS, Folded, Grams, Words, fold, grams, per_character
from common.lab.graph.tracing import ndonnx

if TYPE_CHECKING:
    import onnx

__all__ = ["read_texts", "spread"]

FOLDED = ("symbols", "letter", "places", "origin")
WORDS = ("number", "lengths", "present")
"""Fields that one traced part hands to the other."""


def read_texts(xp: Any, codes: Any) -> tuple[Folded, tuple[Grams, ...], Words]:
    """Return what `common.lab.graph.text.fold` and ``grams`` give for codes."""
    if xp is np:
        folded = fold(np, codes)
        return folded, *grams(np, folded)
    found = _inlined(_reader(), codes=codes)
    return (
        Folded(*(found[name] for name in FOLDED)),
        tuple(
            Grams(kind, found[f"{kind.name}_buckets"], found[f"{kind.name}_present"])
            for kind in KINDS
        ),
        Words(*(found[name] for name in WORDS)),
    )


def spread(xp: Any, folded: Folded, words: Words, shares: dict[str, Any]) -> Any:
    """Return `common.lab.graph.text.per_character`."""
    if xp is np:
        return per_character(np, folded, words, shares)
    given = {name: getattr(folded, name) for name in FOLDED}
    given |= {f"word_{name}": getattr(words, name) for name in WORDS}
    given |= {f"{kind}_share": values for kind, values in shares.items()}
    return _inlined(_spreader(), **given)["characters"]


@lru_cache(maxsize=1)
def _reader() -> "onnx.ModelProto":
    ndx = ndonnx()

    codes = ndx.argument(shape=("n", "length"), dtype=ndx.int64)
    folded = fold(ndx, codes)
    found, words = grams(ndx, folded)
    outputs = {name: getattr(folded, name) for name in FOLDED}
    outputs |= {name: getattr(words, name) for name in WORDS}
    for gram in found:
        outputs[f"{gram.kind.name}_buckets"] = gram.buckets
        outputs[f"{gram.kind.name}_present"] = gram.present
    return ndx.build({"codes": codes}, outputs)


@lru_cache(maxsize=1)
def _spreader() -> "onnx.ModelProto":
    ndx = ndonnx()

    def argument(dtype: Any, columns: str) -> Any:
        return ndx.argument(shape=("n", columns), dtype=dtype)

    folded = Folded(
        argument(ndx.int64, "width"),
        argument(ndx.bool, "width"),
        argument(ndx.int64, "symbols"),
        argument(ndx.bool, "symbols"),
    )
    words = Words(
        argument(ndx.int64, "width"), argument(ndx.int64, "words"), argument(ndx.bool, "words")
    )
    shares = {
        kind.name: argument(ndx.float32, "words" if kind.words else "width") for kind in KINDS
    }
    given = {name: getattr(folded, name) for name in FOLDED}
    given |= {f"word_{name}": getattr(words, name) for name in WORDS}
    given |= {f"{kind}_share": values for kind, values in shares.items()}
    return ndx.build(given, {"characters": per_character(ndx, folded, words, shares)})


def _inlined(model: "onnx.ModelProto", **given: Any) -> dict[str, Any]:
    from spox import inline

    ndx = ndonnx()

    taken = {item.name for item in model.graph.input}
    produced = inline(model)(
        **{name: values.unwrap_spox() for name, values in given.items() if name in taken}
    )
    return {name: ndx.asarray(values) for name, values in produced.items()}
