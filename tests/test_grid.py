"""Tables: what Rich draws and what is laid out beyond it look the same, in every kind of screen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Run
from hypothesis import given
from hypothesis import strategies as st
from rich.ansi import AnsiDecoder

from dense_cli.writers import rich_table
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.rich_table import Grid
from dense_cli.writers.screen import Screen

SCREENS = [
    Screen(),
    Screen(encoding="ascii"),
    Screen(bold=True),
    *(Screen(colors=colors, bold=True) for colors in ("truecolor", "256", "standard", "windows")),
]
texts = st.text(st.characters(categories=["L", "N"]), max_size=8)
cells = st.builds(Cell, texts, st.booleans(), st.none() | st.floats(0, 1), st.booleans())


def shown(lines: list[str]) -> list[list[tuple[str, Any]]]:
    """Return the characters of lines, each with the style that a terminal gives it, up to the last mark."""
    found = []
    for line in AnsiDecoder().decode("\n".join(lines)):
        characters = [(character, None) for character in line.plain]
        for span in line.spans:
            for i in range(span.start, span.end):
                characters[i] = (characters[i][0], span.style)
        while characters and characters[-1] == (" ", None):
            characters.pop()
        found.append(characters)
    return found


@given(
    st.lists(st.lists(cells, min_size=3, max_size=3), min_size=1, max_size=6),
    st.sampled_from(SCREENS),
    st.data(),
)
def test_rows_look_the_same_whoever_lays_them_out(
    rows: list[list[Cell]], screen: Screen, data: st.DataObject
) -> None:
    columns = [Column(data.draw(texts), data.draw(st.booleans())) for _ in range(2)] + [Column("", True)]
    drawn = Grid(columns, screen).lines(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rich_table, "_ON_A_SCREEN", 0)
        assert shown(Grid(columns, screen).lines(rows)) == shown(drawn)


def test_later_rows_stand_below_the_header(here: Path, run: Run) -> None:
    np.save("x.npy", np.zeros((1200, 2), np.float32))
    lines = run("predict", "x.npy", "-u", 2, "--all").text.splitlines()[3:1205]
    ends = [len(lines[0]), *map(len, lines[2:])]
    assert len(set(ends)) == 1
    assert [line[:6].strip() for line in lines[2:]] == [str(i) for i in range(1200)]
