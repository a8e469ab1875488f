"""Serve an ONNX file with FastAPI: ``uvicorn --factory server:create_app``.

Pydantic in and out, as its tutorial does; an ``async`` function, which spares it a thread for
each request. The file is that of ``AUNE_BENCH_MODEL``.
"""

import os

import numpy as np
import onnxruntime
from fastapi import FastAPI
from pydantic import BaseModel


class Asked(BaseModel):
    """Rows of features."""

    rows: list[list[float]]


class Answered(BaseModel):
    """The model's outputs, one list item for each row."""

    prediction: list[list[float]]
    lower: list[list[float]]
    upper: list[list[float]]
    baseline: list[list[float]]
    contributions: list[list[list[float]]]


def create_app() -> FastAPI:
    """Return the application, its model loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(os.environ["AUNE_BENCH_MODEL"], options)
    names = list(Answered.model_fields)
    app = FastAPI()

    @app.post("/predict")
    async def predict(asked: Asked) -> Answered:
        """Answer with every output of the graph."""
        features = np.asarray(asked.rows, dtype=np.float32)
        outputs = session.run(names, {"features": features})
        return Answered(**{n: v.tolist() for n, v in zip(names, outputs, strict=True)})

    return app
