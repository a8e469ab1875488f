"""Serve an ONNX file with BentoML: ``bentoml serve server:Additive``.

One worker, no log line for each request, onnxruntime inside, an array in and a Pydantic model
out as its documentation does; ``async``, which spares it a thread for each request. The file
is that of ``AUNE_BENCH_MODEL``. mypy knows no BentoML: it is installed elsewhere.
"""

import os

import bentoml  # type: ignore[import-not-found]  # elsewhere
import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import BaseModel


class Answered(BaseModel):
    """The model's outputs, one list item for each row."""

    prediction: list[list[float]]
    lower: list[list[float]]
    upper: list[list[float]]
    baseline: list[list[float]]
    contributions: list[list[list[float]]]


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Additive:
    """The model of the bench."""

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["AUNE_BENCH_MODEL"], options)
        self._names = list(Answered.model_fields)

    @bentoml.api  # type: ignore[untyped-decorator]  # unknown here
    async def predict(self, rows: npt.NDArray[np.float32]) -> Answered:
        """Answer with every output of the graph."""
        outputs = self._session.run(self._names, {"features": rows.astype(np.float32)})
        return Answered(**{n: v.tolist() for n, v in zip(self._names, outputs, strict=True)})
