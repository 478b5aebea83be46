"""What a comparison found → a table or JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import orjson

from dense_cli.comparing import ComparedFiles
from dense_cli.sources.source import Place
from dense_cli.text import axis_names, encodable, shape_text, shown
from dense_cli.views.compare import ComparisonResult, Limits, Row
from dense_cli.writers.cells import Cell, Column
from dense_cli.writers.rich_table import render, write_lines
from dense_cli.writers.screen import Screen


def write_json(out: BinaryIO, files: ComparedFiles) -> None:
    """Write what was compared, every measure, the flips and the worst rows, and ``"within"``."""
    found, faults = files.result, files.result.faults(files.limits)
    document: dict[str, Any] = {
        side: {"file": encodable(name), "shape": shape, "dtype": dtype.name}
        for side, name, shape, dtype in zip("ab", files.names, files.shapes, files.dtypes, strict=True)
    }
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
    """Print the measures, the flips, the worst rows, and in the end whether B is within the limits."""
    found = files.result
    for side, name, shape, dtype in zip("AB", files.names, files.shapes, files.dtypes, strict=True):
        write_lines(out, screen, f"{side} = {shown(name)} {shape_text(shape)} {dtype.name}")
    write_lines(out, screen, "", _agreement(found))
    if found.kind != "classes":
        write_lines(out, screen, "", *_measures(found, screen))
    rank = len(files.shapes[0]) - (found.kind != "classes")
    axes = axis_names(rank)
    # One line of class numbers is one array of samples.
    if found.kind == "classes" and rank == 2 and files.shapes[0][0] == 1:
        axes = ["", "sample"]
    if found.flipped:
        more = found.flips - len(found.flipped)
        write_lines(out, screen, "", "Rows that change class:", *_rows(found.flipped, axes, files, screen))
        write_lines(out, screen, *[f"… {more} more: --all"] * (more > 0))
    if found.worst:
        write_lines(
            out, screen, "", "Worst rows, by total variation:", *_rows(found.worst, axes, files, screen)
        )
    faults = found.faults(files.limits)
    write_lines(out, screen, "", *(f"beyond: {shown(fault)}" for fault in faults))
    if not faults:
        write_lines(out, screen, f"within {_limits(files.limits, found.kind)}")


def _agreement(found: ComparisonResult) -> str:
    parts = [f"{found.kind}: the same class in {found.rows - found.flips} of {found.rows} rows"]
    if found.overlap is not None:
        parts.append(f"mean top-{found.top_k} overlap {found.overlap:.4f}")
    if found.lost:
        parts.append(f"{found.lost} with NaN or infinity")
    return " · ".join(parts)


def _measures(found: ComparisonResult, screen: Screen) -> list[str]:
    rows = [
        ("|A − B|", found.mean, found.maximum, found.maximum_at),
        ("KL(A‖B), nats", found.mean_kl, found.worst_kl, found.worst_kl_at),
        ("Jensen-Shannon, nats", found.mean_js, found.worst_js, None),
        ("total variation", found.mean_variation, found.worst_variation, None),
        ("rank of A's class in B, moved by", found.mean_moved, found.most_moved, None),
    ]
    cells = [
        [Cell(name), Cell(_number(mean)), Cell(_number(most)), Cell(_at(at))] for name, mean, most, at in rows
    ]
    return render([Column("", True), Column("mean"), Column("worst"), Column("at", True)], cells, screen)


def _rows(rows: Sequence[Row], axes: list[str], files: ComparedFiles, screen: Screen) -> list[str]:
    named = files.labels is not None
    kept = [i for i, axis in enumerate(axes) if axis]
    columns = [*(Column(axes[i]) for i in kept), Column("A", named), Column("B", named)]
    numeric = files.result.kind != "classes"
    if numeric:
        columns += [Column(name) for name in ("max |A − B|", "KL(A‖B)", "total variation", "moved")]
    cells = []
    for row in rows:
        line = [Cell(str(row.place[i])) for i in kept]
        line += [Cell(files.label(number)) for number in (row.first, row.second)]
        if numeric:
            line += [Cell(_number(value)) for value in (row.difference, row.kl, row.variation)]
            line.append(Cell(str(row.moved)))
        cells.append(line)
    return render(columns, cells, screen)


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


def _number(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.4g}"


def _at(place: Place | None) -> str:
    return "" if place is None else str(list(place))
