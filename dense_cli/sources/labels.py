"""Names for classes: lines of text, JSON, or the vocabulary of a tokenizer.

In: a file. Out: a list of names, in the order of the classes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from dense_cli.errors import ShapeError
from dense_cli.sources.open import no_note
from dense_cli.sources.vocabulary import Names, read_names
from dense_cli.text import glimpse

_MAX_CLASSES = 1 << 24  # how far ids may reach where nobody says how many classes there are


def load_labels(
    path: str | os.PathLike[str],
    units: int | None = None,
    *,
    key: str | None = None,
    note: Callable[[str], None] = no_note,
) -> list[str]:
    r"""Return the names of the classes, in class order and as they stand in the file.

    A file is one of:

    - text, one name per line: LF or CRLF, UTF-8 with or without a byte order mark; empty lines count,
      but not at the end;
    - text whose lines all have their class's number too, ``0 cat`` or ``cat 0``; or a CSV with the columns
      ``index`` and ``display_name``, ``name`` or ``label``;
    - a JSON list of strings;
    - a JSON object token → id: an id that no token has gets its number as its name;
    - a JSON object id → token, or id → a list whose last string is the name (ImageNet's class index), also
      as ``id2label`` in a ``config.json``;
    - ``Tokenizer.to_json()`` of Keras: the words of its ``word_index`` below ``num_words``;
    - a ``tokenizer.json``: its ``model.vocab`` and ``added_tokens``, as token → id;
    - an ONNX file: an entry of its metadata.

    JSON is a file whose name ends in ``.json``; without a suffix, one that can be read as such.

    Args:
        path: the file.
        units: how many classes there are; None: as many as there are names. Further words of a ``word_index``
            are not used.
        key: which member of a JSON object, or of the metadata, holds the names; a slash goes deeper.
        note: is told where a file was not taken as it stands.

    Raises:
        ShapeError: not as many names as classes, or an id past the last class.
        FileFormatError: not UTF-8, not one of the forms above, or an id that two tokens have.
        SizeError: over 256 MiB.
        ConfigError: there is no ``key``.
        MissingExtraError: an ONNX file, and the onnx library is not installed.
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
    found = read_names(file, key, note)
    if isinstance(found, Names):
        return _by_id(_used(found, units, file, note), units, file)
    labels = _lines(found, units, file) if isinstance(found, str) else found
    _require_count(len(labels), units, file)
    return labels


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
        hint = None
        if units is not None and 0 < units - count <= 2 < count:
            hint = (
                "often a CTC blank, a space or padding has no line: give it one where it stands, or name the "
                "classes in a JSON object by number"
            )
        raise ShapeError(f"{file}: expected {classes}, found {count} labels", hint=hint)
    if count > _MAX_CLASSES and units is None:
        raise ShapeError(f"{file}: expected {_MAX_CLASSES} labels at most, found {count}")


def _used(names: Names, units: int | None, file: str, note: Callable[[str], None]) -> Mapping[int, str]:
    """Return the names that classes have: Keras' Tokenizer keeps all words, and uses those below num_words.

    A ``word_index`` says no num_words: it is one where the ids are 1, 2, 3, … without a gap.
    """
    by_id = names.by_id
    most = None if names.tokenizer is None else names.tokenizer.get("num_words")
    if type(most) is int and most > 1:
        by_id = _below(most, by_id)
    if not by_id:
        raise ShapeError(f"{file}: expected labels, found 0 below num_words {most}")
    last = max(by_id)
    counted = min(by_id) == 1 and len(by_id) == last and not names.pieces
    if units is None or not counted or not 2 <= units <= last:
        return by_id
    note(
        f"{file}: of {last} words, counted from 1, those from {units} on are not used: "
        f"there are {units} classes"
    )
    return _below(units, by_id)


def _below(most: int, by_id: Mapping[int, str]) -> dict[int, str]:
    return {number: name for number, name in by_id.items() if number < most}


def _by_id(names: Mapping[int, str], units: int | None, file: str) -> list[str]:
    last = max(names)
    if last >= (_MAX_CLASSES if units is None else units):
        classes = f"{_MAX_CLASSES} at most" if units is None else str(units)
        raise ShapeError(
            f"{file}: token {glimpse(names[last])} is of class {last}: expected classes below {classes} "
            f"({len(names)} labels)"
        )
    return [names.get(number, str(number)) for number in range(last + 1 if units is None else units)]
