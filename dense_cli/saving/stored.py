"""A saved model as its file has it: the config, and the arrays by their places, not yet read.

The formats: https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import json
import zipfile
from typing import Any, NamedTuple

from dense_cli.errors import FileFormatError
from dense_cli.files.archive import Checksum, data_offset, inflated, member, open_archive, require_readable
from dense_cli.files.hdf5 import Part
from dense_cli.files.stream import naming, open_file
from dense_cli.heads.hdf5 import scan
from dense_cli.heads.kerasconfig import MAX_CONFIG
from dense_cli.heads.kerasgroups import Contents
from dense_cli.text import listed

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"


class Stored(NamedTuple):
    """What a file holds.

    ``config`` is the model's, None where the file has weights alone; ``version`` is that of the Keras that
    saved it and ``saved`` the date, as far as the file says; ``contents`` has the arrays,
    and ``part`` is where they lie.
    """

    file: str
    config: dict[str, Any] | None
    version: str | None
    contents: Contents
    part: Part
    saved: str | None = None


def open_stored(file: str, memory: int | None = None) -> Stored:
    """Return what a ``.keras``, ``.h5`` or ``.weights.h5`` file holds.

    Raises:
        FileFormatError: the file is something else, or damaged.
        SizeError: it would take more memory than is allowed.
        MissingExtraError: h5py is not installed.
        OSError: the file cannot be read.
    """
    with naming(file):
        start = open_file(file).read_at(8, 0)
    if start.startswith(b"PK\x03\x04"):
        return _archive(file, memory)
    if start == b"\x89HDF\r\n\x1a\n":
        return _hdf5(file, memory)
    raise FileFormatError(f"{file}: expected a model saved by Keras (.keras, .h5), found something else")


def _hdf5(file: str, memory: int | None) -> Stored:
    part = Part.whole(open_file(file))
    contents = scan(part, memory)
    config = None if contents.config is None else read_json(contents.config, file)
    return Stored(file, config, contents.version, contents, part)


def _archive(file: str, memory: int | None) -> Stored:
    texts, part = open_keras(file, memory)
    config = read_json(texts[_CONFIG], f"{file}: {_CONFIG}")
    metadata = read_json(texts.get(_METADATA, b"{}"), f"{file}: {_METADATA}")
    version, saved = (
        value if isinstance(value := metadata.get(key), str) else None
        for key in ("keras_version", "date_saved")
    )
    return Stored(file, config, version, scan(part, memory), part, saved)


def open_keras(file: str, memory: int | None = None) -> tuple[dict[str, bytes], Part]:
    """Return the texts of a ``.keras`` archive by their names, and its HDF5 file.

    Raises:
        FileFormatError: a damaged archive, a sharded one, or none of Keras.
    """
    opened = open_file(file)
    with open_archive(opened) as archive:
        members = {info.filename: info for info in archive.infolist()}
        if "model.weights.json" in members:
            raise FileFormatError(
                f"{file}: sharded weights (model.weights.json): expected one {_WEIGHTS}",
                hint="save the model without max_shard_size",
            )
        for name in (_CONFIG, _WEIGHTS):
            if name not in members:
                raise FileFormatError(f"{file}: no {name} in the Keras archive: found {listed(members)}")
        texts = {}
        for name in (_CONFIG, _METADATA):
            if name in members:
                if members[name].file_size > MAX_CONFIG:
                    raise FileFormatError(f"{file}: {name} claims a size over {MAX_CONFIG} bytes")
                texts[name] = member(archive, members[name], opened, memory)
        weights = members[_WEIGHTS]
        require_readable(weights, file)
        label = f"{file}: {_WEIGHTS}"
        if weights.compress_type != zipfile.ZIP_STORED:
            return texts, Part.whole(inflated(archive, weights, opened, memory))
        start = data_offset(archive, weights, opened)
        return texts, Part(opened, start, weights.file_size, label, Checksum(opened, start, weights, label))


def read_json(text: str | bytes, file: str) -> dict[str, Any]:
    """Return a config's JSON, which is held to `MAX_CONFIG` bytes.

    Raises:
        FileFormatError: it is longer, no JSON, or no dictionary.
    """
    if len(text) > MAX_CONFIG:
        raise FileFormatError(f"{file}: the model's config is over {MAX_CONFIG} bytes long")
    try:
        config = json.loads(text)
    except RecursionError as error:
        raise FileFormatError(f"{file}: the model's config is nested too deeply") from error
    except ValueError as error:
        raise FileFormatError(f"{file}: the model's config is not JSON: {error}") from error
    if not isinstance(config, dict):
        raise FileFormatError(f"{file}: the model's config is no JSON object")
    return config
