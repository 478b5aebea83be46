"""The output of `predict` and `slice` against the reference."""

from __future__ import annotations

import io
import json
import math
import re
from itertools import pairwise
from typing import Any

import numpy as np
from conftest import Ran
from reference import Row, predict, summary

from oracle.draw import Case
from oracle.readback import (
    MEASURES,
    NOTHING,
    ONE,
    Record,
    from_arrays,
    from_csv,
    from_nested,
    from_object,
    from_parquet,
)
from oracle.rounding import Slack, check_class, decided, may_be, near, ranks, same
from oracle.selection import check_selected
from oracle.tables import check_markdown

_LIKELIEST = re.compile(r"Note: of \d+ classes the \d+ likeliest are shown \(all: -f csv\)")
JUDGED = ("jsonl", "csv", "tsv", "npy", "npz", "parquet")  # where a note has the accuracy
_NOTE = re.compile(
    r"Note: (\d+) rows? ha(?:s|ve) NaN or infinity in the input or the logits, and so no class; "
    r"the first is (.*)"
)


def check_rows(case: Case, ran: Ran, expected: Any) -> None:
    sliced = case.command == "slice"
    by_step = sliced and case.format not in ("npy", "npz")
    groups = expected.rows if by_step else [expected.rows]
    if not sliced:
        rows = expected.rows
    elif by_step:
        rows = [row for some in expected.rows for row in some]
    else:
        rows = expected.by_sample()
    records = read(case, ran.out, rows, expected)
    check_notes(case, ran, rows)
    if case.format == "table":
        return
    ended = (case.options.eos, case.options.pad) != (None, None)
    if ended and not all(map(decided, predict(case.array, case.layer, case.options, case.dtype).rows)):
        return  # rounding says where a sample ends
    if case.options.selects:
        check_selected(case, records, groups, check_row)
        return
    assert len(records) == len(rows)
    for record, row in zip(records, rows, strict=True):
        check_row(case, record, row)


def read(case: Case, out: bytes, rows: list[Row], expected: Any) -> list[Record]:
    """Return the records of the output, in the order of ``rows``."""
    places = [row.place for row in rows]
    options = case.options
    name = options.shown
    if case.format == "jsonl":
        return [from_object(json.loads(line)) for line in out.splitlines()]
    if case.format in ("csv", "tsv"):
        return from_csv(out.decode(), options.top_k, options.labels, "," if case.format == "csv" else "\t")
    if case.format == "parquet":
        return from_parquet(out)
    if case.format == "json":
        return read_json(case, json.loads(out), rows, expected)
    if case.format == "npz":
        with np.load(io.BytesIO(out)) as archive:
            found = {key: archive[key] for key in archive.files}
        check_shapes(case, found, rows, expected)
        return from_arrays(found, places)
    if case.format == "npy":
        array = np.load(io.BytesIO(out))
        key = name if options.top_k is None else "top_classes" if name == "classes" else f"top_{name}"
        check_shapes(case, {key: array}, rows, expected)
        return from_arrays({key: array}, places)
    if case.format == "markdown":
        check_markdown(case, out.decode(), rows)
        return [Record(row.place) for row in rows]
    return []


def check_shapes(case: Case, found: dict[str, np.ndarray], rows: list[Row], expected: Any) -> None:
    units = case.array.features if case.layer is None else case.layer.units
    if not rows:  # the steps of no samples are not known of every format
        assert all(array.size == 0 for array in found.values())
        return
    if case.command == "predict":
        lead = expected.lead
    else:
        samples = len({row.place[0] for row in rows})
        inner = {row.place[2:] for row in rows}
        sizes = [len({at[i] for at in inner}) for i in range(case.array.rank - 3)]
        lead = (samples, *([] if expected.single else [len(rows) // samples // math.prod(sizes)]), *sizes)
    for name, array in found.items():
        last: tuple[int, ...] = ()
        if name not in ("classes", "mask", *MEASURES):
            last = (units,) if case.options.top_k is None else (case.options.top_k,)
        assert array.shape == (*lead, *last), (name, array.shape, lead, last)


def read_json(case: Case, document: dict[str, Any], rows: list[Row], expected: Any) -> list[Record]:
    options = case.options
    units = case.array.features if case.layer is None else case.layer.units
    check_layer(case, document["layer"])
    if options.labels is not None and options.top_k is None:
        assert document["labels"] == options.labels
    else:
        assert "labels" not in document
    if case.command == "predict" and not rows:  # the steps of no samples are not known of every format
        assert (document["shape"][0], document["shape"][-1]) == (0, units)
        return []
    if case.command == "predict":
        assert document["shape"] == [*expected.lead, units], (document["shape"], expected.lead)
        assert document["input_shape"] == [*expected.lead, case.array.features]
        records = from_nested(document, [r.place for r in rows], [r.place for r in rows])
    else:
        records = []
        assert [step["t"] for step in document["steps"]] == (expected.steps if rows else [])
        for step, some in zip(document["steps"], expected.rows, strict=False):
            places = [row.place for row in some]
            records += from_nested(step, places, [(p[0], *p[2:]) for p in places])
            assert set(step) == {"t"}
    if options.targets is not None:
        check_summary(case, document["summary"], rows, records)
    else:
        assert "summary" not in document
    return records


def check_layer(case: Case, found: dict[str, Any] | None) -> None:
    if case.layer is None:
        assert found is None
        return
    assert found is not None
    assert found.pop("temperature", 1.0) == case.layer.temperature
    if case.layer.alone:
        activation = {"name": "Activation", "activation": case.layer.activation, "dtype": case.layer.dtype}
        assert found == activation
        return
    assert found["name"] == ("TimeDistributed(Dense)" if case.array.rank > 2 else "Dense")
    assert found["units"] == case.layer.units
    assert found["activation"] == case.layer.activation
    assert found["use_bias"] == (case.layer.bias is not None)
    assert found["dtype"] == case.layer.dtype


def check_row(case: Case, record: Record, row: Row) -> None:
    options = case.options
    assert record.place == row.place, (record.place, row.place)
    slack = Slack(row)
    if record.number is not NOTHING:
        check_class(record.number, row, slack)
    if record.label is not NOTHING:
        assert options.labels is not None
        nothing = "" if case.format in ("csv", "tsv") else None
        assert record.label == (nothing if record.number is None else options.labels[record.number])
    elif case.format in ("json", "jsonl", "csv", "tsv"):
        assert options.labels is None
    rules = (options.lengths, options.mask, options.mask_value, options.eos, options.pad)
    masked = any(one is not None for one in rules)
    if case.format not in ("npy", "markdown"):
        assert record.mask is (row.counts if masked else NOTHING), row.place
    for name, values in record.values.items():
        check_values(case, name, values, row, slack)
    for name in {"probabilities", "scores"} & set(record.values):
        if row.has_class and record.number is not NOTHING:
            assert record.number == int(np.nanargmax(record.values[name])), row.place
    if record.top is not None:
        check_top(case, record, row, slack)
    if case.format not in ("npy", "markdown"):
        assert record.measures.keys() == options.measured
    for name, value in record.measures.items():
        check_measure(name, value, row, slack, record)
    if record.explanation is not NOTHING:
        check_explanation(case, record, row, slack)
    elif case.format in ("json", "jsonl"):
        assert options.explain is None


def check_values(case: Case, name: str, values: np.ndarray, row: Row, slack: Slack) -> None:
    wide, offs = known(name, row, slack)
    assert wide is not None
    with np.errstate(all="ignore"):
        expected = wide.astype(row.dtype).astype(np.float64)
    if case.format in ("json", "jsonl"):
        expected = np.where(np.isfinite(expected), expected, np.nan)
    if case.format in ("npy", "npz", "parquet"):
        assert values.dtype == row.dtype
    else:
        # The shortest digits that read back to the same number.
        finite = values[np.isfinite(values)]
        assert (finite.astype(row.dtype).astype(str).astype(np.float64) == finite).all(), values
    found = values.astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.abs(found - expected)
        allowed = offs + np.abs(expected) * slack.out + slack.least
    fits = (found == expected) | (np.isnan(found) & np.isnan(expected)) | (off <= allowed)
    assert fits.all(), (
        row.place,
        name,
        found[~fits],
        expected[~fits],
        np.broadcast_to(allowed, fits.shape)[~fits],
    )


def known(name: str, row: Row, slack: Slack) -> tuple[Any, Any]:
    """Return the numbers of a row that have a name, and how far off each may be."""
    return {
        "probabilities": (row.y, slack.y),
        "scores": (row.y, slack.y),
        "logits": (row.logits, np.broadcast_to(slack.logits, len(row.y))),
        "log_probabilities": (row.log_y, slack.log),
    }[name]


def check_top(case: Case, record: Record, row: Row, slack: Slack) -> None:
    top = record.top or []
    k = case.options.top_k
    if not row.has_class:
        assert all(item.get("class") is None for item in top), (row.place, top)
        return
    assert len(top) == k, (row.place, top)
    shown = case.options.shown
    if shown != "classes":
        key = next(key for key, name in ONE.items() if name == shown)
        wide, offs = known(shown, row, slack)
    if "class" not in top[0]:  # NPY has the values alone
        return
    numbers = [item["class"] for item in top]
    assert len(set(numbers)) == k, (row.place, numbers)
    assert record.number in (numbers[0], NOTHING)
    y = row.y.astype(float)
    for first, second in pairwise(numbers):
        assert y[first] + slack.y[first] >= y[second] - slack.y[second], (row.place, numbers)
        assert not (same(row, first)[second] and first > second), (row.place, numbers)
    last, equal = numbers[-1], same(row, numbers[-1])
    for c in set(range(len(y))) - set(numbers):
        assert y[c] - slack.y[c] <= y[last] + slack.y[last], (row.place, numbers, c)
        assert not (equal[c] and c < last), (row.place, numbers, c)
    for item in top:
        if case.options.labels is not None and "label" in item:
            assert item["label"] == case.options.labels[item["class"]]
        if shown != "classes" and key in item:
            c = item["class"]
            with np.errstate(all="ignore"):
                value = float(wide[c].astype(row.dtype))
            value = math.nan if math.isinf(value) and case.format in ("json", "jsonl") else value
            allowed = offs[c] + abs(value) * slack.out + slack.least
            near(item[key], value, allowed, f"{row.place} {key} of {c}")
    if shown in ("probabilities", "scores") and key in top[0]:
        # JSON has null for minus infinity.
        pairs = [(math.inf if item[key] is None else -item[key], item["class"]) for item in top]
        assert pairs == sorted(pairs), (row.place, top)


def check_measure(name: str, value: float | None, row: Row, slack: Slack, record: Record) -> None:
    expected = row.measure(name)
    if name != "rank":
        if expected is not None and expected > slack.most:
            assert value is None or math.isinf(value), (row.place, name, value)
            return
        near(value, expected, 0 if expected is None else slack.of_measure(row, name), f"{row.place} {name}")
        return
    assert (value is None) == (expected is None), (row.place, name, value, expected)
    if value is None:
        return
    least, most = ranks(row, slack)
    assert least <= value <= most, (row.place, value, least, most)
    if "probabilities" in record.values:
        p = record.values["probabilities"]
        order = sorted(range(len(p)), key=lambda c: (-p[c], c))
        assert value == order.index(row.target) + 1, (row.place, value)


def check_explanation(case: Case, record: Record, row: Row, slack: Slack) -> None:
    found = record.explanation
    assert case.layer is not None
    assert case.options.explain is not None
    expected = row.explain(case.layer, case.options.explain)
    assert (found is None) == (expected is None), row.place
    if found is None or expected is None:
        return
    if case.options.explain == "auto" and (found["class"], found["against"]) != (
        expected["class"],
        expected["against"],
    ):
        assert not row.exact or may_be(row, found["class"], slack), (row.place, found, expected)
        return
    for feature in found["features"]:
        name = feature.pop("name", None)
        if case.feature_names is not None:
            assert name == case.feature_names[feature["feature"]], (row.place, name)
        else:  # of a CSV's header
            assert name in (None, f"f{feature['feature']}"), (row.place, name)
    for key in ("class", "against", "bias", "features"):
        assert found[key] == expected[key], (row.place, key, found[key], expected[key])
    allowed = 2 * slack.logits + slack.out * (abs(expected["logit"]) + 2 * row.magnitude)
    allowed += slack.least  # which a subnormal logit may be rounded by
    if found["logit"] is not None:
        near(found["logit"], expected["logit"], allowed, f"{row.place} logit")
        total = math.fsum([found["bias"], found["rest"], *(f["contribution"] for f in found["features"])])
        near(total, found["logit"], 1e-12 * max(1, row.magnitude), f"{row.place} sum of parts")


def check_summary(case: Case, found: dict[str, Any], rows: list[Row], records: list[Record]) -> None:
    units = case.array.features if case.layer is None else case.layer.units
    expected = summary(rows, units, case.options.top_k)
    if not rows:  # nothing has been held against the targets
        assert (found["samples"], found["rows"]) == (0, 0)
        return
    assert found.keys() == expected.keys()
    counted = [row for row in rows if row.has_class and row.counts]
    both = ("entropy", "confidence")
    off = max((Slack(r).of_measure(r, name) for r in counted for name in both), default=0) + 1e-12
    judged = [(row, record) for row, record in zip(rows, records, strict=True) if row.target is not None]
    judged = [(row, record) for row, record in judged if row.has_class]
    losses = max((Slack(r).of_measure(r, "loss") for r, _ in judged), default=0) + 1e-12
    infinite = any(r.measure("loss") > Slack(r).most for r, _ in judged)
    ranks = [record.measures["rank"] for _, record in judged]
    edges = any(abs(r.measure("confidence") * 15 % 1 - 0.5) > 0.499 for r, _ in judged)
    for name, value in expected.items():
        if name in ("samples", "rows", "padded", "without_class", "targets"):
            assert found[name] == value, (name, found[name], value)
        elif name in ("accuracy", f"top_{min(case.options.top_k or 5, units)}_accuracy"):
            k = 1 if name == "accuracy" else min(case.options.top_k or 5, units)
            share = sum(rank <= k for rank in ranks) / len(ranks) if ranks else None
            near(found[name], share, 1e-12, name)
        elif name == "calibration_error":
            if not edges and [r.measure("rank") for r, _ in judged] == ranks:
                near(found[name], value, off + 1e-6, name)
        elif value is not None and (math.isinf(value) or (name in ("loss", "perplexity") and infinite)):
            assert found[name] is None
        else:
            allowed = {"loss": losses, "perplexity": losses * 2 * (value or 1)}.get(name, off * 2 + 1e-6)
            near(found[name], value, allowed, name)


def check_notes(case: Case, ran: Ran, rows: list[Row]) -> None:
    """Standard error says how many rows have no class and which is the first, how right they are, no more."""
    lost = [row for row in rows if not row.has_class]
    lines = ran.err.splitlines()
    notes = [m for line in lines if (m := _NOTE.fullmatch(line))]
    assert sum(int(m[1]) for m in notes) == len(lost), (ran.err, len(lost))
    if lost:
        names = ["sample", "t", *(f"axis{i}" for i in range(2, 5))]
        where = ", ".join(f"{name} {n}" for name, n in zip(names, lost[0].place, strict=False))
        assert notes[0][2] == where, (notes[0][2], where)
    others = [line for line in lines if not _NOTE.fullmatch(line)]
    assumed = "Note: w.npz states no activation: softmax is assumed, --activation says another"
    if "-w" in case.args and "-a" not in case.args:
        assert assumed in others or not rows  # of no rows there is nothing to say
        others = [line for line in others if line != assumed]
    if any(arg.startswith("--ctc") for arg in case.args) and case.array.rank == 2:
        others = [line for line in others if not line.startswith("Note: each sample is a single step, ")]
    if case.format in ("table", "markdown"):
        others = [line for line in others if not _LIKELIEST.fullmatch(line)]
    judged = case.options.targets is not None and case.format in JUDGED
    assert len(others) == judged, others
    if judged:
        targets = sum(row.has_class and row.target is not None for row in rows)
        said = f"{targets} target{'s' * (targets != 1)} · " if targets else "no targets"
        assert others[0].startswith(f"Note: {said}"), others
