"""Pictures as SVG, PNG or PDF, drawn by Matplotlib.

In: a `Picture`. Out: the bytes of a file, the same for the same picture: there are no dates in it. Names are
text, whatever they hold, and in an SVG they stay text.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from dense_cli.errors import MissingExtraError
from dense_cli.views.pictures import Bars, Grid, Lines, Picture, Ranges

FORMATS = ("svg", "png", "pdf")
_COLORS = "viridis"  # perceptually uniform, and safe for colour-blind eyes
_MARKERS = "osD^vP*X<>"
_TICKS = 40  # names on an axis at most


def drawn(picture: Picture, format: str, dpi: int, note: Callable[[str], None]) -> bytes:
    """Return a picture as a file.

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
    settings: Any = {
        "svg.hashsalt": "densecli",
        "svg.fonttype": "none",  # text as text
        "pdf.fonttype": 42,
        "text.parse_math": False,
        "font.family": _fonts(),
        "axes.unicode_minus": True,
    }
    metadata = {
        "svg": {"Date": None},
        "png": {"Software": None},
        "pdf": {"CreationDate": None, "Producer": None},
    }
    out = io.BytesIO()
    with matplotlib.rc_context(settings), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figure = Figure(figsize=_size(picture), layout="constrained")
        axes = figure.add_subplot()
        _DRAWN[type(picture)](picture, axes, figure)
        axes.set_title(picture.title, fontsize="medium", loc="left")
        if picture.note:
            figure.supxlabel(picture.note, fontsize="small", x=0.01, ha="left")
        figure.savefig(out, format=format, dpi=dpi, metadata=metadata[format])
    missing = sorted({str(warning.message) for warning in caught if "missing from" in str(warning.message)})
    if missing and format != "svg":
        note(f"no font here has {len(missing)} of the characters: they are boxes; an SVG keeps them as text")
    return out.getvalue()


def _fonts() -> list[str]:
    """Return the fonts that are there for the scripts of names, the widest known first."""
    from matplotlib import font_manager

    wanted = (
        "DejaVu Sans",
        "Noto Sans CJK JP",
        "Noto Sans",
        "Arial Unicode MS",
        "Microsoft YaHei",
        "Hiragino Sans",
    )
    known = {font.name for font in font_manager.fontManager.ttflist}
    return [name for name in wanted if name in known] or ["sans-serif"]


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
    image = axes.imshow(
        picture.values,
        cmap=_COLORS,
        vmin=picture.least,
        vmax=picture.most,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_xticks(*_ticks(picture.columns), rotation=0 if len(picture.columns) < 12 else 90)
    axes.set_yticks(*_ticks(picture.rows))
    axes.set(xlabel=picture.x_axis, ylabel=picture.y_axis)
    rows, columns = np.nonzero(picture.marks)
    label = "target" if picture.y_axis == "target" else "chosen class"
    points = axes.plot(columns, rows, "o", markersize=5, color="white", markeredgecolor="black", label=label)
    figure.colorbar(image, ax=axes, label=picture.value)
    axes.legend(
        handles=points, loc="upper left", bbox_to_anchor=(1.0, -0.02), frameon=False, fontsize="small"
    )


def _bars(picture: Bars, axes: Any, figure: Any) -> None:
    places = np.arange(len(picture.names))
    bars = axes.barh(places, np.nan_to_num(picture.values), color="#2f6fa8")
    whole = picture.most > 1 and bool(np.all(picture.values == np.floor(picture.values)))
    texts = [f"{value:.0f}" if whole else f"{value:.4f}" for value in picture.values.tolist()]
    if picture.marked is not None:
        bars[picture.marked].set(hatch="//", edgecolor="black")
        texts[picture.marked] += "  chosen"
    axes.bar_label(bars, texts, padding=3, fontsize="small")
    axes.set_yticks(*_ticks(picture.names))
    axes.invert_yaxis()
    axes.set(xlabel=picture.axis, xlim=(0, picture.most * 1.2))


def _lines(picture: Lines, axes: Any, figure: Any) -> None:
    if picture.diagonal:
        axes.plot([0, 1], [0, 1], ":", color="grey")
    points = "" if len(picture.x) > 60 else "marked"
    handles = []
    for i, (name, values) in enumerate(picture.lines):
        marker = _MARKERS[i % len(_MARKERS)] if points else None
        style = ("-", "--", "-.", ":")[i // 3 % 4]
        handles += axes.plot(picture.x, values, style, marker=marker, markersize=4, label=name)
    span = picture.most - picture.least
    axes.set(
        xlabel=picture.x_axis,
        ylabel=picture.y_axis,
        ylim=(picture.least - 0.03 * span, picture.most + 0.03 * span),
    )
    axes.legend(handles, [name for name, _ in picture.lines], fontsize="small")
    axes.grid(alpha=0.3)


def _ranges(picture: Ranges, axes: Any, figure: Any) -> None:
    places = np.arange(len(picture.names))
    low = np.maximum(picture.mean - picture.deviation, picture.low)
    high = np.minimum(picture.mean + picture.deviation, picture.high)
    axes.hlines(places, picture.low, picture.high, color="#9bb7cf", label="minimum to maximum")
    axes.hlines(places, low, high, color="#2f6fa8", linewidth=6, label="mean ± standard deviation")
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
