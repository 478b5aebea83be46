"""Options, and the files that they name."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import numpy as np
from reference import Array

from oracle.draw import Case, Draw

LABELS = ("cat", "dog", "a,b", 'say "x"', "##ing", "##s", "é", "日本", " padded ", "", "eos", "7", "nan")


def index_text(index: int | slice) -> str:
    if isinstance(index, int):
        return str(index)
    parts = [index.start, index.stop] + ([index.step] if index.step is not None else [])
    return ":".join("" if n is None else str(n) for n in parts)


def draw_index(draw: Draw, size: int, wild: float = 0.03) -> int | slice:
    """Return an index or a slice of an axis; rarely one that is out of range."""
    if draw.chance(0.15):
        return slice(None, None, -1)
    if draw.chance(0.5):
        return draw.integer(-size, size - 1) if not draw.chance(wild) else draw.pick([size, -size - 1, 10**6])
    ends = [None if draw.chance(0.4) else draw.integer(-size - 1, size + 1) for _ in range(2)]
    return slice(*ends, draw.pick([None, None, 1, 2, -1, -2]))


def draw_batch(draw: Draw, case: Case) -> None:
    if not draw.chance(0.35):
        return
    count = draw.pick([1, 1, 1, 2, 2, 3])
    several = tuple(draw_index(draw, max(case.array.samples) + 1) for _ in range(count))
    case.options.batch = several if len(several) > 1 else several[0]
    case.args += [f"--batch={index_text(one)}" for one in several]


def nested(array: Array, item: Callable[[tuple[int, ...]], Any]) -> list[Any]:
    """Return a list nested like the classes of all samples and steps, up to the highest numbers."""
    if array.rank == 2:
        return [item((s,)) for s in range(max(array.samples) + 1)]
    found = []
    for sample in range(max(array.samples) + 1):
        size = max(array.size_of(sample), 1)
        shape = tuple(max(numbers) + 1 for numbers in array.axes) if array.axes else (size,)
        grid = np.empty(shape, object)
        for inner in np.ndindex(*shape):
            grid[inner] = item((sample, *inner))
        found.append(grid.tolist())
    return found


def draw_mask(draw: Draw, case: Case) -> None:
    array, options = case.array, case.options
    if array.rank < 3 and not draw.chance(0.03):
        return
    kind = draw.pick([None, None, "lengths", "mask", "value"])
    steps = [array.size_of(s) if array.rank > 2 else 1 for s in range(max(array.samples) + 1)]
    if array.rank > 2 and array.axes is not None:
        steps = [max(steps)] * len(steps)
    wrong = draw.chance(0.04)
    if case.layer is None and array.rank > 2 and any(not row.any() for row in array.rows):
        kind = draw.pick(["value", "value", "value", kind])
    if kind == "lengths":
        options.lengths = [draw.integer(0, n) for n in steps]
        if wrong and options.batch is None:
            options.lengths[draw.integer(0, len(steps) - 1)] = max(steps) + 1
        write_list(draw, case, "--lengths", "lengths", options.lengths)
        options.pre = not array.stated[1] and draw.chance(0.4)
        case.args += ["--padding", "pre"] * options.pre
    elif kind == "mask":
        longest = max(steps)
        options.mask = [[t < n and draw.chance(0.6) for t in range(longest)] for n in steps]
        if wrong and options.batch is None:
            options.mask.append([True] * longest)
        write_list(draw, case, "--mask", "mask", options.mask)
    elif kind == "value":
        options.mask_value = float(draw.pick([0.0, 0.0, 0.5, 1.0, float(array.rows[0].reshape(-1)[0])]))
        if options.mask_value != options.mask_value:
            options.mask_value = 0.0
        case.args.append(f"--mask-value={options.mask_value!r}")


def write_list(draw: Draw, case: Case, option: str, name: str, values: list[Any]) -> None:
    """Write lengths or a mask to a file."""
    if draw.chance(0.5):
        file = io.BytesIO()
        np.save(file, np.array(values).astype(draw.pick(["u1", "<i8", ">i4"])))
        case.files[f"{name}.npy"] = file.getvalue()
        case.args += [option, f"{name}.npy"]
    else:
        case.files[f"{name}.json"] = json.dumps(values).encode()
        case.args += [option, f"{name}.json"]


def draw_labels(draw: Draw, case: Case, units: int) -> None:
    if not draw.chance(0.35):
        return
    count = units + (draw.chance(0.03) * draw.pick([1, -1]) if units > 1 else 0)
    labels = [draw.pick(LABELS) if draw.chance(0.2) else f"w{i}" for i in range(count)]
    case.options.labels = labels
    form = draw.pick(["list", "lines", "ids"])
    if form == "lines" and labels[-1] and labels[0][:1] not in "[{":
        name, content = "labels.txt", "\n".join(labels) + "\n" * draw.integer(0, 1)
    elif form == "ids" and len(set(labels)) == count:
        ids = {label: i for i, label in enumerate(labels)}
        case.options.labels = labels + [str(i) for i in range(count, units)]  # who has no name has its number
        name, content = "labels.json", json.dumps({label: ids[label] for label in sorted(ids)})
    else:
        name, content = "labels.json", json.dumps(labels, ensure_ascii=False)
    case.files[name] = content.encode()
    case.args += ["--labels", name]


def draw_targets(draw: Draw, case: Case, units: int) -> None:
    options = case.options
    if not draw.chance(0.35):
        return
    ignore = draw.pick([-100, 0]) if draw.chance(0.3) else None
    wrong = draw.chance(0.03)

    def one(place: tuple[int, ...]) -> int:
        if ignore is not None and draw.chance(0.3):
            return ignore
        return units if wrong and draw.chance(0.3) else draw.integer(0, units - 1)

    values = nested(case.array, one)
    options.targets, options.ignore_index = values, ignore
    if ignore is not None:
        case.args += [f"--ignore-index={ignore}"]
    shapes = {json.dumps(v) if not isinstance(v, list) else str(len(v)) for v in values}
    even = case.array.rank == 2 or (case.array.rank == 3 and len(shapes) == 1)
    kinds = ["json", "jsonl"] + (["npy", "npz"] if even or case.array.rank == 4 else [])
    kinds += ["txt"] if case.array.rank == 2 or (case.array.rank == 3 and shapes != {"1"}) else []
    kind = draw.pick(kinds)
    if options.labels is not None and kind in ("json", "jsonl") and draw.chance(0.5):
        options.targets = values = named(values, options.labels)
    content = io.BytesIO()
    if kind == "npy":
        np.save(content, np.array(values))
    elif kind == "npz":
        np.savez(content, np.array(values).astype(">i4"))
    elif kind == "txt":
        lines = [",".join(map(str, v)) if isinstance(v, list) else str(v) for v in values]
        content.write("\n".join(lines).encode() + b"\n")
    elif kind == "jsonl":
        content.write("".join(json.dumps(v) + "\n" for v in values).encode())
    else:
        content.write(json.dumps(values).encode())
    case.files[f"targets.{kind}"] = content.getvalue()
    case.args += ["--targets", f"targets.{kind}"]


def named(values: Any, labels: list[str]) -> Any:
    """Return targets with names in place of numbers, where a name is that of one class only."""
    if isinstance(values, list):
        return [named(v, labels) for v in values]
    known = 0 <= values < len(labels) and labels.count(labels[values]) == 1
    return labels[values] if known and not labels[values].strip().lstrip("-").isdecimal() else values


def draw_view(draw: Draw, case: Case, units: int) -> None:
    """Draw what is asked of the rows, and the output format."""
    options = case.options
    plain = not options.scores and (case.layer is None or case.layer.activation == "softmax")
    selects = plain and not case.again and draw.chance(0.2)
    case.format = draw.pick(
        ["json", "json", "jsonl", "jsonl", "csv", "tsv", "npz", "npy", "markdown", "table", "parquet"]
    )
    if selects:
        case.format = draw.pick(["jsonl", "csv", "tsv", "parquet", "table"])
    if case.again:
        formats = (
            ["json", "jsonl", "csv", "tsv"]
            if case.command == "slice"
            else ["json", "jsonl", "csv", "tsv", "npy", "npz"]
        )
        case.format = draw.pick(formats)
    case.args += ["-f", case.format]
    draw_labels(draw, case, units)
    if draw.chance(0.3) and not case.again:
        shows = ["classes", "log-probabilities"] if plain else ["classes"]
        options.show = draw.pick(shows + (["logits"] if case.layer is not None else []))
        case.args += ["--show", options.show]
    if draw.chance(0.35 if units < 100 else 0.7) and not case.again:
        ks = [k for k in (1, 2, 3, 7, 8, 9, 40, 256, units) if k <= units]
        options.top_k = draw.pick(ks) if not draw.chance(0.03) else units + 1
        case.args += ["-k", str(options.top_k)]
    if plain and case.format != "npy" and draw.chance(0.3):
        options.measures = tuple({draw.pick(["confidence", "margin", "entropy", "perplexity"]) for _ in "12"})
        for name in options.measures:
            case.args += ["--measure", name]
    for name in ("eos", "pad"):
        if draw.chance(0.12 if case.array.rank > 2 else 0.01):
            draw_class(draw, case, name, units)
    if plain:
        draw_targets(draw, case, units)
    if selects:
        draw_selection(draw, case)
    runs = case.layer is not None and not case.layer.alone
    if runs and case.format in ("json", "jsonl") and draw.chance(0.15):
        options.explain = "auto" if draw.chance(0.5) else draw.integer(0, units - 1)
        if options.labels is not None and str(options.explain) in options.labels:
            options.explain = "auto"
        case.args += ["--explain", str(options.explain)]
        if draw.chance(0.3):
            case.feature_names = [f"g{i}" for i in range(case.array.features)]
            case.files["features.txt"] = "\n".join(case.feature_names).encode()
            case.args += ["--feature-names", "features.txt"]
    if case.format in ("table", "markdown"):
        case.args.append("--all")
        if draw.chance(0.5):
            case.precision = draw.integer(0, 9)
            case.args += ["--precision", str(case.precision)]


def draw_selection(draw: Draw, case: Case) -> None:
    """Draw which rows are shown, and in which order."""
    options = case.options
    judged = options.targets is not None or draw.chance(0.03)
    if draw.chance(0.6):
        options.sort = draw.pick(["confidence", "margin", "entropy"] + ["loss"] * judged * 2)
        case.args += ["--sort", options.sort]
    if draw.chance(0.5):
        options.unsure = draw.pick([0.1, 0.0, 0.25, 0.5, 1.0])
        case.args += ["--unsure"] + ([] if options.unsure == 0.1 else [str(options.unsure)])
    if judged and draw.chance(0.6):
        options.wrong = True
        case.args.append("--wrong")


def draw_work(draw: Draw, case: Case) -> None:
    if draw.chance(0.15):
        case.output = draw.pick(["out", "out.npy", "out.json"])
        case.args += ["-o", case.output]
    sizes = ["1", "100", "200", "500", "5K", "1M"] if case.options.sort is None else ["10M"]
    if draw.chance(0.6):
        case.args += ["--memory", draw.pick(sizes)]
    if draw.chance(0.6):
        case.args += ["--threads", str(draw.integer(1, 3))]


def draw_decoding(draw: Draw, case: Case, units: int) -> None:
    options = case.options
    softmax = not options.scores and (case.layer is None or case.layer.activation == "softmax")
    plain = case.layer is None or case.layer.activation in ("softmax", "sigmoid")
    case.format = draw.pick(["text", "jsonl"]) if plain else "text"
    case.args += ["-f", case.format]
    draw_labels(draw, case, units)
    if softmax and few_paths(case, units) and draw.chance(0.4):
        options.beam = draw.pick([1, 2, 3, 10, 50])
        case.args += ["--beam", str(options.beam)]
    for name in ("ctc", "eos", "pad"):
        if options.beam is not None and options.ctc is not None:
            break  # the blank is all that is dropped
        if draw.chance(0.25):
            draw_class(draw, case, name, units)
    if draw.chance(0.2):
        options.join = draw.pick(["", "-", " | "])
        case.args.append(f"--join={options.join}")
    elif draw.chance(0.2) and options.labels is not None:
        options.wordpiece = True
        case.args += ["--pieces", "wordpiece"]
    if case.format == "jsonl" and draw.chance(0.3) and softmax and options.beam is None:
        options.measures = (draw.pick(["confidence", "margin", "entropy", "perplexity"]),)
        case.args += ["--measure", options.measures[0]]


def draw_class(draw: Draw, case: Case, name: str, units: int) -> None:
    """Draw the class that an option names, by its label or its number."""
    options = case.options
    number = draw.integer(0, units - 1)
    label = f"#{number}"
    if not draw.chance(0.3):
        if options.labels is not None and (
            number >= len(options.labels) or options.labels.count(options.labels[number]) > 1
        ):
            return
        label = str(number) if options.labels is None else options.labels[number]
    setattr(options, name, number)
    case.args.append(f"--{name}={label}")


def few_paths(case: Case, units: int) -> bool:
    """Whether all paths through the steps can be looked at, and a search keeps all that they merge to."""
    array = case.array
    rows = [sum(place[0] == sample for place in array.places) for sample in array.samples]
    steps = max(rows, default=0)
    return (
        units <= 50
        and steps <= 12
        and units**steps <= 3000
        and sum((units - 1) ** n for n in range(steps + 1)) <= 100
    )
