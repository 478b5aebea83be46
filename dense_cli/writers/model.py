"""What a saved model is → a few lines, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dense_cli.addresses import without_secrets
from dense_cli.models.description import ModelDescription, ModelValue
from dense_cli.text import encodable, listed, shown

_LONGEST = 200  # characters of a name or a reason


def model_lines(file: str, model: ModelDescription) -> Iterator[str]:
    """Give what saved the model, what it takes and gives, how large it is, and what can be run of it."""
    by = " ".join(filter(None, (model.framework, model.version))) or "not said by what"
    kind = f"{model.class_name} {model.name!r}" if model.name else model.class_name
    saved = f", {model.saved}" if model.saved is not None else ""
    yield shown(f"{without_secrets(file)}: model, {kind}, saved by {by}{saved}", 4 * _LONGEST)
    for what, values in (("input", model.inputs), ("output", model.outputs)):
        yield from (f"  {what:<11}{_value(value)}" for value in values)
    if model.layers is not None and model.parameters is not None:
        still = f", {model.not_trained:,} of them not trained" if model.not_trained else ""
        what = "nodes" if model.class_name.startswith("ONNX") else "layers"
        yield f"  {what:<11}{model.layers:,}"
        yield f"  {'parameters':<11}{model.parameters:,}{still}"
    if model.optimizer is not None:
        yield shown(f"  {'optimizer':<11}{model.optimizer}, {model.state:,} numbers", _LONGEST)
    yield f"  {'runs':<11}{_runs(model)}"


def _value(value: ModelValue) -> str:
    return shown(f"{value.name} {_shape(value)} {value.dtype}", _LONGEST)


def _shape(value: ModelValue) -> str:
    """Return a shape whose number of samples, where it takes any, is called batch."""
    if value.shape is None:
        return "?"
    sizes = ["?" if n is None else str(n) for n in value.shape]
    if sizes[:1] == ["?"]:
        sizes[0] = "batch"
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def _runs(model: ModelDescription) -> str:
    """Return what can be run of a model."""
    if model.refusal is not None:
        return shown(f"no: {model.refusal}", 4 * _LONGEST)
    if not model.refused:
        return "ONNX Runtime, any of its values" if model.class_name.startswith("ONNX") else "all of it"
    names = listed((name for name, _ in model.refused), 4)
    return shown(f"up to {names}: {model.refused[0][1]}", 4 * _LONGEST)


def model_as_json(model: ModelDescription) -> dict[str, Any]:
    """Return what JSON says of a model."""
    return {
        "framework": _text(model.framework),
        "version": _text(model.version),
        "class": encodable(model.class_name),
        "name": encodable(model.name),
        "saved": _text(model.saved),
        "inputs": [_json(value) for value in model.inputs],
        "outputs": [_json(value) for value in model.outputs],
        "layers": model.layers,
        "parameters": model.parameters,
        "not_trained": model.not_trained,
        "optimizer": None
        if model.optimizer is None
        else {"name": _text(model.optimizer), "size": model.state},
        "refused": [{"layer": encodable(name), "reason": encodable(why)} for name, why in model.refused],
        "refusal": _text(model.refusal),
    }


def _json(value: ModelValue) -> dict[str, Any]:
    return {"name": encodable(value.name), "shape": value.shape, "dtype": value.dtype}


def _text(text: str | None) -> str | None:
    return None if text is None else encodable(text)
