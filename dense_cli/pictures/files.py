"""Pictures as SVG, PNG or PDF, drawn by Matplotlib.

In: a `Picture`. Out: the bytes of a file, the same for the same picture: there are no dates in it. Names are
text, whatever they hold, and in an SVG they stay text.
"""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from dense_cli.errors import MissingExtraError
from dense_cli.pictures.fonts import fonts_for
from dense_cli.text import listed
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges

FORMATS = ("svg", "png", "pdf")
_COLORS = "viridis"  # perceptually uniform, and safe for colour-blind eyes
_BAR, _FAINT, _GROUND = "#2f6fa8", "#9bb7cf", "#d0d0d0"
_MARKERS = "osD^vP*X<>"
_TICKS = 40  # names on an axis at most
_SETTINGS = {
    "svg.hashsalt": "densecli",
    "svg.fonttype": "none",  # text as text
    "pdf.fonttype": 42,
    "text.parse_math": False,
}
_METADATA: dict[str, dict[str, None]] = {  # what else would be written: dates, the release of Matplotlib
    "svg": {"Date": None, "Creator": None},
    "png": {"Software": None},
    "pdf": {"CreationDate": None, "Producer": None, "Creator": None},
}


def drawn(picture: Picture, format: str, dpi: int, note: Callable[[str], None]) -> bytes:
    """Return a picture as a file; settings that a user has for Matplotlib do not count.

    Args:
        picture: what is drawn.
        format: one of `FORMATS`.
        dpi: dots per inch of a PNG.
        note: is told which characters no font has.

    Raises:
        MissingExtraError: Matplotlib is not installed.
    """
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ImportError:
        raise MissingExtraError("a picture in a file", "plot") from None
    out = io.BytesIO()
    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of characters without a font, which are told below
        matplotlib.rcdefaults()
        fonts, missing = fonts_for(_texts(picture))
        settings: Any = _SETTINGS | {"font.family": fonts}
        matplotlib.rcParams.update(settings)
        figure = Figure(figsize=_size(picture), layout="constrained")
        axes = figure.add_subplot()
        _DRAWN[type(picture)](picture, axes, figure)
        width = int(figure.get_figwidth() * 13)  # characters
        figure.suptitle(textwrap.fill(picture.title, width), fontsize="medium", x=0.01, ha="left")
        if picture.note:
            text = textwrap.fill(picture.note, width)
            figure.supxlabel(text, fontsize="small", x=0.01, ha="left")
        figure.savefig(out, format=format, dpi=dpi, metadata=_METADATA[format])
    if missing and format != "svg":
        names = listed([f"{c} (U+{ord(c):04X})" for c in missing], 5)
        note(f"no font here has {names}: drawn as boxes; in an SVG they stay text")
    return out.getvalue()


def _texts(picture: Picture) -> str:
    """Return all text from the input that a picture shows."""
    match picture:
        case Grid():
            names = [*picture.rows, *picture.columns]
        case Lines():
            names = [name for name, _ in picture.lines]
        case Bars() | Ranges():
            names = picture.names
    return "".join([picture.title, *names])


def _size(picture: Picture) -> tuple[float, float]:
    """Return the size in inches."""
    match picture:
        case Grid(rows=rows, columns=columns):
            return min(max(3.5 + 0.35 * len(columns), 5.0), 16.0), min(max(1.8 + 0.28 * len(rows), 2.5), 14.0)
        case Bars(names=names) | Ranges(names=names):
            return 7.0, min(max(1.4 + 0.28 * len(names), 2.2), 14.0)
    return 7.0, 4.0


def _ticks(names: list[str]) -> tuple[list[int], list[str]]:
    step = -(-len(names) // _TICKS)
    return list(range(0, len(names), step)), names[::step]


def _grid(picture: Grid, axes: Any, figure: Any) -> None:
    import matplotlib

    image = axes.imshow(
        np.ma.masked_invalid(picture.values),
        cmap=matplotlib.colormaps[_COLORS].with_extremes(bad=_GROUND),
        vmin=picture.least,
        vmax=picture.most,
        aspect="auto",
        interpolation="nearest",
    )
    long = sum(map(len, picture.columns)) > 5 * axes.figure.get_figwidth() * 2
    axes.set_xticks(*_ticks(picture.columns), rotation=90 if long else 0)
    axes.set_yticks(*_ticks(picture.rows))
    axes.set(xlabel=picture.x_axis, ylabel=picture.y_axis)
    figure.colorbar(image, ax=axes, label=picture.value)
    if picture.value == "rows" and len(picture.columns) <= _TICKS:
        _write_counts(picture, axes)
        return
    handles = []
    rows, columns = np.nonzero(picture.marks)
    if len(rows):
        size = 5 if len(picture.columns) <= _TICKS else 2
        style = {
            "markersize": size,
            "color": "white",
            "markeredgecolor": "black",
            "markeredgewidth": size / 5,
        }
        handles += axes.plot(columns, rows, "o", label="chosen class", **style)
    padding = np.zeros(len(picture.columns), bool) if picture.padding is None else picture.padding
    nothing = np.isnan(picture.values)
    for name, sign, places in (("padding", "_", nothing & padding), ("NaN", "x", nothing & ~padding)):
        rows, columns = np.nonzero(places)
        if len(rows):
            handles += axes.plot(columns, rows, sign, color="black", markersize=4, label=name)
    if handles:
        place = {"loc": "lower right", "bbox_to_anchor": (1.0, 1.0), "borderaxespad": 0.2}
        axes.legend(handles=handles, frameon=False, fontsize="small", ncols=3, **place)


def _write_counts(picture: Grid, axes: Any) -> None:
    """Write the number of a cell into it, on the diagonal in a frame."""
    for row, column in zip(*np.nonzero(picture.values), strict=True):
        count = picture.values[row, column]
        frame = {"boxstyle": "round,pad=0.2", "fill": False} if picture.marks[row, column] else None
        color = "black" if count > picture.most * 0.6 else "white"
        if frame is not None:
            frame["edgecolor"] = color
        place = {"ha": "center", "va": "center", "fontsize": "small"}
        axes.text(column, row, f"{count:.0f}", color=color, bbox=frame, **place)


def _bars(picture: Bars, axes: Any, figure: Any) -> None:
    places = np.arange(len(picture.names))
    bars = axes.barh(places, np.nan_to_num(picture.values) - picture.least, left=picture.least, color=_BAR)
    whole = picture.most > 1 and bool(np.all(picture.values == np.floor(picture.values)))
    digits = ".0f" if whole else ".4f" if picture.least >= 0 and picture.most <= 1 else ".4g"
    texts = [format(value, digits) for value in picture.values.tolist()]
    if picture.marked is not None:
        bars[picture.marked].set(hatch="//", edgecolor="black")
        texts[picture.marked] += "  chosen"
    axes.bar_label(bars, texts, padding=3, fontsize="small")
    axes.set_yticks(*_ticks(picture.names))
    axes.invert_yaxis()
    span = picture.most - picture.least
    axes.set(xlabel=picture.axis, xlim=(picture.least, picture.most + 0.2 * span))


def _lines(picture: Lines, axes: Any, figure: Any) -> None:
    if picture.diagonal:
        axes.plot([0, 1], [0, 1], ":", color="grey")
    few = len(picture.x) <= 60
    handles, names = [], []
    for i, (name, values) in enumerate(picture.lines):
        own = axes
        if picture.right is not None and i == len(picture.lines) - 1:
            own = axes.twinx()
            own.set(ylabel=picture.right[0], ylim=_limits(0.0, picture.right[1]))
        style = ("-", "--", "-.", ":")[i % 4]
        marker = _MARKERS[i % len(_MARKERS)] if few else None
        handles += own.plot(picture.x, values, style, color=f"C{i % 10}", marker=marker, markersize=4)
        names.append(f"{name} (right)" if own is not axes else name)
    axes.set(xlabel=picture.x_axis, ylabel=picture.y_axis, ylim=_limits(picture.least, picture.most))
    axes.grid(alpha=0.3)
    if not picture.diagonal:
        axes.xaxis.get_major_locator().set_params(integer=True)
    beside = (1.0 if picture.right is None else 1.12, 1.0)
    axes.legend(handles, names, fontsize="small", loc="upper left", bbox_to_anchor=beside, frameon=False)


def _limits(least: float, most: float) -> tuple[float, float]:
    edge = 0.03 * (most - least)
    return least - edge, most + edge


def _ranges(picture: Ranges, axes: Any, figure: Any) -> None:
    places = np.arange(len(picture.names))
    low = np.maximum(picture.mean - picture.deviation, picture.low)
    high = np.minimum(picture.mean + picture.deviation, picture.high)
    axes.hlines(places, picture.low, picture.high, color=_FAINT, label="minimum to maximum")
    axes.hlines(places, low, high, color=_BAR, linewidth=6, label="mean ± standard deviation")
    axes.plot(picture.mean, places, "k|", markersize=10, label="mean")
    for place, mark, most in zip(places.tolist(), picture.marks, picture.high.tolist(), strict=True):
        if mark:
            axes.annotate(
                mark, (most if np.isfinite(most) else 0.0, place), xytext=(5, -3), textcoords="offset points"
            )
    axes.set_yticks(*_ticks(picture.names))
    axes.invert_yaxis()
    axes.set(xlabel=picture.axis)
    figure.legend(fontsize="small", loc="outside lower center", ncols=3)


_DRAWN: dict[type, Callable[[Any, Any, Any], None]] = {
    Grid: _grid,
    Bars: _bars,
    Lines: _lines,
    Ranges: _ranges,
}
