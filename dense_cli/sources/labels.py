"""Names for classes: lines of text, JSON, or the vocabulary of a tokenizer."""

from __future__ import annotations

import os
import reprlib
from typing import Any

import orjson

from dense_cli.errors import FileFormatError, ShapeError, SizeError

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
    content = _read(file)
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{file}: not UTF-8 text: byte {content[error.start]:#04x} at offset {error.start}"
        ) from error
    text = text.removeprefix("\ufeff")
    suffix = os.path.splitext(file)[1].lower()
    value: object = None
    if suffix == ".json" or (not suffix and text.lstrip()[:1] in ("[", "{")):
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
                raise FileFormatError(f"{file}: label {at}: expected a string, found {_glimpse(name)}")
        labels = value
    elif suffix == ".json":
        raise FileFormatError(f"{file}: expected a list of strings or an object, found {_glimpse(value)}")
    else:
        labels = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")]
        while labels and not labels[-1] and len(labels) != units:
            labels.pop()
    if not labels or (units is not None and len(labels) != units):
        classes = "at least one" if units is None else f"{units}, one for each class"
        raise ShapeError(f"{file}: expected {classes}, found {len(labels)} labels")
    return labels


def _read(file: str) -> bytes:
    from dense_cli.files.stream import open_stream

    stream = open_stream(file)
    with stream.file:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SizeError(f"{file}: labels too large: expected at most {MAX_BYTES} bytes")
    return content


def _tokens(value: dict[str, Any], file: str) -> list[tuple[str, Any]]:
    """Return the (token, id) pairs of an object, or of the vocabulary in a tokenizer.json."""
    model = value.get("model")
    if not isinstance(model, dict):
        return list(value.items())
    vocabulary = model.get("vocab")
    if isinstance(vocabulary, dict):
        tokens = dict(vocabulary)
    elif isinstance(vocabulary, list):  # Unigram: [token, score], the id being the place
        tokens = {}
        for at, entry in enumerate(vocabulary):
            if not isinstance(entry, list) or not entry or not isinstance(entry[0], str):
                raise FileFormatError(
                    f"{file}: model.vocab[{at}]: expected [token, score], found {_glimpse(entry)}"
                )
            tokens[entry[0]] = at
    else:
        raise FileFormatError(f"{file}: no vocabulary: expected model.vocab in a tokenizer.json")
    added = value.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str) or "id" not in entry:
            raise FileFormatError(
                f"{file}: added_tokens: expected an id and a content, found {_glimpse(entry)}"
            )
        tokens[entry["content"]] = entry["id"]
    return list(tokens.items())


def _by_id(tokens: list[tuple[str, Any]], units: int | None, file: str) -> list[str]:
    names: dict[int, str] = {}
    for token, number in tokens:
        if type(number) is not int or number < 0:
            raise FileFormatError(
                f"{file}: token {_glimpse(token)}: expected a class number, found {_glimpse(number)}"
            )
        if number in names:
            raise FileFormatError(
                f"{file}: class {number} has two tokens, {_glimpse(names[number])} and {_glimpse(token)}"
            )
        names[number] = token
    if not names:
        raise ShapeError(f"{file}: expected labels, found 0")
    last = max(names)
    if last >= (_MAX_CLASSES if units is None else units):
        classes = f"{_MAX_CLASSES} at most" if units is None else str(units)
        raise ShapeError(
            f"{file}: token {_glimpse(names[last])} is of class {last}: expected classes below {classes} "
            f"({len(names)} labels)"
        )
    return [names.get(number, str(number)) for number in range(last + 1 if units is None else units)]


def _glimpse(value: object) -> str:
    text = repr(value[:40]) if isinstance(value, str) else reprlib.repr(value)  # of any depth
    return text if len(text) <= 60 else text[:59] + "…"
