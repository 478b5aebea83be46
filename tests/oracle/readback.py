"""densecli's output in any format → one record per row, as whoever reads the format finds it."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow.parquet as pq

VALUES = ("probabilities", "log_probabilities", "logits", "scores")
PREFIX = {"p": "probabilities", "logp": "log_probabilities", "logit": "logits", "score": "scores"}
ONE = {
    "probability": "probabilities",
    "log_probability": "log_probabilities",
    "logit": "logits",
    "score": "scores",
}
MEASURES = ("confidence", "margin", "entropy", "perplexity", "rank", "loss")
NOTHING = object()  # a cell that the format does not have


@dataclass
class Record:
    """A printed row. What the format or the options leave out is `NOTHING`."""

    place: tuple[int, ...] | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)
    number: Any = NOTHING
    label: Any = NOTHING
    mask: Any = NOTHING
    measures: dict[str, float | None] = field(default_factory=dict)
    top: list[dict[str, Any]] | None = None
    explanation: Any = NOTHING


def floats(values: list[Any]) -> np.ndarray:
    """Return numbers of a JSON list; null is NaN."""
    return np.array([np.nan if v is None else v for v in values], np.float64)


def from_object(line: dict[str, Any]) -> Record:
    """Return the record of an object of JSON Lines, whose keys must all be known."""
    place = (line.pop("sample"), *([line.pop("t")] if "t" in line else []), *line.pop("index", []))
    record = Record(place, number=line.pop("class"))
    record.label = line.pop("label", NOTHING)
    record.mask = line.pop("mask", NOTHING)
    record.top = line.pop("top", None)
    record.explanation = line.pop("explanation", NOTHING)
    for name in VALUES:
        if name in line:
            record.values[name] = floats(line.pop(name))
    record.measures = {name: line.pop(name) for name in MEASURES if name in line}
    assert not line, line
    return record


def flatten(found: Any, places: list[tuple[int, ...]]) -> list[Any]:
    """Return the items of lists that must be nested as the places of rows say, in order."""

    def walk(level: Any, rows: list[tuple[int, ...]], axis: int) -> list[Any]:
        if axis == (len(places[0]) if places else 1):
            return [level]
        groups: list[list[tuple[int, ...]]] = []
        for place in rows:
            if groups and groups[-1][0][axis] == place[axis]:
                groups[-1].append(place)
            else:
                groups.append([place])
        assert isinstance(level, list), (level, axis)
        assert len(level) == len(groups), (len(level), len(groups), axis)
        return [item for one, group in zip(level, groups, strict=True) for item in walk(one, group, axis + 1)]

    return walk(found, places, 0)


def from_nested(
    part: dict[str, Any], places: list[tuple[int, ...]], shown: list[tuple[int, ...]]
) -> list[Record]:
    """Return the records of nested arrays; ``shown`` are the places without the axes that are not nested."""
    records = [Record(place) for place in places]
    for key in list(part):
        if key in ("layer", "shape", "input_shape", "labels", "summary", "steps", "t"):
            continue
        for record, item in zip(records, flatten(part.pop(key), shown), strict=True):
            if key in VALUES:
                record.values[key] = floats(item)
            elif key == "classes":
                record.number = item
            elif key == "predicted":
                record.label = item
            elif key == "mask":
                record.mask = item
            elif key == "top":
                record.top = item
            elif key == "explanations":
                record.explanation = item
            else:
                assert key in MEASURES, key
                record.measures[key] = item
    return records


def from_csv(text: str, top_k: int | None, labels: list[str] | None, delimiter: str) -> list[Record]:
    """Return the records of CSV, whose columns must all be known."""
    lines = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    header, records = lines[0], []
    labelled = labels is not None
    if labels is not None and top_k is None:
        for prefix in PREFIX:
            if header[-len(labels) :] == [f"{prefix}_{label}" for label in labels]:
                header[-len(labels) :] = [f"{prefix}{i}" for i in range(len(labels))]
    for cells in lines[1:]:
        assert len(cells) == len(header), (header, cells)
        left = dict(zip(header, cells, strict=True))
        axes = [name for name in header if name in ("sample", "t") or name.startswith("axis")]
        record = Record(tuple(int(left.pop(name)) for name in axes))
        number = left.pop("class")
        record.number = int(number) if number else None
        if labelled:
            record.label = left.pop("label")
        if "mask" in left:
            record.mask = {"1": True, "0": False}[left.pop("mask")]
        for name in MEASURES:
            if name in left:
                cell = left.pop(name)
                record.measures[name] = None if cell in ("", "nan") else float(cell)
        if top_k is not None:
            record.top = []
            for i in range(1, top_k + 1):
                item: dict[str, Any] = {"class": left.pop(f"top{i}")}
                item |= {"label": left.pop(f"top{i}_label")} if labelled else {}
                for prefix, name in zip(PREFIX, ONE, strict=True):
                    if f"top{i}_{prefix}" in left:
                        item[name] = float(left.pop(f"top{i}_{prefix}"))
                record.top.append(item | {"class": int(item["class"]) if item["class"] else None})
        else:
            for prefix, name in PREFIX.items():
                columns = [c for c in left if c.removeprefix(prefix).isdecimal() and c.startswith(prefix)]
                if columns:
                    assert columns == [f"{prefix}{i}" for i in range(len(columns))]
                    record.values[name] = np.array([float(left.pop(c)) for c in columns])
        assert not left, left
        records.append(record)
    return records


def from_arrays(found: dict[str, np.ndarray], places: list[tuple[int, ...]]) -> list[Record]:
    """Return the records of an NPZ's arrays, or of an NPY's under the name that it has in an NPZ."""
    records = [Record(place) for place in places]
    for name, array in found.items():
        single = name in ("classes", "mask", *MEASURES)
        rows = array.reshape(-1) if single else array.reshape(-1, array.shape[-1])
        assert len(rows) == len(records), (name, array.shape, len(records))
        for record, item in zip(records, rows, strict=True):
            if name == "classes":
                record.number = None if item == -1 else int(item)
            elif name == "mask":
                record.mask = bool(item)
            elif name in MEASURES:
                missing = item == 0 if name == "rank" else np.isnan(item)
                record.measures[name] = None if missing else item.item()
            elif name.startswith("top_"):
                record.top = record.top or [{} for _ in item]
                for one, value in zip(record.top, item.tolist(), strict=True):
                    key = next((k for k, v in ONE.items() if f"top_{v}" == name), "class")
                    one[key] = None if key == "class" and value == -1 else value
            else:
                record.values[name] = item
    return records


def from_parquet(content: bytes) -> list[Record]:
    """Return the records of a Parquet file, whose columns must all be known."""
    table = pq.read_table(io.BytesIO(content))
    columns = {name: table[name].to_pylist() for name in table.column_names}
    axes = [name for name in columns if name in ("sample", "t") or name.startswith("axis")]
    records = []
    for at in range(table.num_rows):
        row = {name: column[at] for name, column in columns.items()}
        record = Record(tuple(row.pop(name) for name in axes), number=row.pop("class"))
        record.label = row.pop("label", NOTHING)
        record.mask = row.pop("mask", NOTHING)
        record.measures = {name: row.pop(name) for name in MEASURES if name in row}
        for name in VALUES:
            if name in row:
                dtype = table.schema.field(name).type.value_type.to_pandas_dtype()
                record.values[name] = np.array(row.pop(name), dtype)
        if "top_classes" in row:
            record.top = [{"class": number} for number in row.pop("top_classes")]
            for key, name in [("label", "labels"), *ONE.items()]:
                for item, value in zip(record.top, row.pop(f"top_{name}", []), strict=False):
                    item[key] = value
        assert not row, row
        records.append(record)
    return records


def from_markdown(text: str, labelled: bool) -> list[list[dict[str, str]]]:
    """Return the tables of a Markdown document, rows as header → cell."""
    tables: list[list[dict[str, str]]] = []
    header: list[str] | None = None
    for line in text.splitlines():
        if not line.startswith("| "):
            header = None
            continue
        cells = [c.strip().replace("\\|", "|") for c in line.replace("\\|", "\0").strip("|").split("|")]
        cells = [c.replace("\0", "|") for c in cells]
        if header is None:
            header = cells
            tables.append([])
        elif not set("".join(cells)) <= set("-: "):
            tables[-1].append(dict(zip(header, cells, strict=True)))
    return tables
