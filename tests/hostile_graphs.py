"""ONNX graphs that somebody might have made by mistake or on purpose: each is to be refused in words, whatever it does."""

from collections.abc import Callable, Iterable
from itertools import pairwise

import numpy as np
import onnx
from conftest import colour_graph
from onnx import AttributeProto, NodeProto, TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT
WEIGHT = np.eye(3, dtype=np.float32)


def value(name: str, shape: Iterable[int | str], kind: int = FLOAT) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(shape))


def constant(name: str, number: object) -> NodeProto:
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(np.asarray(number), name))


def changed(change: Callable[[onnx.ModelProto], object], heat: bool = False) -> bytes:
    """The graph of the red fox and the green frog, changed."""
    model = onnx.load_from_string(colour_graph(heat=heat))
    change(model)
    return bytes(model.SerializeToString())


def between(*nodes: NodeProto, **more: object) -> bytes:
    """The graph with nodes before its last one, from "flat" (n, 3) to "changed"; more: functions, domains."""

    def change(model: onnx.ModelProto) -> None:
        *first, last = model.graph.node
        last.input[0] = "changed"
        del model.graph.node[:]
        model.graph.node.extend([*first, *nodes, last])
        model.opset_import.extend(helper.make_opsetid(domain, 1) for domain in more.get("domains", ()))  # type: ignore[attr-defined]
        model.functions.extend(more.get("functions", ()))  # type: ignore[arg-type]

    return changed(change)


def added(*nodes: NodeProto) -> bytes:
    """The graph with the mean of "big", whatever its shape, added to what it answers from."""
    mean = helper.make_node("ReduceMean", ["big"], ["mean of big"], keepdims=0)
    return between(*nodes, mean, helper.make_node("Add", ["flat", "mean of big"], ["changed"]))


def filled(*shape: int) -> list[NodeProto]:
    return [constant("shape", np.array(shape, np.int64)), helper.make_node("ConstantOfShape", ["shape"], ["big"])]


def endless() -> bytes:
    nodes = [helper.make_node("Identity", ["go"], ["go on"]), helper.make_node("Identity", ["value"], ["same"])]
    given = [value("turn", [], TensorProto.INT64), value("go", [], TensorProto.BOOL), value("value", ["n", 3])]
    body = helper.make_graph(nodes, "body", given, [value("go on", [], TensorProto.BOOL), value("same", ["n", 3])])
    loop = helper.make_node("Loop", ["turns", "yes", "flat"], ["changed"], body=body)
    return between(constant("turns", np.array(2**63 - 1)), constant("yes", np.array(True)), loop)


def functions_of_functions(levels: int = 30) -> bytes:
    """Each calls the one before it ten times: 10^30 nodes once they are put in place."""
    made = []
    for level in range(levels):
        called, domain = ("Identity", "") if level == 0 else (f"F{level - 1}", "f")
        names = ["x", *(f"x{k}" for k in range(9)), "y"]
        nodes = [helper.make_node(called, [a], [b], domain=domain) for a, b in pairwise(names)]
        opsets = [helper.make_opsetid("", 17), helper.make_opsetid("f", 1)]
        made.append(helper.make_function("f", f"F{level}", ["x"], ["y"], nodes, opsets))
    call = helper.make_node(f"F{levels - 1}", ["flat"], ["changed"], domain="f")
    return between(call, functions=made, domains=["f"])


def outside(location: str) -> TensorProto:
    """Weights (3, 3) that stand in another file."""
    tensor = numpy_helper.from_array(WEIGHT, "weight")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, text in (("location", location), ("offset", "0"), ("length", "36")):
        tensor.external_data.add(key=key, value=text)
    return tensor


def weights_outside(location: str) -> bytes:
    return changed(lambda model: model.graph.initializer[0].CopyFrom(outside(location)))


def constant_outside(location: str) -> bytes:
    given = helper.make_node("Constant", [], ["theirs"])
    given.attribute.add(name="value", type=AttributeProto.TENSOR).t.CopyFrom(outside(location))
    return between(given, helper.make_node("MatMul", ["flat", "theirs"], ["changed"]))


def weights_of(number: float) -> bytes:
    tensor = numpy_helper.from_array(np.full((3, 3), number, np.float32), "weight")
    return changed(lambda model: model.graph.initializer[0].CopyFrom(tensor))


def heat_of(number: float, labels: int = 3) -> bytes:
    """A heat map of so many labels whose every cell is that number."""
    tensor = numpy_helper.from_array(np.full((labels, 3, 1, 1), number, np.float32), "kernel")

    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer[1].CopyFrom(tensor)
        model.graph.output[1].CopyFrom(value("heat", ["n", labels, 4, 4]))

    return changed(change, heat=True)


def as_integers() -> bytes:
    def change(model: onnx.ModelProto) -> None:
        model.graph.node[-1].output[0] = "numbers"
        model.graph.node.append(helper.make_node("Cast", ["numbers"], ["logits"], to=TensorProto.INT64))
        model.graph.output[0].CopyFrom(value("logits", ["n", 3], TensorProto.INT64))

    return changed(change)


def takes(*shape: int | str, kind: int = FLOAT) -> bytes:
    return changed(lambda model: model.graph.input[0].CopyFrom(value("pixels", shape, kind)))


NO_FILE = "no ONNX file"
ELSEWHERE = "keeps weights in other files"
NOT_FINITE = "NaN or infinity"
MEMORY = "more memory than it may have"
NO_ANSWER = "did not answer a picture within"
GRAPHS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", NO_FILE),
    "text": (lambda: b"not a graph", NO_FILE),
    "zeros": (lambda: bytes(100_000), NO_FILE),
    "cut": (lambda: colour_graph()[:-40], NO_FILE),
    "onnxruntime's own format": (lambda: b"\x20\0\0\0ORTM" + b"\xff" * 2000, NO_FILE),
    "NaN": (lambda: weights_of(np.nan), NOT_FINITE),
    "infinity": (lambda: weights_of(np.inf), NOT_FINITE),
    "NaN in the heat": (lambda: heat_of(np.nan), NOT_FINITE),
    "heat of other labels": (lambda: heat_of(1.0, labels=2), "gives heat of"),
    "second input": (lambda: changed(lambda model: model.graph.input.append(value("more", [1]))), "wants 2 inputs"),
    "another size": (lambda: takes("n", 3, 64, 64), "64, 64"),
    "one colour": (lambda: takes("n", 1, 32, 32), "load"),
    "three dimensions": (lambda: takes(3, 32, 32), "load"),
    "one picture at a time": (lambda: takes(1, 3, 32, 32), r"\[1, 3, 32, 32\]"),
    "doubles in": (lambda: takes("n", 3, 32, 32, kind=TensorProto.DOUBLE), "load"),
    "integers out": (as_integers, "int64"),
    "an unknown operation": (lambda: between(helper.make_node("Foo", ["flat"], ["changed"])), "operation Foo"),
    "an operation of others": (
        lambda: between(helper.make_node("Theirs", ["flat"], ["changed"], domain="com.example"), domains=["com.example"]),
        "operation Theirs",
    ),
    "a future opset": (lambda: changed(lambda model: setattr(model.opset_import[0], "version", 99)), "opset 99"),
    "weights in a file here": (lambda: weights_outside("secret.bin"), ELSEWHERE),
    "weights in a file above": (lambda: weights_outside("../secret.bin"), ELSEWHERE),
    "weights in any file": (lambda: weights_outside("/etc/passwd"), ELSEWHERE),
    "weights in memory": (lambda: weights_outside("*/_ORT_MEM_ADDR_/*"), ELSEWHERE),
    "a constant in a file here": (lambda: constant_outside("secret.bin"), ELSEWHERE),
    "100 GB": (lambda: added(*filled(25_000_000_000)), MEMORY),
    "more than can be counted": (lambda: added(*filled(2**62)), "fails on a blank picture"),
    "a long product": (
        lambda: added(
            *filled(4096, 4096),
            *(helper.make_node("MatMul", ["big", "big"], [f"big{k}"]) for k in range(200)),
            helper.make_node("Sum", [f"big{k}" for k in range(200)], ["sum"]),
        ),
        f"{NO_ANSWER}|{MEMORY}",
    ),
    "an endless loop": (endless, NO_ANSWER),
    "functions of functions": (functions_of_functions, f"{NO_ANSWER}|{MEMORY}|ends the process"),
}
"""How each is made, and a pattern of what is said of it."""
