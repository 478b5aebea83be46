"""What a saved model is, in a few lines: what saved it, what it takes and gives, what can be run of it.

In: the path of a ``.keras``, ``.h5`` or ``.onnx`` file. Out: a `ModelDescription`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from dense_cli.errors import DenseCliError
from dense_cli.heads.hdf5 import training_state
from dense_cli.layers.keras_tensor import Shape
from dense_cli.models.outputs import layers_of
from dense_cli.saving.load import load_stored
from dense_cli.saving.stored import Stored, open_stored


class ModelValue(NamedTuple):
    """An input or an output; a shape is None where nobody knows it."""

    name: str
    shape: Shape | None
    dtype: str


class ModelDescription(NamedTuple):
    """A saved model.

    Attributes:
        framework, version: what saved it; None where the file does not say.
        class_name, name: the model's own.
        saved: when, as the file has it.
        inputs, outputs: what it takes and gives.
        layers: how many it has; of ONNX, nodes.
        parameters: how many numbers its weights hold.
        not_trained: how many of these training does not change.
        optimizer: the name of the optimizer whose state the file has; None: it has none.
        state: how many numbers that is.
        refused: the layers that cannot be run, each with the reason; what comes after one is not told.
        refusal: why the model as a whole cannot be run; None: it can, but for ``refused``.
    """

    framework: str | None
    version: str | None
    class_name: str
    name: str
    saved: str | None = None
    inputs: tuple[ModelValue, ...] = ()
    outputs: tuple[ModelValue, ...] = ()
    layers: int | None = None
    parameters: int | None = None
    not_trained: int = 0
    optimizer: str | None = None
    state: int = 0
    refused: tuple[tuple[str, str], ...] = ()
    refusal: str | None = None


def describe_model(file: str, memory: int | None = None, *, onnx: bool = False) -> ModelDescription | None:
    """Return what a saved model is; None where the file holds weights alone. ``onnx``: it is one of ONNX.

    Raises:
        DenseCliError, OSError: the file is damaged, or cannot be read.
    """
    if onnx:
        from dense_cli.models.onnx import describe_onnx

        return describe_onnx(file, memory)
    stored = open_stored(file, memory)
    return None if stored.config is None else _of_keras(stored, memory)


def _of_keras(stored: Stored, memory: int | None) -> ModelDescription:
    stated = _stated(stored, memory)
    try:
        return _with_layers(stated, load_stored(stored))
    except DenseCliError as error:
        return stated._replace(refusal=str(error).removeprefix(f"{stored.file}: "))


def _stated(stored: Stored, memory: int | None) -> ModelDescription:
    """Return what the file states of a model, without a look at its layers."""
    config = stored.config or {}
    inner = config.get("config")
    name = inner.get("name") if isinstance(inner, dict) else None
    optimizer, state = training_state(stored.part, memory)
    return ModelDescription(
        framework="Keras",
        version=stored.version,
        class_name=_text(config.get("class_name")) or "?",
        name=_text(name) or "",
        saved=stored.saved,
        optimizer=(_optimizer(config) or optimizer or "optimizer") if state else None,
        state=state,
    )


def _with_layers(stated: ModelDescription, model: Any) -> ModelDescription:
    """Return the description with what the layers say."""
    layers = layers_of(model)
    weights = {id(w): w for layer in layers for w in getattr(layer.operation, "weights", [])}
    described = stated._replace(
        layers=sum(not layer.path for layer in layers),
        parameters=sum(int(weight.size) for weight in weights.values()),
        not_trained=sum(int(weight.size) * (not weight.trainable) for weight in weights.values()),
        refused=tuple((layer.name, layer.own_refusal) for layer in layers if layer.own_refusal is not None),
    )
    if getattr(model, "inputs", None) is None:
        return described._replace(refusal="it was saved without the shape of its input")
    return described._replace(inputs=_inputs(model), outputs=_outputs(model))


def _inputs(model: Any) -> tuple[ModelValue, ...]:
    return tuple(ModelValue(x.name, x.shape, x.dtype) for x in model.inputs)


def _outputs(model: Any) -> tuple[ModelValue, ...]:
    refused = {id(layer.operation) for layer in layers_of(model) if layer.refusal is not None}
    operations = [x._keras_history.operation for x in model.outputs]
    return tuple(
        ModelValue(operation.name, None if id(operation) in refused else x.shape, x.dtype)
        for operation, x in zip(operations, model.outputs, strict=True)
    )


def _optimizer(config: dict[str, Any]) -> str | None:
    """Return the optimizer that a model of a ``.keras`` file was compiled with."""
    compiled = config.get("compile_config")
    optimizer = compiled.get("optimizer") if isinstance(compiled, dict) else None
    name = optimizer.get("class_name") if isinstance(optimizer, dict) else optimizer
    return _text(name)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
