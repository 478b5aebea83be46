"""Coverage-guided fuzzing of the readers: ``pip install atheris``, then
``python benchmarks/fuzz_atheris.py READER CORPUS_FOLDER -max_total_time=600``.

READER is json, jsonl, csv, npy, npz, safetensors, torch, parquet, arrow, labels or weights. The one promise:
the input is read to its end, or a DenseCliError says why not. Anything else is a crash, which is saved.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dense_cli", "zipfile", "csv", "ast"]):
    from dense_cli.errors import DenseCliError
    from dense_cli.files import arrow, json, nested, npy, npz, parquet, pickles, safetensors, stream, torch  # noqa: F401
    from dense_cli.heads import heads, load_weights
    from dense_cli.sources import csv, jsonl, source, tables, tensors  # noqa: F401
    from dense_cli.sources.labels import load_labels
    from dense_cli.sources.open import Request, open_source

_FOLDER = Path(tempfile.mkdtemp())


def read(name: str, content: bytes) -> None:
    """Read a file to its end."""
    path = _FOLDER / "x"
    path.write_bytes(content)
    try:
        if name == "labels":
            load_labels(path, 3)
        elif name == "weights":
            for head in heads(path):
                load_weights(path, head.name)
        else:
            for outputs in (False, True):
                for block in open_source(str(path), name, Request(None, outputs)).blocks(64):
                    block.places()
    except DenseCliError:
        pass


def main() -> None:
    """Fuzz the reader that the first argument names."""
    name = sys.argv.pop(1)
    atheris.Setup(sys.argv, lambda content: read(name, content))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
