"""Two outputs side by side, in prediction terms: what changed, by how much, and where.

Numbers are compared as they stand; divergences are of distributions, in float64: a row of probabilities is
divided by its sum, a row of logits goes through log-softmax. They say how A departs from B only where
every number of the row is known in both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError, UsageError
from dense_cli.sources.source import Block, KnownPlaces, Place, Source, number_place
from dense_cli.text import shape_text
from dense_cli.views.top import top_k

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
    def default(cls, equal_nan: bool = False) -> Limits:
        """Return the limits where none are named: the same to float32's rounding, and the same classes."""
        return cls(1e-5, 1e-5, 0, None, equal_nan)

    def require_of_classes(self) -> None:
        """Refuse limits that do not apply to class numbers.

        Raises:
            UsageError: the message names the option.
        """
        if self == Limits.default(self.equal_nan):
            return
        apart = {"--atol": self.atol, "--max-kl": self.kl, "--rtol": self.rtol}
        for option, limit in apart.items():
            if limit is not None:
                raise UsageError(
                    f"{option} does not apply to class numbers, which A and B hold: --max-flips does"
                )


class Row(NamedTuple):
    """A row that changed; ``first`` and ``second`` are its classes in A and B, -1 for none."""

    place: Place
    first: int
    second: int
    difference: float
    kl: float
    variation: float
    moved: int


class ComparisonResult(NamedTuple):
    """What a comparison found; None where it does not apply to the kind, NaN where no row counts.

    ``beyond`` counts the numbers that differ by more than ``atol + rtol · |B|``, NaN among them;
    ``flips`` the rows whose class changed; ``moved`` says how far A's class has fallen in B. ``classless``
    rows have a class neither in A nor in B, ``unknown`` ones no divergence; both leave out those that
    ``equal_nan`` allows.
    """

    kind: str
    rows: int
    numbers: int
    lost: int
    classless: int
    unknown: int
    maximum: float | None
    maximum_at: Place | None
    mean: float | None
    beyond: int
    beyond_at: Place | None
    flips: int
    top_k: int | None
    overlap: float | None
    mean_kl: float | None
    worst_kl: float | None
    worst_kl_at: Place | None
    mean_js: float | None
    worst_js: float | None
    mean_variation: float | None
    worst_variation: float | None
    mean_moved: float | None
    most_moved: int | None
    flipped: list[Row]
    worst: list[Row]

    @property
    def agreement(self) -> float:
        """The share of rows with the same class."""
        return 1 - self.flips / self.rows if self.rows else math.nan

    def faults(self, limits: Limits) -> list[str]:
        """Return which limits are passed, in words."""
        said = []
        if (limits.atol is not None or limits.rtol is not None) and self.kind != "classes" and self.beyond:
            atol, rtol = limits.atol or 0, limits.rtol or 0
            said.append(
                f"{self.beyond} of {self.numbers} numbers differ by more than {atol:g} + {rtol:g} · |B|"
            )
        if limits.flips is not None and self.flips > limits.flips:
            said.append(f"{self.flips} of {self.rows} rows change class, allowed are {limits.flips}")
        if limits.flips is not None and self.classless:
            said.append(
                f"{self.classless} of {self.rows} rows have NaN or infinity and no class in A and B{_ALLOWED}"
            )
        if limits.kl is not None and self.worst_kl is not None and self.worst_kl > limits.kl:
            said.append(f"a KL divergence of {self.worst_kl:.6g}, allowed is {limits.kl:g}")
        if limits.kl is not None and self.unknown:
            said.append(
                f"{self.unknown} of {self.rows} rows have NaN or infinity and no KL divergence{_ALLOWED}"
            )
        return said


def pairs(
    a: Source, b: Source, rows: int, *, numbered: bool = True
) -> Iterator[tuple[Block, NDArray[Any], NDArray[Any]]]:
    """Give the rows of two sources side by side: a block of ``a``'s, and both blocks' numbers.

    Without ``numbered`` one of them does not say which samples it holds: their order is what counts.

    Raises:
        ShapeError: they differ in shape, or in which rows they hold.
    """
    if len(a.shape) != len(b.shape) or any(
        x is not None and y is not None and x != y for x, y in zip(a.shape, b.shape, strict=True)
    ):
        raise ShapeError(
            f"{b.name}: expected the shape of {a.name}, {shape_text(a.shape)}, found {shape_text(b.shape)}"
        )
    first, second = a.blocks(rows), b.blocks(rows)
    left: Block | None = None
    right: Block | None = None
    while True:
        left = left if left is not None and len(left.x) else next(first, None)
        right = right if right is not None and len(right.x) else next(second, None)
        if left is None and right is None:
            return
        if left is None or right is None:
            longer, shorter = (a, b) if right is None else (b, a)
            place = (left or right).places()[0].tolist()  # type: ignore[union-attr]
            raise ShapeError(f"{shorter.name}: ends where {longer.name} has further rows, from {place} on")
        count = min(len(left.x), len(right.x))
        head, left = _split(left, count)
        other, right = _split(right, count)
        here, there = head.places(), other.places()
        if not numbered:
            here, there = np.diff(here, axis=0) != 0, np.diff(there, axis=0) != 0
        if not np.array_equal(here, there):
            at = int((here != there).any(axis=1).argmax()) + (not numbered)
            here, there = head.places(), other.places()
            raise ShapeError(
                f"{b.name}: expected the rows of {a.name} in their order: "
                f"found {there[at].tolist()} beside {here[at].tolist()}"
            )
        yield head, head.x, other.x


def _split(block: Block, count: int) -> tuple[Block, Block]:
    """Return the first ``count`` rows of a block and the others."""
    places = block.places()
    head = Block(block.x[:count], block.start, KnownPlaces(places[:count]))
    return head, Block(block.x[count:], block.start + count, KnownPlaces(places[count:]))


class Comparison:
    """Adds up the differences between two outputs, block by block.

    Args:
        kind: what rows hold, one of `KINDS`; the rows of classes are the class numbers themselves.
        limits: for the tolerance of single numbers and for NaN.
        top: k of the top-k overlap.
        worst: how many of the worst rows, and of the flips, are kept; None: all of them.

    >>> both = Comparison("probabilities", Limits(atol=0.1))
    >>> both.add(np.array([[0.9, 0.1]]), np.array([[0.4, 0.6]]), np.array([[0]]))
    >>> found = both.result()
    >>> found.flips, found.maximum, round(found.mean_kl, 4)
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

    def add(self, a: NDArray[Any], b: NDArray[Any], places: NDArray[np.int64]) -> None:
        """Compare further rows.

        Args:
            a, b: (rows, classes); of class numbers, (rows, any), where -1 and NaN are no class.
            places: (rows, axes).
        """
        with np.errstate(all="ignore"):
            if self.kind == "classes":
                self._add_classes(a, b, places)
            else:
                self._add(a.astype(np.float64), b.astype(np.float64), places)

    def _add_classes(self, a: NDArray[Any], b: NDArray[Any], places: NDArray[np.int64]) -> None:
        nothing = float("nan")
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
            self._flipped.append(Row(place, first, second, nothing, nothing, nothing, 0))

    def _add(self, a: NDArray[np.float64], b: NDArray[np.float64], places: NDArray[np.int64]) -> None:
        self._rows += len(a)
        self._numbers += a.size
        difference = np.abs(a - b)
        difference[a == b] = 0  # infinities that agree
        unknown = np.isnan(difference)
        allowed = (self.limits.atol or 0) + (self.limits.rtol or 0) * np.abs(b)
        nan = np.isnan(a) & np.isnan(b)
        beyond = unknown & ~nan if self.limits.equal_nan else unknown
        # An infinite number has an infinite tolerance: it is within it only where both are the same.
        beyond = beyond | (difference > np.where(np.isinf(b), 0, allowed))
        if beyond.any():
            self._beyond += int(np.count_nonzero(beyond))
            if self._beyond_at is None:
                self._beyond_at = number_place(beyond.argmax(), places, a.shape[1])
        known = np.where(unknown, -1, difference)
        if known.size and known.max() > self._maximum:
            self._maximum = float(known.max())
            self._maximum_at = number_place(known.argmax(), places, a.shape[1])
        self._sums["difference"] += float(difference[~unknown].sum())
        self._differences += int(np.count_nonzero(~unknown))

        first, second = _classes(a), _classes(b)
        flips = first != second
        self._flips += int(np.count_nonzero(flips))
        both = (first >= 0) & (second >= 0)
        self._lost += int(np.count_nonzero(~both))
        allowed_rows = ((a == b) | nan).all(axis=1) & self.limits.equal_nan
        self._unknown += int(np.count_nonzero(~both & ~allowed_rows))
        self._classless += int(np.count_nonzero((first < 0) & (second < 0) & ~allowed_rows))
        measures = np.full((4, len(a)), np.nan)  # KL, Jensen-Shannon, total variation, how far moved
        if both.any():
            measures[:, both] = self._diverge(a[both], b[both], first[both])
        largest = np.where(unknown.all(axis=1), np.nan, known.max(axis=1))

        def row(i: int) -> Row:
            kl, _, variation, moved = measures[:, i].tolist()
            return Row(
                tuple(places[i].tolist()),
                int(first[i]),
                int(second[i]),
                float(largest[i]),
                kl,
                variation,
                0 if moved != moved else int(moved),
            )

        room = None if self._keep is None else max(self._keep - len(self._flipped), 0)
        self._flipped += [row(i) for i in np.flatnonzero(flips)[:room]]
        kl = measures[0]
        if both.any():
            highest = int(np.nanargmax(kl))
            if kl[highest] > self._most["kl"]:
                self._most["kl"], self._kl_at = float(kl[highest]), tuple(places[highest].tolist())
        # A row that cannot be compared is worse than any that can; equal rows are not among the worst.
        badness = np.where(both, measures[2], np.where(beyond.any(axis=1), 2.0, 0.0))
        worst = np.argsort(-badness, kind="stable")[: self._keep]
        self._worst += [row(i) for i in worst if badness[i] > 0]
        self._worst.sort(key=lambda r: -(2.0 if r.variation != r.variation else r.variation))
        del self._worst[self._keep if self._keep is not None else len(self._worst) :]

    def _diverge(
        self, a: NDArray[np.float64], b: NDArray[np.float64], first: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return KL(A‖B), Jensen-Shannon divergence, total variation and rank moves of each row."""
        log_p, log_q = self._logs(a), self._logs(b)
        p, q = np.exp(log_p), np.exp(log_q)
        kl = _relative(p, log_p, log_q).sum(axis=1)
        log_m = np.logaddexp(log_p, log_q) - math.log(2)
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
            ours, theirs = (np.sort(top_k(x, k)[0], axis=1) for x in (a, b))
            joined = np.sort(np.concatenate([ours, theirs], axis=1), axis=1)
            self._sums["overlap"] += float(np.count_nonzero(joined[:, 1:] == joined[:, :-1])) / k
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
        """Return what was found."""
        numeric = self.kind != "classes"
        known = self._known

        def mean(name: str) -> float | None:
            return (self._sums[name] / known if known else math.nan) if numeric else None

        def most(name: str) -> float | None:
            return (self._most[name] if known else math.nan) if numeric else None

        differences = self._differences
        k = min(self.top, self._numbers // self._rows if self._rows else 0)
        overlaps = numeric and bool(self._rows) and k < self._numbers // self._rows
        return ComparisonResult(
            kind=self.kind,
            rows=self._rows,
            numbers=self._numbers,
            lost=self._lost,
            classless=self._classless,
            unknown=self._unknown,
            maximum=(self._maximum if differences else math.nan) if numeric else None,
            maximum_at=self._maximum_at,
            mean=(self._sums["difference"] / differences if differences else math.nan) if numeric else None,
            beyond=self._beyond,
            beyond_at=self._beyond_at,
            flips=self._flips,
            top_k=k if overlaps else None,
            overlap=mean("overlap") if overlaps else None,
            mean_kl=mean("kl"),
            worst_kl=most("kl"),
            worst_kl_at=self._kl_at,
            mean_js=mean("js"),
            worst_js=most("js"),
            mean_variation=mean("variation"),
            worst_variation=most("variation"),
            mean_moved=mean("moved"),
            most_moved=None if not numeric else int(self._most["moved"]) if known else 0,
            flipped=self._flipped,
            worst=self._worst,
        )


def _relative(p: NDArray[Any], log_p: NDArray[Any], log_q: NDArray[Any]) -> NDArray[Any]:
    """Return p (log p - log q), 0 where p is."""
    return np.where(p > 0, p * (log_p - log_q), 0)


def _classes(values: NDArray[Any]) -> NDArray[np.int64]:
    """Return each row's argmax, -1 where it holds NaN or no finite maximum."""
    highest = values.max(axis=1)
    return np.where(np.isfinite(highest), values.argmax(axis=1), -1)
