"""Serve an ONNX file with MLServer: a custom runtime, ``mlserver start FOLDER``.

The folder is this one: ``settings.json`` of the server (no parallel worker, which
does not start with the uvloop of today; ports are given by the environment) and
``model-settings.json`` of the model. The file is that of ``AUNE_BENCH_MODEL``. mypy knows no
MLServer: it is installed elsewhere.
"""

import os

import numpy as np
import onnxruntime
from mlserver import MLModel  # type: ignore[import-not-found]  # elsewhere
from mlserver.codecs import NumpyCodec  # type: ignore[import-not-found]  # elsewhere
from mlserver.types import InferenceRequest, InferenceResponse  # type: ignore[import-not-found]  # elsewhere


class OnnxRuntime(MLModel):  # type: ignore[misc]  # unknown here
    """The model of the bench, in the Open Inference Protocol."""

    async def load(self) -> bool:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(os.environ["AUNE_BENCH_MODEL"], options)
        self._names = [output.name for output in self._session.get_outputs()]
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        """Answer with every output of the graph."""
        features = NumpyCodec.decode_input(payload.inputs[0])
        outputs = self._session.run(self._names, {"features": features.astype(np.float32)})
        return InferenceResponse(
            model_name=self.name,
            outputs=[
                NumpyCodec.encode_output(name, values)
                for name, values in zip(self._names, outputs, strict=True)
            ],
        )
