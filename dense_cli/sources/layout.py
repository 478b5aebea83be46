"""How an array lies in its file: what the headers say, before any number is read."""

from __future__ import annotations

import os
from typing import cast

from dense_cli.errors import DenseCliError
from dense_cli.files.formats import by_content, by_suffix, folder_format, load
from dense_cli.files.stream import open_regular
from dense_cli.files.tensor import Tensor, Tensors


def layouts(path: str) -> dict[str, Tensor]:
    """Return the tensors of a file by their names, ``""`` in an NPY.

    Empty for text, whose numbers lie in no order, and for a pipe, which can be read but once. One that cannot
    be read is left out: opening it says why.
    """
    readable: dict[str, Tensor] = {}
    try:
        tensors = _tensors(path)
    except DenseCliError:
        return readable
    for name in tensors:
        try:
            readable[name] = tensors[name]
        except DenseCliError:
            continue
    return readable


def _tensors(path: str) -> Tensors | dict[str, Tensor]:
    if path == "-":
        return {}
    if os.path.isdir(path):
        row = folder_format(path)
        return {} if row is None or row.tensors is None else cast("Tensors", load(row.tensors)(path))
    file = open_regular(path)
    if file is None:
        return {}
    row = by_suffix(path, "arrays") or by_content(file.first(16), lambda: file, "arrays")
    if row is None or row.tensors is None or row.folder or row.name == "json":
        return {}
    return cast("Tensors", load(row.tensors)(file, None))
