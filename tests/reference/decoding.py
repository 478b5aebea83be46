"""What `decode` prints: a line for each sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from reference.arrays import Array
from reference.outputs import Options, check_view, evaluate
from reference.rows import Layer, Row


@dataclass
class Line:
    """One sample as text, and the rows of the steps that count."""

    sample: int
    text: str
    steps: list[Row] = field(default_factory=list)

    @property
    def log_probability(self) -> float | None:
        """The sum of the logarithms of the printed confidences; None where a step has no class."""
        if not all(row.has_class for row in self.steps):
            return None
        confidences = [row.y[row.chosen].astype(row.dtype) for row in self.steps]
        return math.fsum(math.log(c) if c else -math.inf for c in confidences)

    @property
    def perplexity(self) -> float | None:
        """exp of the mean negative log-probability; None of no steps."""
        total = self.log_probability
        return None if total is None or not self.steps else math.exp(-total / len(self.steps))


def decode(array: Array, layer: Layer | None, options: Options, dtype: str | None = None) -> list[Line]:
    """Return a line for each sample, in the order of the samples."""
    check_view(array, layer, options)
    chosen = array.select(options.batch)
    rows = evaluate(chosen, layer, options, dtype)
    lines = []
    for sample in chosen.samples:
        steps = [row for row in rows if row.place[0] == sample and row.counts]
        ends = [i for i, row in enumerate(steps) if row.chosen == options.eos]
        if options.eos is not None and ends:  # the end is a step that counts, but no text
            steps = steps[: ends[0] + 1]
        if options.pad is not None:
            steps = [row for row in steps if row.chosen != options.pad]
        classes = [row.chosen for row in steps]
        if options.ctc is not None:
            merged = [c for i, c in enumerate(classes) if i == 0 or c != classes[i - 1]]
            classes = [c for c in merged if c != options.ctc]
        if options.eos is not None:
            classes = [c for c in classes if c != options.eos]
        lines.append(Line(sample, text_of(classes, options), steps))
    return lines


def beams(
    array: Array, layer: Layer | None, options: Options, dtype: str | None = None
) -> list[dict[tuple[int, ...], float]]:
    """Return all lines of each sample with their log-probabilities: of all paths through its steps.

    A path ends at ``eos``. With ``ctc`` a line is the sum of the paths that merge to it. A step without a
    class is -1 in every line, and the log-probability is then NaN.
    """
    check_view(array, layer, options)
    chosen = array.select(options.batch)
    rows = evaluate(chosen, layer, options, dtype)
    found = []
    for sample in chosen.samples:
        paths: dict[tuple[int, ...], float] = {(): 0.0}
        unknown = False
        for row in rows:
            if row.place[0] != sample or not row.counts:
                continue
            longer = {}
            for path, score in paths.items():
                if options.eos is not None and path[-1:] == (options.eos,):
                    longer[path] = score
                    continue
                unknown |= not row.has_class
                for c, log in enumerate(row.log_y.astype(float)) if row.has_class else [(-1, 0.0)]:
                    if log > -math.inf:
                        longer[(*path, c)] = score + log
            paths = longer
        lines: dict[tuple[int, ...], list[float]] = {}
        for path, score in paths.items():
            line = path if options.ctc is None else merged(path, options.ctc)
            lines.setdefault(line, []).append(score)
        found.append({line: math.nan if unknown else log_sum(scores) for line, scores in lines.items()})
    return found


def merged(path: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """Return a path without repeats, and then without blanks."""
    return tuple(c for i, c in enumerate(path) if c != blank and (i == 0 or c != path[i - 1]))


def log_sum(scores: list[float]) -> float:
    """Return the logarithm of the sum of probabilities that are given by their logarithms."""
    return max(scores) + math.log(math.fsum(math.exp(score - max(scores)) for score in scores))


def text_of(classes: list[int | None], options: Options) -> str:
    """Return the labels of classes, joined; a step without a class is a dash."""
    words = [
        "-" if number is None else str(number) if options.labels is None else options.labels[number]
        for number in classes
    ]
    if not options.wordpiece:
        return options.join.join(words)
    text = ""
    for at, word in enumerate(words):
        piece = word if at == 0 else word[2:] if word.startswith("##") else " " + word
        for mark in ".?!,":  # which have no space before them
            piece = piece.replace(" " + mark, mark)
        text += piece
    return text
