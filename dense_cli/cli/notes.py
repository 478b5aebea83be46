"""What is said beside the data, on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from dense_cli.addresses import without_secrets
from dense_cli.text import shown


def write_line(line: str) -> None:
    """Write a line to standard error, if anybody reads it: the data and the exit code do not depend on it.

    Not by `click.echo`, which writes UTF-8 where the encoding is ASCII.
    """
    with suppress(OSError):
        sys.stderr.write(f"{without_secrets(line)}\n")
        sys.stderr.flush()


def note(text: str) -> None:
    """Say something of the data, which text from files may be part of; a terminal breaks it between words."""
    line = f"Note: {shown(text)}"
    for part in [line] if sys.stderr is None or not sys.stderr.isatty() else _broken(line):
        write_line(part)


def _broken(line: str) -> list[str]:
    from shutil import get_terminal_size

    from rich.cells import cell_len

    from dense_cli.text import wrapped

    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except OSError:
        columns = get_terminal_size().columns
    return wrapped(line, columns or 80, cell_len)
