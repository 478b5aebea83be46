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
