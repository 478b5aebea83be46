"""How an array lies in its file: what the headers say, before any number is read."""

from __future__ import annotations

import os
import stat

from dense_cli.errors import DenseCliError, naming
from dense_cli.files.formats import by_content, by_suffix, load
from dense_cli.files.stream import File
from dense_cli.files.tensor import Tensor
from dense_cli.portable import read_at


def layouts(path: str) -> dict[str, Tensor]:
    """Return the tensors of a file by their names, ``""`` in an NPY.

    Empty for text, whose numbers lie in no order, and for a pipe, which can be read but once. One that cannot
    be read is left out: opening it says why.
    """
    readable: dict[str, Tensor] = {}
    if path == "-" or not stat.S_ISREG(os.stat(path).st_mode):
        return readable
    file = File(path)
    with naming(path):
        start = read_at(file.fileno(), 16, 0)
    row = by_suffix(path, "arrays") or by_content(start, lambda: file, "arrays")
    if row is None or row.tensors is None or row.name == "json":
        return readable
    try:
        tensors = load(row.tensors)(file, None)
    except DenseCliError:
        return readable
    for name in tensors:
        try:
            readable[name] = tensors[name]
        except DenseCliError:
            continue
    return readable
