"""JSON: a nested list, or an object that holds one, or what densecli printed."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, FileFormatError, ShapeError
from dense_cli.files.json import kind, parse
from dense_cli.files.nested import to_array
from dense_cli.files.stream import ByteStream
from dense_cli.sources.arrays import ArraySource, ArrayStore
from dense_cli.sources.choose import OUTPUTS, choose, outputs_of
from dense_cli.sources.open import Request
from dense_cli.sources.placed import arrange
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
    if not ragged or not samples or request.values == "classes":
        return ArraySource.of(name, to_array(samples, name, nulls=True))
    arrays = [to_array(sample, f"{name}[{i}]", nulls=True) for i, sample in enumerate(samples)]
    for i, array in enumerate(arrays):
        if array.ndim != 2 or array.shape[1] != arrays[0].shape[1]:
            raise ShapeError(
                f"{name}: sample {i} has shape {array.shape}: "
                f"expected rank 2 with {arrays[0].shape[-1]} classes"
            )
    places = [np.stack([np.full(len(a), i), np.arange(len(a))], axis=1) for i, a in enumerate(arrays)]
    return arrange(name, ArrayStore(np.concatenate(arrays)), np.concatenate(places))


def member(value: dict[str, Any], request: Request, name: str) -> tuple[Any, str]:
    """Return the array member of an object, and its name in messages."""
    if request.key is not None and request.key in value:
        return value[request.key], f"{name}[{request.key}]"
    lists = [
        k for k, v in value.items() if isinstance(v, list) and v and isinstance(v[0], (list, int, float))
    ]
    if request.values == "classes" and request.key is None and "class" in value:
        raise ConfigError(
            f"{name}: holds the class of one row, expected an array of classes",
            hint="print it with -f json, npy or npz",
        )
    if request.outputs and request.values != "classes" and not any(k in value for k in OUTPUTS):
        if "top" in value:
            raise ConfigError(
                f"{name}: holds only the likeliest classes (-k), not all probabilities",
                hint="write it without -k",
            )
        if "layer" in value or "class" in value:
            raise ConfigError(
                f"{name}: holds only classes, not probabilities", hint="write it without --show classes"
            )
    if request.outputs and request.key is None:
        # Also where they are empty: no shape beside them is meant.
        lists = [k for k in value if k in (*OUTPUTS, "classes") and isinstance(value[k], list)] or lists
    key = choose(lists or [k for k, v in value.items() if isinstance(v, list)], request, name)
    return value[key], f"{name}[{key}]"


def _in_order(steps: list[Any], name: str) -> tuple[list[Any], NDArray[np.int64] | None]:
    """Return the steps of `slice` in order and their numbers, None where they are counted from the end."""
    numbers = [step.get("t") if isinstance(step, dict) else None for step in steps]
    if not all(type(t) is int and 0 <= t < 2**62 for t in numbers):
        return steps, None
    found = np.array(numbers, np.int64)
    order = np.argsort(found, kind="stable")
    found = found[order]
    twice = np.flatnonzero(np.diff(found) == 0)
    if len(twice):
        raise ShapeError(f"{name}: expected each step once, found t {found[twice[0]]} twice")
    return [steps[i] for i in order], found


def _join_steps(steps: list[Any], request: Request, name: str) -> list[Any]:
    for values in outputs_of(request):
        found = [s.get(values) if isinstance(s, dict) else None for s in steps]
        if found and all(isinstance(p, list) for p in found):
            return found
    raise FileFormatError(f"{name}: expected {request.values} in every one of its steps")
