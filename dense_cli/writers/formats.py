"""The table of output formats."""

from __future__ import annotations

import os
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from dense_cli.writers.writer import Writer


class Format(NamedTuple):
    """A row of the table; a new format is a row here and a file beside it.

    Attributes:
        by_step: `slice` gives its rows step by step.
        binary: it is not for a terminal.
        arrays: how many arrays of a run it holds; None: all of them.
        explains: it has a place for explanations.
        summarizes: it has a place for the summary.
        by_row: each row says where it stands, so that rows can be left out.
        on_screen: it is laid out for the screen it is shown on.
        folder: it is a folder, which its writer gets the path of.
    """

    name: str
    suffixes: tuple[str, ...]
    writes: str
    by_step: bool = True
    binary: bool = False
    arrays: int | None = None
    explains: bool = False
    summarizes: bool = False
    by_row: bool = False
    on_screen: bool = False
    folder: bool = False


FORMATS = {
    f.name: f
    for f in (
        Format(
            "table",
            (".txt",),
            "dense_cli.writers.table:TableWriter",
            explains=True,
            summarizes=True,
            by_row=True,
            on_screen=True,
        ),
        Format("json", (".json",), "dense_cli.writers.json:Json", explains=True, summarizes=True),
        Format(
            "jsonl", (".jsonl", ".ndjson"), "dense_cli.writers.jsonl:JsonLines", explains=True, by_row=True
        ),
        Format("csv", (".csv",), "dense_cli.writers.csv:Csv", by_row=True),
        Format("tsv", (".tsv", ".tab"), "dense_cli.writers.csv:Tsv", by_row=True),
        Format("npy", (".npy",), "dense_cli.writers.npy:Npy", by_step=False, binary=True, arrays=1),
        Format("npz", (".npz",), "dense_cli.writers.npy:Npz", by_step=False, binary=True),
        Format(
            "safetensors",
            (".safetensors",),
            "dense_cli.writers.safetensors:Safetensors",
            by_step=False,
            binary=True,
        ),
        Format("parquet", (".parquet", ".pq"), "dense_cli.writers.parquet:Parquet", binary=True, by_row=True),
        Format("zarr", (".zarr",), "dense_cli.writers.zarr:Zarr", by_step=False, folder=True),
        Format(
            "markdown",
            (".md",),
            "dense_cli.writers.markdown:Markdown",
            explains=True,
            summarizes=True,
            by_row=True,
        ),
    )
}


def writer(name: str) -> type[Writer]:
    """Return the writer of a format."""
    module, cls = FORMATS[name].writes.split(":")
    return cast("type[Writer]", getattr(import_module(module), cls))


def format_of(path: str | None) -> str:
    """Return the format of an output's suffix; a table where there is none.

    >>> format_of("y.npy"), format_of(None)
    ('npy', 'table')
    """
    suffix = os.path.splitext((path or "").rstrip("/"))[1].lower()
    return next((f.name for f in FORMATS.values() if suffix in f.suffixes), "table")
