"""The output of `decode`, `compare` and `info` against the reference."""

from __future__ import annotations

import json
import math
from typing import Any

from conftest import Ran
from reference import Line, predict

from oracle.draw import Case
from oracle.rounding import Slack, decided, near
from oracle.rows import check_notes


def check_decode(case: Case, ran: Ran, expected: list[Line]) -> None:
    everything = predict(case.array, case.layer, case.options, case.dtype).rows
    check_notes(case, ran, everything)
    lines = ran.out.decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == len(expected), (len(lines), len(expected))
    if not all(map(decided, everything)):
        return
    for text, line in zip(lines, expected, strict=True):
        if case.format == "text":
            assert text == line.text, (line.sample, text, line.text)
        else:
            check_line(case, json.loads(text), line)


def check_line(case: Case, found: dict[str, Any], line: Line) -> None:
    options = case.options
    assert found.pop("sample") == line.sample
    assert found.pop("text") == line.text
    classes = [row.chosen for row in line.steps]
    assert found.pop("classes") == classes
    if options.labels is not None:
        assert found.pop("labels") == [None if c is None else options.labels[c] for c in classes]
    total = line.log_probability
    off = sum(float(Slack(r).log.max()) if r.has_class else 0 for r in line.steps)
    off += sum(2 * Slack(r).out for r in line.steps) + 1e-12
    for name, value in (("log_probability", total), ("perplexity", line.perplexity)):
        if value is not None and math.isinf(value):
            assert found.pop(name) is None
            continue
        near(found.pop(name), value, off * max(1, value or 0) * 2, name)
    names = ["confidence", *(name for name in options.measures if name != "confidence")]
    for name in names:
        values = found.pop("step_perplexity" if name == "perplexity" else name)
        assert len(values) == len(line.steps)
        for value, row in zip(values, line.steps, strict=True):
            slack = Slack(row).of_measure(row, name) if row.has_class else 0
            near(value, row.measure(name), slack, f"{row.place} {name}")
    assert not found


def check_comparison(case: Case, ran: Ran, expected: dict[str, Any]) -> None:
    found = json.loads(ran.out)
    assert found["within"] == (not expected["passed"])
    assert len(found["beyond"]) >= bool(expected["passed"])
    assert found["kind"] == case.kind
    for name in ("rows", "flips", "rows_without_class"):
        if name in expected:
            assert found[name] == expected[name], (name, found[name], expected[name])
    assert [(tuple(f["at"]), f["class_a"], f["class_b"]) for f in found["flipped"]] == [
        (f["place"], f["a"], f["b"]) for f in expected["flipped"]
    ]
    if case.kind == "classes":
        return
    assert found["beyond_tolerance"] == expected["beyond_tolerance"]
    assert found["difference"]["at"] == expected["difference"]["at"]
    for name in ("difference", "kl", "jensen_shannon", "total_variation", "rank_moves"):
        for which in ("mean", "max"):
            value = expected[name][which]
            if math.isinf(value):
                assert found[name][which] is None
                continue
            if name == "rank_moves" and which == "max" and math.isnan(value):
                continue
            near(found[name][which], value, 1e-9 + 1e-9 * abs(value), f"{name} {which}")
    if expected["overlap"] is not None:
        near(found["top_k_overlap"]["mean"], expected["overlap"], 1e-12, "overlap")


def check_info(case: Case, ran: Ran, expected: dict[str, Any]) -> None:
    (found,) = json.loads(ran.out)["arrays"]
    single = len(found["shape"]) == 1  # of one axis: a place has no number of a sample
    for name in ("size", "zeros", "histogram"):
        assert found[name] == expected[name], (name, found[name], expected[name])
    for name, at in [
        ("nan", "first"),
        ("plus_inf", "first"),
        ("minus_inf", "first"),
        ("min", "at"),
        ("max", "at"),
    ]:
        if single and expected[name][at]:
            expected[name][at] = expected[name][at][1:]
        assert found[name] == expected[name], (name, found[name], expected[name])
    assert found["shape"] == [*case.array.lead(), case.array.features][single:]
    assert found["dtype"] == case.array.rows[0].dtype.name
    for name in ("mean", "std"):
        value = expected[name]
        size = max((abs(expected[end]["value"] or 0) for end in ("min", "max")), default=0)
        near(found[name], value, 1e-9 * (size + 1e-300), name)
    if expected["looks"] is not None:
        assert found["looks_like"].startswith(expected["looks"]), (found["looks_like"], expected["looks"])
