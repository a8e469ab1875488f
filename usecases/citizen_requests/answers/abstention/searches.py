"""Searches whose outcome is known, as a Dataset: features of each, and whether they succeeded.

One row is one question asked once. For half of them, drawn by a hash of the question, the right
sheet is taken out of the index before searching (``briefs/citizen_requests.md`` 3.B): the honest
answer is then "no sheet". No text is kept, only the numbers of the search.
"""

import zlib
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from common.lab.sources import load_sources
from common.lab.usecase import Dataset, Source
from usecases.citizen_requests.answers.abstention.features import FEATURES
from usecases.citizen_requests.answers.collections import SOURCES, Collection, collection
from usecases.citizen_requests.data import SYNTHETIC_DAYS

__all__ = ["load_searches", "searches", "simulate_searches", "taken_out"]

TARGETS = ("answerable", "first_right")
DAYS = 365


def load_searches() -> Dataset:
    """Return the searches of all questions with a known sheet: titles (blind) and anchors.

    Units are sheets; times are the synthetic days of `data.SYNTHETIC_DAYS`: development
    questions in 2001, held-out ones in 2003.

    Raises
    ------
    SourceError
        The sheets cannot be had.
    """
    tables = [searches(collection(name)) for name in ("titles", "anchors")]
    source = next(one for one in load_sources(SOURCES) if one.name == "service_public_sheets")
    return _dataset("service_public_searches", pd.concat(tables, ignore_index=True), (source,))


def searches(held: Collection) -> pd.DataFrame:
    """Search every question of a collection.

    Returns
    -------
    DataFrame
        question_id, sheet_id, split, answerable, first_right (0 or 1) and `FEATURES`.
    """
    rows = []
    retrieval = held.index.retrieval
    for one in held.asked.itertuples():
        right = np.array(held.places(one.sheet_id))
        out = taken_out(one.question_id)
        found = retrieval.search(one.text, k=1, without=right if out else None)
        named = dict(zip(retrieval.feature_names, found.features.tolist(), strict=True))
        first = bool(len(found.documents)) and int(found.documents[0]) in right
        rows.append(
            {
                "question_id": one.question_id,
                "sheet_id": one.sheet_id,
                "split": one.split,
                "answerable": float(not out),
                "first_right": float(first),
                **{name: named[name] for name in FEATURES},
            }
        )
    return pd.DataFrame(rows)


def taken_out(question_id: str) -> bool:
    """Return whether a question's sheet is taken out: half of them, the same ones every time."""
    return zlib.crc32(question_id.encode()) % 2 == 1


def simulate_searches(seed: int, n_rows: int = 1_200) -> Dataset:
    """Return SIMULATED searches: shares drawn at random, success more likely where they are high.

    For demonstrations and tests of the machinery; it says nothing of any index.
    """
    rng = np.random.default_rng(seed)
    shares = rng.beta(2, 2, (n_rows, len(FEATURES)))
    chance = 1 / (1 + np.exp(-6 * (shares[:, :3].mean(axis=1) - 0.5)))
    held = rng.random(n_rows) < chance
    table = pd.DataFrame(shares, columns=list(FEATURES)).assign(
        question_id=[f"S{row}" for row in range(n_rows)],
        sheet_id=[f"F{row // 2}" for row in range(n_rows)],
        split=np.where(np.arange(n_rows) < 0.7 * n_rows, "development", "held_out"),
        answerable=held.astype(float),
        first_right=(held & (rng.random(n_rows) < 0.8)).astype(float),
    )
    return _dataset("SIMULATED_searches", table, ())


def _dataset(name: str, table: pd.DataFrame, sources: tuple[Source, ...]) -> Dataset:
    rank = table.groupby("split")["sheet_id"].transform(lambda ids: pd.factorize(ids)[0])
    start = pd.to_datetime(table["split"].map(SYNTHETIC_DAYS), utc=True)
    times = start + pd.to_timedelta(np.asarray(rank, dtype=np.int64) % DAYS, unit="D")
    rows = table.assign(time=times).sort_values(["time", "question_id"], kind="stable")
    columns: Mapping[str, npt.NDArray[np.float64]] = {
        column: rows[column].to_numpy(dtype=np.float64) for column in (*FEATURES, *TARGETS)
    }
    return Dataset(
        name=name,
        columns=columns,
        units=dict.fromkeys(columns, "1"),
        times=pd.DatetimeIndex(rows["time"]),
        groups=pd.Categorical(rows["sheet_id"]),
        valid=np.ones(len(rows), dtype=bool),
        timezone="Europe/Paris",
        sources=sources,
        simulated=name.startswith("SIMULATED"),
        proxy="" if name.startswith("SIMULATED") else sources[0].proxy,
    )
