"""Heads in ONNX graphs: nodes that multiply by a constant matrix, with what is added and what follows.

The way: `graph` has the nodes, `constants` the values that do not depend on the input, `products` the
nodes that multiply by one of these, `dense` what is added to it, `activations` what follows that. A node that
is in none of their tables is never passed over in silence: the head that it may belong to is refused by it.
"""

from __future__ import annotations

from dense_cli.errors import FileFormatError
from dense_cli.files.onnx import read_model
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.onnx.constants import Constants
from dense_cli.heads.onnx.dense import head_of
from dense_cli.heads.onnx.graph import DamagedNodeError, Graph
from dense_cli.heads.onnx.products import HANDLERS
from dense_cli.heads.pairs import distinct
from dense_cli.text import listed


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of an ONNX model; external data are read from inside its folder alone.

    Raises:
        MissingExtraError: the onnx library is not installed.
        FileFormatError: not an ONNX model, or one without a node that is a dense layer.
        SizeError: the model is larger than the memory that is allowed.
    """
    graph = Graph(read_model(file, memory), file)
    try:
        heads = _heads(Constants(graph), graph)
    except DamagedNodeError as error:
        raise FileFormatError(f"{file}: damaged ONNX model: {error}") from error
    if not heads:
        kinds = dict.fromkeys(node.op for node in graph.nodes)
        raise FileFormatError(
            f"{file}: no kernel of a Dense layer: "
            f"expected a Gemm or a MatMul with a constant matrix, found {listed(kinds)}"
        )
    return distinct(Heads(heads))


def _heads(constants: Constants, graph: Graph) -> list[Head]:
    products = (HANDLERS[node.op](constants, node) for node in graph.nodes if node.op in HANDLERS)
    return [head_of(constants, product) for product in products if product is not None]
