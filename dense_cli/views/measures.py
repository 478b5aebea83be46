"""How sure a distribution is, and how right: one number per row, and their totals over all rows.

Entropy, perplexity and loss are taken from log-softmax where logits are at hand, not from the logarithm
of a softmax: a confident row keeps its digits, and a class of probability 0 has a finite loss.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.sources.source import Sizes
from dense_cli.views.rows import row_best, row_max, row_sum

OF_ROWS = ("confidence", "margin", "entropy", "perplexity")
OF_TARGETS = ("rank", "loss")
BINS = 15  # of the expected calibration error, as in Guo et al. 2017

_CACHE = 1 << 19  # bytes of a group of rows that a core's own cache keeps from one pass to the next

Rows = NDArray[Any]


def measure(
    names: Collection[str],
    probabilities: NDArray[Any],
    logits: NDArray[Any] | None = None,
    targets: NDArray[np.int64] | None = None,
) -> dict[str, Rows]:
    """Return measures of every row.

    - ``confidence``: the highest probability; ``margin``: its distance to the second highest;
    - ``entropy``: −Σ p log p in nats, with 0 log 0 = 0; ``perplexity``: exp(entropy);
    - ``rank``: the place of the target's class among all, 1 for the likeliest, ties by lower class
      number, 0 where there is none; ``loss``: −log p of the target's class (cross-entropy).

    Args:
        names: which of `OF_ROWS` and, with ``targets``, of `OF_TARGETS`.
        probabilities: (rows, classes), as they are shown.
        logits: (rows, classes), of which ``probabilities`` are the softmax; None: they are not known, and
            rows that do not sum to 1 are divided by their sum for entropy, perplexity and loss.
        targets: (rows,), the class that each row should have; -1 where there is none.

    Returns:
        name → (rows,): ``rank`` as int64, the others in the dtype of ``logits`` or ``probabilities``. NaN
        (for ``rank`` 0) where a row holds NaN.

    Source: https://docs.scipy.org/doc/scipy/reference/generated/scipy.stats.entropy.html

    >>> values = measure(OF_ROWS, np.array([[0.5, 0.25, 0.25]]))
    >>> values["confidence"], values["margin"], np.exp2(values["entropy"] / np.log(2))
    (array([0.5]), array([0.25]), array([2.82842712]))
    """
    source = probabilities if logits is None else logits
    size = max(1, _CACHE // (probabilities.shape[1] * source.itemsize))
    parts: dict[str, list[Rows]] = {name: [] for name in names}
    with np.errstate(all="ignore"):
        for start in range(0, max(len(source), 1), size):
            rows = slice(start, start + size)
            values = _measure(
                names,
                probabilities[rows],
                None if logits is None else logits[rows],
                None if targets is None else targets[rows],
            )
            for name, group in parts.items():
                group.append(values[name])
    return {name: np.concatenate(group) for name, group in parts.items()}


def _measure(
    names: Collection[str],
    probabilities: NDArray[Any],
    logits: NDArray[Any] | None,
    targets: NDArray[np.int64] | None,
) -> dict[str, Rows]:
    values: dict[str, Rows] = {}
    if "confidence" in names:
        values["confidence"] = row_max(probabilities)
    if "margin" in names:
        values["margin"] = _margin(probabilities)
    wanted = [name for name in ("entropy", "perplexity", "loss") if name in names]
    if wanted:
        entropy, loss = (
            _of_probabilities(probabilities, targets)
            if logits is None
            else _of_logits(logits, targets, "loss" not in wanted or len(wanted) > 1)
        )
        of_rows = {"entropy": entropy, "perplexity": np.exp(entropy), "loss": loss}
        values |= {name: of_rows[name] for name in wanted}
    if "rank" in names:
        assert targets is not None
        values["rank"] = ranks(probabilities, targets)
    return values


def _margin(probabilities: NDArray[Any]) -> Rows:
    """Return how far the highest probability of each row is above the second."""
    if probabilities.shape[1] == 1:
        return probabilities[:, 0]
    two = np.partition(probabilities, -2, axis=1)[:, -2:]
    return np.asarray(two[:, 1] - two[:, 0])


def _of_logits(
    logits: NDArray[Any], targets: NDArray[np.int64] | None, entropies: bool = True
) -> tuple[Rows, Rows]:
    """Return entropy and loss of each row of logits."""
    best, highest = row_best(logits)
    shifted = logits - highest[:, None]
    powers = np.exp(shifted)
    # log Σ exp = log(1 + the others): exact where the others are too small to change the 1.
    powers[np.arange(len(logits)), best] = 0
    others = row_sum(powers)
    log_sum = np.log1p(others)
    loss = _nothing(log_sum) if targets is None else log_sum - _at(shifted, targets)
    if not entropies:
        return _nothing(log_sum), loss
    # A logit of -inf has probability 0: 0 · a finite number is 0, 0 · -inf would be NaN.
    np.maximum(shifted, np.finfo(shifted.dtype).min, out=shifted)
    powers *= shifted
    return log_sum - row_sum(powers) / (1 + others), loss


def _of_probabilities(probabilities: NDArray[Any], targets: NDArray[np.int64] | None) -> tuple[Rows, Rows]:
    """Return entropy and loss of each row of probabilities, divided by its sum."""
    p = probabilities / row_sum(probabilities)[:, None]
    logs = np.log(p)
    loss = _nothing(logs[:, 0]) if targets is None else -_at(logs, targets)
    np.maximum(logs, np.finfo(logs.dtype).min, out=logs)
    entropy = -row_sum(p * logs)
    return np.maximum(entropy, 0), loss


def _nothing(like: Rows) -> Rows:
    return np.full_like(like, np.nan)


def _at(values: NDArray[Any], targets: NDArray[np.int64]) -> Rows:
    """Return each row's value at its target, NaN where there is none."""
    chosen = values[np.arange(len(values)), np.maximum(targets, 0)]
    return np.where(targets < 0, values.dtype.type(np.nan), chosen)


def ranks(probabilities: NDArray[Any], targets: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the place of each row's target among its classes, from 1; 0 where there is none.

    >>> ranks(np.array([[0.2, 0.4, 0.4]]), np.array([2]))
    array([2])
    """
    target = np.maximum(targets, 0)[:, None]
    own = np.take_along_axis(probabilities, target, axis=1)
    above = np.count_nonzero(probabilities > own, axis=1)
    tied = probabilities == own
    before = np.count_nonzero(tied & (np.arange(probabilities.shape[1]) < target), axis=1)
    lost = (targets < 0) | np.isnan(probabilities).any(axis=1)
    return np.where(lost, 0, 1 + above + before)


class Accuracy(NamedTuple):
    """How right the rows with a target are; ``calibration_error`` is the expected one, in 15 equal bins."""

    rows: int
    accuracy: float
    top_k: int
    top_k_accuracy: float
    loss: float
    perplexity: float
    calibration_error: float


class Totals(NamedTuple):
    """What a `Summary` has counted; means are NaN where no row counts."""

    samples: int
    rows: int
    classes: int
    padded: int
    lost: int
    confidence: float
    entropy: float
    targets: Accuracy | None

    @property
    def of_uniform(self) -> float:
        """The mean entropy as a share of the uniform distribution's, log(classes)."""
        return self.entropy / math.log(self.classes) if self.classes > 1 else math.nan

    def as_json(self) -> dict[str, Any]:
        """Return the names and numbers that JSON shows."""
        document: dict[str, Any] = {"samples": self.samples, "rows": self.rows, "padded": self.padded}
        document |= {"without_class": self.lost, "confidence": self.confidence, "entropy": self.entropy}
        document["entropy_of_uniform"] = self.of_uniform
        if self.targets is not None:
            right = self.targets
            document |= {"targets": right.rows, "accuracy": right.accuracy}
            document |= {f"top_{right.top_k}_accuracy": right.top_k_accuracy, "loss": right.loss}
            document |= {"perplexity": right.perplexity, "calibration_error": right.calibration_error}
        return document


class Summary:
    """Adds up measures block by block; padded rows and rows without a class never count.

    Args:
        classes: how many there are.
        top_k: the k of top-k accuracy, at most ``classes``.

    Source of the calibration error: https://arxiv.org/abs/1706.04599
    """

    NEEDS = ("confidence", "entropy")

    def __init__(self, classes: int, top_k: int = 5) -> None:
        self.classes = classes
        self.top_k = min(top_k, classes)
        self._rows = self._padded = self._lost = 0
        self._sizes = Sizes(1)
        self._sums = {"confidence": 0.0, "entropy": 0.0, "loss": 0.0}
        self._targets: int | None = None
        self._first = self._among = 0
        # Per bin: rows, the sum of their confidences, how many are right.
        self._bins = np.zeros((3, BINS))

    def next_step(self) -> None:
        """Say that the same samples come again, with their next time step."""
        self._sizes.next_step()

    def add(
        self,
        classes: NDArray[np.int64],
        measures: Mapping[str, Rows],
        samples: NDArray[np.int64],
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        """Count further rows.

        Args:
            classes: (rows,), -1 where a row has none.
            measures: ``confidence`` and ``entropy`` where rows are distributions; ``rank`` and ``loss``
                where there are targets; each (rows,).
            samples: (rows,), the sample of each row; rows of a sample follow each other.
            mask: (rows,), False for padding.
        """
        real = np.ones(len(classes), bool) if mask is None else mask
        counts = real & (classes >= 0)
        self._sizes.add(samples[:, None])
        self._rows += int(np.count_nonzero(counts))
        self._padded += int(np.count_nonzero(~real))
        self._lost += int(np.count_nonzero(real & (classes < 0)))
        for name in self.NEEDS:
            if name in measures:
                self._sums[name] += float(measures[name][counts].sum(dtype=np.float64))
            else:
                self._sums[name] = math.nan
        if "rank" in measures:
            counts &= measures["rank"] > 0
            self._judge({name: values[counts] for name, values in measures.items()})

    def _judge(self, measures: Mapping[str, Rows]) -> None:
        rank = measures["rank"]
        right = rank == 1
        self._targets = (self._targets or 0) + len(rank)
        self._first += int(np.count_nonzero(right))
        self._among += int(np.count_nonzero(rank <= self.top_k))
        self._sums["loss"] += float(measures["loss"].sum(dtype=np.float64))
        if "confidence" in measures:
            # Bins are (0, 1/15], (1/15, 2/15], …
            confidence = measures["confidence"].astype(np.float64)
            bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
            for line, weights in enumerate((None, confidence, right.astype(np.float64))):
                self._bins[line] += np.bincount(bins, weights, BINS)

    @property
    def bins(self) -> NDArray[np.float64]:
        """Of each bin of confidence: rows, the sum of their confidences, how many are right; (3, bins)."""
        return self._bins.copy()

    def totals(self) -> Totals:
        """Return the totals of what was added."""
        means = {name: total / self._rows if self._rows else math.nan for name, total in self._sums.items()}
        return Totals(
            self._sizes.shape()[0],
            self._rows,
            self.classes,
            self._padded,
            self._lost,
            means["confidence"],
            means["entropy"],
            None if self._targets is None else self._accuracy(self._targets),
        )

    def _accuracy(self, targets: int) -> Accuracy:
        if not targets:
            nan = math.nan
            return Accuracy(0, nan, self.top_k, nan, nan, nan, nan)
        loss = self._sums["loss"] / targets
        _, confidence, right = self._bins
        known = not math.isnan(self._sums["confidence"])
        return Accuracy(
            targets,
            self._first / targets,
            self.top_k,
            self._among / targets,
            loss,
            math.exp(loss) if loss < 700 else math.inf,
            float(np.abs(right - confidence).sum()) / targets if known else math.nan,
        )
