"""A layer's weights → NPZ, JSON or tables."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.head import BuiltHead
from dense_cli.writers.npy import new_archive, npy_header
from dense_cli.writers.numbers import row_texts
from dense_cli.writers.rich_table import print_matrix
from dense_cli.writers.writer import TableOptions


def _arrays(head: BuiltHead) -> dict[str, NDArray[Any]]:
    dense = head.dense
    assert dense is not None
    return {"kernel": dense.kernel} | ({} if dense.bias is None else {"bias": dense.bias})


def write_npz(out: BinaryIO, head: BuiltHead, table: TableOptions) -> None:
    """Write ``kernel`` and ``bias`` uncompressed, the same bytes every time."""
    with new_archive(out) as archive:
        for name, array in _arrays(head).items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                member.write(npy_header(array.shape, array.dtype))
                member.write(np.ascontiguousarray(array).data)


def write_json(out: BinaryIO, head: BuiltHead, table: TableOptions) -> None:
    """Write ``{"layer": …, "kernel": …, "bias": …}``, which --weights reads too."""
    arrays = _arrays(head)
    parts = [b'{"layer":' + orjson.dumps(head.config)]
    parts.append(b'"kernel":[' + b",".join(b"[%b]" % text for text in row_texts(arrays["kernel"])) + b"]")
    if "bias" in arrays:
        parts.append(b'"bias":[' + row_texts(arrays["bias"][None])[0] + b"]")
    out.write(b",".join(parts) + b"}\n")


def write_table(out: BinaryIO, head: BuiltHead, table: TableOptions) -> None:
    """Print kernel and bias as one table, a row per feature."""
    arrays = _arrays(head)
    features = len(arrays["kernel"])
    rows = [(str(i), row) for i, row in enumerate(arrays["kernel"][: table.limit])]
    if "bias" in arrays:
        rows.append(("bias", arrays["bias"]))
    print_matrix(out, head.title, "feature", rows, table)
    left = features - min(features, table.limit or features)
    if left:
        out.write(f"{left} more features: -o FILE saves them all\n".encode())


WRITERS: dict[str, Callable[[BinaryIO, BuiltHead, TableOptions], None]] = {
    "table": write_table,
    "json": write_json,
    "npz": write_npz,
}
