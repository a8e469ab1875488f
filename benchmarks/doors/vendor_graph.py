"""A vendor's ONNX graph: judged before it is loaded, fed by name, read by column.

Any operator of the standard domains may be used; what needs code or files beside the graph
(custom domains, external data) is refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from common.edge.errors import DataError, OperatorError
from common.edge.onnxfile import read_summary
from common.lab.usecase import Array

__all__ = ["STANDARD_DOMAINS", "VendorGraph", "Wanted", "open_standard_session"]

STANDARD_DOMAINS = frozenset({"ai.onnx", "ai.onnx.ml"})
"""Of the ONNX standard; ``com.microsoft`` and model-local functions are not."""

CHUNK_EXAMPLES = 512
"""Examples of one call while answering, whatever the graph, as ``common.lab.evaluation``."""

_NUMPY = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
}


@dataclass(frozen=True)
class Wanted:
    """What is read from a graph's outputs.

    Parameters
    ----------
    outputs
        Answer column to (output name, place on the last axis or None).
    required
        Columns that the graph must give.
    n_steps
        Steps asked of each example.
    """

    outputs: Mapping[str, tuple[str, int | None]]
    required: frozenset[str]
    n_steps: int


@dataclass(frozen=True)
class VendorGraph:
    """A session held against what the task offers and asks.

    Parameters
    ----------
    session
        An onnxruntime session.
    offered
        Input name to values, leading axis n_examples.
    wanted
        What is read.
    """

    session: Any
    offered: Mapping[str, Array]
    wanted: Wanted
    columns: tuple[str, ...] = field(init=False)
    batch: int | None = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "batch", self._checked_inputs())
        object.__setattr__(self, "columns", self._checked_columns())

    @property
    def output_names(self) -> list[str]:
        """Names of the graph's outputs."""
        return [node.name for node in self.session.get_outputs()]

    def feed(self, inputs: Mapping[str, Array], rows: Array) -> dict[str, Array]:
        """Return what the graph takes for some examples, in its own types."""
        return {
            node.name: np.ascontiguousarray(inputs[node.name][rows], dtype=_NUMPY[node.type])
            for node in self.session.get_inputs()
        }

    def call(self, feed: Mapping[str, Array]) -> list[Any]:
        """Run the session on one feed; raise `DataError` where the graph fails."""
        try:
            values: list[Any] = self.session.run(None, dict(feed))
        except Exception as error:  # onnxruntime's exceptions share no other base
            rows = len(next(iter(feed.values()))) if feed else 0
            raise DataError(
                f"le graphe échoue sur un lot de {rows} exemples : {str(error)[:300]}",
                expected="une réponse à chaque exemple, par lots de toute taille",
            ) from error
        return values

    def run(self, inputs: Mapping[str, Array]) -> Iterator[tuple[Array, dict[str, Array]]]:
        """Yield (rows, outputs by name) over all examples, chunk by chunk.

        Raises
        ------
        DataError
            The graph fails, or an output is not an array of numbers with one row each.
        """
        n_examples = len(next(iter(inputs.values())))
        size = self.batch or CHUNK_EXAMPLES
        for start in range(0, n_examples, size):
            rows = np.arange(start, min(start + size, n_examples))
            padded = np.resize(rows, size) if self.batch else rows
            values = self.call(self.feed(inputs, padded))
            outputs = dict(zip(self.output_names, values, strict=True))
            yield rows, {name: value[: len(rows)] for name, value in outputs.items()
                         if isinstance(value, np.ndarray) and value.ndim}  # fmt: skip

    def answer(self, outputs: Mapping[str, Array], n_examples: int) -> dict[str, Array]:
        """Return column to values of shape (n_examples, n_steps).

        Raises
        ------
        DataError
            An output has another shape, or holds no numbers.
        """
        return {column: self._column(outputs, column, n_examples) for column in self.columns}

    def _column(self, outputs: Mapping[str, Array], column: str, n_examples: int) -> Array:
        name, place = self.wanted.outputs[column]
        values = outputs.get(name, np.zeros(0))
        found = f"sortie {name} : {values.dtype} de forme {values.shape}"
        steps = self.wanted.n_steps
        expected = f"des nombres de forme ({n_examples}, {steps}" + (
            ")" if place is None else f", plus de {place})"
        )
        picked = values
        if place is not None and values.ndim and values.shape[-1] > place:
            picked = values[..., place]
        elif place is not None:
            raise DataError(found, expected=expected)
        if picked.ndim == 3 and picked.shape[2] == 1:
            picked = picked[:, :, 0]
        if picked.ndim == 1 and steps == 1:
            picked = picked[:, None]
        legal = picked.dtype.kind in "fiu" and picked.ndim == 2
        if not legal or len(picked) != n_examples or picked.shape[1] < steps:
            raise DataError(
                found, expected=expected, remedy="corriger [model.outputs] de declaration.toml"
            )
        return picked[:, :steps].astype(np.float64)

    def _checked_inputs(self) -> int | None:
        """Return the size of batch that the graph imposes, or None."""
        wrong: list[str] = []
        sizes: set[int] = set()
        for node in self.session.get_inputs():
            refusal = self._input_refusal(node)
            if refusal:
                wrong.append(refusal)
            elif isinstance(node.shape[0], int):
                sizes.add(node.shape[0])
        if len(sizes) > 1:
            wrong.append(f"lots de tailles différentes : {sorted(sizes)}")
        if wrong:
            offered = ", ".join(
                f"{name} ({values.dtype}, n{''.join(f' x {size}' for size in values.shape[1:])})"
                for name, values in self.offered.items()
            )
            raise DataError(
                "entrées du graphe : " + " ; ".join(wrong),
                expected=f"seulement, toutes ou une partie, de {offered}",
                remedy="renommer les entrées du graphe comme dans le fichier inputs.npz remis",
            )
        return sizes.pop() if sizes else None

    def _input_refusal(self, node: Any) -> str:
        values = self.offered.get(node.name)
        if values is None:
            return f"« {node.name} » n'est pas remise"
        wanted = _NUMPY.get(node.type)
        if wanted is None or np.dtype(wanted).kind != values.dtype.kind:
            return f"{node.name} est {node.type} pour {values.dtype}"
        fits = len(node.shape) == values.ndim and all(
            not isinstance(size, int) or size == given
            for size, given in zip(node.shape[1:], values.shape[1:], strict=False)
        )
        positive = bool(node.shape) and (not isinstance(node.shape[0], int) or node.shape[0] > 0)
        return "" if fits and positive else f"{node.name} est de forme {node.shape}"

    def _checked_columns(self) -> tuple[str, ...]:
        names = self.output_names
        found = tuple(c for c, (name, _) in self.wanted.outputs.items() if name in names)
        missing = sorted(self.wanted.required - set(found))
        if missing:
            where = ", ".join(
                f"{column} dans {self.wanted.outputs.get(column, ('rien',))[0]}"
                for column in missing
            )
            raise DataError(
                f"sorties du graphe : {', '.join(names)} ; attendues et absentes : {where}",
                expected="une sortie par colonne de réponse obligatoire",
                remedy='dans declaration.toml, [model.outputs] : colonne = "nom de la sortie"',
            )
        return found


def open_standard_session(model: bytes) -> Any:
    """Open a session of one thread on a graph of standard operators.

    Raises
    ------
    OperatorError
        It is malformed, uses a domain outside the standard, keeps tensors in other files,
        or onnxruntime refuses it.
    """
    summary = read_summary(model)
    if summary.external_data:
        raise OperatorError(
            "le modèle range des tenseurs dans d'autres fichiers",
            expected="tous les tenseurs dans model.onnx",
            remedy="exporter sans « external data »",
        )
    foreign = sorted({domain for domain, _ in summary.operators} - STANDARD_DOMAINS)
    if foreign:
        raise OperatorError(
            f"opérateurs hors de la norme ONNX : domaines {', '.join(foreign)}",
            expected=" et ".join(sorted(STANDARD_DOMAINS)),
            remedy="exporter sans opérateurs propres à un moteur et déplier les fonctions",
        )
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise OperatorError(
            f"onnxruntime refuse le modèle : {str(error)[:300]}",
            expected="un graphe que le processeur peut exécuter",
        ) from error
