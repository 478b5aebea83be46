"""The names of classes in the metadata of an ONNX file.

In: a file. Out: a list, or an object as JSON has it, for `vocabulary` to read.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import orjson

from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.text import glimpse, listed

# What exporters call them: a Python dict of Ultralytics, lines of OCR models, JSON of others.
_KEYS = ("names", "labels", "classes", "class_names", "id2label", "character")
_MOST = 1 << 20  # characters of one entry


def metadata_names(file: str, key: str | None, note: Callable[[str], None]) -> object:
    """Return the names that an ONNX file holds, in an entry called names, labels, classes and the like.

    Args:
        file: the path.
        key: which entry it is.
        note: is told which entry was taken where no ``key`` says it.

    Raises:
        ConfigError: there is no such entry.
        FileFormatError: it is no ONNX file, or its entry names nothing.
        MissingExtraError: the onnx library is not installed.
    """
    from dense_cli.files.onnx import read_model

    entries = {entry.key: entry.value for entry in read_model(file).metadata_props}
    stated = key is not None
    if key is None:
        key = next((name for name in _KEYS if name in entries), None)
        if key is None:
            raise FileFormatError(
                f"{file}: no names of classes in the metadata: expected {listed(_KEYS)}, "
                f"found {listed(entries)}",
                hint="--labels-key NAME picks an entry" if entries else None,
            )
    if key not in entries:
        raise ConfigError(f"{file}: --labels-key {key}: no such metadata, there are {listed(entries)}")
    text = entries[key]
    if len(text) > _MOST:
        raise FileFormatError(
            f"{file}: metadata {key!r}: expected {_MOST} characters at most, found {len(text)}"
        )
    value = _value(text)
    if not isinstance(value, (dict, list)):
        raise FileFormatError(f"{file}: metadata {key!r}: expected names of classes, found {glimpse(text)}")
    if not stated:
        note(f"{file}: the labels are {key!r} of the metadata")
    return value


def _value(text: str) -> Any:
    """Return what an entry holds: JSON, a list or dict as Python writes it, or lines of text."""
    if text.lstrip()[:1] in ("[", "{", "("):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:
            pass
        with warnings.catch_warnings(action="ignore"):  # SyntaxWarning, of what looks odd
            try:
                value = ast.literal_eval(text)  # literals alone: nothing is run
            except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
                value = None
        if isinstance(value, dict):
            return {str(name): entry for name, entry in value.items()}
        if isinstance(value, (list, tuple)):
            return list(value)
    lines = text.splitlines() if "\n" in text else text.split(",")
    return lines if len(lines) > 1 else None
