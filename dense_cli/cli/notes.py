"""What is said beside the data, on standard error."""

from __future__ import annotations

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
    """Say something of the data that text from files may be part of."""
    write_line(f"Note: {shown(text)}")
