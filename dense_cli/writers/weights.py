"""A layer's weights → NPZ, JSON or tables."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from typing import Any, BinaryIO

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.layers.dense import Dense
from dense_cli.writers.npy import new_archive, npy_header
from dense_cli.writers.numbers import row_texts
from dense_cli.writers.run import TableOptions
from dense_cli.writers.table import print_matrix


def _arrays(dense: Dense) -> dict[str, NDArray[Any]]:
    return {"kernel": dense.kernel} | ({} if dense.bias is None else {"bias": dense.bias})


def write_npz(
    out: BinaryIO, dense: Dense, config: dict[str, Any], title: tuple[str, ...], table: TableOptions
) -> None:
    """Write ``kernel`` and ``bias`` uncompressed, the same bytes every time."""
    with new_archive(out) as archive:
        for name, array in _arrays(dense).items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                member.write(npy_header(array.shape, array.dtype))
                member.write(np.ascontiguousarray(array).data)


def write_json(
    out: BinaryIO, dense: Dense, config: dict[str, Any], title: tuple[str, ...], table: TableOptions
) -> None:
    """Write ``{"layer": …, "kernel": …, "bias": …}``, which --weights reads too."""
    parts = [b'{"layer":' + orjson.dumps(config)]
    parts.append(b'"kernel":[' + b",".join(b"[%b]" % text for text in row_texts(dense.kernel)) + b"]")
    if dense.bias is not None:
        parts.append(b'"bias":[' + row_texts(dense.bias[None])[0] + b"]")
    out.write(b",".join(parts) + b"}\n")


def write_table(
    out: BinaryIO, dense: Dense, config: dict[str, Any], title: tuple[str, ...], table: TableOptions
) -> None:
    """Print kernel and bias as one table, a row per feature."""
    rows = [(str(i), row) for i, row in enumerate(dense.kernel[: table.limit].tolist())]
    if dense.bias is not None:
        rows.append(("bias", dense.bias.tolist()))
    print_matrix(out, title, "feature", rows, table)
    left = dense.kernel.shape[0] - min(dense.kernel.shape[0], table.limit or dense.kernel.shape[0])
    if left:
        out.write(f"{left} more features: -o FILE saves them all\n".encode())


WRITERS: dict[str, Callable[[BinaryIO, Dense, dict[str, Any], tuple[str, ...], TableOptions], None]] = {
    "table": write_table,
    "json": write_json,
    "npz": write_npz,
}
