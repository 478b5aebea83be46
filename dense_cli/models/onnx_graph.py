"""The values of an ONNX graph: listed as the layers of a model are, and seen as the model runs.

In: the path of a model. Out: an `OnnxGraph`, whose calls are nodes; each has the name of the first value that
it makes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.files.onnx import read_model
from dense_cli.heads.onnx.graph import DamagedNodeError
from dense_cli.heads.onnx.graph import Graph as FileGraph
from dense_cli.heads.onnx.graph import Node as FileNode
from dense_cli.layers.keras_tensor import KerasTensor, Node, Shape, UnknownTensor
from dense_cli.models.graph import Graph
from dense_cli.models.onnx import (
    COUNTS,
    SAMPLES,
    feed,
    open_session,
    output_name,
    run_session,
    take_in,
    value_of,
    with_outputs,
    with_sizes,
)
from dense_cli.models.onnx_softmax import gives_softmax, last_axis_of_softmax, shapes_of
from dense_cli.models.predict import UNKNOWN_SIZE

_BYTES = 64 << 20  # of all values of a block
_ACTIVATIONS = {
    "Relu": "relu",
    "Tanh": "tanh",
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard_sigmoid",
    "Softsign": "softsign",
    "Softmax": "softmax",
}
_CHANNELS_FIRST = {
    *("Conv", "ConvTranspose", "ConvInteger", "QLinearConv", "BatchNormalization", "InstanceNormalization"),
    *("GroupNormalization", "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool"),
}
_SIZES = ("Shape", "Size")  # what is made of their values alone depends on no number of the input
_IN_PLACE = {
    *("Relu", "Tanh", "Sigmoid", "HardSigmoid", "Softsign", "Clip"),
    *("Add", "Sub", "Mul", "Div", "Max", "Min", "Identity"),
}
_NO_TENSORS = ("ai.onnx.ml.ZipMap", "SequenceConstruct", "SequenceEmpty", "SplitToSequence", "SequenceInsert")


class OnnxWeight:
    """An array that a graph holds, read when its numbers are asked for."""

    trainable = True

    def __init__(self, tensor: Any) -> None:
        self.tensor = tensor
        self.shape = tuple(tensor.dims)
        self.size = min(math.prod(self.shape), 2**63 - 1)  # a claim may be beyond what JSON's readers hold

    @property
    def value(self) -> NDArray[Any]:
        """The numbers."""
        import onnx

        return np.asarray(onnx.numpy_helper.to_array(self.tensor))


class OnnxOperation:
    """A node of a graph, or one of its inputs.

    Attributes:
        name: that of the first value it makes.
        class_name: its operator.
        value_names: the names of its values.
        weights: the arrays that no node before it takes.
        activation: Keras' name of what it is, where it is an activation alone.
        data_format: ``channels_first`` where the units are its channels.
        in_place: whether it leaves the units on the axis on which they come.
        input_dim: how many ids it knows, where it is an Embedding.
        moving_statistics: mean and variance of a BatchNormalization.
    """

    _layers: tuple[Any, ...] = ()

    def __init__(self, class_name: str, names: Sequence[str], weights: Sequence[OnnxWeight] = ()) -> None:
        self.name = names[0]
        self.class_name = class_name
        self.value_names = list(names)
        self.weights = list(weights)
        self.activation: str | None = None
        self.data_format = "channels_first" if class_name in _CHANNELS_FIRST else None
        self.in_place = class_name in _IN_PLACE
        self.input_dim: int | None = None
        self.moving_statistics: tuple[OnnxWeight, OnnxWeight] | None = None
        self._inbound_nodes: list[Node] = []
        self._outbound_nodes: list[Node] = []


class OnnxGraph:
    """The values of a model that depend on the numbers of its input.

    Attributes:
        inputs: what it takes.
        outputs: what it gives.
        size: how many samples run at once.
    """

    def __init__(self, model: Any, file: str) -> None:
        self.file = file
        self._model = model
        self._shapes = shapes_of(model)
        self._tensors: dict[str, KerasTensor] = {}
        self._constants: dict[str, list[OnnxWeight]] = {}
        self._axes: dict[str, tuple[int, int] | None] | None = None
        self._session: Any = None
        self._until: str | None = None
        self._fetched: list[str] = []
        try:
            graph = FileGraph(model, file)
            self._graph = Graph([*self._inputs(graph), *self._calls(graph)], {}, [])
        except DamagedNodeError as error:
            raise FileFormatError(f"{file}: damaged ONNX model: {error}") from error
        self._graph.operations.extend(node.operation for node in self._graph.nodes)
        self.inputs = [node.output_tensors[0] for node in self._graph.nodes if node.is_input]
        names = [x.name for x in model.graph.output]
        self.outputs = [self._tensors[name] for name in names if name in self._tensors]
        self.size = SAMPLES

    @property
    def _layers(self) -> list[Any]:
        return self._graph.operations

    # --- what the file says

    def _inputs(self, graph: FileGraph) -> Iterator[Node]:
        """Give the inputs; constants may stand among them."""
        for x in self._model.graph.input:
            if x.name not in graph.initializers:
                yield Node(OnnxOperation("Input", [x.name]), (), {}, [self._tensor(x.name)])

    def _calls(self, graph: FileGraph) -> Iterator[Node]:
        """Give the nodes that depend on the inputs, in the order of the file."""
        used = _used_by(graph)
        self._constants = {name: [OnnxWeight(tensor)] for name, tensor in graph.initializers.items()}
        taken: set[str] = set()
        for node in graph.nodes:
            names = list(filter(None, node.outputs))
            given = list(dict.fromkeys([*node.inputs, *used.get(id(node), [])]))
            own = [weight for name in given for weight in self._constants.get(name, [])]
            before = [self._tensors[name] for name in given if name in self._tensors]
            if not before or node.op in _SIZES:
                self._constants |= dict.fromkeys(names, own)
                continue
            operation = OnnxOperation(node.op, names, _not_taken(own, taken))
            self._tell_kind(operation, node, graph)
            yield Node(operation, (before,), {}, list(map(self._tensor, names)))

    def _tensor(self, name: str) -> KerasTensor:
        shape = self._shapes.get(name)
        tensor = UnknownTensor() if shape is None else KerasTensor(shape)
        tensor.name = name
        return self._tensors.setdefault(name, tensor)

    def _tell_kind(self, operation: OnnxOperation, node: FileNode, graph: FileGraph) -> None:
        """Say what is known of an operator."""
        rank = graph.rank(node.outputs[0])
        if node.op != "Softmax" or last_axis_of_softmax(node.attributes.get("axis"), rank, graph.opset):
            operation.activation = _ACTIVATIONS.get(node.op)
        tables = [self._constants.get(name, []) for name in node.inputs]
        if node.op == "Gather" and node.input(1) in self._tensors:
            operation.input_dim = _ids_in(tables[0], node)
        if node.op == "BatchNormalization" and len(tables) > 4 and len(tables[3]) == len(tables[4]) == 1:
            operation.moving_statistics = (tables[3][0], tables[4][0])

    # --- running

    def open(self, until: str | None = None) -> None:
        """Get ready to run.

        Args:
            until: the value that is the output; None: the graph's own outputs.

        Raises:
            MissingExtraError: ONNX Runtime is not installed.
            ConfigError: the value does not depend on the input, or an input stands for no samples.
            FileFormatError: the model cannot be run.
        """
        take_in(self._model, self.file)
        values = [name for node in self._graph.nodes if not node.is_input for name in _values_of(node)]
        if until is not None:
            if until not in self._tensors:
                raise ConfigError(f"{self.file}: value {until!r} does not depend on the input")
            self.outputs = [self._tensors[until]]
        self._session = open_session(with_outputs(self._model, values), self.file)
        self._fetched = values
        self._take_shapes_of_inputs()
        self.size = self.inputs[0].shape[0] or _block_size(self._graph)
        if until is not None:
            self._take_shape_of_output(until)
            self._until = until

    def _take_shapes_of_inputs(self) -> None:
        for x in self._session.get_inputs():
            value = value_of(x, self.file)
            if not value.shape:
                raise ConfigError(f"{self.file}: input {x.name!r} is a single number: expected samples")
            tensor = self._tensors[x.name]
            tensor._shape, tensor._dtype = value.shape, value.dtype

    def _take_shape_of_output(self, until: str) -> None:
        (value,) = (value_of(x, self.file) for x in self._session.get_outputs() if x.name == until)
        output = self.outputs[0]
        output._shape, output._dtype = value.shape, value.dtype
        output._shape = with_sizes(value.shape, self, self.inputs, self.size)

    def __call__(self, inputs: Any) -> Any:
        """Return the outputs of arrays."""
        names = [x.name for x in self.outputs]
        arrays = run_session(self._session, names, feed(self.inputs, inputs), self.file)
        return arrays[0] if len(arrays) == 1 else arrays

    def call_each(self, inputs: Any, seen: Any) -> Any:
        """Return the outputs of arrays; what each node takes and gives is handed to ``seen``.

        Where samples are not the first axis of a value they are made it; a value that has no axis of samples
        is None. An input takes the array as it came.
        """
        given = feed(self.inputs, inputs)
        came = iter(inputs if isinstance(inputs, list) else [inputs])
        arrays = run_session(self._session, self._fetched, given, self.file)
        raw = given | dict(zip(self._fetched, arrays, strict=True))
        axes = self._axes = self._axes or self._find_axes(given)
        count = len(next(iter(given.values())))
        values = {name: _by_sample(y, axes[name], count) for name, y in raw.items()}
        for node in self._graph.nodes:
            outputs = [values.get(x.name) for x in node.output_tensors]
            taken = [next(came)] if node.is_input else [values.get(x.name) for x in node.input_tensors]
            seen(node, taken, outputs)
        results = [raw[x.name] for x in self.outputs]
        return results[0] if len(results) == 1 else results

    def _find_axes(self, given: dict[str, NDArray[Any]]) -> dict[str, tuple[int, int] | None]:
        """Return of each value the axis of samples, and how many of its rows are one sample's.

        Where the model takes any number of samples, that shows on two and on three of them.

        Raises:
            ConfigError: the samples are not the first axis of the output.
        """
        fixed = self.inputs[0].shape[0]
        sizes = [2, 3] if fixed is None else [fixed]
        shapes = [self._shapes_at(given, size) for size in sizes]
        axes: dict[str, tuple[int, int] | None] = {}
        for node in self._graph.nodes:
            first = all((axes.get(x.name) or (1, 0))[0] == 0 for x in node.input_tensors)
            for x in node.output_tensors:
                if x.name in shapes[0]:
                    axes[x.name] = _axis([of_size[x.name] for of_size in shapes], sizes, first)
        if self._until is not None and axes.get(self._until) != (0, 1):
            raise ConfigError(f"{self.file}: the samples are not the first axis of {self._until!r}")
        return axes

    def _shapes_at(self, given: dict[str, NDArray[Any]], size: int) -> dict[str, Shape]:
        """Return the shape of each value where there are so many samples."""
        some = {name: np.resize(x[:1], (size, *x.shape[1:])) for name, x in given.items()}
        arrays = run_session(self._session, self._fetched, some, self.file)
        values = some | dict(zip(self._fetched, arrays, strict=True))
        return {name: np.shape(y) for name, y in values.items()}


def read_graph(file: str, memory: int | None = None) -> OnnxGraph:
    """Return the graph of a file, which can be listed; `OnnxGraph.open` makes it one that runs.

    Raises:
        MissingExtraError: onnx is not installed.
        FileFormatError, SizeError: the file is no ONNX model, or a damaged or too large one.
    """
    return OnnxGraph(read_model(file, memory), file)


def open_watched(file: str, until: str | None, memory: int | None) -> tuple[OnnxGraph, str, bool]:
    """Return a graph that runs, the name of its output, and whether the model says that it is distributions.

    Raises:
        DenseCliError: as `onnx.open_onnx` does.
    """
    model = read_model(file, memory)
    name = output_name(model.graph, until, file)
    graph = OnnxGraph(model, file)
    graph.open(name)
    return graph, name, gives_softmax(model, name, len(graph.outputs[0].shape))


def _values_of(node: Node) -> list[str]:
    return [] if node.operation.class_name in _NO_TENSORS else [x.name for x in node.output_tensors]


def _ids_in(tables: Sequence[OnnxWeight], node: FileNode) -> int | None:
    """Return how many ids a Gather knows, whose one table is a matrix of weights with a row for each."""
    if len(tables) != 1 or len(tables[0].shape) != 2 or not _holds_weights(tables[0]):
        return None
    return tables[0].shape[0] if node.integer("axis", 0) == 0 else None


def _not_taken(weights: Sequence[OnnxWeight], taken: set[str]) -> list[OnnxWeight]:
    """Return the weights that no node has taken, and note that they are ``taken``."""
    new = [weight for weight in filter(_holds_weights, weights) if weight.tensor.name not in taken]
    taken |= {weight.tensor.name for weight in new}
    return new


def _holds_weights(weight: OnnxWeight) -> bool:
    return weight.tensor.data_type not in COUNTS


def _block_size(graph: Graph) -> int:
    """Return how many samples run at once, where all values are kept for a while."""
    sizes = (
        math.prod(UNKNOWN_SIZE if n is None else n for n in x.shape[1:])
        for node in graph.nodes
        for x in node.output_tensors
        if not isinstance(x, UnknownTensor)
    )
    return min(max(_BYTES // (4 * max(sum(sizes), 1)), 1), SAMPLES)


def _axis(shapes: Sequence[Shape], sizes: Sequence[int], first: bool) -> tuple[int, int] | None:
    """Return the axis of samples, and how many rows of it are one sample's; None: there is none.

    Args:
        shapes: a value's shape for each number of samples in ``sizes``.
        sizes: one number where the model takes no other.
        first: whether samples are the first axis of all that the value is made of.
    """
    if len(sizes) == 1:
        return (0, 1) if shapes[0][:1] == (sizes[0],) else None
    one, other = shapes
    axis = _axis_of_change(one, other)
    if axis is None:
        return None
    rows, left = divmod(one[axis] or 0, sizes[0])
    grows = not left and other[axis] == rows * sizes[1]
    return (axis, rows) if grows and (rows == 1 or (axis == 0 and first)) else None


def _axis_of_change(one: Shape, other: Shape) -> int | None:
    """Return the one axis in which two shapes differ."""
    if len(one) != len(other):
        return None
    axes = [axis for axis, sizes in enumerate(zip(one, other, strict=True)) if sizes[0] != sizes[1]]
    return axes[0] if len(axes) == 1 else None


def _used_by(graph: FileGraph) -> dict[int, list[str]]:
    """Return the names of the values that each node uses, those in its bodies too."""
    used: dict[int, list[str]] = {}
    for name, users in graph.users.items():
        for user in users:
            used.setdefault(id(user), []).append(name)
    return used


def _by_sample(y: Any, axis: tuple[int, int] | None, count: int) -> NDArray[Any] | None:
    """Return a value with its samples first; None of one that has none, or holds no numbers."""
    if axis is None or not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf":
        return None
    if axis[1] > 1:
        return y.reshape(count, axis[1], *y.shape[1:])
    return np.moveaxis(y, axis[0], 0)
