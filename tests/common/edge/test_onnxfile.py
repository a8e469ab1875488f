"""The reader of ONNX bytes agrees with the onnx package, and never fails but by OperatorError."""

import contextlib
import time
from unittest import mock

import numpy as np
import pytest
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from common.edge import onnxfile
from common.edge.errors import OperatorError
from common.edge.onnxfile import read_summary
from common.edge.operators import OPERATORS, OPSET_CEILINGS

onnx = pytest.importorskip("onnx")
helper = onnx.helper

OPERATOR_NAMES = st.sampled_from(["Add", "If", "Loop", "Where", "Identity", "Abs"])
DOMAINS = st.sampled_from(["", "ai.onnx", "ai.onnx.ml", "com.microsoft", "été"])


def reference(model):
    """The same question asked of the parsed protobuf, by recursion over every field."""
    operators, external = set(), False

    def visit(message):
        nonlocal external
        if isinstance(message, onnx.NodeProto):
            operators.add((message.domain or "ai.onnx", message.op_type))
        if isinstance(message, onnx.TensorProto):
            external |= bool(message.external_data) or message.data_location != 0
        for descriptor, value in message.ListFields():
            if descriptor.message_type is not None:
                for child in value if hasattr(value, "__len__") else [value]:
                    visit(child)

    visit(model)
    return frozenset(operators), external


@st.composite
def graphs(draw, depth=2):
    nodes = []
    for _ in range(draw(st.integers(0, 3))):
        node = helper.make_node(draw(OPERATOR_NAMES), ["x"], ["y"], domain=draw(DOMAINS))
        if depth and draw(st.booleans()):
            node.attribute.append(helper.make_attribute("body", draw(graphs(depth=depth - 1))))
        if depth and draw(st.booleans()):
            several = [draw(graphs(depth=depth - 1)) for _ in range(2)]
            node.attribute.append(helper.make_attribute("bodies", several))
        if draw(st.booleans()):
            tensor = helper.make_tensor("t", 1, [1], [0.5])
            if draw(st.booleans()):
                tensor.data_location = onnx.TensorProto.EXTERNAL
            node.attribute.append(helper.make_attribute("value", tensor))
        nodes.append(node)
    return helper.make_graph(nodes, "g", [], [])


@st.composite
def models(draw):
    opsets = [helper.make_opsetid("", draw(st.integers(1, 30)))]
    functions = []
    if draw(st.booleans()):
        inner = [helper.make_node(draw(OPERATOR_NAMES), [], [], domain=draw(DOMAINS))]
        function_opsets = [helper.make_opsetid("inner", 3)]
        functions.append(helper.make_function("inner", "F", [], [], inner, function_opsets))
    return helper.make_model(draw(graphs()), opset_imports=opsets, functions=functions)


SOUND = helper.make_model(
    helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["c"]),
            helper.make_node("If", ["d"], ["e"], then_branch=helper.make_graph(
                [helper.make_node("Abs", ["c"], ["f"])], "then", [], []
            )),
        ],
        "main", [helper.make_tensor_value_info("a", 1, ["n"])], [],
        [helper.make_tensor("b", 1, [4], [1.0, 2.0, 3.0, 4.0])],
    ),
    opset_imports=[helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 4)],
).SerializeToString()  # fmt: skip


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(models())
def test_it_sees_what_the_onnx_package_sees(model):
    """Subgraphs, lists of subgraphs, functions and tensors in attributes included."""
    summary = read_summary(model.SerializeToString())
    assert (summary.operators, summary.external_data) == reference(model)
    assert summary.opsets["ai.onnx"] == model.opset_import[0].version
    assert ("inner" in summary.opsets) == bool(model.functions)


@pytest.mark.parametrize("kind", ["sparse", "training", "function_attribute"])
def test_tensors_and_nodes_in_rare_places_are_seen(kind):
    """Where external data or an operator could hide from a reader that only knows graphs."""
    model = onnx.ModelProto.FromString(SOUND)
    tensor = helper.make_tensor("t", 1, [1], [0.0])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    if kind == "sparse":
        model.graph.sparse_initializer.add().values.CopyFrom(tensor)
    elif kind == "training":
        node = helper.make_node("Constant", [], ["t"], value=tensor)
        model.training_info.add().algorithm.node.append(node)
    else:
        function = model.functions.add(name="F")
        function.attribute_proto.append(helper.make_attribute("value", tensor))
    assert read_summary(model.SerializeToString()).external_data


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_give_a_summary_or_an_operator_error(data):
    with contextlib.suppress(OperatorError):
        assert read_summary(data).opsets is not None


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(SOUND) - 1), st.integers(0, 255)), max_size=4),
    st.integers(0, len(SOUND)),
)
def test_an_altered_model_is_refused_or_read_as_protobuf_reads_it(changes, keep):
    """The dangerous outcome is an operator that protobuf sees and this reader does not."""
    data = bytearray(SOUND)
    for position, value in changes:
        data[position] = value
    cut = bytes(data[:keep] or data)
    try:
        summary = read_summary(cut)
    except OperatorError:
        return
    try:
        model = onnx.ModelProto.FromString(cut)
    except DecodeError:  # protobuf's own refusal; nothing is loaded then
        return
    operators, external = reference(model)
    assert operators <= summary.operators
    assert summary.external_data or not external


@pytest.mark.parametrize("cut", range(0, len(SOUND), 7))
def test_a_truncated_model_never_reads_as_whole(cut):
    """Cut between two top-level fields it may still be a message, but then it lost something."""
    try:
        summary = read_summary(SOUND[:cut])
    except OperatorError:
        return
    assert summary != read_summary(SOUND)


def test_messages_nested_without_end_are_refused():
    """A graph in an attribute in a node in a graph, 200 levels deep."""
    graph = b""
    for _ in range(200):
        attribute = b"\x32" + _varint(len(graph)) + graph  # AttributeProto.g = 6
        node = b"\x2a" + _varint(len(attribute)) + attribute  # NodeProto.attribute = 5
        graph = b"\x0a" + _varint(len(node)) + node  # GraphProto.node = 1
    with pytest.raises(OperatorError, match="nested deeper"):
        read_summary(b"\x3a" + _varint(len(graph)) + graph)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "no graph"),
        (b"\x3a\x05\x0a", "5 bytes announced, 1 left"),
        (b"\x3a", "middle of a number"),
        (b"\x08" + b"\xff" * 10, "longer than 10 bytes"),
        (b"\x3b\x3c", "wire type 3"),
        (b"\x02\x00", "field number 0"),
        (b"\x38\x01", "where a message was due"),
        (b"\x3a\x04\x0a\x02\x20\x01", "where a message was due"),
        (b"\x3a\x08\x0a\x06\x22\x01A\x22\x01B", "field 4 given 2 times"),
        (b"\x3a\x05\x0a\x03\x22\x01\xff", "not UTF-8"),
        (b"\x42\x03\x12\x01A\x3a\x00", "field 2 is not a number"),
    ],
)
def test_malformed_bytes_say_what_is_wrong(data, why):
    with pytest.raises(OperatorError, match=why):
        read_summary(data)


def test_the_time_to_read_is_bounded_by_the_size():
    """The densest messages, empty nodes of 2 bytes: 100 kB, as a reference model."""
    graph = b"\x0a\x00" * 50_000
    start = time.process_time()
    read_summary(b"\x3a" + _varint(len(graph)) + graph)
    assert time.process_time() - start < 2


@given(
    numbers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(width=32), max_size=30),
    cut=st.integers(0, 400),
)
def test_a_run_of_numbers_is_read_as_one_by_one_would_be(numbers, cut):
    """Whole or cut anywhere, the quick way over an attribute's numbers judges as the slow one."""
    fields = [
        b"\x40" + _varint(number % 2**64)  # AttributeProto.ints = 8
        if isinstance(number, int)
        else b"\x3d" + np.float32(number).tobytes()  # floats = 7
        for number in numbers
    ]
    attribute = b"".join(fields)[:cut]
    node = b"\x2a" + _varint(len(attribute)) + attribute
    graph = b"\x0a" + _varint(len(node)) + node
    model = b"\x3a" + _varint(len(graph)) + graph
    with mock.patch.object(onnxfile, "_NUMBER_TAGS", {}):
        slow = _verdict(model)
    assert _verdict(model) == slow


def test_a_number_too_long_is_refused_in_the_middle_of_a_run():
    """Ten bytes that all announce another one: two numbers before it, one after."""
    attribute = b"\x40\x01\x40\x02" + b"\x40" + b"\xff" * 10 + b"\x01" + b"\x40\x03"
    node = b"\x2a" + _varint(len(attribute)) + attribute
    graph = b"\x0a" + _varint(len(node)) + node
    with pytest.raises(OperatorError, match="longer than 10 bytes"):
        read_summary(b"\x3a" + _varint(len(graph)) + graph)


def test_a_model_of_many_trees_is_read_in_time():
    """170,000 numbers in one attribute, as 300 trees of 31 leaves: 10 ms, not 130."""
    attribute = b"\x40\x85\x07" * 170_000
    node = b"\x2a" + _varint(len(attribute)) + attribute
    graph = b"\x0a" + _varint(len(node)) + node
    start = time.process_time()
    read_summary(b"\x3a" + _varint(len(graph)) + graph)
    assert time.process_time() - start < 0.06


def test_the_list_holds_no_loops_no_strings_no_chance():
    names = {name for _, name in OPERATORS}
    forbidden = {
        "Loop",
        "Scan",
        "SequenceMap",
        "RandomNormal",
        "RandomUniform",
        "Multinomial",
    }
    assert not names & forbidden
    assert not [name for name in names if "String" in name or "Quant" in name]
    assert {domain for domain, _ in OPERATORS} == set(OPSET_CEILINGS)


def test_every_operator_of_the_list_exists_at_the_ceilings():
    """A misspelt name would silently refuse sound graphs."""
    for domain, name in OPERATORS:
        onnx.defs.get_schema(name, OPSET_CEILINGS[domain], "" if domain == "ai.onnx" else domain)


def _verdict(model):
    try:
        return read_summary(model)
    except OperatorError as error:
        return error.found


def _varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize("name", ["min", "max", "any", "all", "sum", "mean", "std", "matmul"])
def test_the_array_functions_that_features_need_trace_to_the_list(name):
    """ndonnx writes If and ScatterND behind some of these; a use case must not stumble on it."""
    ndx = pytest.importorskip("ndonnx")
    x = ndx.argument(shape=("n", 7), dtype=ndx.float32)
    if name == "matmul":
        y = ndx.matmul(x, ndx.asarray(np.ones((7, 2), np.float32)))
    else:
        y = getattr(ndx, name)(x > 0 if name in ("any", "all") else x, axis=1)
    summary = read_summary(ndx.build({"x": x}, {"y": y}).SerializeToString())
    assert summary.operators <= OPERATORS
    assert summary.opsets.keys() <= OPSET_CEILINGS.keys()
    assert summary.opsets["ai.onnx"] <= OPSET_CEILINGS["ai.onnx"]
