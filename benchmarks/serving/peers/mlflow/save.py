"""Save an ONNX file as an MLflow model, with one thread: ``save.py MODEL.onnx FOLDER``.

``mlflow models serve`` then serves the folder; there is no other code.
"""

import sys

import mlflow.onnx
import onnx

mlflow.onnx.save_model(
    onnx.load(sys.argv[1]),
    sys.argv[2],
    pip_requirements=["onnxruntime"],
    onnx_session_options={"intra_op_num_threads": 1, "inter_op_num_threads": 1},
)
