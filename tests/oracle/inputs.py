"""Arrays and layers, and the files that hold them: as others write them, and as densecli does."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
from reference import Array, Layer, log_softmax

from oracle.draw import Case, Draw

WIDE_ROWS = (1023, 1024, 1025, 1100)
INTEGERS = ("i1", "u1", "<i2", ">i2", "<i4", ">u4", "<i8", ">i8", "u8", "?")
FLOATS = ("<f2", ">f2", "<f4", "<f4", ">f4", "<f8", "<f8", ">f8", "g")


def draw_shapes(draw: Draw, least_rank: int, features: int) -> list[tuple[int, ...]]:
    """Return the shape of each sample: (…, features), samples of rank 2 may differ in time steps."""
    rank = max(draw.pick([1, 2, 2, 2, 3]), least_rank - 1)
    most = 4 if features > 100 else 7
    count = draw.integer(1, most) if draw.chance(0.95) else draw.integer(8, 40)
    inner = tuple(draw.integer(1, 4) for _ in range(rank - 1))
    if rank == 2 and draw.chance(0.35):
        return [(draw.integer(1, 5), features) for _ in range(count)]
    return [(*inner, features)] * count


def draw_features(draw: Draw) -> int:
    return draw.pick(WIDE_ROWS) if draw.chance(0.1) else draw.integer(1, 6)


def regular(samples: list[np.ndarray]) -> bool:
    return len({s.shape for s in samples}) == 1


def draw_layer(draw: Draw, kind: str, features: int, case: Case) -> Layer:
    """Return a layer, and add the options that make it."""
    dtype = draw.pick(["float32"] * 4 + ["float16", "float64"])
    activation = draw.pick(["softmax"] * 7 + ["sigmoid", "relu", "linear", "tanh"])
    units = draw.pick(WIDE_ROWS) if draw.chance(0.08) and features < 10 else draw.integer(1, 7)
    if features > 100:
        units = draw.pick([features, 3])
    bias: np.ndarray | None = None
    if kind != "extreme" and draw.chance(0.6):
        weights = "rough" if kind == "rough" else "grid"
        kernel = draw.numbers((features, units), weights)
        if units > 1 and draw.chance(0.3):  # classes that are always equal
            kernel[:, draw.integer(0, units - 1)] = kernel[:, draw.integer(0, units - 1)]
        if features > 100:
            kernel[draw.integer(3, 9) :] = 0
        kernel = kernel.astype(draw.pick(["f4", "f8", ">f4"]))
        members = {"kernel": kernel}
        if draw.chance(0.7):
            bias = members["bias"] = draw.numbers((units,), weights).astype("f4")
        file = io.BytesIO()
        np.savez(file, **members)
        case.files["w.npz"] = file.getvalue()
        case.args += ["-w", "w.npz"]
        if draw.chance(0.1):
            case.args.append("--no-bias")
            bias = None
    else:
        kernel = np.eye(features, units)
        case.args += ["-u", str(units), "--kernel-initializer", draw.pick(["identity", "Identity()"])]
        if kind == "grid" and draw.chance(0.3):
            kernel = np.full((features, units), 0.25)
            case.args[-1] = "Constant(value=0.25)"
        bias = np.zeros(units)
        if kind != "extreme" and draw.chance(0.3):
            bias = np.ones(units)
            case.args += ["--bias-initializer", "ones"]
        if draw.chance(0.2):
            case.args.append("--no-bias")
            bias = None
    if dtype != "float32" or draw.chance(0.1):
        case.args += ["--dtype", dtype]
    if activation != "softmax" or draw.chance(0.1):
        case.args += ["-a", activation]
    return Layer(kernel, bias, activation, dtype)


def draw_logits(draw: Draw, case: Case) -> Layer:
    """Return the activation alone, of rows that are logits."""
    case.args.append("--logits")
    own = case.array.rows[0].dtype.newbyteorder("=")
    dtype = own.name if own.kind == "f" and own.itemsize <= 8 else "float32"
    if draw.chance(0.2):
        dtype = draw.pick(["float16", "float32", "float64"])
        case.args += ["--dtype", dtype]
    activation = draw.pick(["softmax"] * 5 + ["sigmoid", "relu", "linear", "tanh"])
    if activation != "softmax":
        case.args += ["-a", activation]
    return Layer(np.eye(case.array.features), None, activation, dtype, alone=True)


def draw_samples(draw: Draw, kind: str, least_rank: int) -> list[np.ndarray]:
    """Return layer input as an array's samples, in a dtype."""
    features = draw_features(draw)
    shapes = draw_shapes(draw, least_rank, features)
    if kind == "integers":
        dtype = np.dtype(draw.pick(INTEGERS))
        low = 0 if dtype.kind in "ub" else -9
        return [draw.rng.integers(low, 2 if dtype.kind == "b" else 10, s).astype(dtype) for s in shapes]
    dtype = np.dtype(draw.pick(FLOATS if kind != "extreme" else ("<f4", "<f8", ">f8")))
    samples = [draw.numbers(s, kind).astype(dtype) for s in shapes]
    if features > 100:  # most of a wide row is zero
        for sample in samples:
            sample[..., draw.rng.permutation(features)[8:]] = 0
            tie_highest(draw, sample.reshape(-1, features))
    if draw.chance(0.3 if features < 100 else 0.7):
        for _ in range(draw.integer(1, 3)):
            sample = draw.pick(samples)
            sample.reshape(-1)[draw.integer(0, sample.size - 1)] = draw.pick([np.nan, np.inf, -np.inf])
    return samples


def tie_highest(draw: Draw, rows: np.ndarray) -> None:
    """Give some rows their highest number a second time, anywhere or some 32nds of the row further on."""
    for row in rows:
        width = len(row) // 32
        if draw.chance(0.5):
            row[draw.integer(0, len(row) - 1)] = row.max()
        elif draw.chance(0.7):
            row[(int(row.argmax()) + width * draw.integer(1, 31)) % (32 * width)] = row.max()


def draw_distributions(draw: Draw, least_rank: int) -> list[np.ndarray]:
    """Return finished outputs: with ties, zeros, ones, rows of NaN, and sums that are not quite 1."""
    features = draw_features(draw)
    shapes = draw_shapes(draw, least_rank, features)
    kind = draw.pick(["grid", "few", "rough", "hot"] if features < 100 else ["rough", "rough", "few", "hot"])
    dtype = np.dtype(draw.pick(("<f4", "<f4", "<f8", ">f8", ">f4", "<f2")))
    if kind == "hot" and draw.chance(0.5):
        dtype = np.dtype(draw.pick(("i1", "<i8", "?", ">i2")))
    samples = []
    for shape in shapes:
        if kind == "hot":
            sample = np.eye(features)[draw.rng.integers(0, features, shape[:-1])]
        else:
            logits = draw.numbers(shape, kind).reshape(-1, features)
            if features > 100:
                tie_highest(draw, logits)
            with np.errstate(all="ignore"):
                sample = np.exp(np.array([log_softmax(row) for row in logits])).reshape(shape)
            if draw.chance(0.2):
                sample = sample * (1 + 1e-4)
        samples.append(sample.astype(dtype))
    if draw.chance(0.3 if features < 100 else 0.7) and dtype.kind == "f":
        sample = draw.pick(samples)
        sample.reshape(-1, features)[draw.integer(0, sample.size // features - 1)] = np.nan
    if draw.chance(0.06):  # padding that is no distribution
        for sample in samples:
            sample[draw.integer(0, len(sample)) :] = 0
    return samples


def plain_formats(samples: list[np.ndarray], nulls: bool = False) -> list[str]:
    """Return the formats in which an array can be written without more words."""
    finite = nulls or all(np.isfinite(s).all() for s in samples)
    formats = ["npy", "npz"] if regular(samples) else []
    formats += ["json"] if finite and regular(samples) else []
    formats += ["jsonl"] if finite else []
    return formats + (["csv", "tsv"] if samples[0].ndim == 1 else [])


def lists(x: np.ndarray) -> Any:
    """Return nested lists of an array; NaN as None."""
    if x.dtype.kind == "f":
        x = x.astype(np.float64)
        return np.where(np.isnan(x), None, x.astype(object)).tolist()
    return x.tolist()


def write_plain(
    draw: Draw, samples: list[np.ndarray], format: str, case: Case
) -> tuple[bytes, list[np.ndarray]]:
    """Return a file's bytes, and the samples as whoever reads the file finds them."""
    one = len(samples) == 1 and samples[0].ndim == 1 and draw.chance(0.5)
    if format in ("npy", "npz"):
        x = samples[0] if one else np.stack(samples)
        x = np.asfortranarray(x) if draw.chance(0.3) else x
        file = io.BytesIO()
        if format == "npy":
            np.save(file, x)
        else:
            save = draw.pick([np.savez, np.savez_compressed])
            members = {"x": x}
            if draw.chance(0.3):
                members = {"before": np.zeros(5), "x": x, "after": np.ones((2, 3))}
                case.args += ["--key", "x"]
            save(file, **members)
        return file.getvalue(), samples
    whole = samples[0].dtype.kind in "iu" and format == "json"
    floats = [s.astype(np.int64 if whole else np.float64) for s in samples]
    if format == "json":
        indent = draw.pick([None, None, 1])
        value = lists(floats[0] if one else np.stack(floats))
        if samples[0].dtype.kind == "b":
            value, floats = lists(samples[0] if one else np.stack(samples)), samples
        return json.dumps(value, indent=indent).encode() + b"\n" * draw.integer(0, 1), floats
    if format == "jsonl":
        end = draw.pick(["\n", "\n", "\r\n"])
        return "".join(json.dumps(lists(s)) + end for s in floats).encode(), floats
    cells = [[repr(v) for v in s.tolist()] for s in floats]
    if draw.chance(0.3):
        cells.insert(0, [f"f{i}" for i in range(samples[0].size)])
        if case.command in ("predict", "decode") and draw.chance(0.5):
            add_columns(draw, cells, case)
    between = "," if format == "csv" else "\t"
    return "\n".join(map(between.join, cells)).encode() + b"\n" * draw.integer(0, 1), floats


def add_columns(draw: Draw, cells: list[list[str]], case: Case) -> None:
    """Put columns of other things among those of a CSV, and name the ones that are features."""
    for name in ("id", "note")[: draw.integer(1, 2)]:
        at = draw.integer(0, len(cells[0]))
        for number, row in enumerate(cells):
            row.insert(at, name if number == 0 else draw.pick(["", "a b", "1", '"x,y"', "nan"]))
    places = [i for i, name in enumerate(cells[0]) if name.startswith("f")]
    if places[-1] - places[0] == len(places) - 1 and draw.chance(0.5):
        stop = places[-1] + 1
        columns = f"{places[0]}:" + (str(stop) if stop < len(cells[0]) or draw.chance(0.5) else "")
    else:
        size = len(cells[0])
        columns = ",".join(draw.pick([cells[0][i], str(i), str(i - size)]) for i in places)
    case.args.append(f"--columns={columns}")


def write_own(draw: Draw, samples: list[np.ndarray], format: str) -> tuple[bytes, list[np.ndarray]]:
    """Return finished outputs as densecli itself writes them, sample by sample or step by step."""
    array = Array.of(samples)
    stepped = samples[0].ndim > 1
    by_step = stepped and draw.chance(0.5)
    if format == "npz":
        file = io.BytesIO()
        x = np.stack(samples)
        np.savez(file, probabilities=x, classes=np.zeros(x.shape[:-1], np.int64))
        return file.getvalue(), samples
    floats = [s.astype(np.float64) for s in samples]
    if format == "json":
        shape = (
            [len(samples), *samples[0].shape] if regular(samples) else [len(samples), None, array.features]
        )
        head = {"layer": None, "shape": shape}
        if by_step and regular(samples):
            x = np.stack(floats)
            steps = [{"t": t, "probabilities": lists(x[:, t]), "classes": []} for t in range(x.shape[1])]
            return json.dumps(head | {"steps": steps}).encode(), floats
        return json.dumps(
            head | {"probabilities": [lists(s) for s in floats], "classes": []}
        ).encode(), floats
    rows = list(zip(array.places, [lists(r.astype(np.float64)) for r in array.rows], strict=True))
    if by_step:
        rows.sort(key=lambda row: (row[0][1], row[0]))
    if format == "jsonl":
        out = []
        for place, values in rows:
            line: dict[str, Any] = {"sample": place[0]}
            line |= {"t": place[1]} if stepped else {}
            line |= {"index": list(place[2:])} if len(place) > 2 else {}
            out.append(json.dumps(line | {"probabilities": values, "class": 0}))
        return "\n".join(out).encode() + b"\n", floats
    names = ["sample", "t", *(f"axis{i}" for i in range(2, 5))][: len(array.places[0])]
    between = "," if format == "csv" else "\t"
    out = [between.join([*names, "class", *(f"p{c}" for c in range(array.features))])]
    for place, values in rows:
        cells = [*map(str, place), "0", *("nan" if v is None else repr(v) for v in values)]
        out.append(between.join(cells))
    return "\n".join(out).encode() + b"\n", floats


def draw_file(draw: Draw, samples: list[np.ndarray], case: Case, name: str, own: bool) -> list[np.ndarray]:
    """Write samples to a file or standard input, add the arguments, and return them as they are read."""
    formats = plain_formats(samples)
    if own:
        own_formats = ["json", "jsonl", "csv", "tsv"] + (["npz"] if regular(samples) else [])
        format = draw.pick(own_formats)
        content, samples = write_own(draw, samples, format)
        case.stating = format in ("jsonl", "csv", "tsv")
        plain = False
    else:
        format = draw.pick(formats)
        content, samples = write_plain(draw, samples, format, case)
        plain = True
    # What could be meant by another format too is named.
    pasted = case.command in ("predict", "slice", "decode") and samples[0].dtype.kind != "b"
    pasted &= len(content) < 100_000  # more is no argument on Linux
    if format == "json" and plain and pasted and samples[0].ndim and draw.chance(0.1):
        case.args.append(content.decode())  # the array itself stands on the command line
        return samples
    clear = format in ("npy", "npz") or not plain or (format == "json" and samples[0].ndim > 0)
    if format == "jsonl" and plain:
        clear = len(samples) > 1
    if case.stdin == b"" and name == "x" and draw.chance(0.4):
        case.stdin = content
        case.piece = draw.pick([1, 7, 100, 1 << 16]) if len(content) < 2000 else draw.pick([997, 1 << 16])
        case.args.append("-")
        if not clear or draw.chance(0.3):
            case.args += ["--input-format", format]
    else:
        case.files[f"{name}.{format}"] = content
        case.args.append(f"{name}.{format}")
    return samples
