"""How an array lies in its file: what its header says, before any of it is read."""

from __future__ import annotations

import os
import stat
import zipfile

from dense_cli.errors import DenseCliError, naming
from dense_cli.sources.npyheader import MAGIC, NpyHeader, read_header
from dense_cli.sources.npz import BAD_ZIP


def layouts(path: str) -> dict[str, NpyHeader]:
    """Return the header of every array in an NPY or NPZ file by its name, ``""`` in an NPY.

    Empty for what is neither, and for a pipe, which can be read but once. A member that cannot be read
    is left out: opening it says why.
    """
    if path == "-" or not stat.S_ISREG(os.stat(path).st_mode):
        return {}
    with naming(path), open(path, "rb") as file:
        start = file.read(6)
        file.seek(0)
        if start == MAGIC:
            return {"": read_header(file, path)}
        found: dict[str, NpyHeader] = {}
        if not start.startswith(b"PK\x03\x04"):
            return found
        try:
            with zipfile.ZipFile(file) as archive:
                for info in archive.infolist():
                    if info.filename.endswith(".npy"):
                        name = info.filename.removesuffix(".npy")
                        with archive.open(info) as member:
                            found[name] = read_header(member, f"{path}[{name}]")
        except (*BAD_ZIP, DenseCliError, OSError):
            pass
        return found
