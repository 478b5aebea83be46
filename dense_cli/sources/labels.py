"""Names for classes: lines of text, JSON, or the vocabulary of a tokenizer.

In: a file. Out: a list of names, in the order of the classes.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import orjson

from dense_cli.errors import FileFormatError, ShapeError, SizeError
from dense_cli.limits import TEXT_COST, require_bytes
from dense_cli.text import glimpse

MAX_BYTES = 256 << 20
_MAX_CLASSES = 1 << 24  # how far ids may reach where nobody says how many classes there are


def load_labels(path: str | os.PathLike[str], units: int | None = None) -> list[str]:
    r"""Return the names of the classes, in class order and as they stand in the file.

    A file is one of:

    - text, one name per line: LF or CRLF, UTF-8 with or without a byte order mark; empty lines count,
      but not at the end;
    - a JSON list of strings;
    - a JSON object token → id: an id that no token has gets its number as its name;
    - a ``tokenizer.json``: its ``model.vocab`` and ``added_tokens``, as token → id.

    JSON is a file whose name ends in ``.json``; without a suffix, one that can be read as such.

    Args:
        path: the file.
        units: how many classes there are; None: as many as there are names.

    Raises:
        ShapeError: not as many names as classes, or an id past the last class.
        FileFormatError: not UTF-8, not one of the forms above, or an id that two tokens have.
        SizeError: over 256 MiB.
        OSError: there is no such file, or it cannot be read.

    The tokenizer's format: https://huggingface.co/docs/tokenizers/index

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with open(f"{folder}/names.txt", "wb") as file:
    ...         _ = file.write("cat\r\ndog\r\n[PAD]\r\n".encode())
    ...     load_labels(f"{folder}/names.txt", units=3)
    ['cat', 'dog', '[PAD]']
    """
    file = os.fspath(path)
    text = _read(file)
    suffix = os.path.splitext(file)[1].lower()
    value: object = None
    if suffix == ".json" or (not suffix and text.lstrip()[:1] in ("[", "{")):
        require_bytes(len(text) * TEXT_COST, file, "JSON of such a length")
        try:
            value = orjson.loads(text)
        except orjson.JSONDecodeError as error:
            if suffix:
                raise FileFormatError(f"{file}: not JSON: {error}") from error
    if isinstance(value, dict):
        return _by_id(_tokens(value, file), units, file)
    if isinstance(value, list):
        for at, name in enumerate(value):
            if not isinstance(name, str):
                raise FileFormatError(f"{file}: label {at}: expected a string, found {glimpse(name)}")
        labels = value
    elif suffix == ".json":
        raise FileFormatError(f"{file}: expected a list of strings or an object, found {glimpse(value)}")
    else:
        labels = _lines(text, units, file)
    _require_count(len(labels), units, file)
    return labels


def _read(file: str) -> str:
    from dense_cli.files.stream import decoded, open_stream

    stream = open_stream(file)
    with stream.file:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SizeError(f"{file}: labels too large: expected at most {MAX_BYTES} bytes")
    return decoded(content, file)


def _lines(text: str, units: int | None, file: str) -> list[str]:
    """Return the lines of a text; blank ones at its end count only as far as there are classes for them."""
    text = text.removesuffix("\n")
    if units is not None:
        labels = text.split("\n", units)  # what follows the last that is asked for stays one text
        if len(labels) == units or (len(labels) > units and not labels.pop().strip("\r\n")):
            return [line.removesuffix("\r") for line in labels]
    text = text.rstrip("\r\n")
    _require_count(text.count("\n") + 1 if text else 0, units, file)
    return [line.removesuffix("\r") for line in text.split("\n")]


def _require_count(count: int, units: int | None, file: str) -> None:
    if count == 0 or (units is not None and count != units):
        classes = "at least one" if units is None else f"{units}, one for each class"
        raise ShapeError(f"{file}: expected {classes}, found {count} labels")
    if count > _MAX_CLASSES and units is None:
        raise ShapeError(f"{file}: expected {_MAX_CLASSES} labels at most, found {count}")


def _tokens(value: dict[str, Any], file: str) -> Mapping[str, Any]:
    """Return the tokens and ids of an object, or of the vocabulary in a tokenizer.json."""
    model = value.get("model")
    if not isinstance(model, dict):
        return value
    tokens = _vocabulary(model.get("vocab"), file)
    added = value.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str) or "id" not in entry:
            raise FileFormatError(
                f"{file}: added_tokens: expected an id and a content, found {glimpse(entry)}"
            )
        tokens[entry["content"]] = entry["id"]
    return tokens


def _vocabulary(vocabulary: object, file: str) -> dict[str, Any]:
    """Return the tokens and ids of ``model.vocab``: an object, or Unigram's list of [token, score]."""
    if isinstance(vocabulary, dict):
        return vocabulary
    if not isinstance(vocabulary, list):
        raise FileFormatError(f"{file}: no vocabulary: expected model.vocab in a tokenizer.json")
    tokens = {}
    for at, entry in enumerate(vocabulary):
        if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
            raise FileFormatError(
                f"{file}: model.vocab[{at}]: expected [token, score], found {glimpse(entry)}"
            )
        tokens[entry[0]] = at
    return tokens


def _by_id(tokens: Mapping[str, Any], units: int | None, file: str) -> list[str]:
    names: dict[int, str] = {}
    for token, number in tokens.items():
        if type(number) is not int or number < 0:
            raise FileFormatError(
                f"{file}: token {glimpse(token)}: expected a class number, found {glimpse(number)}"
            )
        if number in names:
            raise FileFormatError(
                f"{file}: class {number} has two tokens, {glimpse(names[number])} and {glimpse(token)}"
            )
        names[number] = token
    if not names:
        raise ShapeError(f"{file}: expected labels, found 0")
    last = max(names)
    if last >= (_MAX_CLASSES if units is None else units):
        classes = f"{_MAX_CLASSES} at most" if units is None else str(units)
        raise ShapeError(
            f"{file}: token {glimpse(names[last])} is of class {last}: expected classes below {classes} "
            f"({len(names)} labels)"
        )
    return [names.get(number, str(number)) for number in range(last + 1 if units is None else units)]
