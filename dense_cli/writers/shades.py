"""How likely a number is → Rich's style of its cell.

A terminal's background is not known, and no ramp from dark to light is right on all: what stands out on one
is faint on another. All steps of this ramp are about as light as each other, as far from black as from white,
and the colour grows, from grey to blue. White text on each step has a contrast of 4.5 to 1 or more (WCAG 2.2,
1.4.3). Where there are 16 colours, one step stands for the upper half.
"""

from __future__ import annotations

import math

_STEPS = {
    "truecolor": ("#767676", "#5d789a", "#3f78be", "#1f75dc", "#006ff7"),
    "256": ("color(243)", "color(60)", "color(61)", "color(62)", "color(27)"),
    "standard": (None, None, "blue", "blue", "blue"),
}
_TEXT = {"truecolor": "#ffffff", "256": "color(231)", "standard": "bright_white"}


def ground(value: float, colors: str) -> str:
    """Return the style of a cell of a picture, which is shaded from small values on.

    >>> ground(0.04, "truecolor"), ground(0.15, "truecolor"), ground(1.0, "256")
    ('', '#ffffff on #767676', 'color(231) on color(27)')
    """
    return "" if not value >= 1 / 12 else shade(1 / 6 + value * 5 / 6, colors)


def shade(value: float, colors: str) -> str:
    """Return the style of a probability in one of Rich's colour systems; empty for an unlikely one.

    >>> shade(0.95, "truecolor"), shade(0.1, "truecolor"), shade(0.5, "standard")
    ('#ffffff on #006ff7', '', 'bright_white on blue')
    """
    if not math.isfinite(value):
        return ""
    system = colors if colors in _STEPS else "standard"
    steps = (None, *_STEPS[system])
    step = steps[min(max(int(value * len(steps)), 0), len(steps) - 1)]
    return "" if step is None else f"{_TEXT[system]} on {step}"
