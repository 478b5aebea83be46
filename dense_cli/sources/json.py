"""JSON: a nested list, or an object that holds one. Parsed whole, by orjson.

Memory: the text, Python's objects for it (about 32 bytes a number) and the array.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, FileFormatError, ShapeError
from dense_cli.sources.arrays import ArraySource, ArrayStore, RaggedSource
from dense_cli.sources.choose import OUTPUTS, choose, outputs_of
from dense_cli.sources.formats import Request
from dense_cli.sources.nested import to_array
from dense_cli.sources.source import Source
from dense_cli.sources.stream import BOM, ByteStream


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
        raise ConfigError(f"{name}: --key {request.key}: expected an object, found {_kind(value)}")
    if not isinstance(value, (list, int, float)):
        raise FileFormatError(f"{name}: expected a nested list of numbers, found {_kind(value)}")
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
        return ArraySource.of(
            name, to_array(_join_steps(value["steps"], request, name), name, nulls=True).swapaxes(0, 1)
        )
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
    lengths = np.array([len(array) for array in arrays])
    rows = ArrayStore(np.concatenate(arrays))
    return RaggedSource(name, rows, lengths, np.cumsum(lengths) - lengths, range(len(arrays)))


def parse(text: bytes, name: str, *, line: int | None = None) -> Any:
    """Return what a JSON text says.

    Raises:
        FileFormatError: it is not JSON in UTF-8; the message has the line and column.
    """
    import orjson

    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFormatError(
            f"{name}: expected JSON in UTF-8, found UTF-16", hint="iconv -f UTF-16 -t UTF-8"
        )
    text = text.removeprefix(BOM)
    at = name if line is None else f"{name}: line {line}"
    if not text.strip():
        raise FileFormatError(f"{at}: no data: expected JSON, found nothing")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as e:
        what = f"{e.msg}, {f'line {e.lineno} ' if line is None else ''}column {e.colno}"
        hint = None
        if "depth" in e.msg:
            what = "nested too deeply for an array"
        elif "infinity" in e.msg:
            what = f"a number is beyond the range of float64: line {e.lineno} column {e.colno}"
        elif "unexpected content after" in e.msg:
            hint = "one value per line is JSON Lines: --input-format jsonl"
        elif b"NaN" in text or b"Infinity" in text:
            hint = "NaN and Infinity are not JSON: use NPY or CSV for them"
        raise FileFormatError(f"{at}: not JSON: {what}", hint=hint) from None


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


def _join_steps(steps: list[Any], request: Request, name: str) -> list[Any]:
    for values in outputs_of(request):
        found = [s.get(values) if isinstance(s, dict) else None for s in steps]
        if found and all(isinstance(p, list) for p in found):
            return found
    raise FileFormatError(f"{name}: expected {request.values} in every one of its steps")


def _kind(value: Any) -> str:
    return {
        str: "a string",
        dict: "an object",
        list: "a list",
        type(None): "null",
        bool: "true or false",
    }.get(type(value), "a number")
