"""What is searched and asked: the sheets title-blind, the sheets, and the CNIL's set."""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.edge.retrieval.inputs import Index
from common.edge.retrieval.settings import RetrievalSettings
from common.lab.index import Document, build, with_golden_texts
from common.lab.sources import cache_folder, load_sources
from usecases.citizen_requests.answers.documents import LABELS, cnil_documents, sheet_documents
from usecases.citizen_requests.answers.plan import plan
from usecases.citizen_requests.answers.ranking import rank_of
from usecases.citizen_requests.requests.measurement import cnil_questions, cnil_sheets
from usecases.citizen_requests.sheets.library import READER_VERSION, questions, sheet_tables

__all__ = ["NAMES", "Collection", "answers_index", "collection", "sheets_index"]

Arrays = Mapping[str, npt.NDArray[Any]]

SOURCES = Path(__file__).parents[1] / "sources.toml"
BUILDER_VERSION = 1
"""Part of the name under which an index is kept: bump it when how it is built changes."""

N_REPLAYED = 16
"""Texts that a bundle searches again when it is opened: a twentieth of a second."""

NAMES = ("titles", "anchors", "cnil")


@dataclass(frozen=True)
class Collection:
    """Documents with an index, and questions whose document is known.

    Parameters
    ----------
    name
        Of `NAMES`.
    title
        In French.
    arrays, settings
        The index.
    ids
        Each document's id; two documents may bear one id.
    asked
        question_id, text, sheet_id, split (``development`` or ``held_out``).
    """

    name: str
    title: str
    arrays: Arrays
    settings: RetrievalSettings
    ids: tuple[str, ...]
    asked: pd.DataFrame

    @cached_property
    def index(self) -> Index:
        """The index, opened."""
        return Index.open(self.arrays, self.settings)

    def places(self, sheet_id: str) -> list[int]:
        """Return the numbers of the documents of an id."""
        return self._places.get(sheet_id, [])

    def rank(self, text: str, sheet_id: str) -> float:
        """Return the rank of the right document; ties count against us."""
        retrieval = self.index.retrieval
        return rank_of(retrieval.fused(retrieval.channel_scores(text)), self.places(sheet_id))

    def ranks(self, split: str | None = None) -> list[float]:
        """Return the ranks of all questions, or of one split."""
        asked = self.asked if split is None else self.asked[self.asked["split"] == split]
        pairs = zip(asked["text"], asked["sheet_id"], strict=True)
        return [self.rank(text, sheet_id) for text, sheet_id in pairs]

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = {}
        for place, one in enumerate(self.ids):
            places.setdefault(one, []).append(place)
        return places


@cache
def collection(name: str) -> Collection:
    """Return a collection by its name; its index is built once and kept.

    ``titles``: titles of question sheets, title-blind (no question sheet's title is in the
    index; ``briefs/citizen_requests.md`` 3.B). ``anchors``: how other pages word a
    question, all titles indexed. ``cnil``: lay paraphrases of the CNIL's questions.

    Raises
    ------
    SourceError
        A source cannot be had.
    """
    return {"titles": _titles, "anchors": _anchors, "cnil": _cnil}[name]()


def sheets_index() -> tuple[Arrays, RetrievalSettings]:
    """Return the index of all sheets, particuliers and associations: built once, then kept."""
    arrays, settings, _ = _kept(
        f"sheets {_package_digest()}", lambda: sheet_documents(sheet_tables()), LABELS
    )
    return arrays, settings


def answers_index() -> tuple[Arrays, RetrievalSettings]:
    """Return what the bundle of the task ``answers`` carries: all sheets, and texts to replay.

    The graph takes no text: a caller gives it as ``codes`` and the index fills
    ``retrieval_features``.
    """
    arrays, settings = sheets_index()
    asked = questions()
    texts = asked[asked["split"] == "development"]["text"].head(N_REPLAYED).tolist()
    filled = replace(settings, text_input=None, fills=("retrieval_features",))
    return with_golden_texts(arrays, filled, texts)


def _titles() -> Collection:
    asked = questions()
    asked = asked[asked["kind"] == "title"]
    arrays, settings, ids = _kept(
        f"untitled {_package_digest()}",
        lambda: sheet_documents(sheet_tables(), set(asked["sheet_id"]), ("particuliers",)),
        LABELS,
    )
    title = "titres de questions, cachés à l'index"
    return Collection("titles", title, arrays, settings, ids, _within(asked, ids))


def _anchors() -> Collection:
    asked = questions()
    asked = asked[asked["kind"] == "anchor"]
    arrays, settings, ids = _kept(
        f"titled {_package_digest()}",
        lambda: sheet_documents(sheet_tables(), (), ("particuliers",)),
        LABELS,
    )
    title = "questions telles que d'autres pages les posent"
    return Collection("anchors", title, arrays, settings, ids, _within(asked, ids))


def _cnil() -> Collection:
    sheets, asked = cnil_sheets(), cnil_questions()
    asked = asked[asked["in_corpus"]].assign(split="development").reset_index(drop=True)
    documents = cnil_documents(sheets)
    arrays, settings = build(documents, plan())
    ids = tuple(str(one.record["id"]) for one in documents)
    title = "questions de particuliers à la CNIL, reformulées"
    return Collection("cnil", title, arrays, settings, ids, asked)


def _within(asked: pd.DataFrame, ids: Sequence[str]) -> pd.DataFrame:
    return asked[asked["sheet_id"].isin(set(ids))].reset_index(drop=True)


def _package_digest() -> str:
    """Return what the sheets depend on: the package and the reader."""
    source = next(one for one in load_sources(SOURCES) if one.name == "service_public_sheets")
    return f"{next(iter(source.files.values()))} v{READER_VERSION}"


def _kept(
    name: str, documents: Callable[[], list[Document]], labels: tuple[str, ...]
) -> tuple[Arrays, RetrievalSettings, tuple[str, ...]]:
    """Return an index from the copy kept for its name, plan and builder, or build it."""
    wanted = plan(labels)
    key = hashlib.sha256(f"{BUILDER_VERSION} {name} {wanted}".encode()).hexdigest()[:16]
    folder = cache_folder() / "citizen_requests" / f"index-{key}"
    if not folder.is_dir():
        found = documents()
        arrays, settings = build(found, wanted, fills=("votes", "retrieval_features"))
        _keep(folder, arrays, settings, [str(one.record["id"]) for one in found])
    facts = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    settings = RetrievalSettings.from_object(facts["settings"])
    mapped = {
        path.stem: np.load(path, mmap_mode="r", allow_pickle=False)
        for path in sorted(folder.glob("*.npy"))
    }
    return mapped, settings, tuple(facts["ids"])


def _keep(folder: Path, arrays: Arrays, settings: RetrievalSettings, ids: list[str]) -> None:
    """Write beside the place and move at the end: a killed process leaves no half index."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    for name, values in arrays.items():
        np.save(staging / f"{name}.npy", values, allow_pickle=False)
    facts = {"settings": settings.to_object(), "ids": ids}
    (staging / "index.json").write_text(json.dumps(facts), encoding="utf-8")
    try:
        staging.replace(folder)
    except OSError:  # another process was first: its index is the same
        shutil.rmtree(staging, ignore_errors=True)
