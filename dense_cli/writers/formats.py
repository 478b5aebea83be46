"""The table of output formats."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from dense_cli.writers.run import Writer


class Format(NamedTuple):
    """A row of the table; ``by_step``: `slice` gives its rows step by step."""

    name: str
    suffixes: tuple[str, ...]
    writes: str
    by_step: bool = True


FORMATS = {
    f.name: f
    for f in (
        Format("table", (".txt",), "dense_cli.writers.table:TableWriter"),
        Format("json", (".json",), "dense_cli.writers.json:Json"),
        Format("jsonl", (".jsonl", ".ndjson"), "dense_cli.writers.jsonl:JsonLines"),
        Format("csv", (".csv",), "dense_cli.writers.csv:Csv"),
        Format("npy", (".npy",), "dense_cli.writers.npy:Npy", by_step=False),
        Format("npz", (".npz",), "dense_cli.writers.npy:Npz", by_step=False),
        Format("markdown", (".md",), "dense_cli.writers.table:Markdown"),
    )
}


def writer(name: str) -> type[Writer]:
    """Return the writer of a format."""
    module, cls = FORMATS[name].writes.split(":")
    return cast("type[Writer]", getattr(import_module(module), cls))
