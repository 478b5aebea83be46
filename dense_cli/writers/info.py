"""What a file holds → text with a histogram, or JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

import orjson

from dense_cli.describing import Array, Weights
from dense_cli.sources.source import Place
from dense_cli.text import encodable, shape_text, shown
from dense_cli.views.describe import Described
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.heads import as_json, document, write_table
from dense_cli.writers.model import model_as_json, model_lines
from dense_cli.writers.rich_table import render_fitting, write_lines, write_wrapped
from dense_cli.writers.screen import Screen

_LEAST_NEEDED = ("std", "zeros", "mean")  # what a narrow terminal does without, the first one first
_BAR = 40  # columns of the longest bar


Numbers = Callable[[Array], Described]
Ranges = Callable[[Weights], list[dict[str, Described]]]


def write_arrays(out: BinaryIO, arrays: Iterable[Array], screen: Screen, numbers: Numbers | None) -> None:
    """Print what the header of each array says, and then what ``numbers`` finds; None: the header alone."""
    for i, array in enumerate(arrays):
        write_lines(out, screen, *[""] * (i > 0))
        at_once = numbers is None or None not in array.shape
        if at_once:
            write_wrapped(out, screen, _header(array, array.shape))
            out.flush()
        if numbers is None:
            continue
        found = numbers(array)
        if not at_once:
            write_wrapped(out, screen, _header(array, found.shape))
        write_wrapped(out, screen, f"looks like {found.looks}")
        write_wrapped(out, screen, found.evidence, indent="  ")
        write_lines(out, screen, "", *_numbers(array, found))
        if len(found.histogram) > 1:
            write_lines(out, screen, "", *_bars(found.histogram, screen))


def _header(array: Array, shape: tuple[int | None, ...]) -> str:
    """Return what a header says: the shape, the dtype, and how the numbers lie."""
    parts = [f"shape {shape_text(shape)}", array.source.dtype.name]
    if array.byte_order is not None:
        parts.append(f"{array.byte_order}-endian")
    if array.order is not None:
        parts.append(f"{array.order} order")
    if array.size is not None:
        parts.append(f"{array.kind} of {array.size} bytes")
    return f"{shown(array.name)}: {' · '.join(parts)}"


def _numbers(array: Array, found: Described) -> list[str]:
    rows = [("numbers", str(found.size), "")]
    if found.minimum is not None and found.maximum is not None:
        rows += [
            ("min", _number(found.minimum), _at(array.place(found.minimum_at))),
            ("max", _number(found.maximum), _at(array.place(found.maximum_at))),
            ("mean", _number(found.mean), ""),
            ("std", _number(found.std), ""),
            ("zeros", str(found.zeros), ""),
        ]
    for name, odd in (("NaN", found.nan), ("+Inf", found.plus_inf), ("-Inf", found.minus_inf)):
        at = _at(array.place(odd.first))
        rows.append((name, str(odd.number), f"first {at}" if at else ""))
    width = max(len(value) for _, value, _ in rows)
    return [f"{name:<8}{value:>{width}}  {where}".rstrip() for name, value, where in rows]


def _bars(bins: list[tuple[float, float, int]], screen: Screen) -> list[str]:
    most = max(count for *_, count in bins)
    edges = [(f"{low:g}", f"{high:g}") for low, high, _ in bins]
    left, right = (max(len(edge[side]) for edge in edges) for side in (0, 1))
    digits = len(str(most))
    room = _BAR if screen.width is None else max(min(_BAR, screen.width - left - right - digits - 9), 4)
    lines = []
    for (low, high), (*_, count) in zip(edges, bins, strict=True):
        bar = _bar(count / most * room, screen)
        if not bar and count:  # a few among many are seen too
            bar = "▏" if screen.unicode else "."
        span = f"{low:>{left}}" + (" " * (right + 3) if low == high else f" … {high:>{right}}")
        lines.append(f"{span}  {count:>{digits}}  {bar}".rstrip())
    return lines


def _bar(length: float, screen: Screen) -> str:
    if not screen.unicode:
        return "#" * round(length)
    eighths = round(length * 8)
    return "█" * (eighths // 8) + ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"][eighths % 8]


def write_arrays_json(
    out: BinaryIO, arrays: Iterable[Array], screen: Screen, numbers: Numbers | None
) -> None:
    """Write ``{"arrays": [{"name", "shape", "dtype", …}]}``; without ``numbers`` what headers say."""
    records = [_array(array, None if numbers is None else numbers(array)) for array in arrays]
    out.write(orjson.dumps({"arrays": records}) + b"\n")


def _array(array: Array, found: Described | None) -> dict[str, Any]:
    return {
        "name": encodable(array.name),
        "shape": array.shape if found is None or array.header is not None else found.shape,
        "dtype": array.source.dtype.name,
        "byte_order": array.byte_order,
        "order": array.order,
        "file_bytes": array.size,
        **({} if found is None else _described(found, array)),
    }


def _described(found: Described, array: Array | None = None) -> dict[str, Any]:
    def at(place: Place | None) -> Place | None:
        return place if array is None else array.place(place)

    document: dict[str, Any] = {
        "size": found.size,
        "mean": found.mean,
        "std": found.std,
        "zeros": found.zeros,
    }
    document |= {"min": {"value": found.minimum, "at": at(found.minimum_at)}}
    document |= {"max": {"value": found.maximum, "at": at(found.maximum_at)}}
    for name, odd in (("nan", found.nan), ("plus_inf", found.plus_inf), ("minus_inf", found.minus_inf)):
        document[name] = {"count": odd.number, "first": at(odd.first)}
    document["histogram"] = [
        {"from": low, "to": high, "count": count} for low, high, count in found.histogram
    ]
    if array is not None:
        document |= {"looks_like": found.looks, "evidence": found.evidence}
    return document


def write_weights(out: BinaryIO, weights: Weights, screen: Screen, ranges_of: Ranges | None) -> None:
    """Print what the model is, what `heads` says, and then the range of each head's arrays."""
    if weights.model is not None:
        write_wrapped(out, screen, *model_lines(weights.file, weights.model))
        if not weights.heads:
            return
        write_lines(out, screen, "")
    write_table(out, weights.file, weights.heads, screen)
    out.flush()
    if ranges_of is None:
        return
    rows = []
    for head, ranges in zip(weights.heads, ranges_of(weights), strict=True):
        for name, found in ranges.items():
            values = (found.minimum, found.maximum, found.mean, found.std)
            odd = found.nan.number + found.plus_inf.number + found.minus_inf.number
            row = [Cell(shown(head.name, 200)), Cell(name), *(Cell(_number(value)) for value in values)]
            rows.append([*row, Cell(str(found.zeros)), Cell(str(odd))])
    if rows:
        headers = [Column("head", True), Column("array", True)]
        headers += map(Column, ("min", "max", "mean", "std", "zeros", "NaN/Inf"))
        columns = {
            header: list(cells) for header, cells in zip(headers, zip(*rows, strict=True), strict=True)
        }
        lines, left_out = render_fitting(columns, _LEAST_NEEDED, screen)
        write_lines(out, screen, "", *lines)
        if left_out:
            write_wrapped(out, screen, f"… {', '.join(left_out)}: no room on this terminal, -f json has all")


def write_weights_json(out: BinaryIO, weights: Weights, screen: Screen, ranges_of: Ranges | None) -> None:
    """Write what `heads` writes, with the ``"model"``, and ``"kernel"`` and ``"bias"`` of each head."""
    found_ranges: list[dict[str, Described]] = [{}] * len(weights.heads)
    if ranges_of is not None:
        found_ranges = ranges_of(weights)
    rows = [
        as_json(head) | {name: _described(found) for name, found in ranges.items()}
        for head, ranges in zip(weights.heads, found_ranges, strict=True)
    ]
    model = None if weights.model is None else model_as_json(weights.model)
    out.write(orjson.dumps(document(weights.file, weights.heads, rows) | {"model": model}) + b"\n")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _at(place: Place | None) -> str:
    return "" if place is None else f"at {list(place)}"
