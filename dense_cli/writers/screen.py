"""What a table is shown on: decided here, in one place."""

from __future__ import annotations

import codecs
from typing import BinaryIO, NamedTuple, TextIO, cast


class Screen(NamedTuple):
    """Columns (None: as wide as needed, not a terminal), and Rich's colour system (None: no colour).

    ``encoding`` is None where every character can be shown.
    """

    width: int | None = None
    colors: str | None = None
    bold: bool = False
    encoding: str | None = None

    @property
    def unicode(self) -> bool:
        """Whether line-drawing characters can be shown."""
        return self.encoding is None

    @classmethod
    def of(cls, stream: TextIO) -> Screen:
        """Return what ``stream`` is; Rich reads TERM, COLORTERM, NO_COLOR and FORCE_COLOR."""
        from rich.console import Console

        console = Console(file=stream)
        encoding = getattr(stream, "encoding", None) or "utf-8"
        # An old Windows console shows escape sequences as text.
        styled = console.is_terminal and not console.is_dumb_terminal and not console.legacy_windows
        return cls(
            width=(console.width or None) if stream.isatty() else None,  # COLUMNS=0 says nothing
            colors=console.color_system if styled and not console.no_color else None,
            bold=styled,
            encoding=None if encoding.lower().startswith("utf") else encoding,
        )


def in_its_encoding(stream: TextIO) -> BinaryIO:
    """Return an output that takes UTF-8 and writes it to ``stream`` in the encoding that this one has."""
    if codecs.lookup(stream.encoding).name == "utf-8":
        return stream.buffer
    return cast(
        "BinaryIO", codecs.EncodedFile(stream.buffer, "utf-8", stream.encoding, errors="backslashreplace")
    )
