"""The edge: what a commune runs. Standard library, numpy, onnxruntime, starlette."""
