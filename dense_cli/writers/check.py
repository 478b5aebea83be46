"""Findings → text or JSON."""

from __future__ import annotations

from typing import BinaryIO

import orjson

from dense_cli.checking import Report
from dense_cli.text import encodable, shape_text, shown
from dense_cli.writers.rich_table import write_lines, write_wrapped
from dense_cli.writers.screen import Screen


def write_json(out: BinaryIO, report: Report) -> None:
    """Write ``{"input": …, "shape": …, "checks": […], "findings": [{"check", "evidence", …}]}``."""
    rows = [
        {
            "check": finding.check,
            "evidence": encodable(finding.evidence),
            "advice": finding.advice,
            "first": finding.first,
        }
        for finding in report.findings
    ]
    out.write(
        orjson.dumps(
            {
                "input": encodable(report.name),
                "shape": report.shape,
                "checks": report.checks,
                "findings": rows,
            }
        )
        + b"\n"
    )


def write_table(out: BinaryIO, report: Report, screen: Screen) -> None:
    """Print each finding with its evidence and advice."""
    write_lines(out, screen, f"y = {shown(report.name)} {shape_text(report.shape)}")
    for finding in report.findings:
        where = "" if finding.first is None else f"; the first is {list(finding.first)}"
        write_wrapped(
            out, screen, f"{finding.check}: {shown(finding.evidence)}{where}", f"  → {finding.advice}"
        )
    n = len(report.findings)
    count = "no finding" if not n else "1 finding" if n == 1 else f"{n} findings"
    write_wrapped(out, screen, f"{count} in {len(report.checks)} checks: {', '.join(report.checks)}")
