"""What a comparison found → a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import orjson

from dense_cli.comparing import ComparedFiles
from dense_cli.sources.source import Place
from dense_cli.text import axis_names, encodable, shape_text, shown
from dense_cli.views.apart import Row
from dense_cli.views.compare import ComparisonResult, Limits
from dense_cli.views.verdict import number_text, verdict
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.rich_table import render, render_fitting, write_lines, write_wrapped
from dense_cli.writers.screen import Screen

# Columns that a narrow terminal does without, the first one first.
_LEAST_NEEDED = ("KL(A‖B)", "falls", "total variation")


def write_json(out: BinaryIO, files: ComparedFiles) -> None:
    """Write what was compared, every measure, the flips and the worst rows, and ``"within"``."""
    found, faults = files.result, files.result.faults(files.limits)
    document: dict[str, Any] = {
        side: {"file": encodable(name), "shape": shape, "dtype": dtype.name}
        for side, name, shape, dtype in zip("ab", files.names, files.shapes, files.dtypes, strict=True)
    }
    if files.model is not None:
        document["a"]["model"] = {name: encodable(text) for name, text in files.model.items()}
    document |= {"kind": found.kind, "rows": found.rows, "rows_without_class": found.lost}
    document |= {"flips": found.flips, "agreement": found.agreement}
    if found.kind != "classes":
        document |= {
            "difference": {"mean": found.mean, "max": found.maximum, "at": found.maximum_at},
            "beyond_tolerance": {"count": found.beyond, "first": found.beyond_at},
            "kl": {"mean": found.mean_kl, "max": found.worst_kl, "at": found.worst_kl_at},
            "jensen_shannon": {"mean": found.mean_js, "max": found.worst_js},
            "total_variation": {"mean": found.mean_variation, "max": found.worst_variation},
            "rank_moves": {"mean": found.mean_moved, "max": found.most_moved},
            "top_k_overlap": {"k": found.top_k, "mean": found.overlap},
        }
    document["flipped"] = [_row(row, files) for row in found.flipped]
    if found.kind != "classes":
        document["worst"] = [_row(row, files) for row in found.worst]
    document["limits"] = dict(zip(("atol", "rtol", "max_flips", "max_kl"), files.limits, strict=False))
    document["limits"]["equal_nan"] = files.limits.equal_nan
    document |= {"within": not faults, "beyond": faults}
    out.write(orjson.dumps(document) + b"\n")


def _row(row: Row, files: ComparedFiles) -> dict[str, Any]:
    found: dict[str, Any] = {"at": row.place}
    for side, number in (("a", row.first), ("b", row.second)):
        found[f"class_{side}"] = number if number >= 0 else None
        if files.labels is not None and 0 <= number < len(files.labels):
            found[f"label_{side}"] = encodable(files.labels[number])
    if files.result.kind != "classes":
        found |= {"difference": row.difference, "kl": row.kl, "total_variation": row.variation}
        found["moved"] = row.moved
    return found


def write_table(out: BinaryIO, files: ComparedFiles, screen: Screen) -> None:
    """Print the verdict, the measures, the rows that change class, and the worst rows."""
    found, faults = files.result, files.result.faults(files.limits)
    write_wrapped(out, screen, verdict(found))
    write_wrapped(out, screen, *(f"beyond: {shown(fault)}" for fault in faults))
    if not faults:
        write_wrapped(out, screen, f"within {_limits(files.limits, found.kind)}")
    write_lines(out, screen, "")
    for side, name, shape, dtype in zip("AB", files.names, files.shapes, files.dtypes, strict=True):
        through = ""
        if side == "A" and files.model is not None:
            through = shown(f" through {files.model['file']}, layer {files.model['until']}")
        write_lines(out, screen, f"{side} = {shown(name)}{through} {shape_text(shape)} {dtype.name}")
    if found.kind != "classes":
        write_lines(out, screen, "", *_measures(found, screen))
    rank = len(files.shapes[0]) - (found.kind != "classes")
    axes = axis_names(rank)
    # One line of class numbers is one array of samples.
    if found.kind == "classes" and rank == 2 and files.shapes[0][0] == 1:
        axes = ["", "sample"]
    if found.flipped:
        more = found.flips - len(found.flipped)
        _write_rows(out, "Rows that change class:", found.flipped, axes, files, screen)
        write_lines(out, screen, *[f"… {more} more: --all"] * (more > 0))
    if found.worst:
        _write_rows(out, "Worst rows, by total variation:", found.worst, axes, files, screen)


def _measures(found: ComparisonResult, screen: Screen) -> list[str]:
    rows = [
        ("|A − B|", found.mean, found.maximum, found.maximum_at),
        ("KL(A‖B), nats", found.mean_kl, found.worst_kl, found.worst_kl_at),
        ("Jensen-Shannon, nats", found.mean_js, found.worst_js, None),
        ("total variation", found.mean_variation, found.worst_variation, None),
        ("places that A's class falls in B", found.mean_moved, found.most_moved, None),
    ]
    if found.overlap is not None:
        rows.append((f"share of the top {found.top_k} in both", found.overlap, None, None))
    cells = [
        [Cell(name), Cell(number_text(mean)), Cell(number_text(most)), Cell(_at(at))]
        for name, mean, most, at in rows
    ]
    return render([Column("", True), Column("mean"), Column("worst"), Column("at", True)], cells, screen)


def _write_rows(
    out: BinaryIO, title: str, rows: Sequence[Row], axes: list[str], files: ComparedFiles, screen: Screen
) -> None:
    """Print rows with their classes and measures; a narrow terminal does without some of these."""
    named = files.labels is not None
    columns = {Column(axis): [Cell(str(row.place[i])) for row in rows] for i, axis in enumerate(axes) if axis}
    columns[Column("A", named)] = [Cell(files.label(row.first)) for row in rows]
    columns[Column("B", named)] = [Cell(files.label(row.second)) for row in rows]
    if files.result.kind != "classes":
        columns[Column("max |A − B|")] = [Cell(number_text(row.difference)) for row in rows]
        columns[Column("KL(A‖B)")] = [Cell(number_text(row.kl)) for row in rows]
        columns[Column("total variation")] = [Cell(number_text(row.variation)) for row in rows]
        columns[Column("falls")] = [Cell(str(row.moved)) for row in rows]
    lines, left_out = render_fitting(columns, _LEAST_NEEDED, screen)
    write_lines(out, screen, "", title, *lines)
    if left_out:
        write_wrapped(out, screen, f"… {', '.join(left_out)}: no room on this terminal, -f json has all")


def _limits(limits: Limits, kind: str) -> str:
    parts = []
    if kind != "classes" and (limits.atol is not None or limits.rtol is not None):
        parts.append(f"{limits.atol or 0:g} + {limits.rtol or 0:g} · |B|")
    if limits.flips is not None:
        parts.append(
            f"{limits.flips} rows that change class" if limits.flips else "no row that changes class"
        )
    if limits.kl is not None:
        parts.append(f"KL {limits.kl:g}")
    return ", ".join(parts)


def _at(place: Place | None) -> str:
    return "" if place is None else str(list(place))
