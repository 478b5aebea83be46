"""The output of `decode`, `compare` and `info` against the reference."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from conftest import Ran
from reference import Line, Row, predict, text_of

from oracle.draw import Case
from oracle.rounding import Slack, decided, near
from oracle.rows import check_notes


def check_decode(case: Case, ran: Ran, expected: list[Line]) -> None:
    unended = replace(case.options, eos=None, pad=None)
    everything = predict(case.array, case.layer, unended, case.dtype).rows
    check_notes(case, ran, everything)
    if case.options.beam is not None:
        check_beams(case, ran, expected, everything)
        return
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


def check_beams(case: Case, ran: Ran, expected: list[dict[tuple[int, ...], float]], rows: list[Row]) -> None:
    """The likeliest of all lines are printed, in order; which of nearly equal ones is left to rounding."""
    options = case.options
    assert options.beam is not None
    printed = [ranked(case, text) for text in ran.out.decode().split("\n")[:-1]]
    samples = list(dict.fromkeys(row.place[0] for row in rows))
    lowest = min((float(log) for row in rows for log in row.log_y if log > -math.inf), default=0.0)
    for sample, lines in zip(samples, expected, strict=True):
        mine = [each for each in printed if each["sample"] == sample]
        if lowest < -6e4:  # a number so low may be no number in the layer's dtype
            continue
        assert len(mine) == min(options.beam, len(lines)), (sample, mine, lines)
        left_out = {options.eos, options.pad} if options.ctc is None else set()
        texts = {
            line: text_of([None if c < 0 else c for c in line if c not in left_out], options)
            for line in lines
        }
        assert {each["text"] for each in mine} <= set(texts.values()), (sample, mine, lines)
        if any(math.isnan(score) for score in lines.values()):
            assert all(each["log_probability"] is None for each in mine), (sample, mine)
            continue
        steps = [row for row in rows if row.place[0] == sample and row.counts and row.has_class]
        off = sum(Slack(row).log[row.log_y > -math.inf].max() for row in steps) + 1e-12
        off += 0.51e-4 if case.format == "text" else 0
        scores = [each["log_probability"] for each in mine]
        assert scores == sorted(scores, reverse=True), (sample, scores)
        for score, best in zip(scores, sorted(lines.values(), reverse=True), strict=False):
            near(score, best, off, f"{sample} likeliest")
        for each in mine:
            score = each["log_probability"]
            fitting = {line for line, own in lines.items() if abs(own - score) <= off}
            assert each["text"] in {texts[line] for line in fitting}, (sample, each, lines)
            if case.format == "jsonl":
                assert tuple(each["classes"]) in fitting, (sample, each, lines)
                assert texts[tuple(each["classes"])] == each["text"], (sample, each)
        if case.format == "jsonl":
            assert [each["rank"] for each in mine] == list(range(len(mine)))
            assert len({tuple(each["classes"]) for each in mine}) == len(mine), mine
    assert list(dict.fromkeys(each["sample"] for each in printed)) == samples


def ranked(case: Case, text: str) -> dict[str, Any]:
    """Return a printed line of --beam."""
    if case.format == "text":
        sample, score, line = text.split("\t", 2)
        return {
            "sample": int(sample),
            "text": line,
            "log_probability": None if score == "nan" else float(score),
        }
    found: dict[str, Any] = json.loads(text)
    names = case.options.labels
    labels = found.pop("labels", None)
    assert labels == (None if names is None else [None if c is None else names[c] for c in found["classes"]])
    found["classes"] = [-1 if c is None else c for c in found["classes"]]
    return found


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
