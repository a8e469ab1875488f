"""Build the arrays that `common.edge.retrieval.search` searches: weighted postings, vectors, texts.

Impacts are those of BM25F (Robertson, Zaragoza and Taylor, "Simple BM25 extension to multiple
weighted fields", CIKM 2004): a key's occurrences are added over fields, each divided by its
relative length and multiplied by its weight, before they saturate once.
"""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.errors import UsageError
from common.edge.retrieval.inputs import GOLDEN, Index
from common.edge.retrieval.postings import IMPACT_STEP, LARGEST
from common.edge.retrieval.settings import Channel, RetrievalSettings
from common.edge.retrieval.spelling import LONGEST, SHORTEST, forms_of
from common.edge.retrieval.terms import (
    folded,
    letter_keys,
    plain_words,
    word_keys,
    words_of,
)
from common.edge.textcodes import LONGEST_TEXT

__all__ = [
    "ChannelPlan",
    "Document",
    "FieldWeight",
    "IndexPlan",
    "Section",
    "build",
    "digest_of",
    "with_golden_texts",
]

Array = npt.NDArray[Any]
Arrays = dict[str, Array]
Codes = npt.NDArray[np.int64]

_MOST_IMPACT = 65_535
_SMALL_INDEX = 65_536


@dataclass(frozen=True)
class FieldWeight:
    """How much one field of a document counts.

    Parameters
    ----------
    weight
        What one occurrence is worth.
    length_share
        0: an occurrence counts the same in any field; 1: in proportion to how short the
        field is (BM25's b).
    """

    weight: float
    length_share: float

    def __post_init__(self) -> None:
        if not (self.weight >= 0 and 0 <= self.length_share <= 1):
            raise UsageError(f"{self}", expected="weight of at least 0, length_share in [0, 1]")


@dataclass(frozen=True)
class ChannelPlan:
    """How one channel is built.

    Parameters
    ----------
    channel
        What the edge does with it.
    fields
        Field name to its weight; fields left out do not count. Empty for ``meaning``.
    saturation
        BM25's k1: how fast further occurrences stop counting.
    fewest_documents, largest_share
        Keys of fewer documents (pairs of words that occur once), or of a larger share of
        them ("de la"), are left out.
    least_impact
        Postings worth less are left out: static pruning (Carmel et al., "Static index
        pruning for information retrieval systems", SIGIR 2001).
    dimensions
        Of the vectors, for ``meaning``.
    """

    channel: Channel
    fields: Mapping[str, FieldWeight] = field(default_factory=dict)
    saturation: float = 1.2
    fewest_documents: int = 1
    largest_share: float = 1.0
    least_impact: float = 0.0
    dimensions: int = 0


@dataclass(frozen=True)
class IndexPlan:
    """How an index is built; the first channel is of single word stems.

    Parameters
    ----------
    channels
        In the order of the settings.
    passages
        Fields ``heading`` and ``text`` of a passage, as of a channel of single stems.
    stop_words
        Folded words that word channels leave out.
    labels
        Names of the votes.
    vote_depth
        How many documents vote.
    spelling_documents
        Words of at least that many documents are what strange words are repaired to; 0
        repairs nothing.
    """

    channels: tuple[ChannelPlan, ...]
    passages: ChannelPlan
    stop_words: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    vote_depth: int = 10
    spelling_documents: int = 0


@dataclass(frozen=True)
class Section:
    """A part of a document that can be cited."""

    heading: str
    text: str


@dataclass(frozen=True)
class Document:
    """What is indexed.

    Parameters
    ----------
    record
        What is shown: id, title, url, date; JSON values.
    fields
        Field name to text: what it is found by.
    sections
        What can be cited, in order.
    labels
        What it votes for.
    """

    record: Mapping[str, Any]
    fields: Mapping[str, str]
    sections: tuple[Section, ...] = ()
    labels: tuple[str, ...] = ()


def build(
    documents: Sequence[Document],
    plan: IndexPlan,
    *,
    text_input: str | None = None,
    fills: tuple[str, ...] = (),
    seed: int = 0,
) -> tuple[Arrays, RetrievalSettings]:
    """Return the arrays of an index and the settings that a manifest carries with them.

    Parameters
    ----------
    documents
        Their order is the documents' numbers; ties are broken by it.
    plan
        Channels, fields, weights.
    text_input, fills
        Of the graph that the index stands beside (`RetrievalSettings`).
    seed
        Of the vectors' decomposition.

    Raises
    ------
    UsageError
        There is no document, or one has a label or lacks a field of the plan.
    """
    _check(documents, plan)
    stop_words = frozenset(plan.stop_words)
    texts = [{name: _read(text) for name, text in one.fields.items()} for one in documents]
    arrays: Arrays = {}
    for part in plan.channels:
        if part.channel.kind != "meaning":
            arrays |= _postings(part, texts, stop_words)
    first = plan.channels[0].channel.name
    for part in plan.channels:
        if part.channel.kind == "meaning":
            arrays |= _vectors(part, arrays, first, len(documents), seed)
    arrays |= _library(documents, plan.passages, stop_words)
    if plan.spelling_documents:
        arrays |= _spelling(texts, stop_words, plan.spelling_documents)
    if plan.labels:
        arrays["labels"] = _labels(documents, plan.labels)
    settings = RetrievalSettings(
        text_input=text_input,
        fills=fills,
        documents=len(documents),
        passages=len(arrays["passage_documents"]),
        channels=tuple(part.channel for part in plan.channels),
        stop_words=plan.stop_words,
        labels=plan.labels,
        vote_depth=plan.vote_depth,
        spelling=plan.spelling_documents > 0,
    )
    digests = {name: digest_of(values) for name, values in sorted(arrays.items())}
    return arrays, replace(settings, arrays=digests)


def digest_of(values: Array) -> str:
    """Return the sha256 of an array's ``.npy`` file."""
    buffer = io.BytesIO()
    np.save(buffer, values, allow_pickle=False)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def with_golden_texts(
    arrays: Mapping[str, Array], settings: RetrievalSettings, texts: Sequence[str]
) -> tuple[Arrays, RetrievalSettings]:
    """Add texts that a bundle searches again whenever it is opened, and what they find here.

    The counterpart of golden rows: an index that answers otherwise on another machine is
    refused (`common.edge.retrieval.inputs.Index.replay`).
    """
    found = Index.open(arrays, settings).evidence(texts)
    golden = _strings(GOLDEN, texts) | {f"{GOLDEN}_{name}": each for name, each in found.items()}
    digests = {name: digest_of(values) for name, values in golden.items()}
    known = dict(settings.arrays or {}) | digests
    return {**arrays, **golden}, replace(settings, arrays=dict(sorted(known.items())))


def _check(documents: Sequence[Document], plan: IndexPlan) -> None:
    if not documents:
        raise UsageError("an index of no document", expected="at least one")
    wanted = {name for part in plan.channels for name in part.fields}
    for number, one in enumerate(documents):
        if missing := sorted(wanted - one.fields.keys()):
            raise UsageError(f"document {number} lacks {missing}", expected=str(sorted(wanted)))
        if unknown := sorted(set(one.labels) - set(plan.labels)):
            raise UsageError(f"document {number}: label {unknown}", expected=str(plan.labels))


def _read(text: str) -> list[Codes]:
    """Return the folded codes of a text of any length, cut between words."""
    pieces: list[str] = []
    words: list[str] = []
    size = 0
    for word in text.split():
        word = word[: LONGEST_TEXT // 8]
        if size + len(word) + 1 > LONGEST_TEXT // 4:  # NFC may compose into more characters
            pieces.append(" ".join(words))
            words, size = [], 0
        words.append(word)
        size += len(word) + 1
    return [folded(piece) for piece in (*pieces, " ".join(words))]


def _keys_of(channel: Channel, pieces: Iterable[Codes], stop_words: frozenset[str]) -> Array:
    if channel.kind == "words":
        stems = [one for codes in pieces for one in words_of(codes, stop_words)]
        return word_keys(stems, channel.longest)
    return np.concatenate(
        [letter_keys(codes, channel.shortest, channel.longest) for codes in pieces]
    )


def _postings(
    plan: ChannelPlan, texts: Sequence[Mapping[str, list[Codes]]], stop_words: frozenset[str]
) -> Arrays:
    """Return the postings of one channel, named after it."""
    keys, owners, amounts = [], [], []
    for name, wanted in plan.fields.items():
        found = [_keys_of(plan.channel, text[name], stop_words) for text in texts]
        lengths = np.array([len(one) for one in found], dtype=np.float64)
        usual = lengths[lengths > 0].mean() if lengths.any() else 1.0
        for number, one in enumerate(found):
            unique, counts = np.unique(one, return_counts=True)
            share = 1 - wanted.length_share + wanted.length_share * lengths[number] / usual
            keys.append(unique)
            owners.append(np.full(len(unique), number, dtype=np.int32))
            amounts.append((counts * (wanted.weight / max(share, 1e-9))).astype(np.float64))
    triples = _added(np.concatenate(keys), np.concatenate(owners), np.concatenate(amounts))
    return _packed(plan, *triples, n_documents=len(texts))


def _added(keys: Array, owners: Array, amounts: Array) -> tuple[Array, Array, Array]:
    """Add up the amounts of equal (key, owner), sorted by key, then owner."""
    order = np.lexsort((owners, keys))
    keys, owners, amounts = keys[order], owners[order], amounts[order]
    if not len(keys):
        return keys, owners, amounts
    new = np.concatenate([[True], (keys[1:] != keys[:-1]) | (owners[1:] != owners[:-1])])
    return keys[new], owners[new], np.add.reduceat(amounts, np.flatnonzero(new))


def _packed(
    plan: ChannelPlan, keys: Array, owners: Array, amounts: Array, *, n_documents: int
) -> Arrays:
    """Turn amounts into whole-number impacts: idf times the saturated amount."""
    kept = amounts > 0
    keys, owners, amounts = keys[kept], owners[kept], amounts[kept]
    unique, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weights = np.log1p((n_documents - counts + 0.5) / (counts + 0.5))
    worth = weights[place] * amounts / (plan.saturation + amounts)
    often = (counts >= plan.fewest_documents) & (counts <= plan.largest_share * n_documents)
    kept = often[place] & (worth >= plan.least_impact)
    owners, place, worth = owners[kept], place[kept], worth[kept]
    counts = np.bincount(place, minlength=len(unique))
    left = counts > 0
    unique, counts, weights = unique[left], counts[left], weights[left]
    impacts = np.clip(np.round(worth / IMPACT_STEP), 1, _MOST_IMPACT).astype(np.uint16)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    best = np.maximum.reduceat(impacts, starts[:-1]) if len(unique) else impacts
    numbers = np.uint16 if n_documents <= _SMALL_INDEX else np.int32
    named: Arrays = {
        "keys": unique.astype(np.uint64),
        "starts": starts,
        "documents": owners.astype(numbers),
        "impacts": impacts,
        "weights": weights.astype(np.float32),
        "best": best,
    }
    return {f"{plan.channel.name}_{part}": values for part, values in named.items()}


def _vectors(plan: ChannelPlan, arrays: Arrays, words: str, n_documents: int, seed: int) -> Arrays:
    """Return vectors of latent semantic analysis over the impacts of a channel of words.

    Deerwester et al., "Indexing by latent semantic analysis", JASIS 41(6), 1990. Documents
    are of length 1 before they are decomposed; a stem's vector is multiplied by its idf, so
    that a query is a plain sum.
    """
    from scipy.sparse import csc_matrix, diags
    from sklearn.utils.extmath import randomized_svd

    starts, owners = arrays[f"{words}_starts"], arrays[f"{words}_documents"].astype(np.int32)
    impacts = arrays[f"{words}_impacts"].astype(np.float64)
    table = csc_matrix((impacts, owners, starts), shape=(n_documents, len(starts) - 1))
    lengths = np.sqrt(np.asarray(table.multiply(table).sum(axis=1)).ravel())
    table = diags(1 / np.maximum(lengths, 1e-9)) @ table
    size = min(plan.dimensions, *table.shape)
    left, strength, right = randomized_svd(table, size, n_iter=3, random_state=seed)
    found = left * strength
    found = found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-9)
    stems = right.T * arrays[f"{words}_weights"][:, None]
    name = plan.channel.name
    return {f"{name}_stems": _whole(stems), f"{name}_documents": _whole(found)}


def _whole(values: Array) -> npt.NDArray[np.int8]:
    """Round to whole numbers of [-127, 127]; one value in 10,000 may be cut off."""
    largest = float(np.quantile(np.abs(values), 0.9999)) if values.size else 1.0
    scaled = np.round(values * (LARGEST / max(largest, 1e-12)))
    return np.clip(scaled, -LARGEST, LARGEST).astype(np.int8)


def _library(
    documents: Sequence[Document], plan: ChannelPlan, stop_words: frozenset[str]
) -> Arrays:
    """Return records, texts and passages with their postings."""
    texts: list[str] = []
    spans: list[tuple[int, int]] = []
    owners: list[int] = []
    sections: list[Section] = []
    for number, one in enumerate(documents):
        texts.append("\n\n".join(section.text for section in one.sections))
        start = 0
        for section in one.sections:
            spans.append((start, start + len(section.text)))
            start += len(section.text) + 2
            owners.append(number)
            sections.append(section)
    cited = [{"heading": _read(one.heading), "text": _read(one.text)} for one in sections]
    records = [json.dumps(dict(one.record), ensure_ascii=False) for one in documents]
    return {
        **(_postings(plan, cited, stop_words) if cited else _no_postings(plan)),
        **_strings("records", records),
        **_strings("texts", texts),
        **_strings("headings", [one.heading for one in sections]),
        "passage_documents": np.array(owners, dtype=np.int32),
        "passage_spans": np.array(spans, dtype=np.int32).reshape(-1, 2),
    }


def _spelling(
    texts: Sequence[Mapping[str, list[Codes]]], stop_words: frozenset[str], fewest: int
) -> Arrays:
    """Return the vocabulary, the commonest word first, and the keys of its struck forms."""
    often: Counter[str] = Counter()
    for text in texts:
        often.update(
            {word for pieces in text.values() for one in pieces for word in plain_words(one)}
        )
    words = sorted(
        (
            word
            for word, count in often.items()
            if count >= fewest
            and SHORTEST - 1 <= len(word) <= LONGEST + 1
            and word not in stop_words
            and not word.isdigit()
        ),
        key=lambda word: (-often[word], word),
    )
    forms = [forms_of(word) for word in words]
    keys = word_keys([form for each in forms for form in each])
    places = np.repeat(np.arange(len(words), dtype=np.int32), [len(each) for each in forms])
    order = np.lexsort((places, keys))
    return {
        **_strings("spelling", words),
        "spelling_keys": keys[order],
        "spelling_words": places[order],
    }


def _no_postings(plan: ChannelPlan) -> Arrays:
    empty = np.empty(0)
    return _packed(plan, empty.astype(np.uint64), empty.astype(np.int32), empty, n_documents=1)


def _strings(name: str, texts: Sequence[str]) -> Arrays:
    parts = [text.encode("utf-8") for text in texts]
    ends = np.cumsum([0, *(len(part) for part in parts)], dtype=np.int64)
    return {
        f"{name}_bytes": np.frombuffer(b"".join(parts), dtype=np.uint8),
        f"{name}_starts": ends,
    }


def _labels(documents: Sequence[Document], names: tuple[str, ...]) -> npt.NDArray[np.float32]:
    table = [[name in one.labels for name in names] for one in documents]
    return np.array(table, dtype=np.float32)
