"""An open bundle as it is served: what never changes between two requests is computed once."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from common.edge.archive import Limits
from common.edge.bundle import Bundle, run_session
from common.edge.errors import TableError
from common.edge.explanation import Reasons, bounded, headline
from common.edge.journal.entries import Batch
from common.edge.manifest import FieldSpec
from common.edge.retrieval.citing import Answer, propose
from common.edge.serving.models.intake import Intake
from common.edge.serving.models.observing import Observation, Reference, references
from common.edge.serving.problem import Problem
from common.edge.serving.values.numbers import is_text
from common.edge.serving.values.refusals import refusal

__all__ = ["Result", "Served"]

Array = npt.NDArray[Any]

_QUICK_SECONDS, _TRIED_ROWS = 0.002, 8
"""Health checks may wait as long as that for a request (``docs/decisions/serving.md``)."""
_CHARACTERS = 65_536
"""Characters that a graph reads at once: some 200 bytes of work for each."""


@dataclass(slots=True)
class Result:
    """What a model answered.

    Parameters
    ----------
    inputs
        As the graph took them, defaults filled in.
    outputs
        Output name to array of shape (n, ...).
    observation
        What was missing or unusual in the inputs.
    lines
        Number of each row's line in the journal; empty where none is kept.
    sources
        For each row, the documents that its text finds; empty where nothing is searched.
    """

    inputs: dict[str, Array]
    outputs: dict[str, Array]
    observation: Observation
    lines: Sequence[int] = ()
    sources: Sequence[Answer] = ()


class Served:
    """A model in service; safe to share between threads.

    Parameters
    ----------
    bundle
        Verified, its golden rows replayed.
    limits
        Bounds of a call.
    values_out
        Most numbers in an answer.
    """

    def __init__(self, bundle: Bundle, limits: Limits, values_out: int) -> None:
        manifest = bundle.manifest
        self.bundle, self.manifest, self.limits = bundle, manifest, limits
        self.name = f"{manifest.usecase}.{manifest.task}"
        self.inputs = (*manifest.inputs, *_text_apart(bundle))
        """What callers may give: the graph's inputs, and a text that only the index reads."""
        self.fields = {field.name: field for field in self.inputs}
        filled = () if bundle.index is None else bundle.index.retrieval.settings.fills
        self.asked = tuple(field for field in self.inputs if field.name not in filled)
        """What callers are asked for: the index fills the rest from the text."""
        self.references: tuple[Reference, ...] = references(bundle)
        self.reasons = Reasons(manifest)
        self._intake = Intake(manifest.inputs, self.references, limits)
        self.kept: dict[str, Any] = {}
        """What doors compute once for a model, by their name."""
        self.outputs = [output.name for output in manifest.outputs]
        self.headline = headline(manifest.outputs)
        """What a person would call the prediction."""
        self.bounded = bounded(self.outputs)
        """What the outputs ``lower`` and ``upper`` are the bounds of; empty without them."""
        self.scalars = {
            dtype: [f.name for f in manifest.inputs if f.dtype == dtype and len(f.shape) == 1]
            for dtype in ("float32", "int64")
        }
        """Inputs of one number a row, by type: read all at once."""
        self._texts = [field.name for field in manifest.inputs if is_text(field)]
        width = sum(
            int(np.prod(values.shape[1:], dtype=np.int64)) for values in bundle.golden[1].values()
        )
        self._most_rows = min(limits.rows, max(1, values_out // width))
        self.quick_rows = 1 if self._texts else self._rows_within()
        """Rows that are answered so soon that nobody is held up; a search alone takes 5 ms."""
        if bundle.index is not None:
            self.quick_rows = 0

    def _rows_within(self) -> int:
        """Return how many rows the graph answers in `_QUICK_SECONDS`, tried on golden ones."""
        tried = {name: values[:_TRIED_ROWS] for name, values in self.bundle.golden[0].items()}
        rows = len(next(iter(tried.values())))
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            self._run(tried, rows)
            seconds.append(time.perf_counter() - start)
        return max(1, int(rows * _QUICK_SECONDS / min(seconds)))

    def predict(self, inputs: Mapping[str, Any], rows: int) -> Result:
        """Check the inputs and run the graph.

        Raises
        ------
        Problem
            An input is refused, or the answer would be too large; in French.
        """
        if rows > self._most_rows:
            raise Problem(413, f"{rows} lignes ; attendu : au plus {self._most_rows} par appel.")
        index, given = self.bundle.index, inputs
        try:
            if index is not None:
                given = index.fill(inputs, self.limits)
            prepared, observation = self._intake(given, rows)
        except TableError as error:
            raise refusal(self.inputs, inputs, error) from error
        outputs = self._run(prepared, rows)
        result = Result(prepared, outputs, observation)
        if index is not None and index.text_name in inputs and index.retrieval.settings.passages:
            texts = index.texts(inputs[index.text_name], self.limits)
            today = datetime.now(UTC).date()
            result.sources = [propose(index, text, today) for text in texts]
        return result

    def batch(self, result: Result, ids: Sequence[str] | None) -> Batch:
        """Return a result as the journal takes it.

        Raises
        ------
        UsageError
            An identifier of a row is not acceptable.
        """
        return Batch.answered(self.bundle, result.inputs, result.outputs, self.reasons, ids)

    def _run(self, prepared: dict[str, Array], rows: int) -> dict[str, Array]:
        """Run the graph, long texts a few at a time: what it works on grows with the text."""
        longest = max([len(prepared[name][0]) for name in self._texts]) if self._texts else 0
        step = rows if not longest else max(1, _CHARACTERS // longest)
        if step >= rows:
            return run_session(self.bundle.session, prepared, self.outputs)
        pieces = [
            run_session(
                self.bundle.session,
                {name: values[start : start + step] for name, values in prepared.items()},
                self.outputs,
            )
            for start in range(0, rows, step)
        ]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self.outputs}


def _text_apart(bundle: Bundle) -> tuple[FieldSpec, ...]:
    """Return the text that an index reads where the graph takes none."""
    index = bundle.index
    if index is None or index.retrieval.settings.text_input is not None:
        return ()
    return (FieldSpec(index.text_name, "int64", ("n", "length"), "1", "Texte de la demande."),)
