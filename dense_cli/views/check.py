"""What is wrong with a layer's outputs: named checks that look at rows as they come.

Each check is a class with ``add``, which takes a block of rows, and ``finding``, which says what was found or
None. Thresholds stand beside them; docs/checks.md says what they mean. Padded rows are not looked at.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Place
from dense_cli.text import listed, shape_text
from dense_cli.views.describe import AxisSums, Rows
from dense_cli.views.evaluate import tolerance
from dense_cli.views.measures import measure


class Finding(NamedTuple):
    """What a check found: evidence, advice, and the place of the first, where there is one."""

    check: str
    evidence: str
    advice: str
    first: Place | None = None


class CheckRows(NamedTuple):
    """Rows that count: outputs (rows, classes) in float64, their places and classes (-1 for none).

    ``x`` (rows, features) and ``logits`` (rows, classes) are there where a layer was run.
    """

    y: NDArray[np.float64]
    places: NDArray[np.int64]
    classes: NDArray[np.int64]
    x: NDArray[Any] | None = None
    logits: NDArray[Any] | None = None


class OutputInfo(NamedTuple):
    """What is known of the outputs before the first row.

    Attributes:
        shape: their shape.
        dtype: their dtype.
        ran: whether a layer gives them.
        distributions: whether their rows are distributions; None where only the rows can tell.
    """

    shape: tuple[int | None, ...]
    dtype: np.dtype[Any]
    ran: bool = False
    distributions: bool | None = None

    @property
    def n(self) -> int:
        """How many classes there are."""
        return self.shape[-1] or 0


class Check(Protocol):
    """One check."""

    name: str

    def __init__(self, info: OutputInfo) -> None: ...

    def add(self, block: CheckRows) -> None:
        """Look at further rows."""

    def finding(self) -> Finding | None:
        """Return what was found."""


class _Count:
    """Counts rows, keeps the first, and the extremes of a value over them."""

    def __init__(self) -> None:
        self.rows = self.number = 0
        self.first: Place | None = None
        self.least, self.most = math.inf, -math.inf

    def add(self, wrong: NDArray[np.bool_], places: NDArray[np.int64], values: NDArray[Any]) -> None:
        self.rows += len(wrong)
        if wrong.any():
            self.number += int(np.count_nonzero(wrong))
            self.first = self.first or tuple(places[wrong.argmax()].tolist())
            self.least = min(self.least, float(values[wrong].min()))
            self.most = max(self.most, float(values[wrong].max()))

    @property
    def of(self) -> str:
        return f"{self.number} of {self.rows} rows"


def _odd(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which rows hold NaN or infinity."""
    return np.asarray(~np.isfinite(values).all(axis=1))


class Sums:
    """Rows that do not sum to 1."""

    name = "sums"

    def __init__(self, info: OutputInfo) -> None:
        self._tolerance = tolerance(info.dtype)
        self._count = _Count()

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            sums = block.y.sum(axis=1)
            wrong = (np.abs(sums - 1) > self._tolerance) & np.isfinite(sums)
        self._count.add(wrong, block.places, sums)

    def finding(self) -> Finding | None:
        found = self._count
        if not found.number:
            return None
        evidence = f"{found.of} do not sum to 1: their sums run from {found.least:.6g} to {found.most:.6g}"
        advice = (
            "say what INPUT holds: --logits, --scores, or the input of a --model or of a layer (--weights)"
        )
        return Finding(self.name, evidence, advice, found.first)


class Negative:
    """Rows with something negative."""

    name = "negative"

    def __init__(self, info: OutputInfo) -> None:
        self._count = _Count()

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            least = block.y.min(axis=1)
        self._count.add(least < 0, block.places, least)

    def finding(self) -> Finding | None:
        found = self._count
        if not found.number:
            return None
        evidence = f"{found.of} hold something negative, down to {found.least:.6g}"
        return Finding(
            self.name, evidence, "a probability is never negative: is softmax missing?", found.first
        )


class Finite:
    """NaN and infinity: in the input, from overflow, or in finished outputs."""

    name = "finite"

    def __init__(self, info: OutputInfo) -> None:
        self._ran = info.ran
        self._input, self._overflow, self._output = _Count(), _Count(), _Count()

    def add(self, block: CheckRows) -> None:
        output = _odd(block.y)
        if block.x is None or block.logits is None:
            self._output.add(output, block.places, np.zeros(len(output)))
            return
        given = _odd(block.x)
        self._input.add(given, block.places, np.zeros(len(output)))
        over = _odd(block.logits) & ~given
        self._overflow.add(over, block.places, np.zeros(len(output)))

    def finding(self) -> Finding | None:
        for found, where, advice in (
            (self._input, "in the input", "these rows have no class: mend what made the input"),
            (
                self._overflow,
                "from overflow: input and weights are finite, the logits are not",
                "compute with --dtype float64, or scale the input",
            ),
            (self._output, "in the outputs", "these rows have no class: check what made them with its input"),
        ):
            if found.number:
                return Finding(self.name, f"{found.of} hold NaN or infinity, {where}", advice, found.first)
        return None


class Axis:
    """Distributions along another axis than the last."""

    name = "axis"

    def __init__(self, info: OutputInfo) -> None:
        self._tolerance = tolerance(info.dtype)
        self._sums = AxisSums(info.shape, self._tolerance)
        self._wrong = self._rows = 0

    def add(self, block: CheckRows) -> None:
        with np.errstate(all="ignore"):
            self._sums.add(block.y, block.places)
            self._wrong += int(np.count_nonzero(np.abs(block.y.sum(axis=1) - 1) > self._tolerance))
            self._rows += len(block.y)

    def finding(self) -> Finding | None:
        if not self._wrong:
            return None
        for axis, _ in self._sums.ones():
            evidence = (
                f"every sum along axis {axis} is 1, {self._wrong} of {self._rows} along the last are not"
            )
            advice = f"softmax was taken along axis {axis}: expected axis=-1, the classes"
            return Finding(self.name, evidence, advice)
        return None


class OneClass:
    """A class axis of one."""

    name = "one-class"

    def __init__(self, info: OutputInfo) -> None:
        self._shape = info.shape

    def add(self, block: CheckRows) -> None:
        pass

    def finding(self) -> Finding | None:
        if self._shape[-1] != 1:
            return None
        advice = "the softmax of one class is always 1: use sigmoid, or two classes"
        return Finding(self.name, f"the class axis has size 1: shape {shape_text(self._shape)}", advice)


class DoubleSoftmax:
    """Softmax of a softmax: rows that are flat in the way that only probabilities as logits make them.

    The softmax of a distribution p is log-linear in it, so p is log y shifted to sum to 1. What it gives must
    be a distribution in every row, and a decided one; by chance few rows, or few classes, look so too.
    """

    name = "double-softmax"
    LEAST = 16  # rows · (classes - 1)

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._slack = 2 * tolerance(info.dtype)
        self._rows = self._others = 0
        self._sum = self._most = self._highest = 0.0

    def add(self, block: CheckRows) -> None:
        y = block.y[block.classes >= 0]
        if self._n < 2 or not len(y):
            return
        with np.errstate(all="ignore"):
            logs = np.log(y)
            p = logs + (1 - logs.sum(axis=1, keepdims=True)) / self._n
            decided = p.max(axis=1)
            self._others += int(np.count_nonzero(~(p.min(axis=1) >= -self._slack)))
        self._rows += len(y)
        if not self._others:
            self._sum += float(decided.sum())
            self._most = max(self._most, float(decided.max()))
            self._highest = max(self._highest, float(y.max()))

    def finding(self) -> Finding | None:
        if self._others or self._rows * (self._n - 1) < self.LEAST:
            return None
        if self._most < 0.9 or self._sum / self._rows < (0.8 if self._n == 2 else 0.5):
            return None
        most = math.e / (math.e + self._n - 1)
        sure = self._sum / self._rows
        evidence = (
            f"no probability is above {self._highest:.4f}, and softmax of probabilities cannot pass "
            f"e/(e+{self._n - 1}) = {most:.4f}; undone once, rows are {sure:.2f} sure on average"
        )
        advice = "the layer before already ends in softmax: drop one, here with --activation linear"
        return Finding(self.name, evidence, advice)


class Saturated:
    """Rows whose likeliest class has probability 1 to the dtype's precision."""

    name = "saturated"
    LEAST, SHARE = 8, 0.5

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._near = 1 - np.finfo(info.dtype).eps if info.dtype.kind == "f" else 1.0
        self._count = _Count()

    def add(self, block: CheckRows) -> None:
        if self._n > 1:
            y = block.y[block.classes >= 0]
            self._count.add(y.max(axis=1) >= self._near, block.places[block.classes >= 0], y[:, 0])

    def finding(self) -> Finding | None:
        found = self._count
        if found.rows < self.LEAST or found.number <= self.SHARE * found.rows:
            return None
        evidence = f"{found.of} give one class 1 and the others 0, to the precision of the numbers"
        advice = "logits this far apart: is the input scaled as in training? float64 tells them apart"
        return Finding(self.name, evidence, advice, found.first)


class Uniform:
    """Rows with almost the entropy of the uniform distribution."""

    name = "uniform"
    LEAST, SHARE, OF_LOG = 8, 0.5, 0.99

    def __init__(self, info: OutputInfo) -> None:
        self._n = info.n
        self._count = _Count()

    def add(self, block: CheckRows) -> None:
        y = block.y[block.classes >= 0]
        if self._n > 1 and len(y):
            entropy = measure(("entropy",), y)["entropy"] / math.log(self._n)
            self._count.add(entropy >= self.OF_LOG, block.places[block.classes >= 0], entropy)

    def finding(self) -> Finding | None:
        found = self._count
        if found.rows < self.LEAST or found.number <= self.SHARE * found.rows:
            return None
        evidence = f"{found.of} have {self.OF_LOG:.0%} or more of the uniform's entropy, log {self._n}"
        advice = "the head hardly decides: is it trained, and is this its input?"
        return Finding(self.name, evidence, advice, found.first)


class NeverChosen:
    """Classes that no row chooses, among enough rows to expect each of them."""

    name = "never-chosen"
    PER_CLASS = 20  # rows

    def __init__(self, info: OutputInfo) -> None:
        self._counts = np.zeros(info.n, np.int64)

    def add(self, block: CheckRows) -> None:
        self._counts += np.bincount(block.classes[block.classes >= 0], minlength=len(self._counts))

    def finding(self) -> Finding | None:
        n, rows = len(self._counts), int(self._counts.sum())
        never = np.flatnonzero(self._counts == 0).tolist()
        if n < 2 or not never or rows < self.PER_CLASS * n:
            return None
        evidence = (
            f"{len(never)} of {n} classes are never chosen in {rows} rows: {listed(map(str, never), 8)}"
        )
        return Finding(
            self.name, evidence, "are the kernel's columns and the bias in the order of the labels?"
        )


class Constant:
    """The same class in every row, or at every step of every sample."""

    name = "constant"
    LEAST = 20  # rows, or pairs of steps

    def __init__(self, info: OutputInfo) -> None:
        self._n, self._stepped = info.n, len(info.shape) == 3
        self._rows = self._pairs = self._changes = 0
        self._class: int | None = None
        self._others = False
        self._last: tuple[int, int] | None = None

    def add(self, block: CheckRows) -> None:
        known = block.classes >= 0
        classes, samples = block.classes[known], block.places[known, 0]
        if not len(classes):
            return
        self._rows += len(classes)
        self._class = int(classes[0]) if self._class is None else self._class
        self._others = self._others or bool((classes != self._class).any())
        if self._last is not None:
            classes = np.concatenate([[self._last[1]], classes])
            samples = np.concatenate([[self._last[0]], samples])
        within = samples[1:] == samples[:-1]
        self._pairs += int(np.count_nonzero(within))
        self._changes += int(np.count_nonzero(within & (classes[1:] != classes[:-1])))
        self._last = (int(samples[-1]), int(classes[-1]))

    def finding(self) -> Finding | None:
        if self._n < 2:
            return None
        if not self._others and self._rows >= self.LEAST:
            evidence = f"all {self._rows} rows have class {self._class}"
            return Finding(
                self.name, evidence, "is the bias far larger than the logits, or the input always the same?"
            )
        if self._stepped and self._pairs >= self.LEAST and not self._changes:
            evidence = (
                f"no sample changes its class from one step to the next, in {self._pairs} pairs of steps"
            )
            return Finding(self.name, evidence, "is one step repeated along the time axis?")
        return None


class Padding:
    """Steps at the end of samples that repeat one row, as padding does, and count as real."""

    name = "padding"
    _KEPT = 1000  # different rows

    def __init__(self, info: OutputInfo) -> None:
        self._stepped, self._ran = len(info.shape) == 3, info.ran
        # Row → samples that end in it, steps that repeat it, the first of these.
        self._ends: dict[bytes, tuple[int, int, Place]] = {}
        self._row: NDArray[Any] | None = None
        self._sample = -1
        self._run = self._length = 0
        self._place: Place = ()

    def add(self, block: CheckRows) -> None:
        if not self._stepped or not len(block.y):
            return
        rows = block.y if block.x is None else block.x
        before = np.concatenate([rows[:1] if self._row is None else self._row[None], rows[:-1]])
        same = (rows == before).all(axis=1)
        if self._row is None:
            same[0] = False
        samples = block.places[:, 0]
        starts = np.flatnonzero(np.concatenate([[samples[0] != self._sample], samples[1:] != samples[:-1]]))
        bounds = [*starts.tolist(), len(rows)]
        if bounds[0] != 0:
            bounds = [0, *bounds]
        for begin, end in pairwise(bounds):
            if int(samples[begin]) != self._sample:
                self._close()
                self._sample, self._run, self._length = int(samples[begin]), 0, 0
                same[begin] = False
            changes = np.flatnonzero(~same[begin:end])
            self._length += end - begin
            if len(changes):
                first = begin + int(changes[-1])
                self._run, self._place = end - first, tuple(block.places[first].tolist())
            else:
                self._run += end - begin
            self._row = rows[end - 1].copy()

    def _close(self) -> None:
        """Note how the sample ended."""
        if self._row is None or not 2 <= self._run < self._length:
            return
        if not self._ran and self._row.max() == 1:  # a certain class may well be repeated
            return
        key = self._row.tobytes()
        if key in self._ends or len(self._ends) < self._KEPT:
            samples, steps, first = self._ends.get(key, (0, 0, self._place))
            self._ends[key] = (samples + 1, steps + self._run, first)

    def finding(self) -> Finding | None:
        self._close()
        self._run = 0
        samples, steps, first = max(self._ends.values(), default=(0, 0, ()))
        if samples < 2:
            return None
        what = "input" if self._ran else "output"
        evidence = f"{samples} samples end in the same repeated {what} row, {steps} steps that count as real"
        advice = "say which steps are padding: --lengths FILE, --mask FILE or --mask-value V"
        return Finding(self.name, evidence, advice, first)


OUTPUT_CHECKS: tuple[type[Check], ...] = (
    Sums,
    Negative,
    Finite,
    Axis,
    OneClass,
    DoubleSoftmax,
    Saturated,
    Uniform,
    NeverChosen,
    Constant,
    Padding,
)

# Activations whose rows sum to 1.
SUM_TO_ONE = ("softmax", "sparsemax")

# What holds of distributions alone.
OF_DISTRIBUTIONS = frozenset(
    check.name for check in (Sums, Negative, Axis, OneClass, DoubleSoftmax, Saturated, Uniform)
)

# What a finding explains is not told again.
_EXPLAINS = {
    "axis": ("sums",),
    "double-softmax": ("uniform",),
    "one-class": ("saturated", "constant"),
    "constant": ("never-chosen",),
}


class Checks:
    """Runs the checks of outputs that are not skipped, and of distributions only where there are such."""

    def __init__(self, info: OutputInfo, skip: frozenset[str] = frozenset()) -> None:
        if info.distributions is False:
            skip |= OF_DISTRIBUTIONS
        self._checks = [check(info) for check in OUTPUT_CHECKS if check.name not in skip]
        self._given = info.distributions is None
        self._tolerance = tolerance(info.dtype)
        self._rows = Rows(self._tolerance)
        self._ones = 0  # rows that sum to 1, whatever is negative in them

    def add(self, block: CheckRows) -> None:
        """Look at further rows."""
        for check in self._checks:
            check.add(block)
        if not self._given:
            return
        finite = np.isfinite(block.y)
        self._rows.add(block.y, finite)
        with np.errstate(all="ignore"):
            ones = np.abs(block.y.sum(axis=1) - 1) <= self._tolerance
        self._ones += int(np.count_nonzero(ones & finite.all(axis=1)))

    def findings(self) -> list[Finding]:
        """Return what was found, without what another finding explains."""
        found = [finding for check in self._checks if (finding := check.finding()) is not None]
        explained = {name for finding in found for name in _EXPLAINS.get(finding.check, ())}
        if self._given and 2 * self._ones < self._rows.rows:
            # What holds of distributions says nothing of other numbers, but that they are none.
            found = [_none(finding, self._rows) for finding in found]
            explained |= OF_DISTRIBUTIONS - {"sums", "axis"}
        return [finding for finding in found if finding.check not in explained]


def _none(finding: Finding, rows: Rows) -> Finding:
    """Return the finding of ``sums`` with what the numbers are, where most rows are no distributions."""
    if finding.check != "sums":
        return finding
    if rows.log_ones == rows.rows:
        evidence = "these are log-probabilities: nothing is positive, and exp of every row sums to 1"
        return finding._replace(evidence=evidence, advice="check exp of them")
    look = "scores of classes by themselves (sigmoids?)" if rows.within_1 else "logits or hidden states"
    return finding._replace(evidence=f"{finding.evidence}; they look like {look}")
