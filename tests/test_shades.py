"""The backgrounds of likely numbers: readable on every step, stronger where surer, on dark and on light."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import Run
from rich.color import Color
from rich.style import Style
from rich.terminal_theme import TerminalTheme

from dense_cli.writers.shades import shade

# Blue and bright white, and black and white as backgrounds: what these terminals have unless they are told
# otherwise (Wikipedia, "ANSI escape code", table of 3-bit and 4-bit colours).
SIXTEEN = {
    "xterm": ((0, 0, 238), (255, 255, 255)),
    "VGA": ((0, 0, 170), (255, 255, 255)),
    "Windows console": ((0, 55, 218), (242, 242, 242)),
    "Terminal.app": ((0, 0, 178), (230, 230, 230)),
    "PuTTY": ((0, 0, 187), (255, 255, 255)),
    "Ubuntu": ((18, 72, 139), (255, 255, 255)),
}
STEPS = [0.2, 0.4, 0.6, 0.7, 0.9]


def luminance(color: tuple[int, int, int]) -> float:
    """Return the relative luminance of WCAG 2.2."""
    parts = [c / 255 for c in color]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colors(style: str) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    parsed = Style.parse(style)
    assert parsed.color is not None
    assert parsed.bgcolor is not None
    return tuple(parsed.color.get_truecolor()), tuple(parsed.bgcolor.get_truecolor())


@pytest.mark.parametrize("system", ["truecolor", "256"])
def test_every_step_is_readable_and_stronger_than_the_one_before(system: str) -> None:
    chroma = []
    for value in STEPS:
        text, ground = colors(shade(value, system))
        assert contrast(text, ground) >= 4.5
        # As far from a black background as from a white one, or nearly so.
        assert contrast(ground, (0, 0, 0)) > 3
        assert contrast(ground, (255, 255, 255)) > 4.5
        chroma.append(max(ground) - min(ground))
    assert all(before < after for before, after in pairwise(chroma))


@pytest.mark.parametrize("terminal", SIXTEEN)
def test_the_one_step_of_sixteen_colours_is_readable(terminal: str) -> None:
    blue, white = SIXTEEN[terminal]
    theme = TerminalTheme(
        (0, 0, 0), white, [(0, 0, 0)] * 4 + [blue] + [(0, 0, 0)] * 3, [(0, 0, 0)] * 7 + [white]
    )
    style = Style.parse(shade(0.9, "standard"))
    text, ground = (c.get_truecolor(theme) for c in (style.color, style.bgcolor) if isinstance(c, Color))
    assert contrast(text, ground) >= 4.5
    assert [shade(value, "standard") for value in STEPS[:2]] == ["", ""]


def test_unlikely_and_unknown_numbers_have_no_shade() -> None:
    for system in ("truecolor", "256", "standard", "windows"):
        assert shade(0.1, system) == shade(float("nan"), system) == shade(float("inf"), system) == ""


def test_padding_and_unsure_rows_say_so(run: Run, here: Path) -> None:
    Path("y.json").write_text(
        json.dumps([[[0.5, 0.45, 0.05], [0.9, 0.1, 0.0]], [[0.8, 0.1, 0.1], [1, 0, 0]]])
    )
    Path("lengths.json").write_text("[2, 1]")
    lines = run("predict", "y.json", "--lengths", "lengths.json", "-k", 2).text.splitlines()
    assert [line.split()[6:] for line in lines[3:7]] == [["unsure"], [], [], ["padding"]]
    assert lines[7] == "unsure: the two likeliest are less than 0.1 apart"
    lines = run("predict", "y.json", "--lengths", "lengths.json").text.splitlines()
    assert [line.split()[6:] for line in lines[3:7]] == [[], [], [], ["padding"]]
    assert "unsure" not in "".join(lines)
