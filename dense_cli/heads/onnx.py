"""Heads in ONNX graphs: Gemm and MatMul with Add, their kernels being constants of the graph.

The format: https://onnx.ai/onnx/intro/concepts.html
"""

from __future__ import annotations

import math
import os
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError, MissingExtraError
from dense_cli.heads.head import Head, Heads, Tensor
from dense_cli.heads.pairs import distinct, listed
from dense_cli.limits import require_bytes
from dense_cli.sources.npyheader import require_numeric

_ACTIVATIONS = {
    "Softmax": "softmax",
    "LogSoftmax": "log_softmax",
    "Sigmoid": "sigmoid",
    "Relu": "relu",
    "Tanh": "tanh",
    "Softplus": "softplus",
    "Softsign": "softsign",
    "Selu": "selu",
}
# Nodes that leave the numbers, or at least their order in each row, as they are.
_PASS = ("Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Dropout", "Flatten")

_LONGEST_TAIL = 1000  # nodes between a head and the model's output


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of an ONNX model, whose external data are never opened.

    Raises:
        MissingExtraError: the onnx library is not installed.
        FileFormatError: not an ONNX model, or one without a Gemm or MatMul that is a head.
        SizeError: the model is larger than the memory that is allowed.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtraError(f"{file}: reading ONNX", "onnx") from None
    require_bytes(os.stat(file).st_size, file, "the model", memory)
    with open(file, "rb") as stream:
        content = stream.read()
    try:
        model = onnx.ModelProto.FromString(content)
    except Exception as error:  # DecodeError, of google.protobuf
        raise FileFormatError(f"{file}: not a readable ONNX model: {str(error)[:200]}") from error
    graph = model.graph
    texts = [text for node in graph.node for text in (node.op_type, node.name, *node.input, *node.output)]
    if not all(isinstance(text, str) for text in (*texts, *(tensor.name for tensor in graph.initializer))):
        raise FileFormatError(f"{file}: damaged ONNX model: a name in it is not UTF-8")
    return distinct(_Graph(graph, file).heads())


class _Graph:
    """An ONNX graph and who makes and uses each of its values."""

    def __init__(self, graph: Any, file: str) -> None:
        self.file = file
        self.nodes = [node for node in graph.node if node.output]  # a node without is of no use to others
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        for node in self.nodes:
            value = _attributes(node).get("value")
            if node.op_type == "Constant" and value is not None:
                self.constants[node.output[0]] = value.t
        self.users: dict[str, list[Any]] = {}
        for node in self.nodes:
            for name in node.input:
                self.users.setdefault(name, []).append(node)
        self.makers = {name: node for node in self.nodes for name in node.output}
        self.outputs = {value.name for value in graph.output}
        self.ranks = {
            value.name: len(value.type.tensor_type.shape.dim)
            for value in (*graph.input, *graph.value_info, *graph.output)
            if value.type.tensor_type.HasField("shape")
        }

    def heads(self) -> Heads:
        heads = Heads()
        for node in self.nodes:
            head = {"Gemm": self._gemm, "MatMul": self._matmul}.get(node.op_type, lambda _: None)(node)
            if head is not None:
                heads.append(head)
        if not heads:
            kinds = dict.fromkeys(node.op_type for node in self.nodes)
            raise FileFormatError(
                f"{self.file}: no kernel of a Dense layer: "
                f"expected a Gemm or a MatMul with a constant matrix, found {listed(kinds)}"
            )
        return heads

    def _gemm(self, node: Any) -> Head | None:
        found = self._kernel(node.input[1]) if len(node.input) > 1 else None
        if found is None:
            return None
        attributes = _attributes(node)
        kernel, transposed = found
        if "transB" in attributes and attributes["transB"].i:
            transposed = not transposed
        bias = self._constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
        refusal = None
        if len(node.input) > 2 and node.input[2] and bias is None:
            refusal = "its bias is computed: expected a constant"
        if any(name in attributes and attributes[name].f != 1 for name in ("alpha", "beta")):
            refusal = "a Gemm with alpha or beta: expected 1"
        if "transA" in attributes and attributes["transA"].i:
            refusal = "a Gemm with a transposed input (transA)"
        return self._head(node, node.output[0], kernel, bias, transposed, refusal)

    def _matmul(self, node: Any) -> Head | None:
        found = self._kernel(node.input[1]) if len(node.input) > 1 else None
        if found is None:
            return None
        kernel, transposed = found
        output, bias = node.output[0], None
        users = self.users.get(output, [])
        if len(users) == 1 and users[0].op_type == "Add" and output not in self.outputs:
            other = [name for name in users[0].input[:3] if name != output]
            bias = self._constant(other[0]) if len(other) == 1 else None
            if bias is not None and len(bias.shape) == 1:
                output = users[0].output[0]
            else:
                bias = None
        return self._head(node, output, kernel, bias, transposed, None)

    def _head(
        self,
        node: Any,
        output: str,
        kernel: Tensor,
        bias: Tensor | None,
        transposed: bool,
        refusal: str | None,
    ) -> Head:
        activation, end = "linear", output
        seen: set[str] = set()  # a damaged graph may go round in a circle
        while (
            end not in self.outputs
            and end not in seen
            and len(seen) < _LONGEST_TAIL
            and len(users := self.users.get(end, [])) == 1
        ):
            seen.add(end)
            kind = users[0].op_type
            if kind in _ACTIVATIONS and activation == "linear" and self._over_last(users[0]):
                activation = _ACTIVATIONS[kind]
            elif kind not in _PASS:
                break
            end = users[0].output[0]
        # "0.weight" and "0.bias" are the layer "0": the name that the exporter left, if it left one.
        stems = [
            match[1]
            for name in (kernel.name, bias.name if bias is not None else "")
            if (match := re.fullmatch(r"(.*)[./](?:weight|kernel|bias|MatMul/ReadVariableOp)(?::0)?", name))
        ]
        return Head(
            name=next(iter(stems), node.name or kernel.name),
            path=node.name or kernel.name,
            kernel=kernel,
            bias=bias,
            activation=activation,
            output=end in self.outputs,
            transposed=transposed,
            aliases=(kernel.name,),
            refusal=refusal,
        )

    def _over_last(self, node: Any) -> bool:
        """Whether a node works on the last axis, as far as the graph says how many there are."""
        axis = _attributes(node).get("axis")
        ranks = {self.ranks.get(name) for name in (*node.input, *node.output)} - {None}
        return axis is None or axis.i == -1 or not ranks or axis.i + 1 in ranks

    def _kernel(self, name: str) -> tuple[Tensor, bool] | None:
        """Return a constant matrix and whether a Transpose stands before its use."""
        maker = self.makers.get(name)
        transposed = False
        if maker is not None and maker.op_type == "Transpose" and maker.input and name not in self.constants:
            perm = _attributes(maker).get("perm")
            if perm is not None and list(perm.ints) != [1, 0]:
                return None
            name, transposed = maker.input[0], True
        kernel = self._constant(name)
        return None if kernel is None or len(kernel.shape) != 2 else (kernel, transposed)

    def _constant(self, name: str) -> Tensor | None:
        return _tensor(self.constants[name], name, self.file) if name in self.constants else None


def _tensor(proto: Any, name: str, file: str) -> Tensor:
    import onnx

    where = f"{file}: {name}"
    shape = tuple(proto.dims)
    if any(n < 0 for n in shape):
        raise FileFormatError(f"{where}: negative dimension in the shape {shape}")
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(proto.data_type)
    except (KeyError, ValueError) as error:
        raise FileFormatError(f"{where}: unknown ONNX dtype {proto.data_type}") from error

    def array() -> NDArray[Any]:
        if proto.data_location == onnx.TensorProto.EXTERNAL or proto.external_data:
            raise FileFormatError(f"{where}: external data: expected the numbers in the file itself")
        if dtype.name != "bfloat16":
            require_numeric(dtype, where)
        if proto.raw_data and len(proto.raw_data) != math.prod(shape) * dtype.itemsize:
            raise FileFormatError(
                f"{where}: shape {shape} of {dtype} is {math.prod(shape) * dtype.itemsize} bytes, "
                f"found {len(proto.raw_data)}"
            )
        try:
            value = np.asarray(onnx.numpy_helper.to_array(proto))
        except Exception as error:  # whatever a damaged tensor makes of the library
            raise FileFormatError(f"{where}: damaged tensor: {str(error)[:200]}") from error
        return value.astype(np.float32) if dtype.name == "bfloat16" else value

    return Tensor(name, shape, dtype.name, array)


def _attributes(node: Any) -> dict[str, Any]:
    return {attribute.name: attribute for attribute in node.attribute}
