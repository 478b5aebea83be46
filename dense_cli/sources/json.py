"""JSON: a nested list, an object that holds one, or what densecli printed.

In: a stream with one JSON document, read at once. Out: an `ArraySource`, or a `PlacedSource` where samples
differ in time steps.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError, ShapeError
from dense_cli.files.json import kind, parse
from dense_cli.files.nested import to_array
from dense_cli.files.stream import ByteStream
from dense_cli.sources.arrays import ArraySource, ArrayStore
from dense_cli.sources.choose import OUTPUTS, choose, only_likeliest, outputs_of
from dense_cli.sources.open import Request
from dense_cli.sources.source import Source


def read(stream: ByteStream, request: Request) -> Source:
    """Read a JSON document."""
    value = parse(stream.text(), stream.name)
    name = stream.name
    nulls = request.outputs and isinstance(value, dict) and "layer" in value  # densecli writes NaN so
    if isinstance(value, dict) and request.outputs and "layer" in value and request.key is None:
        return _outputs(value, request, name)
    if isinstance(value, dict):
        value, name = member(value, request, name)
    elif request.key is not None:
        raise ConfigError(f"{name}: --key {request.key}: expected an object, found {kind(value)}")
    if not isinstance(value, (list, int, float)):
        raise FileFormatError(f"{name}: expected a nested list of numbers, found {kind(value)}")
    return ArraySource.of(name, to_array(value, name, nulls=nulls))


def _outputs(value: dict[str, Any], request: Request, name: str) -> Source:
    """Return what densecli printed: null is NaN, samples may differ in time steps, `slice` has steps."""
    shape = value.get("shape")
    ragged = isinstance(shape, list) and None in shape
    if isinstance(value.get("steps"), list):
        if ragged:
            raise ShapeError(
                f"{name}: the steps do not say which samples they are of, because these differ in length",
                hint="print it with predict -f json, or as JSON Lines (-f jsonl)",
            )
        steps, numbers = _in_order(value["steps"], name)
        array = to_array(_join_steps(steps, request, name), name, nulls=True).swapaxes(0, 1)
        return ArraySource.of(name, array, numbers if array.ndim > 2 else None)
    samples, name = member(value, request, name)
    if ragged and samples and request.values != "classes":
        return _ragged(samples, name)
    return ArraySource.of(name, to_array(samples, name, nulls=True))


def _ragged(samples: list[Any], name: str) -> Source:
    """Return samples of shape (time, classes) that differ in time steps."""
    arrays = [to_array(sample, f"{name}[{i}]", nulls=True) for i, sample in enumerate(samples)]
    for i, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[1] != arrays[0].shape[1]:
            raise ShapeError(
                f"{name}: sample {i} has shape {array.shape}: "
                f"expected rank 2 with {arrays[0].shape[-1]} classes"
            )
    places = [np.stack([np.full(len(a), i), np.arange(len(a))], axis=1) for i, a in enumerate(arrays)]
    from dense_cli.sources.placed import PlacedSource, arrange

    source = arrange(name, ArrayStore(np.concatenate(arrays)), np.concatenate(places))
    return replace(source, whole=True) if isinstance(source, PlacedSource) else source


def member(value: dict[str, Any], request: Request, name: str) -> tuple[Any, str]:
    """Return the array member of an object, and its name in messages.

    Raises:
        ConfigError: there is none that ``request`` means, or there are several.
    """
    key = request.key
    if key is None or key not in value:
        _require_values(value, request, name)
        key = choose(_arrays(value, request), request, name)
    return value[key], f"{name}[{key}]"


def _require_values(value: dict[str, Any], request: Request, name: str) -> None:
    """Refuse an object of densecli's own without the values that are meant."""
    if request.values == "classes":
        if request.key is None and "class" in value:
            raise ConfigError(
                f"{name}: holds the class of one row, expected an array of classes",
                hint="print it with -f json, npy or npz",
            )
        return
    if not request.outputs or any(output in value for output in OUTPUTS):
        return
    if "top" in value:
        raise only_likeliest(name)
    if "layer" in value or "class" in value:
        raise ConfigError(
            f"{name}: holds only classes, not probabilities", hint="write it without --show classes"
        )


def _arrays(value: dict[str, Any], request: Request) -> list[str]:
    """Return the names of the members that may be the array: outputs, else lists of numbers, else lists."""
    lists = [key for key in value if isinstance(value[key], list)]
    outputs = [key for key in lists if key in (*OUTPUTS, "classes")] if request.outputs else []
    if outputs and request.key is None:
        return outputs  # also where they are empty: the shape beside them is not what is meant
    numbers = [key for key in lists if value[key] and isinstance(value[key][0], (list, int, float))]
    return numbers or lists


def _in_order(steps: list[Any], name: str) -> tuple[list[Any], NDArray[np.int64] | None]:
    """Return the steps of `slice` in order and their numbers, None where they are counted from the end."""
    numbers = [step.get("t") if isinstance(step, dict) else None for step in steps]
    if not all(type(t) is int and 0 <= t < 2**62 for t in numbers):
        return steps, None
    times = np.array(numbers, np.int64)
    order = np.argsort(times, kind="stable")
    times = times[order]
    twice = np.flatnonzero(np.diff(times) == 0)
    if len(twice):
        raise ShapeError(f"{name}: expected each step once, found t {times[twice[0]]} twice")
    return [steps[i] for i in order], times


def _join_steps(steps: list[Any], request: Request, name: str) -> list[Any]:
    for values in outputs_of(request):
        arrays = [step.get(values) if isinstance(step, dict) else None for step in steps]
        if arrays and all(isinstance(array, list) for array in arrays):
            return arrays
    raise FileFormatError(f"{name}: expected {request.values} in every one of its steps")
