"""ONNX models, run by ONNX Runtime: any of their values by its name.

In: the path of a model and the name of a value. Out: an `OnnxModel`, which runs as a model of Keras does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, DenseCliError, FileFormatError, MissingExtraError, nearest
from dense_cli.files.onnx import read_model
from dense_cli.heads.onnx.tensors import stored_tensor
from dense_cli.models.onnx_softmax import gives_softmax
from dense_cli.text import listed

if TYPE_CHECKING:
    from dense_cli.models.description import ModelDescription

SAMPLES = 32  # of a block, where the model takes any number
COUNTS = (6, 7, 8, 9)  # int32, int64, string, bool: shapes, axes and indices, no weights
_EXTERNAL = 1  # TensorProto.EXTERNAL
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
        self.inputs = [value_of(x, file) for x in session.get_inputs()]
        self.outputs = [value_of(x, file) for x in session.get_outputs() if x.name == output]
        fixed = self.inputs[0].shape[0] if self.inputs and self.inputs[0].shape else None
        self.size = fixed or SAMPLES
        self._fixed = fixed is not None
        self._known = False  # whether the output's first axis is that of samples

    def __call__(self, inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> NDArray[Any]:
        """Return the output of an array, or of a list of them.

        Raises:
            FileFormatError: ONNX Runtime cannot run it on them.
            ConfigError: the output's first axis is not that of the samples.
        """
        given = feed(self.inputs, inputs)
        if not self._known:
            require_samples(self._shape_of_some(given), self.outputs[0].name, self._file)
            self._known = True
        return np.asarray(run_session(self._session, [self.outputs[0].name], given, self._file)[0])

    def _shape_of_some(self, given: dict[str, NDArray[Any]]) -> tuple[int, tuple[int, ...]]:
        """Return a number of samples, and the shape of the output for as many."""
        count = self.size if self._fixed else 3
        some = {name: np.resize(x[:1], (count, *x.shape[1:])) for name, x in given.items()}
        (output,) = run_session(self._session, [self.outputs[0].name], some, self._file)
        return count, np.shape(output)


def require_samples(found: tuple[int, tuple[int, ...]], name: str, file: str) -> None:
    """Refuse an output whose first axis is not that of the samples.

    Args:
        found: a number of samples, and the shape of the output for as many.
        name: the output's.
        file: the model.

    Raises:
        ConfigError: the message has both.
    """
    count, shape = found
    if shape[:1] != (count,):
        raise ConfigError(
            f"{file}: {name!r} has shape {shape} for {count} samples: expected them on its first axis"
        )


def feed(own: Sequence[Any], inputs: NDArray[Any] | Sequence[NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the arrays by the names of the model's inputs, each in its dtype."""
    arrays = inputs if isinstance(inputs, list) else [inputs]
    return {x.name: _standard(array, x) for x, array in zip(own, arrays, strict=True)}


def run_session(session: Any, names: list[str], given: dict[str, NDArray[Any]], file: str) -> list[Any]:
    """Return the values of these names.

    Raises:
        FileFormatError: ONNX Runtime cannot run the model on the arrays.
    """
    try:
        return list(session.run(names, given))
    except Exception as error:  # whatever the library makes of a model that does not fit itself
        raise FileFormatError(f"{file}: ONNX Runtime: {_first_line(error)}") from error


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
    name = output_name(model.graph, until, file)
    take_in(model, file)
    session = open_session(with_outputs(model, [name]), file)
    opened = OnnxModel(session, name, file)
    output = opened.outputs[0]
    opened.outputs = [output._replace(shape=with_sizes(output.shape, opened, opened.inputs, opened.size))]
    return opened, name, gives_softmax(model, name, len(output.shape))


def shapes_of_inputs(file: str, memory: int | None) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of what a model takes, as its graph states them; ONNX Runtime is not asked.

    Raises:
        MissingExtraError, FileFormatError: as `open_onnx` does.
    """
    graph = read_model(file, memory).graph
    constants = {tensor.name for tensor in graph.initializer}
    stated = (_stated(x) for x in graph.input if x.name not in constants)
    return {name: shape or () for name, shape, _ in stated}


def describe_onnx(file: str, memory: int | None = None) -> ModelDescription:
    """Return what a model is; ONNX Runtime opens it to see whether it can run it.

    Raises:
        MissingExtraError, FileFormatError: as `open_onnx` does.
    """
    from dense_cli.models.description import ModelDescription, ModelValue

    model = read_model(file, memory)
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    weights = [math.prod(tensor.dims) for tensor in graph.initializer if tensor.data_type not in COUNTS]
    inputs, outputs = (
        tuple(ModelValue(*_stated(x)) for x in values if x.name not in constants)
        for values in (graph.input, graph.output)
    )
    refusal = None
    try:
        take_in(model, file)
        open_session(model.SerializeToString(), file)
    except DenseCliError as error:
        refusal = str(error).removeprefix(f"{file}: ")
        refusal += f" ({error.hint})" if error.hint else ""
    return ModelDescription(
        framework=model.producer_name or None,
        version=model.producer_version or None,
        class_name=f"ONNX {', '.join(_opsets(model))}",
        name=graph.name,
        inputs=inputs,
        outputs=outputs,
        layers=len(graph.node),
        parameters=min(sum(weights), 2**63 - 1),
        refusal=refusal,
    )


def _opsets(model: Any) -> list[str]:
    return [f"{o.domain + ' ' if o.domain else ''}opset {o.version}" for o in model.opset_import]


def _stated(x: Any) -> tuple[str, tuple[int | None, ...] | None, str]:
    """Return the name, shape and dtype of a value as the graph states them; None and ? where it does not."""
    import onnx

    tensor = x.type.tensor_type
    kind = x.type.WhichOneof("value")
    if kind != "tensor_type":
        return x.name, None, (kind or "?").removesuffix("_type")
    try:
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name
    except KeyError:
        dtype = "?"
    if not tensor.HasField("shape"):
        return x.name, None, dtype
    sizes = (size.dim_value if size.HasField("dim_value") else 0 for size in tensor.shape.dim)
    return x.name, tuple(n if n > 0 else None for n in sizes), dtype


def with_outputs(model: Any, names: Sequence[str]) -> bytes:
    """Return a model whose outputs are its own and the values of these names, as ONNX Runtime takes it."""
    import onnx

    known = {x.name for x in model.graph.output}
    for name in names:
        if name not in known:
            model.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
    return bytes(model.SerializeToString())


def open_session(content: bytes, file: str) -> Any:
    """Return a session of ONNX Runtime.

    Raises:
        MissingExtraError: it is not installed.
        FileFormatError: it cannot run the model.
    """
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


def output_name(graph: Any, until: str | None, file: str) -> str:
    """Return the name of the value that is meant.

    Raises:
        ConfigError: there is no such value, or several outputs and none is named.
    """
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


def take_in(model: Any, file: str) -> None:
    """Read external data into the model: from inside its folder alone, which the library would not heed.

    Raises:
        FileFormatError: they lie elsewhere, or in a node.
    """
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


def value_of(x: Any, file: str) -> OnnxValue:
    """Return an input or output as ONNX Runtime tells it.

    Raises:
        FileFormatError: it is no tensor of numbers.
    """
    dtype = _DTYPES.get(x.type)
    if dtype is None:
        raise FileFormatError(f"{file}: {x.name!r} is a {x.type}: expected a tensor of numbers")
    return OnnxValue(x.name, tuple(n if isinstance(n, int) and n > 0 else None for n in x.shape or ()), dtype)


def with_sizes(
    stated: tuple[int | None, ...], call: Callable[[Any], Any], inputs: Sequence[Any], size: int
) -> tuple[int | None, ...]:
    """Return an output's shape with the sizes that the graph does not state, from one block of zeros.

    Args:
        stated: the shape as the graph has it, () where it has none.
        call: gives the output of arrays.
        inputs, size: what the model takes, and how many samples at once.
    """
    if len(stated) > 1 and stated[-1] is not None:
        return stated
    zeros = [np.zeros([size, *(1 if n is None else n for n in x.shape[1:])], x.dtype) for x in inputs]
    found = np.shape(call(zeros))
    return tuple(
        n if own is None and axis == len(found) - 1 else own
        for axis, (n, own) in enumerate(zip(found, stated or (None,) * len(found), strict=True))
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0][:200]
