"""What a manifest says of a bundle's index: channels, labels, which graph inputs it fills."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from common.edge.errors import ManifestError

__all__ = ["OF_ALL", "OF_A_CHANNEL", "Channel", "RetrievalSettings"]

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}", re.A)
_DIGEST = re.compile(r"[0-9a-f]{64}", re.A)
_MOST_DOCUMENTS = 1_000_000
_MOST_STOP_WORDS = 2_000

OF_A_CHANNEL = ("share", "lead_second", "lead_near", "lead_far", "agreement", "rank")
OF_ALL = (
    "first_score",
    "lead_second",
    "lead_near",
    "lead_far",
    "known_share",
    "held_share",
    "held_share_three",
    "asked_weight",
    "n_words",
    "strongest_vote",
)
"""What a search tells of all channels together, and of each of them."""


@dataclass(frozen=True)
class Channel:
    """One way of comparing a text with the documents.

    Parameters
    ----------
    name
        Prefix of its arrays and of its features.
    kind
        ``words``: runs of word stems; ``letters``: runs of letters inside words;
        ``meaning``: vectors of the stems of another channel.
    weight
        Its share in the score; 0 for one that only gives features.
    shortest, longest
        Length of a run: of stems (both the same) or of letters; 1 for ``meaning``.
    """

    name: str
    kind: Literal["words", "letters", "meaning"]
    weight: float
    shortest: int = 1
    longest: int = 1

    def __post_init__(self) -> None:
        _require(bool(_NAME.fullmatch(self.name)), f"channel {self.name!r}", "a-z, 0-9 and _")
        what = f"channel {self.name}"
        _require(
            self.kind in ("words", "letters", "meaning"),
            f"{what}: kind {self.kind!r}",
            "words, letters or meaning",
        )
        _require(0 <= self.weight <= 100, f"{what}: weight {self.weight}", "0 to 100")
        low, high = {"words": (1, 3), "letters": (2, 6), "meaning": (1, 1)}[self.kind]
        _require(
            low <= self.shortest <= self.longest <= high,
            f"{what}: runs of {self.shortest} to {self.longest}",
            f"{low} to {high}",
        )
        _require(
            self.kind != "words" or self.shortest == self.longest,
            f"{what}: runs of {self.shortest} to {self.longest} stems",
            "one length for each channel of words",
        )


@dataclass(frozen=True)
class RetrievalSettings:
    """How a bundle's arrays are searched; written in the manifest, round-trips to JSON.

    Parameters
    ----------
    text_input
        The graph's input that holds the text as code points; None where the graph takes no
        text: the caller still gives it, under the name ``codes``.
    fills
        Graph inputs that the operator computes from the text: of ``votes`` and
        ``retrieval_features``.
    documents, passages
        How many there are; no passage where the texts are not carried.
    channels
        The first is of kind ``words`` and of single stems: coverage is told by it, and
        ``meaning`` reads its stems.
    stop_words
        Folded words that word channels leave out.
    labels
        Names of the ``votes``, in order.
    vote_depth
        How many of the first documents vote, each with one over its rank.
    spelling
        Whether words that no document holds are repaired.
    arrays
        Array name to the sha256 of its file.
    """

    text_input: str | None
    fills: tuple[str, ...]
    documents: int
    passages: int
    channels: tuple[Channel, ...]
    stop_words: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    vote_depth: int = 10
    spelling: bool = False
    arrays: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        _require(
            set(self.fills) <= {"votes", "retrieval_features"},
            f"inputs filled: {self.fills}",
            "of votes and retrieval_features",
        )
        _require(
            1 <= self.documents <= _MOST_DOCUMENTS,
            f"{self.documents} documents",
            f"1 to {_MOST_DOCUMENTS}",
        )
        _require(
            0 <= self.passages <= 100 * _MOST_DOCUMENTS,
            f"{self.passages} passages",
            f"0 to {100 * _MOST_DOCUMENTS}",
        )
        first = self.channels[0] if self.channels else None
        _require(
            first is not None and first.kind == "words" and first.longest == 1,
            f"channels {[channel.name for channel in self.channels]}",
            "one of single word stems first",
        )
        names = [channel.name for channel in self.channels]
        _require(len(set(names)) == len(names), f"channels {names}", "each name once")
        _require(
            sum(channel.weight for channel in self.channels) > 0,
            "no channel has a weight",
            "one at least",
        )
        _require(
            len(self.stop_words) <= _MOST_STOP_WORDS,
            f"{len(self.stop_words)} stop words",
            f"at most {_MOST_STOP_WORDS}",
        )
        _require(1 <= self.vote_depth <= 100, f"vote_depth {self.vote_depth}", "1 to 100")
        _require(
            "votes" not in self.fills or bool(self.labels), "votes without labels", "their names"
        )
        for name, digest in (self.arrays or {}).items():
            _require(bool(_DIGEST.fullmatch(digest)), f"sha256 of array {name}", "64 hex digits")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the features of a search, in order.

        ``first_score``: fused score of the first document. ``lead_second``, ``lead_near``,
        ``lead_far``: by how much the first leads the 2nd, 5th, 10th, relative to the first.
        ``known_share``: weight of the question's words that the index knows.
        ``held_share(_three)``: weight of those that the first document holds (the best of
        the first three). ``asked_weight``: logarithm of the summed idf of the question's
        words; ``n_words``: of their number. ``strongest_vote``: the largest vote. By channel:
        ``share`` of the score that was possible, leads within the channel, ``agreement`` of
        the fused first five with its own, and one over the ``rank`` that it gives to the
        fused first document.
        """
        of_channels = (f"{one.name}_{part}" for one in self.channels for part in OF_A_CHANNEL)
        return (*OF_ALL, *of_channels)

    def filled_sizes(self) -> dict[str, int]:
        """Return the length of the last axis of each input that the operator fills."""
        sizes = {"votes": len(self.labels), "retrieval_features": len(self.feature_names)}
        return {name: sizes[name] for name in self.fills}

    def to_object(self) -> dict[str, Any]:
        """Return what the manifest holds under ``retrieval``."""
        return asdict(self)

    @classmethod
    def from_object(cls, raw: Any) -> "RetrievalSettings":
        """Read what `to_object` returned.

        Raises
        ------
        ManifestError
            A key is missing, unknown, of another type or out of range.
        """
        try:
            _typed(raw)
            texts = {name: tuple(map(str, raw[name])) for name in ("fills", "stop_words", "labels")}
            channels = tuple(Channel(**item) for item in raw["channels"])
            return cls(**raw | texts | {"channels": channels, "arrays": dict(raw["arrays"])})
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise ManifestError(
                f"manifest.json, retrieval: {error}",
                expected="the keys of RetrievalSettings",
                remedy="export the bundle again",
            ) from error


def _typed(raw: Mapping[str, Any]) -> None:
    kinds = {
        "fills": list,
        "documents": int,
        "passages": int,
        "channels": list,
        "stop_words": list,
        "labels": list,
        "vote_depth": int,
        "spelling": bool,
        "arrays": dict,
    }
    for name, kind in kinds.items():
        _require(type(raw[name]) is kind, f"{name} is {str(raw[name])[:80]!r}", kind.__name__)
    for item in raw["channels"]:
        for name, kinds_of in (("weight", (int, float)), ("shortest", (int,)), ("longest", (int,))):
            _require(type(item[name]) in kinds_of, f"channel {name} {item[name]!r}", "a number")


def _require(condition: bool, found: str, expected: str) -> None:  # noqa: FBT001 - reads as assert
    if not condition:
        raise ManifestError(found, expected=expected, remedy="export the bundle again")
