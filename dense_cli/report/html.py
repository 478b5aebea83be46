"""Text and tables as HTML: whatever stands in them is text."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection, Sequence
from html import escape as _escape

from dense_cli.text import printable


def escape(text: str) -> str:
    """Return text that is text in HTML, with what acts on a terminal or cannot be seen shown escaped."""
    return _escape(printable(text), quote=True)


def content_hash(text: str) -> str:
    """Return what a policy calls a script or a style by."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def table(
    caption: str, header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Collection[int] | None = ()
) -> str:
    """Return a table of cells that are HTML already; the end of a cell and of a row need no tag in HTML.

    ``numbers`` are the columns of numbers, of the first twelve; None: all but the first column.
    """
    kinds = "rest" if numbers is None else " ".join(f"n{i}" for i in sorted(numbers))
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    lines = "".join(f"<tr><td>{'<td>'.join(row)}\n" for row in rows)
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}">'
        f'<table class="{kinds}"><caption>{caption}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def number(value: float) -> str:
    """Return a number as a table has it, ``-`` where there is none."""
    return "-" if value != value else f"{value:.4f}"
