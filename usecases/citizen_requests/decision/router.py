"""Learn where a town hall's requests go from those it closed; read new ones with reasons.

The head is the one that bundles carry (`routing.fits.linear` on words and letters); it runs here in
numpy, where the parity gates hold it to the graph's answers. Services are the town hall's own.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd

from common.edge.errors import TableError
from common.edge.textcodes import LONGEST_TEXT, codes_of
from common.lab.french_csv import plain
from common.lab.graph.text_head import CHARACTERS, TextHead
from common.lab.usecase import Answer, Array, Dataset, Features, Training
from usecases.citizen_requests.features import ROUTING_TERMS, THRESHOLDS
from usecases.citizen_requests.model import PLAIN
from usecases.citizen_requests.requests.collection import requests_of
from usecases.citizen_requests.routing.answers import finish
from usecases.citizen_requests.routing.fits import linear
from usecases.citizen_requests.routing.spelling import Spelling
from usecases.citizen_requests.routing.thresholds import NEVER, least_sure
from usecases.citizen_requests.text.cleaning.cleaner import clean
from usecases.citizen_requests.text.masking.masks import mask

__all__ = ["Closed", "Opinion", "Router", "closed_requests", "learn", "words_of"]

FIT_SHARE, TUNE_SHARE = 0.6, 0.15
"""Of the closed requests in order of time: to fit, then to set the thresholds; the rest is read
once, for the manager's figures."""
FEWEST: Final = 100
LEAST_SURE: Final = (0.5, 0.7)
"""For one service and for two: no service is proposed that is likelier
wrong than right, however well the tuning requests went: those to come may be of another kind."""
ROWS_AT_ONCE: Final = 32
WORD = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True)
class Closed:
    """Requests that the town hall has dealt with, masked and cleaned, in order of time.

    Parameters
    ----------
    rows
        ``request_id``, ``received``, ``text``, ``channel``, ``service`` (code),
        ``first_service``, ``right_body``.
    titles
        Service code to French title.
    simulated
        Whether they were invented.
    """

    rows: pd.DataFrame
    titles: dict[str, str]
    simulated: bool


@dataclass(frozen=True)
class Opinion:
    """What the router says of each text.

    Parameters
    ----------
    p
        Chance of each service, shape (n, K).
    ranked
        Places of the three likeliest, shape (n, 3).
    decision
        `routing.answers.DECISIONS`, shape (n,).
    parts
        What each character typed adds to the likeliest service's score, one array per text.
    """

    p: Array
    ranked: Array
    decision: Array
    parts: tuple[Array, ...]


@dataclass(frozen=True)
class Router:
    """A fitted router and what it was fitted on.

    Parameters
    ----------
    services
        Codes, in the order of its chances.
    titles
        French titles, by code.
    thresholds
        Of action and of clarification.
    head
        What was fitted.
    shares
        Share of each service among the requests it was fitted on, shape (K,).
    words
        Every word of these requests, `words_of`.
    spelling
        Brings misspelt words back to theirs.
    """

    services: tuple[str, ...]
    titles: dict[str, str]
    thresholds: tuple[float, float]
    head: TextHead
    shares: Array
    words: frozenset[str]
    spelling: Spelling

    def read(self, texts: Sequence[str]) -> Opinion:
        """Return chances, decisions and reasons, a few texts at a time."""
        found = [
            self._read(texts[start : start + ROWS_AT_ONCE])
            for start in range(0, len(texts), ROWS_AT_ONCE)
        ]
        return Opinion(
            np.concatenate([each.p for each in found]),
            np.concatenate([each.ranked for each in found]),
            np.concatenate([each.decision for each in found]),
            tuple(part for each in found for part in each.parts),
        )

    def _read(self, texts: Sequence[str]) -> Opinion:
        repaired = [self.spelling.repaired(text) for text in texts]
        inputs = {
            "codes": codes_of([each.text[:LONGEST_TEXT] for each in repaired]),
            THRESHOLDS: np.array([self.thresholds], dtype=np.float32).repeat(len(texts), axis=0),
        }
        raw, parts, details = self.head.with_details(np, None, inputs)
        answer = Answer(
            np.asarray(raw).reshape(len(texts), -1),
            np.asarray(parts).reshape(len(texts), len(self.services), -1),
            0.0,
            None,
            details,
        )
        out = finish(np, inputs, Features({}, {}), answer)
        return Opinion(
            np.asarray(out["p_service"], dtype=np.float64),
            np.asarray(out["ranked"]),
            np.asarray(out["decision"])[:, 0],
            tuple(each.back(parts) for each, parts in zip(repaired, out[CHARACTERS], strict=True)),
        )


def words_of(text: str) -> list[str]:
    """Return the words of a text of three letters or more, without case and accents.

    >>> words_of("Le LAMPADAIRE est éteint")
    ['lampadaire', 'est', 'eteint']
    """
    return [plain(word) for word in WORD.findall(text)]


def closed_requests(dataset: Dataset, *, simulated: bool) -> Closed:
    """Return closed requests with a known service, masked again (a simulator does not)."""
    codes = dataset.columns["service_code"]
    listed = dataset.extras["services"]
    known = np.flatnonzero(dataset.valid & np.isfinite(codes))
    rows = requests_of(dataset).iloc[known].reset_index(drop=True)
    texts = [clean(mask(text).text).kept for text in rows["text"]] if simulated else [
        clean(text).kept for text in rows["text"]
    ]  # fmt: skip
    kept = pd.DataFrame(
        {
            "request_id": rows["request_id"].astype(str),
            "received": dataset.times[known],
            "text": texts,
            "channel": rows["channel"],
            "service": listed["code"].to_numpy()[codes[known].astype(np.int64)],
            "first_service": rows.get("first_service", pd.Series("", index=rows.index)),
            "right_body": rows["right_body"],
        }
    )
    return Closed(kept, dict(zip(listed["code"], listed["title"], strict=True)), simulated)


def learn(closed: Closed) -> tuple[Router, pd.DataFrame]:
    """Fit on the oldest requests, set thresholds on the next; return the rest, never read.

    Raises
    ------
    TableError
        Fewer than 100 closed requests, or a single service.
    """
    rows = closed.rows
    n_fit, n_tune = int(FIT_SHARE * len(rows)), int(TUNE_SHARE * len(rows))
    fit, tune, held = rows[:n_fit], rows[n_fit : n_fit + n_tune], rows[n_fit + n_tune :]
    services = tuple(code for code in closed.titles if (fit["service"] == code).any())
    if len(rows) < FEWEST or len(services) < 2:
        raise TableError(
            f"{len(rows)} closed requests, {len(services)} services",
            expected=f"at least {FEWEST} requests of two services",
            remedy="export a longer period",
        )
    counts = fit["service"].value_counts().reindex(list(services)).to_numpy(dtype=np.float64)
    words = frozenset(word for text in fit["text"] for word in words_of(text))
    head = linear(PLAIN, len(services), _training(fit, services)).point
    if not isinstance(head, TextHead):
        raise TypeError(f"a linear rung made a {type(head).__name__}")
    untuned = (NEVER, NEVER)
    spelling = Spelling.of(fit["text"])
    bare = Router(services, closed.titles, untuned, head, counts / counts.sum(), words, spelling)
    return replace(bare, thresholds=_thresholds(bare, tune)), held.reset_index(drop=True)


def _training(rows: pd.DataFrame, services: tuple[str, ...]) -> Training:
    n, k = len(rows), len(services)
    place = rows["service"].map({code: at for at, code in enumerate(services)}).to_numpy()
    target = (np.arange(k) == place[:, None]) * 1.0
    days = rows["received"].dt.tz_localize(None).to_numpy().astype("datetime64[D]")
    return Training(
        matrix=np.zeros((n * k, 1), dtype=np.float32),
        target=target.ravel(),
        weight=np.ones(n * k),
        units=np.repeat(rows["channel"].to_numpy().astype(str), k),
        days=np.repeat(days, k),
        terms=ROUTING_TERMS,
        seed=0,
        inputs={"codes": codes_of(rows["text"].tolist())},
        rows=np.repeat(np.arange(n), k),
    )


def _thresholds(router: Router, rows: pd.DataFrame) -> tuple[float, float]:
    """Return the thresholds that the tuning requests support, as for a bundle."""
    p = router.read(rows["text"].tolist()).p
    place = {code: at for at, code in enumerate(router.services)}
    right = rows["service"].map(place).fillna(-1).to_numpy(dtype=np.int64)
    best = np.argsort(-p, axis=1, kind="stable")[:, :2]
    chances = np.take_along_axis(p, best, axis=1)
    one = least_sure(chances[:, 0], best[:, 0] == right)
    two = least_sure(chances.sum(axis=1), (best == right[:, None]).any(axis=1))
    return max(one, LEAST_SURE[0]), max(two, LEAST_SURE[1])
