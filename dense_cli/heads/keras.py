"""Heads in ``.keras`` archives: ``config.json`` names the layers, ``model.weights.h5`` holds their numbers.

No layer is built from the config, so that nothing of it is ever run, Lambda layers included.

The format: https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

from dense_cli.heads.hdf5 import heads_of, parse_config, scan
from dense_cli.heads.head import Heads
from dense_cli.saving.stored import open_keras


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a ``.keras`` archive.

    Raises:
        MissingExtraError: h5py is not installed.
        FileFormatError: a damaged archive, a sharded one, or one without a Dense layer.
    """
    texts, part = open_keras(file, memory)
    config = parse_config(texts["config.json"], f"{file}: config.json")
    return heads_of(scan(part, memory), config, file)
