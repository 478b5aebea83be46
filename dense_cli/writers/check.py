"""Findings → text or JSON."""

from __future__ import annotations

from typing import BinaryIO

import orjson

from dense_cli.text import encodable, shown
from dense_cli.views.check import Finding
from dense_cli.writers.screen import Screen
from dense_cli.writers.table import write_lines

Shape = tuple[int | None, ...]


def write_json(out: BinaryIO, name: str, shape: Shape, checks: list[str], findings: list[Finding]) -> None:
    """Write ``{"input": …, "shape": …, "checks": […], "findings": [{"check", "evidence", …}]}``."""
    rows = [
        {
            "check": finding.check,
            "evidence": encodable(finding.evidence),
            "advice": finding.advice,
            "first": finding.first,
        }
        for finding in findings
    ]
    out.write(
        orjson.dumps({"input": encodable(name), "shape": shape, "checks": checks, "findings": rows}) + b"\n"
    )


def write_table(
    out: BinaryIO, name: str, shape: Shape, checks: list[str], findings: list[Finding], screen: Screen
) -> None:
    """Print each finding with its evidence and advice."""
    sizes = ", ".join("?" if n is None else str(n) for n in shape)
    write_lines(out, screen, f"y = {shown(name)} ({sizes})")
    for finding in findings:
        where = "" if finding.first is None else f"; the first is {list(finding.first)}"
        write_lines(
            out, screen, f"{finding.check}: {shown(finding.evidence)}{where}", f"  → {finding.advice}"
        )
    count = (
        "no finding" if not findings else "1 finding" if len(findings) == 1 else f"{len(findings)} findings"
    )
    write_lines(out, screen, f"{count} in {len(checks)} checks: {', '.join(checks)}")
