"""Files that name numbers: the labels of classes, the words of a vocabulary, in every form they are kept in.

In: a file. Out: `Names`: the name of each number, and the settings of the tokenizer that it belongs to.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import orjson

from dense_cli.errors import ConfigError, FileFormatError, ShapeError, SizeError
from dense_cli.limits import TEXT_COST, require_bytes
from dense_cli.sources.label_lines import names_of_numbered, names_of_table
from dense_cli.sources.metadata import metadata_names
from dense_cli.sources.open import no_note
from dense_cli.text import glimpse, listed

MAX_BYTES = 256 << 20


class Names(NamedTuple):
    """What a file says.

    Attributes:
        by_id: the name of each number.
        tokenizer: the config of Keras' ``Tokenizer``; None where the file is none.
        pieces: whether they are the pieces of a ``tokenizer.json``, into which its own rules split words.
    """

    by_id: Mapping[int, str]
    tokenizer: Mapping[str, Any] | None = None
    pieces: bool = False


def read_names(
    file: str, key: str | None = None, note: Callable[[str], None] = no_note
) -> Names | list[str] | str:
    """Return what a file names: by number, a list in order, or the text where a line is a name.

    JSON is a file whose name ends in ``.json``; without a suffix, one that can be read as such.

    Args:
        file: the file.
        key: which member of a JSON object holds the names, a slash goes deeper; which entry of the metadata
            of an ONNX file.
        note: is told where lines were taken apart, and which entry of the metadata was taken.

    Raises:
        ConfigError: there is no ``key``.
        MissingExtraError: an ONNX file, and the onnx library is not installed.
        FileFormatError: not UTF-8, no form that is known, or a number that two names have.
        ShapeError: an object that names nothing.
        SizeError: over 256 MiB.
        OSError: there is no such file, or it cannot be read.
    """
    suffix = os.path.splitext(file)[1].lower()
    if suffix == ".onnx":
        value, key = metadata_names(file, key, note), None
    else:
        text = read_text(file)
        value = _json(text, suffix, file)
    if key is not None:
        value = _member(value, key, file)
    elif value is None and suffix != ".json":
        return _of_text(text, file, note)
    if isinstance(value, dict):
        return _of_object(value, file)
    if isinstance(value, list):
        return [_string(name, f"{file}: label {at}") for at, name in enumerate(value)]
    raise FileFormatError(f"{file}: expected a list of strings or an object, found {glimpse(value)}")


def read_text(file: str) -> str:
    """Return the text of a file, which may be as long as `MAX_BYTES`."""
    from dense_cli.files.stream import decoded, open_stream

    stream = open_stream(file)
    with stream.file:
        content = stream.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SizeError(f"{file}: labels too large: expected at most {MAX_BYTES} bytes")
    return decoded(content, file)


def _json(text: str, suffix: str, file: str) -> Any:
    """Return a file's JSON; None where it is a text that is none."""
    if suffix != ".json" and (suffix or text.lstrip()[:1] not in ("[", "{")):
        return None
    require_bytes(len(text) * TEXT_COST, file, "JSON of such a length")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        if not suffix:
            return None
        raise FileFormatError(f"{file}: not JSON: {error}") from error


def _member(value: object, key: str, file: str) -> object:
    """Return the member of an object that ``key`` names: its own name, or names with slashes between them."""
    path = [key] if isinstance(value, dict) and key in value else key.split("/")
    for name in path:
        if not isinstance(value, dict):
            found = "text" if value is None else glimpse(value)
            raise ConfigError(f"{file}: --labels-key {key}: expected a JSON object, found {found}")
        if name not in value:
            raise ConfigError(f"{file}: --labels-key {key}: no member {name!r}, there are {listed(value)}")
        value = value[name]
    return value


def _of_text(text: str, file: str, note: Callable[[str], None]) -> Names | str:
    """Return the names that a text has by number, as a table or with a number on each line; else the text."""
    table = names_of_table(text, file)
    if table is not None:
        return Names(_by_id(table, file))
    numbered = names_of_numbered(text, file)
    if numbered is None:
        return text
    first = next(iter(numbered.items()))
    note(f"{file}: each line has its class's number: {first[0]} is {glimpse(first[1])}")
    return Names(numbered)


def _is_numbered(value: dict[str, Any]) -> bool:
    """Whether an object has a name for each number, rather than a number for each name."""
    numbered = all(re.fullmatch(r"\d{1,18}", key, re.ASCII) for key in value)
    return numbered and not any(type(entry) is int for entry in value.values())


def _of_object(value: dict[str, Any], file: str) -> Names:
    """Return the names in an object, whichever of the known ones it is."""
    config = value.get("config")
    if value.get("class_name") == "Tokenizer" and isinstance(config, dict):
        return Names(_by_id(_word_index(config, file).items(), file), config)
    if isinstance(value.get("model"), dict):
        return Names(_by_id(_pieces(value, file), file), pieces=True)
    if isinstance(value.get("id2label"), dict):
        value = value["id2label"]
    if _is_numbered(value):
        named = ((_name(entry, f"{file}: class {key}"), int(key)) for key, entry in value.items())
        return Names(_by_id(named, file))
    nested = [key for key, entry in value.items() if isinstance(entry, (dict, list))]
    if nested:
        raise FileFormatError(
            f"{file}: token {glimpse(nested[0])}: expected a class number, found {glimpse(value[nested[0]])}",
            hint=f"--labels-key NAME picks a member: {listed(nested)}",
        )
    return Names(_by_id(value.items(), file))


def _name(entry: object, where: str) -> str:
    """Return a name: a string, or the last one of a list, as ImageNet's class index has it."""
    return _string(entry[-1] if isinstance(entry, list) and entry else entry, where)


def _string(name: object, where: str) -> str:
    if not isinstance(name, str):
        raise FileFormatError(f"{where}: expected a string, found {glimpse(name)}")
    return name


def _word_index(config: dict[str, Any], file: str) -> dict[str, Any]:
    """Return the word_index of a Keras Tokenizer, which its JSON keeps as a text of JSON."""
    index = config.get("word_index")
    if isinstance(index, str):
        try:
            index = orjson.loads(index)
        except orjson.JSONDecodeError as error:
            raise FileFormatError(f"{file}: word_index: not JSON: {error}") from error
    if not isinstance(index, dict):
        raise FileFormatError(f"{file}: word_index: expected an object word → id, found {glimpse(index)}")
    return index


def _pieces(value: dict[str, Any], file: str) -> Iterable[tuple[str, Any]]:
    """Return the tokens and ids of a tokenizer.json: its vocabulary, and what was added."""
    tokens = _vocabulary(value["model"].get("vocab"), file)
    added = value.get("added_tokens")
    for entry in added if isinstance(added, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("content"), str) or "id" not in entry:
            raise FileFormatError(
                f"{file}: added_tokens: expected an id and a content, found {glimpse(entry)}"
            )
        tokens[entry["content"]] = entry["id"]
    return tokens.items()


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


def _by_id(tokens: Iterable[tuple[str, Any]], file: str) -> dict[int, str]:
    names: dict[int, str] = {}
    for token, number in tokens:
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
    return names
