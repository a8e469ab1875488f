"""Save an ONNX file as an MLflow model: ``save.py MODEL.onnx FOLDER table|tensors``.

``mlflow models serve`` then serves the folder; there is no other code. Two ways, one thread each:

* ``table``: a Python model with a signature of named columns, a data frame in and one out, as
  MLflow's guide to signatures has it. Its ONNX flavour cannot do this: out of a data frame it
  makes columns of one length, and contributions are fifty times as many as predictions.
* ``tensors``: its ONNX flavour without a signature, which costs it least.
"""

import sys
from collections.abc import Mapping
from typing import Any

import mlflow.onnx
import mlflow.pyfunc
import numpy as np
import onnx
import onnxruntime
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema

REQUIREMENTS = ["onnxruntime"]
INPUT, N_FEATURES = "features", 50


class Additive(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # unknown to our mypy
    """From a table of features to a table of outputs."""

    def load_context(self, context: Any) -> None:
        """Open the session."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(context.artifacts["model"], options)
        self._names = [output.name for output in self._session.get_outputs()]

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow's interface
        model_input: pd.DataFrame,
        params: Mapping[str, Any] | None = None,  # noqa: ARG002 - MLflow's interface
    ) -> pd.DataFrame:
        """Return every output of the graph, one column for each value of a row."""
        features = model_input.to_numpy(dtype=np.float32)
        columns = {}
        for name, values in zip(
            self._names, self._session.run(self._names, {INPUT: features}), strict=True
        ):
            flat = values.reshape(len(features), -1)
            if flat.shape[1] == 1:
                columns[name] = flat[:, 0]
            else:
                columns |= {f"{name}.{index}": flat[:, index] for index in range(flat.shape[1])}
        return pd.DataFrame(columns)


def main(model: str, folder: str, way: str) -> None:
    """Save in one of the two ways."""
    if way == "tensors":
        threads = {"intra_op_num_threads": 1, "inter_op_num_threads": 1}
        mlflow.onnx.save_model(
            onnx.load(model), folder, pip_requirements=REQUIREMENTS, onnx_session_options=threads
        )
        return
    columns = [ColSpec("float", f"{INPUT}.{index}") for index in range(N_FEATURES)]
    mlflow.pyfunc.save_model(
        folder,
        python_model=Additive(),
        artifacts={"model": model},
        signature=ModelSignature(Schema(columns)),
        pip_requirements=REQUIREMENTS,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
