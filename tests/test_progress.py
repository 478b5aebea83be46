"""The progress bar: what it counts, on terminals of several widths; and that nothing else sees it."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from dense_cli.cli import progress
from dense_cli.cli.progress import ProgressBar
from dense_cli.run import unit_of


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def drawn(
    monkeypatch: pytest.MonkeyPatch, width: int, total: int | None, unit: str, *, colors: bool = False
) -> str:
    """Return what a bar draws that is half done."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setattr(progress, "_PATIENCE", -1.0)
    bar = ProgressBar(shown=True)
    bar.start(total, unit)
    bar.advance(6000)
    bar.advance(6345)
    assert bar._bar is not None
    console = Console(
        width=width, file=io.StringIO(), force_terminal=colors, color_system="standard" if colors else None
    )
    console.print(bar._bar.get_renderable())
    bar.stop()
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("unit", ["samples", "steps"])
def test_it_counts_in_one_unit_and_fits_the_terminal(width: int, unit: str, monkeypatch) -> None:
    text = drawn(monkeypatch, width, 20000, unit)
    assert re.match(rf"12,345 of 20,000 {unit} ━+", text)
    assert "rows" not in text
    assert all(len(line) <= width for line in text.splitlines())
    text = drawn(monkeypatch, width, None, unit)
    assert re.match(rf"12,345 {unit}", text)
    assert all(len(line) <= width for line in text.splitlines())


def test_its_colours_are_calm(monkeypatch) -> None:
    text = drawn(monkeypatch, 80, 20000, "steps", colors=True)
    assert set(re.findall(r"\x1b\[([0-9;]*)m", text)) <= {"0", "34", "90"}  # blue on grey


def test_rows_are_called_as_in_the_summary_of_a_table() -> None:
    assert (unit_of((5, 3)), unit_of((5, 4, 3)), unit_of((None, None, 3))) == ("samples", "steps", "steps")


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3725, "1:02:05")])
def test_the_time_left_is_a_time(seconds: float, text: str) -> None:
    assert progress._time(seconds) == text


def test_where_standard_error_is_no_terminal_there_is_none(monkeypatch) -> None:
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress, "_PATIENCE", -1.0)
    bar = ProgressBar(shown=True)
    bar.start(5)
    bar.advance(5)
    assert bar._bar is None
