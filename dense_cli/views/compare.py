"""Two outputs side by side, in prediction terms: what changed, by how much, and where.

Numbers are compared as they stand; divergences are of distributions, in float64: a row of probabilities is
divided by its sum, a row of logits goes through log-softmax. They say how A departs from B only where
every number of the row is known in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, UsageError
from dense_cli.sources.source import Place, number_place
from dense_cli.views.apart import ComparedRows, NumbersApart, Row
from dense_cli.views.rows import row_best
from dense_cli.views.top import among_top

KINDS = ("probabilities", "logits", "classes")
_ALLOWED = " (--equal-nan allows rows that are the same)"


class Limits(NamedTuple):
    """How far B may depart from A; None: that is not judged.

    What is not known, because of NaN or infinity, is within no limit; with ``equal_nan`` rows that are the
    same in A and B, NaN included, are.
    """

    atol: float | None = None
    rtol: float | None = None
    flips: int | None = None
    kl: float | None = None
    equal_nan: bool = False

    @classmethod
    def default(cls, equal_nan: bool = False, *dtypes: np.dtype[Any]) -> Limits:
        """Return the limits where none is named: no flips, and numbers to the coarser dtype's rounding.

        >>> Limits.default(False, np.dtype("float16"), np.dtype("float32")).atol
        0.001
        """
        half = any(dtype.kind == "f" and dtype.itemsize == 2 for dtype in dtypes)
        tolerance = 1e-3 if half else 1e-5  # about one part in 2**10, and in 2**17
        return cls(tolerance, tolerance, 0, None, equal_nan)

    @property
    def named(self) -> bool:
        """Whether a limit is named."""
        return self != Limits(equal_nan=self.equal_nan)

    def require_of_classes(self) -> None:
        """Refuse limits that do not apply to class numbers.

        Raises:
            UsageError: the message names the option.
        """
        apart = {"--atol": self.atol, "--max-kl": self.kl, "--rtol": self.rtol}
        for option, limit in apart.items():
            if limit is not None:
                raise UsageError(
                    f"{option} does not apply to class numbers, which A and B hold: --max-flips does"
                )


class ComparisonResult(NamedTuple):
    """How B departs from A; None where that does not apply to the kind, NaN where no row counts.

    ``beyond`` counts the numbers that differ by more than ``atol + rtol · |B|``, NaN among them;
    ``flips`` the rows whose class changed; ``moved`` says how far A's class has fallen in B. ``classless``
    rows have a class neither in A nor in B, ``unknown`` ones no divergence; both leave out those that
    ``equal_nan`` allows.
    """

    kind: str
    rows: int
    numbers: int
    flips: int
    flipped: list[Row]
    lost: int = 0
    classless: int = 0
    unknown: int = 0
    maximum: float | None = None
    maximum_at: Place | None = None
    mean: float | None = None
    beyond: int = 0
    beyond_at: Place | None = None
    top_k: int | None = None
    overlap: float | None = None
    mean_kl: float | None = None
    worst_kl: float | None = None
    worst_kl_at: Place | None = None
    mean_js: float | None = None
    worst_js: float | None = None
    mean_variation: float | None = None
    worst_variation: float | None = None
    mean_moved: float | None = None
    most_moved: int | None = None
    worst: Sequence[Row] = ()

    @property
    def agreement(self) -> float:
        """The share of rows with the same class."""
        return 1 - self.flips / self.rows if self.rows else math.nan

    def faults(self, limits: Limits) -> list[str]:
        """Return which limits are passed, in words."""
        return [*self._of_numbers(limits), *self._of_classes(limits), *self._of_divergence(limits)]

    def _of_numbers(self, limits: Limits) -> Iterator[str]:
        if self.beyond and (limits.atol is not None or limits.rtol is not None):
            atol, rtol = limits.atol or 0, limits.rtol or 0
            yield f"{self.beyond} of {self.numbers} numbers differ by more than {atol:g} + {rtol:g} · |B|"

    def _of_classes(self, limits: Limits) -> Iterator[str]:
        if limits.flips is None:
            return
        if self.flips > limits.flips:
            yield f"{self.flips} of {self.rows} rows change class, allowed are {limits.flips}"
        if self.classless:
            rows = f"{self.classless} of {self.rows} rows"
            yield f"{rows} have NaN or infinity and no class in A and B{_ALLOWED}"

    def _of_divergence(self, limits: Limits) -> Iterator[str]:
        if limits.kl is None:
            return
        if self.worst_kl is not None and self.worst_kl > limits.kl:
            yield f"a KL divergence of {self.worst_kl:.6g}, allowed is {limits.kl:g}"
        if self.unknown:
            yield f"{self.unknown} of {self.rows} rows have NaN or infinity and no KL divergence{_ALLOWED}"


class Comparison:
    """Adds up the differences between two outputs, block by block.

    Args:
        kind: what rows hold, one of `KINDS`; the rows of classes are the class numbers themselves.
        limits: for the tolerance of single numbers and for NaN.
        top: k of the top-k overlap.
        worst: how many of the worst rows, and of the flips, are kept; None: all of them.

    >>> both = Comparison("probabilities", Limits(atol=0.1))
    >>> _ = both.add(np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]]), np.array([[0]]))
    >>> result = both.result()
    >>> result.flips, result.maximum, round(result.mean_kl, 4)
    (1, 0.5, 0.5507)
    """

    def __init__(self, kind: str, limits: Limits, top: int = 5, worst: int | None = 10) -> None:
        self.kind = kind
        self.limits = limits
        self.top = top
        self._keep = worst
        self._rows = self._numbers = self._lost = self._beyond = self._flips = self._known = 0
        self._classless = self._unknown = 0
        self._maximum = 0.0
        self._maximum_at: Place | None = None
        self._beyond_at: Place | None = None
        self._sums = dict.fromkeys(("difference", "kl", "js", "variation", "moved", "overlap"), 0.0)
        self._most = dict.fromkeys(("kl", "js", "variation", "moved"), 0.0)
        self._kl_at: Place | None = None
        self._differences = 0
        self._flipped: list[Row] = []
        self._worst: list[Row] = []

    def add(self, a: NDArray[Any], b: NDArray[Any], places: NDArray[np.int64]) -> ComparedRows | None:
        """Compare further rows, and return how they differ; None for class numbers.

        Args:
            a, b: (rows, classes); of class numbers, (rows, any), where -1 and NaN are no class.
            places: (rows, axes).
        """
        with np.errstate(all="ignore"):
            if self.kind == "classes":
                self._add_classes(a, b, places)
                return None
            return self._add(a.astype(np.float64), b.astype(np.float64), places)

    def anew(self) -> Comparison:
        """Return one of the same kind and limits, without rows."""
        return Comparison(self.kind, self.limits, self.top, self._keep)

    def merge(self, other: Comparison) -> None:
        """Take the rows of another one, the next block's: the same, digit by digit, as adding that block."""
        for name in ("_rows", "_numbers", "_lost", "_beyond", "_flips", "_known", "_classless", "_unknown"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self._differences += other._differences
        self._beyond_at = self._beyond_at or other._beyond_at
        if other._maximum > self._maximum:
            self._maximum, self._maximum_at = other._maximum, other._maximum_at
        if other._most["kl"] > self._most["kl"]:
            self._kl_at = other._kl_at
        for name, total in other._sums.items():
            self._sums[name] += total
        for name, most in other._most.items():
            self._most[name] = max(self._most[name], most)
        self._flipped += other._flipped[: self._room()]
        self._keep_of(other._worst)

    def _room(self) -> int | None:
        """Return how many flips can still be kept; None: all."""
        return None if self._keep is None else max(self._keep - len(self._flipped), 0)

    def _add_classes(self, a: NDArray[Any], b: NDArray[Any], places: NDArray[np.int64]) -> None:
        for side, values in (("A", a), ("B", b)):
            wrong = ~((values == np.floor(values)) & np.isfinite(values) | np.isnan(values))
            if wrong.any():
                row, column = (int(i) for i in np.argwhere(wrong)[0])
                raise DtypeError(
                    f"{side}: expected class numbers, found {values[row, column]} "
                    f"at {[*places[row].tolist(), column]}"
                )
        self._rows += a.size
        self._numbers += a.size
        a, b = (np.where(np.isnan(x), -1, x) if x.dtype.kind == "f" else x for x in (a, b))
        different = a != b
        self._flips += int(np.count_nonzero(different))
        for row, column in np.argwhere(different).tolist():
            if self._keep is not None and len(self._flipped) >= self._keep:
                break
            place = (*places[row].tolist(), column)
            first, second = int(a[row, column]), int(b[row, column])
            self._flipped.append(Row(place, first, second, math.nan, math.nan, math.nan, 0))

    def _add(self, a: NDArray[np.float64], b: NDArray[np.float64], places: NDArray[np.int64]) -> ComparedRows:
        numbers = NumbersApart.of(a, b, self.limits)
        self._count_numbers(numbers, places)
        first, second = classes_of(a), classes_of(b)
        both = (first >= 0) & (second >= 0)
        allowed = np.asarray(numbers.same.all(axis=1) & self.limits.equal_nan)
        self._count_rows(first, second, allowed)
        measures = np.full((4, len(a)), np.nan)
        if both.any():
            measures[:, both] = self._diverge(a[both], b[both], first[both])
            kl = measures[0]
            highest = int(np.nanargmax(kl))
            if kl[highest] > self._most["kl"]:
                self._most["kl"], self._kl_at = float(kl[highest]), tuple(places[highest].tolist())
        largest = np.where(numbers.unknown.all(axis=1), np.nan, numbers.difference.max(axis=1))
        rows = ComparedRows(places, first, second, largest, measures)
        self._flipped += [rows.at(i) for i in np.flatnonzero(first != second)[: self._room()]]
        # A row that cannot be compared is worse than any that can; equal rows are not among the worst.
        self._keep_worst(rows, np.where(both, measures[2], np.where(numbers.beyond.any(axis=1), 2.0, 0.0)))
        return rows

    def _count_numbers(self, numbers: NumbersApart, places: NDArray[np.int64]) -> None:
        difference, columns = numbers.difference, numbers.difference.shape[1]
        self._numbers += difference.size
        if numbers.beyond.any():
            self._beyond += int(np.count_nonzero(numbers.beyond))
            if self._beyond_at is None:
                self._beyond_at = number_place(numbers.beyond.argmax(), places, columns)
        if difference.size and difference.max() > self._maximum:
            self._maximum = float(difference.max())
            self._maximum_at = number_place(difference.argmax(), places, columns)
        self._sums["difference"] += float(difference[~numbers.unknown].sum())
        self._differences += int(np.count_nonzero(~numbers.unknown))

    def _count_rows(
        self, first: NDArray[np.int64], second: NDArray[np.int64], allowed: NDArray[np.bool_]
    ) -> None:
        """Count rows by their classes in A and B; NaN in ``allowed`` rows is no fault."""
        both = (first >= 0) & (second >= 0)
        self._rows += len(first)
        self._flips += int(np.count_nonzero(first != second))
        self._lost += int(np.count_nonzero(~both))
        self._unknown += int(np.count_nonzero(~both & ~allowed))
        self._classless += int(np.count_nonzero((first < 0) & (second < 0) & ~allowed))

    def _keep_worst(self, rows: ComparedRows, badness: NDArray[np.float64]) -> None:
        """Keep the rows of the highest badness among these and those before; 0 is none."""
        worst = np.argsort(-badness, kind="stable")[: self._keep]
        self._keep_of([rows.at(i) for i in worst if badness[i] > 0])

    def _keep_of(self, rows: list[Row]) -> None:
        """Keep the worst of these rows and those before."""
        self._worst += rows
        self._worst.sort(key=lambda row: -(2.0 if math.isnan(row.variation) else row.variation))
        if self._keep is not None:
            del self._worst[self._keep :]

    def _diverge(
        self, a: NDArray[np.float64], b: NDArray[np.float64], first: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return KL(A‖B), Jensen-Shannon divergence, total variation and rank moves of each row."""
        log_p, log_q = self._logs(a), self._logs(b)
        p, q = np.exp(log_p), np.exp(log_q)
        kl = _relative(p, log_p, log_q).sum(axis=1)
        log_m = np.log((p + q) / 2)  # -inf where both are 0, which adds nothing
        js = (_relative(p, log_p, log_m) + _relative(q, log_q, log_m)).sum(axis=1) / 2
        # Rounding may leave ±1e-17 where nothing differs.
        same = (p == q).all(axis=1)
        kl, js = np.where(same, 0, np.maximum(kl, 0)), np.where(same, 0, np.maximum(js, 0))
        variation = np.abs(p - q).sum(axis=1) / 2
        own = np.take_along_axis(b, first[:, None], axis=1)
        before = (b == own) & (np.arange(b.shape[1]) < first[:, None])
        moved = np.count_nonzero((b > own) | before, axis=1).astype(np.float64)
        self._known += len(a)
        k = min(self.top, a.shape[1])
        if k < a.shape[1]:
            self._sums["overlap"] += float(np.count_nonzero(among_top(a, k) & among_top(b, k))) / k
        for name, values in (("kl", kl), ("js", js), ("variation", variation), ("moved", moved)):
            self._sums[name] += float(values.sum())
            if name != "kl":  # whose place is kept too
                self._most[name] = max(self._most[name], float(values.max()))
        return np.stack([kl, js, variation, moved])

    def _logs(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.kind == "probabilities":
            return np.asarray(np.log(values / values.sum(axis=1, keepdims=True)))
        shifted = values - values.max(axis=1, keepdims=True)
        return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))

    def result(self) -> ComparisonResult:
        """Return the differences of all rows so far."""
        counts = ComparisonResult(self.kind, self._rows, self._numbers, self._flips, self._flipped)
        if self.kind == "classes":
            return counts
        classes = self._numbers // self._rows if self._rows else 0
        k = min(self.top, classes)
        overlaps = k < classes  # all of the classes are the same ones
        differences = self._differences
        return counts._replace(
            lost=self._lost,
            classless=self._classless,
            unknown=self._unknown,
            maximum=self._maximum if differences else math.nan,
            maximum_at=self._maximum_at,
            mean=self._sums["difference"] / differences if differences else math.nan,
            beyond=self._beyond,
            beyond_at=self._beyond_at,
            top_k=k if overlaps else None,
            overlap=self._mean("overlap") if overlaps else None,
            mean_kl=self._mean("kl"),
            worst_kl=self._worst_of("kl"),
            worst_kl_at=self._kl_at,
            mean_js=self._mean("js"),
            worst_js=self._worst_of("js"),
            mean_variation=self._mean("variation"),
            worst_variation=self._worst_of("variation"),
            mean_moved=self._mean("moved"),
            most_moved=int(self._most["moved"]) if self._known else 0,
            worst=self._worst,
        )

    def _mean(self, name: str) -> float:
        """Return the mean of a measure over the rows that have it."""
        return self._sums[name] / self._known if self._known else math.nan

    def _worst_of(self, name: str) -> float:
        return self._most[name] if self._known else math.nan


def _relative(p: NDArray[Any], log_p: NDArray[Any], log_q: NDArray[Any]) -> NDArray[Any]:
    """Return p (log p - log q), 0 where p is."""
    return np.where(p > 0, p * (log_p - log_q), 0)


def classes_of(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return each row's argmax, -1 where it holds NaN or no finite maximum."""
    columns, highest = row_best(values)
    return np.where(np.isfinite(highest), columns, -1)
