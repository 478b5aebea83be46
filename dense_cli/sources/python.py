"""An array as Python code writes it, such as a line pasted from a slide.

In: a stream with the code of one array, or its text. Out: an `ArraySource`.
"""

from __future__ import annotations

from dense_cli.errors import ConfigError
from dense_cli.files.nested import to_array
from dense_cli.files.python import parse
from dense_cli.files.stream import ByteStream
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.open import Request
from dense_cli.sources.source import Source


def read(stream: ByteStream, request: Request) -> Source:
    """Read the code of one array."""
    return read_text(stream.text().decode("utf-8", "replace"), stream.name, request)


def read_text(text: str, name: str, request: Request) -> Source:
    """Return the array whose code is ``text``; ``name`` is what messages call it.

    Raises:
        ConfigError: a member is asked for, of which an array has none.
        FileFormatError: it is not the code of an array of numbers.
        ShapeError: its rows differ in length, or it is empty.
    """
    if request.key is not None:
        raise ConfigError(f"{name}: --key {request.key}: expected a file that holds several arrays")
    return ArraySource.of(name, to_array(parse(text, name), name))
