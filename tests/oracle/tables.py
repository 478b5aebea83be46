"""The tables of Markdown against the reference."""

from __future__ import annotations

import math

from reference import Row

from oracle.draw import Case
from oracle.readback import MEASURES, from_markdown
from oracle.rounding import Slack, check_class, near


def check_markdown(case: Case, text: str, rows: list[Row]) -> None:
    """Every row stands in a table, with its place, class and numbers to the digits asked for."""
    options = case.options
    if options.labels is not None:
        return
    axes = ["sample", "t", *(f"axis{i}" for i in range(2, 5))][: len(rows[0].place) if rows else 1]
    if case.command == "slice":
        axes = [name for name in axes if name != "t"]
    printed = [line for table in from_markdown(text, False) for line in table]
    assert len(printed) == len(rows)
    step = 0.51 * 10.0**-case.precision  # of a number without an exponent
    for cells, row in zip(printed, rows, strict=True):
        place = [
            n for name, n in zip(["sample", "t", "axis2", "axis3"], row.place, strict=False) if name in axes
        ]
        assert [cells[name] for name in axes] == [str(n) for n in place]
        slack = Slack(row)
        if "" in cells:
            assert (cells[""] == "padding") == (row.counts is False), (row.place, cells[""])
        if "class" in cells:
            check_class(None if cells["class"] == "-" else int(cells["class"]), row, slack)
        for name in MEASURES:
            if name in cells:
                value = None if cells[name] == "-" else float(cells[name])
                expected = row.measure(name)
                unknown = expected is None or math.isnan(expected)  # a table has one sign for both
                assert (value is None) == unknown, (row.place, name, value, expected)
                if expected is not None and expected > slack.most:
                    assert value is not None
                    assert math.isinf(value), (row.place, name, value)
                elif value is not None and name != "rank":
                    near(value, expected, slack.of_measure(row, name) + step, name)
        for c in range(len(row.y)):
            if options.show == "probabilities" and options.top_k is None and str(c) in cells:
                found = float(cells[str(c)].split()[0])
                exponent = int(cells[str(c)].split()[0].partition("e")[2] or 0)
                near(found, float(row.y[c]), slack.y[c] + step * 10.0**exponent, f"{row.place} {c}")
