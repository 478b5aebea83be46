"""Heads in ``.keras`` archives: ``config.json`` names the layers, ``model.weights.h5`` holds their numbers.

No layer is built from the config, so that nothing of it is ever run, Lambda layers included.

The format: https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import zipfile

from dense_cli.errors import FileFormatError
from dense_cli.files.archive import Checksum, data_offset, inflated, member, open_archive, require_readable
from dense_cli.files.hdf5 import Part
from dense_cli.files.stream import File
from dense_cli.heads.hdf5 import heads_of, parse_config, scan
from dense_cli.heads.head import Heads
from dense_cli.heads.kerasconfig import MAX_CONFIG
from dense_cli.heads.pairs import listed

_CONFIG = "config.json"
_WEIGHTS = "model.weights.h5"


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a ``.keras`` archive.

    Raises:
        MissingExtraError: h5py is not installed.
        FileFormatError: a damaged archive, a sharded one, or one without a Dense layer.
    """
    opened = File(file)
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
        if members[_CONFIG].file_size > MAX_CONFIG:
            raise FileFormatError(f"{file}: {_CONFIG} claims a size over {MAX_CONFIG} bytes")
        config = parse_config(member(archive, members[_CONFIG], opened, memory), f"{file}: {_CONFIG}")
        weights = members[_WEIGHTS]
        require_readable(weights, file)
        label = f"{file}: {_WEIGHTS}"
        if weights.compress_type == zipfile.ZIP_STORED:
            start = data_offset(archive, weights, opened)
            checksum = Checksum(opened, start, weights, label)
            part = Part(opened, start, weights.file_size, label, checksum)
        else:
            part = Part.whole(inflated(archive, weights, opened, memory))
    return heads_of(scan(part, memory), config, file)
