"""The table of a run as Markdown tables, in which text is text: `<s>` is a token."""

from __future__ import annotations

import re

from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.explanation import Explanation
from dense_cli.writers.table import TableWriter

# What Markdown acts on: escapes, code, emphasis, HTML, entities, links, and the bars of the table itself.
_MARKDOWN = re.compile(r"[\\`*_<|~&]|(?<=\])\(")


class Markdown(TableWriter):
    """The same rows as a table has, as a Markdown table."""

    def lay(self, rows: list[list[Cell]]) -> list[str]:
        """Return the next lines of a Markdown table."""
        return markdown_lines([] if self.headed else self.cells.columns, rows)

    def lay_explanation(self, made: Explanation) -> list[str]:
        """Return the lines of an explanation."""
        conclusion = ["", made.conclusion] if made.conclusion else []
        return [made.title, *markdown_lines(made.columns, made.rows), *conclusion]

    def finish(self) -> None:
        """End the table with an empty line, after which text is no part of it."""
        if self.headed or self.rows:
            self.flush()
            self.print(*[""] * (not self.explained))
        super().finish()


def markdown_lines(columns: list[Column], rows: list[list[Cell]]) -> list[str]:
    """Return the lines of a Markdown table; without ``columns`` those of its rows alone."""
    lines = [_line([cell.text for cell in row]) for row in rows]
    if not columns:
        return lines
    rule = " | ".join("---" if column.names else "---:" for column in columns)
    return ["", _line([column.header for column in columns]), f"| {rule} |", *lines]


def _line(texts: list[str]) -> str:
    return "| " + " | ".join(_MARKDOWN.sub(r"\\\g<0>", text) for text in texts) + " |"
