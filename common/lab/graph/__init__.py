"""One graph: features, heads, intervals and reasons in a single ONNX file."""

from common.lab.graph.assembly import assemble, operators, run, session, trace, training

__all__ = ["assemble", "operators", "run", "session", "trace", "training"]
