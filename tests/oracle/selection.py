"""Rows that `--sort`, `--unsure` and `--wrong` choose, against the reference."""

from __future__ import annotations

import math
from collections.abc import Callable

from reference import Row

from oracle.draw import Case
from oracle.readback import Record
from oracle.rounding import Slack, ranks

CheckRow = Callable[[Case, Record, Row], None]
SIGNS = {"confidence": 1, "margin": 1, "entropy": -1, "loss": -1}


def check_selected(case: Case, records: list[Record], groups: list[list[Row]], check_row: CheckRow) -> None:
    """Of each group the rows that fit are printed, each once, in order; of `slice` a group is a time step."""
    at = 0
    for rows in groups:
        by_place = {row.place: row for row in rows}
        printed: dict[tuple[int, ...] | None, Record] = {}
        while at < len(records) and records[at].place in by_place and records[at].place not in printed:
            printed[records[at].place] = records[at]
            at += 1
        for place, record in printed.items():
            assert place is not None
            check_row(case, record, by_place[place])
            assert fits(case, by_place[place])[1], (place, "should be left out")
            check_limits(case, record)
        for row in rows:
            assert row.place in printed or not fits(case, row)[0], (row.place, "is missing")
        check_order(case, printed, rows)
    assert at == len(records), records[at].place


def fits(case: Case, row: Row) -> tuple[bool, bool]:
    """Return whether a row must be among those that are chosen, and whether it may be."""
    options, slack = case.options, Slack(row)
    must = may = row.counts and row.has_class
    if must and options.unsure is not None:
        margin, off = row.measure("margin"), slack.of_measure(row, "margin")
        assert margin is not None
        must, may = margin + off < options.unsure, margin - off < options.unsure
    if may and options.wrong:
        least, most = (1, 1) if row.target is None else ranks(row, slack)
        must, may = must and least > 1, most > 1
    return must, may


def check_limits(case: Case, record: Record) -> None:
    """What is printed of a row must say itself that the row is one of those asked for."""
    margin, rank = record.measures.get("margin"), record.measures.get("rank")
    if case.options.unsure is not None:
        assert margin is not None
        assert margin < case.options.unsure, (record.place, margin)
    if case.options.wrong:
        assert rank is not None
        assert rank > 1, (record.place, rank)


def check_order(case: Case, printed: dict[tuple[int, ...] | None, Record], rows: list[Row]) -> None:
    """Sorted by the numbers that are printed; equal ones, and what is not sorted, in the order of rows."""
    order = [row.place for row in rows]
    targets = {row.place: row.target for row in rows}
    keys = []
    for place, record in printed.items():
        assert place is not None
        key = 0.0
        if case.options.sort is not None:
            value = record.measures[case.options.sort]
            if value is not None:
                key = value * SIGNS[case.options.sort]
            else:  # JSON has null for an infinite loss, too
                key = math.inf if targets[place] is None else -math.inf
        keys.append((key, order.index(place)))
    assert keys == sorted(keys), keys
