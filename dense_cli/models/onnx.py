"""ONNX models, run by ONNX Runtime: any of their values by its name.

In: the path of a model and the name of a value. Out: an `OnnxModel`, which runs as a model of Keras does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError, MissingExtraError, nearest
from dense_cli.files.onnx import read_model
from dense_cli.heads.onnx.tensors import stored_tensor
from dense_cli.text import listed

_SAMPLES = 32  # of a block, where the model takes any number
_EXTERNAL = 1  # TensorProto.EXTERNAL
_PLAIN = ("Identity", "Cast")  # nodes that change no number
_DTYPES = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(int16)": "int16",
    "tensor(int8)": "int8",
    "tensor(uint8)": "uint8",
    "tensor(bool)": "bool",
}


class OnnxValue(NamedTuple):
    """An input or output of a model; a size of ``shape`` that is not fixed is None."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


class OnnxModel:
    """A model of one output in ONNX Runtime.

    Attributes:
        inputs: what it takes.
        outputs: its one output.
        size: how many samples it takes at once.
    """

    def __init__(self, session: Any, output: str, file: str) -> None:
        self._session = session
        self._file = file
        self.inputs = [_value(x, file) for x in session.get_inputs()]
        self.outputs = [_value(x, file) for x in session.get_outputs() if x.name == output]
        fixed = self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else None
        self.size = fixed or _SAMPLES

    def __call__(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the output of an array, or of a list of them.

        Raises:
            FileFormatError: ONNX Runtime cannot run it on them.
        """
        arrays = inputs if isinstance(inputs, list) else [inputs]
        feed = {own.name: _standard(x, own) for own, x in zip(self.inputs, arrays, strict=True)}
        try:
            (output,) = self._session.run([self.outputs[0].name], feed)
        except Exception as error:  # whatever the library makes of a model that does not fit itself
            raise FileFormatError(f"{self._file}: ONNX Runtime: {_first_line(error)}") from error
        return np.asarray(output)


def open_onnx(file: str, until: str | None, memory: int | None) -> tuple[OnnxModel, str, bool]:
    """Return a model up to a value, the value's name, and whether the model says that it is distributions.

    Args:
        file: the model.
        until: the name of any value in the graph; None: the only output.
        memory: bytes that the model may take; 4 GiB always may be taken.

    Raises:
        MissingExtraError: onnx or ONNX Runtime is not installed.
        ConfigError: there is no such value, or several outputs and none is named.
        FileFormatError: the model is damaged, needs a file outside of its folder, or cannot be run.
    """
    model = read_model(file, memory)
    name = _output(model.graph, until, file)
    _take_in(model, file)
    if name not in [x.name for x in model.graph.output]:
        import onnx

        model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    session = _session(model.SerializeToString(), file)
    opened = OnnxModel(session, name, file)
    rank = len(opened.outputs[0].shape)
    return _with_sizes(opened), name, _is_softmax(model.graph, name, rank)


def _session(content: bytes, file: str) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise MissingExtraError(f"{file}: running ONNX", "onnx") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # whatever the library makes of a damaged model
        raise FileFormatError(f"{file}: ONNX Runtime cannot run it: {_first_line(error)}") from error


def _output(graph: Any, until: str | None, file: str) -> str:
    """Return the name of the value that is meant."""
    outputs = [x.name for x in graph.output]
    if until is None:
        if len(outputs) == 1:
            return str(outputs[0])
        raise ConfigError(
            f"{file}: {len(outputs)} outputs, and none is named: expected one of {listed(outputs)}",
            hint="name one with --until",
        )
    values = list(dict.fromkeys([*outputs, *(name for node in graph.node for name in node.output if name)]))
    if until not in values:
        raise ConfigError(f"{file}: no value {until!r}; {nearest(until, values)}")
    return until


def _take_in(model: Any, file: str) -> None:
    """Read external data into the model: from inside its folder alone, which the library would not heed."""
    import onnx

    for tensor in model.graph.initializer:
        if tensor.data_location == _EXTERNAL:
            array = stored_tensor(tensor, tensor.name, file).read()
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.t.data_location == _EXTERNAL or attribute.g.node:
                inner = [x for x in attribute.g.initializer if x.data_location == _EXTERNAL]
                if inner or attribute.t.data_location == _EXTERNAL:
                    raise FileFormatError(f"{file}: node {node.name!r}: external data in a node is not read")


def _standard(x: NDArray[Any], own: OnnxValue) -> NDArray[Any]:
    """Return an input in its dtype; a last axis of 1 that is none of the model's is left out, as in Keras."""
    return np.asarray(x[..., 0] if x.ndim == len(own.shape) + 1 else x, own.dtype)


def _value(x: Any, file: str) -> OnnxValue:
    dtype = _DTYPES.get(x.type)
    if dtype is None:
        raise FileFormatError(f"{file}: {x.name!r} is a {x.type}: expected a tensor of numbers")
    return OnnxValue(x.name, tuple(n if isinstance(n, int) and n > 0 else None for n in x.shape or ()), dtype)


def _with_sizes(model: OnnxModel) -> OnnxModel:
    """Find the sizes of the output that the graph does not state, from one block of zeros."""
    output = model.outputs[0]
    if len(output.shape) > 1 and output.shape[-1] is not None:
        return model
    zeros = [
        np.zeros([model.size, *(1 if n is None else n for n in x.shape[1:])], x.dtype) for x in model.inputs
    ]
    found = model(zeros).shape
    sizes = tuple(
        n if own is None and axis == len(found) - 1 else own
        for axis, (n, own) in enumerate(zip(found, output.shape or (None,) * len(found), strict=True))
    )
    model.outputs = [output._replace(shape=sizes)]
    return model


def _is_softmax(graph: Any, name: str, rank: int) -> bool:
    """Whether a value is the softmax over the last axis of another."""
    made_by = {output: node for node in graph.node for output in node.output}
    node = made_by.get(name)
    while node is not None and node.op_type in _PLAIN:
        node = made_by.get(node.input[0])
    if node is None or node.op_type != "Softmax":
        return False
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), None)
    return axis in (-1, rank - 1) or (axis is None and rank == 2)


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
