"""Whole runs of each command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from reference import Array

from oracle.draw import Case, Draw
from oracle.inputs import (
    draw_distributions,
    draw_file,
    draw_layer,
    draw_logits,
    draw_samples,
    draw_shapes,
    plain_formats,
)
from oracle.options import (
    draw_batch,
    draw_decoding,
    draw_index,
    draw_mask,
    draw_view,
    draw_work,
    index_text,
)


def draw_case(*seed: int) -> Case:
    """Return the run of a seed."""
    draw = Draw(*seed)
    command = draw.pick(["predict"] * 4 + ["slice"] * 4 + ["decode"] * 3 + ["compare"] * 2 + ["info"])
    return {"compare": draw_comparison, "info": draw_info}.get(command, draw_run)(draw, command)


def draw_run(draw: Draw, command: str) -> Case:
    """Return a run of `predict`, `slice` or `decode`."""
    case = Case(command, Array.of([np.zeros(1)]), args=[command])
    finished = draw.chance(0.5 if command != "predict" else 0.15)
    least = 3 if command == "slice" and not draw.chance(0.03) else 2
    if finished and draw.chance(0.85):
        case.array = draw_outputs(draw, case, least)
        finish_run(draw, case)
        return case
    kind = draw.pick(["grid", "grid", "few", "integers", "rough", "extreme"])
    samples = draw_samples(draw, kind, least)
    if not plain_formats(samples):  # ragged with NaN: no format has both
        samples = [np.nan_to_num(s, posinf=1, neginf=-1) for s in samples]
    case.array = Array.of(draw_file(draw, samples, case, "x", own=False))
    if finished:
        case.options.scores = True
        case.args.append("--scores")
        finish_run(draw, case)
        return case
    if draw.chance(0.15):
        case.layer = draw_logits(draw, case)
        finish_run(draw, case)
        return case
    kind = {"few": "grid", "integers": "grid"}.get(kind, kind)
    case.layer = draw_layer(draw, kind, case.array.features, case)
    case.again = command != "decode" and case.layer.activation == "softmax" and draw.chance(0.4)
    finish_run(draw, case)
    return case


def draw_outputs(draw: Draw, case: Case, least_rank: int) -> Array:
    """Write finished outputs, as others write them or as densecli does."""
    samples = draw_distributions(draw, least_rank)
    own = not plain_formats(samples) or draw.chance(0.5)
    array = Array.of(draw_file(draw, samples, case, "x", own=own))
    return replace(array, stated=(own and case.stating, own and case.stating))


def draw_second(
    first: Case, out: bytes, places: list[tuple[int, ...]], rows: list[np.ndarray], *seed: int
) -> Case:
    """Return a run that reads what ``first`` has printed: ``rows`` at ``places``, as its format says."""
    draw = Draw(*seed)
    rank = len(places[0]) + 1
    array = Array.at_places(places, rows)
    # Steps of samples that differ are put in order by `slice`; `decode` reads such lines as they come.
    kinds = ["decode"] if first.command == "predict" or array.axes is not None else []
    command = draw.pick(kinds + ["slice"] * (2 if rank > 2 else 0))
    stated = first.format in ("csv", "tsv", "jsonl")
    from_0 = array.rank == 2 or (array.axes is not None and array.axes[0] == list(range(len(array.axes[0]))))
    case = Case(command, replace(array, stated=(stated, stated or not from_0)), args=[command])
    name = f"first.{first.format}"
    if draw.chance(0.5):
        case.files[name] = out
        case.args.append(name)
    else:
        case.stdin, case.piece = out, draw.pick([97, 1 << 16])
        case.args += ["-", "--input-format", first.format]
    finish_run(draw, case)
    return case


def finish_run(draw: Draw, case: Case) -> None:
    """Draw the options of a run whose input and layer are known."""
    if case.layer is None and draw.chance(0.15):
        case.dtype = draw.pick(["float16", "float32", "float64"])
        case.args += ["--dtype", case.dtype]
    if case.layer is not None and draw.chance(0.15):
        case.layer.temperature = draw.pick([0.5, 2.0, 4.0])  # powers of two round nothing
        case.args += ["--temperature", str(case.layer.temperature)]
    units = case.array.features if case.layer is None else case.layer.units
    draw_batch(draw, case)
    draw_mask(draw, case)
    if case.command == "decode":
        draw_decoding(draw, case, units)
    else:
        draw_view(draw, case, units)
    if case.command == "slice":
        steps = max(map(case.array.size_of, case.array.samples)) if case.array.rank > 2 else 1
        for _ in range(draw.pick([0, 0, 1, 1, 1, 2, 3] if not case.again else [0, 1])):
            time = draw_index(draw, steps)
            case.options.times += (time,)
            case.args.append(f"--time={index_text(time)}")
    draw_work(draw, case)


def draw_comparison(draw: Draw, command: str) -> Case:
    """Return a run of `compare`: an output and one like it."""
    case = Case(command, Array.of([np.zeros(1)]), args=[command])
    case.kind = draw.pick(["probabilities", "probabilities", "logits", "classes"])
    if case.kind == "classes":
        shapes = draw_shapes(draw, 2, draw.integer(1, 4))
        a = [draw.rng.integers(0, 4, s) for s in shapes]
        b = [np.where(draw.rng.random(s.shape) < 0.2, draw.rng.integers(0, 4, s.shape), s) for s in a]
    else:
        a = draw_distributions(draw, 2)
        if case.kind == "logits":
            kind = draw.pick(["grid", "rough", "few"])
            a = [draw.numbers(s.shape, kind).astype("f4") for s in a]
        a = [s.astype("f8") if s.dtype.kind in "iub" else s for s in a]
        b = [s.copy() for s in a]
        change = draw.pick(["none", "small", "some", "swap"])
        for sample in b:
            rows = sample.reshape(-1, sample.shape[-1])
            for row in rows:
                if change == "small":
                    row *= draw.pick([1, 1 + 1e-6, 1 + 1e-4])
                elif change == "swap" and draw.chance(0.3):
                    row[:] = row[::-1].copy()
                elif change == "some" and draw.chance(0.3):
                    row[:] = (row + np.roll(row, 1)) / 2
        for samples in (a, b):
            if draw.chance(0.15):
                sample = draw.pick(samples)
                sample.reshape(-1)[draw.integer(0, sample.size - 1)] = np.nan
    left = draw_file(draw, a, case, "x", own=False) if plain_formats(a) else None
    right = draw_file(draw, b, case, "y", own=False) if plain_formats(b) else None
    if left is None or right is None or case.args.count("--key") or "--input-format" in case.args:
        return draw_comparison(draw, command)
    case.array, case.other = Array.of(left), Array.of(right)
    if case.kind == "logits":
        case.args.append("--logits")
    elif case.kind == "classes":
        case.args.append("--classes")
    for name, option, values in (
        ("atol", "--atol", [0.0, 1e-5, 0.1]),
        ("rtol", "--rtol", [0.0, 1e-4, 0.5]),
        ("flips", "--max-flips", [0, 1, 5]),
        ("kl", "--max-kl", [1e-9, 1e-3, 0.5]),
    ):
        if draw.chance(0.3 if case.kind != "classes" or name == "flips" else 0.05):
            value = draw.pick(values)
            setattr(case.limits, name, value)
            case.args += [option, str(value)]
    if draw.chance(0.4):
        case.limits.equal_nan = True
        case.args.append("--equal-nan")
    if draw.chance(0.4):
        case.compared = draw.integer(1, 6)
        case.args += ["-k", str(case.compared)]
    case.args += ["-f", "json", "--all"]
    return case


def draw_info(draw: Draw, command: str) -> Case:
    """Return a run of `info`."""
    case = Case(command, Array.of([np.zeros(1)]), args=[command])
    kind = draw.pick(["grid", "few", "integers", "rough", "extreme", "distributions"])
    samples = draw_distributions(draw, 2) if kind == "distributions" else draw_samples(draw, kind, 2)
    if not plain_formats(samples):
        samples = [np.nan_to_num(s, posinf=1, neginf=-1) for s in samples]
    case.array = Array.of(draw_file(draw, samples, case, "x", own=False))
    case.args += ["-f", "json"]
    return case
