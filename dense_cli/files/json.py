"""JSON, parsed whole by orjson: the one parser of inputs and of weights.

Memory: the text, Python's objects for it (about 32 bytes a number) and the array.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError
from dense_cli.files import shards, tensorflowjs
from dense_cli.files.nested import to_array
from dense_cli.files.stream import BOM, ByteStream, File
from dense_cli.files.tensor import Tensor, Tensors

_MAX_NAMES = 64 << 20  # characters of all names together
# A text, and whether it is a name. Between two texts stand numbers, brackets, commas and braces.
_TEXT = re.compile(rb'"((?:[^"\\]|\\.)*+)"(\s*:)?', re.DOTALL)
_LISTS = ("coefs_", "intercepts_")  # scikit-learn's, of one array for each layer
_BRACE = re.compile(rb"[{}]")


def tensors(file: File, memory: int | None = None) -> Tensors:
    """Return the lists of a JSON object by their names, those in objects inside by ``outer/inner``.

    An index of shards and a manifest of TensorFlow.js give the tensors of the files that they name.

    Raises:
        FileFormatError: not JSON, not an object, or one with two members of one name.
        SizeError: more JSON than fits the memory that is allowed.
    """
    return tensors_of(document(file, memory), file, memory)


def document(file: File, memory: int | None = None) -> Any:
    """Return what a file of JSON says.

    Raises:
        FileFormatError, SizeError: as `tensors` does.
    """
    return parse(ByteStream(file, file.label, memory=memory).text(), file.label)


def tensors_of(value: Any, file: File, memory: int | None = None) -> Tensors:
    """Return the `tensors` of a file whose JSON is parsed."""
    if tensorflowjs.is_manifest(value):
        return tensorflowjs.tensors(value, file)
    if not isinstance(value, dict):
        raise FileFormatError(f"{file.label}: expected an object of arrays, found {kind(value)}")
    if "weight_map" in value:
        return shards.tensors(value, file, memory)
    if "weightsManifest" in value:
        return tensorflowjs.tensors(value["weightsManifest"], file)
    lists: dict[str, list[Any]] = {}
    letters = 0
    try:
        for name, item in _named(value, ""):
            letters += len(name)
            if letters > _MAX_NAMES:
                raise FileFormatError(f"{file.label}: expected at most {_MAX_NAMES} characters of names")
            if name in lists:
                raise FileFormatError(f"{file.label}: two arrays are named {name[:80]}")
            lists[name] = item
    except RecursionError as error:
        raise FileFormatError(f"{file.label}: objects nested too deeply") from error
    return Tensors(lists, lambda name: _tensor(name, lists[name], f"{file.label}: {name}"))


def parse(text: bytes, name: str, *, line: int | None = None) -> Any:
    """Return what a JSON text says.

    Raises:
        FileFormatError: it is not JSON in UTF-8 (the message has the line and column), or an object has two
            members of one name, of which JSON does not say which is meant.
    """
    if text.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFormatError(
            f"{name}: expected JSON in UTF-8, found UTF-16", hint="iconv -f UTF-16 -t UTF-8"
        )
    text = text.removeprefix(BOM)
    at = name if line is None else f"{name}: line {line}"
    if not text.strip():
        raise FileFormatError(f"{at}: no data: expected JSON, found nothing")
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        what, hint = _explain(error, text, one_line=line is not None)
        raise FileFormatError(f"{at}: not JSON: {what}", hint=hint) from None
    if isinstance(value, dict) and (twice := _twice(text)) is not None:
        raise FileFormatError(f"{at}: an object has two members named {twice[:80]}")
    return value


def _explain(error: orjson.JSONDecodeError, text: bytes, *, one_line: bool) -> tuple[str, str | None]:
    """Return what is wrong with a text and how to mend it; of a single line its number is said before."""
    if "depth" in error.msg:
        return "nested too deeply for an array", None
    if "infinity" in error.msg:
        where = f"line {error.lineno} column {error.colno}"
        return f"a number is beyond the range of float64: {where}", None
    hint = None
    if "unexpected content after" in error.msg:
        hint = "one value per line is JSON Lines: --input-format jsonl"
    elif b"NaN" in text or b"Infinity" in text:
        hint = "NaN and Infinity are not JSON: use NPY or CSV for them"
    where = f"column {error.colno}" if one_line else f"line {error.lineno} column {error.colno}"
    return f"{error.msg}, {where}", hint


def kind(value: Any) -> str:
    """Return what a value of JSON is, for a message."""
    return {
        str: "a string",
        dict: "an object",
        list: "a list",
        type(None): "null",
        bool: "true or false",
    }.get(type(value), "a number")


def _twice(text: bytes) -> str | None:
    """Return the first name that an object of a valid JSON text has twice: orjson keeps the last of them.

    Between two texts only braces count, and most of what is there is numbers: it is searched, not parsed.
    """
    objects: list[set[bytes]] = []
    end = 0
    while (start := text.find(b'"', end)) >= 0:
        if text.find(b"{", end, start) >= 0 or text.find(b"}", end, start) >= 0:
            for brace in _BRACE.findall(text, end, start):
                if brace == b"{":
                    objects.append(set())
                else:
                    objects.pop()
        match = _TEXT.match(text, start)
        assert match is not None  # orjson has found the text to be valid
        end = match.end()
        if match[2] is None:
            continue
        name = match[1]
        if b"\\" in name:
            name = orjson.loads(b'"' + name + b'"').encode()
        if name in objects[-1]:
            return name.decode()
        objects[-1].add(name)
    return None


def _named(value: dict[str, Any], prefix: str) -> Iterator[tuple[str, list[Any]]]:
    """Give the lists of an object, by their names after those of the objects around them."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _named(item, f"{prefix}{key}/")
        elif isinstance(item, list) and key in _LISTS:
            yield from (
                (f"{prefix}{key}/{at}", each) for at, each in enumerate(item) if isinstance(each, list)
            )
        elif isinstance(item, list):
            yield prefix + key, item


def _tensor(name: str, value: list[Any], where: str) -> Tensor:
    shape: tuple[int, ...] = ()
    level: Any = value
    while isinstance(level, list):
        shape += (len(level),)
        level = level[0] if level else None
    return Tensor(name, shape, "float64", partial(_array, value, where))


def _array(value: list[Any], where: str) -> NDArray[np.float64]:
    return to_array(value, where, booleans=False).astype(np.float64, copy=False)
