"""Where a command's data go: a file that is whole or not there, or standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

import click

if TYPE_CHECKING:
    from dense_cli.writers.screen import Screen


_FIELDS = ("{stem}", "{name}", "{index}", "{folder}")


def _require_one(path: str | None) -> None:
    """Refuse a name with fields of each INPUT in it: several files give one output."""
    field = next((field for field in _FIELDS if path is not None and field in path), None)
    if field is not None:
        raise click.UsageError(
            f"-o {path}: {field} would be the name of one output for each INPUT, which is not there yet: "
            "all files go to one output, or run densecli for each"
        )


@contextmanager
def open_output(path: str | None, *, text: bool = False, binary: str | None = None) -> Iterator[BinaryIO]:
    """Open ``path``, or standard output for None and ``-``, for UTF-8.

    ``text`` is for people, and goes to standard output in the encoding that this one has; ``binary`` names a
    format that is not for a terminal, which is refused there.
    """
    from dense_cli.writers import target
    from dense_cli.writers.screen import in_its_encoding

    _require_one(path)
    if path not in (None, "-"):
        with target.open_output(path) as file:
            yield file
        return
    if binary is not None and sys.stdout.isatty():
        raise click.UsageError(f"{binary} is binary: name a file with -o, or pipe it")
    stdout = in_its_encoding(sys.stdout) if text else sys.stdout.buffer
    try:
        yield stdout
        stdout.flush()
    except OSError as e:
        e.filename = e.filename or "standard output"
        raise


@contextmanager
def open_folder(path: str | None, format: str) -> Iterator[str]:
    """Make the folder that an output of ``format`` is, which is whole or not there."""
    from dense_cli.writers import target

    _require_one(path)
    if path in (None, "-"):
        raise click.UsageError(f"{format} is a folder: name it with -o")
    with target.open_folder(path) as folder:
        yield folder


def screen_of(path: str | None) -> Screen:
    """Return the screen that text for ``path`` is shown on: none where it goes into a file."""
    from dense_cli.writers.screen import Screen

    return Screen.of(sys.stdout) if path in (None, "-") else Screen()
