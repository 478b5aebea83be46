"""One row: through a layer, or finished already; its class, measures and explanation."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from reference.arrays import Place, RefusedError

WIDE = np.longdouble


@dataclass
class Layer:
    """A dense layer; the weights as they are stored. ``units`` is the number of classes.

    ``alone``: the activation alone runs, of rows that are logits already; the kernel is an identity.
    ``temperature`` divides the logits, and so all that they are made of.
    """

    kernel: np.ndarray
    bias: np.ndarray | None = None
    activation: str = "softmax"
    dtype: str = "float32"
    alone: bool = False
    temperature: float = 1.0

    @property
    def units(self) -> int:
        return self.kernel.shape[1]

    @cached_property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias rounded to the dtype; where there is no bias it is zero."""
        bias = np.zeros(self.units) if self.bias is None else self.bias
        return cast(self.kernel, self.dtype).astype(WIDE), cast(bias, self.dtype).astype(WIDE)


@dataclass
class Row:
    """One row of the output. ``y`` is what the activation gives; ``logits`` is None for finished outputs.

    ``has_class``: no number that it rests on is NaN or infinite. ``counts``: it is no padding. ``magnitude``
    bounds the sums that a logit is made of, and ``exact`` says that no order of summing rounds any of them:
    both are for whoever compares with something computed in another order.
    """

    place: Place
    x: np.ndarray
    y: np.ndarray
    dtype: np.dtype[Any]
    has_class: bool
    logits: np.ndarray | None = None
    counts: bool = True
    target: int | None = None
    magnitude: float = 0.0
    exact: bool = False
    activation: str = "softmax"

    @property
    def log_y(self) -> np.ndarray:
        """The logarithm of ``y``, of softmax from the logits, so that it is finite where ``y`` is tiny."""
        with np.errstate(all="ignore"):
            if self.logits is None:
                return np.log(self.y)
            if self.activation == "sigmoid":
                return -np.logaddexp(WIDE(0), -self.logits)
            return self.logits - self.logits.max() - np.log(np.exp(self.logits - self.logits.max()).sum())

    @cached_property
    def order(self) -> list[int]:
        """The classes, likeliest first, ties by lower number: ties of the numbers in the layer's dtype."""
        with np.errstate(all="ignore"):
            rounded = self.y.astype(self.dtype)
        return sorted(range(len(rounded)), key=lambda c: (-rounded[c], c))

    @property
    def chosen(self) -> int | None:
        """The class, None where there is none."""
        return self.order[0] if self.has_class else None

    @property
    def normal_log_y(self) -> np.ndarray:
        """The logarithm of the distribution: finished rows are divided by their sum."""
        with np.errstate(all="ignore"):
            return np.log(self.y / self.y.sum()) if self.logits is None else self.log_y

    def measure(self, name: str) -> float | None:
        """A measure of the row; None where it has no class, or no target for `rank` and `loss`."""
        if not self.has_class or (name in ("rank", "loss") and self.target is None):
            return None
        best = sorted(self.y.tolist(), reverse=True)
        if name == "confidence":
            return best[0]
        if name == "margin":
            return best[0] - best[1] if len(best) > 1 else best[0]
        if name == "rank":
            return self.order.index(self.target) + 1
        logs = self.normal_log_y
        if name == "loss":
            return float(-logs[self.target])
        entropy = float(-sum(np.exp(log) * log for log in logs if log != -np.inf))
        return max(entropy, 0.0) if name == "entropy" else math.exp(entropy)

    def explain(self, layer: Layer, chosen: int | str) -> dict[str, Any] | None:
        """What the logit of a class, or its distance to the runner-up's, is made of."""
        if not self.has_class:
            return None
        kernel = layer.kernel.astype(layer.dtype).astype(np.float64)
        bias = (
            np.zeros(layer.units) if layer.bias is None else layer.bias.astype(layer.dtype).astype(np.float64)
        )
        kernel, bias = kernel / layer.temperature, bias / layer.temperature
        against = None
        number = self.chosen if chosen == "auto" else chosen
        weights, offset, logit = kernel[:, number], bias[number], self.logits[number]
        if chosen == "auto" and layer.units > 1:
            others = [c for c in range(layer.units) if c != number]
            against = max(others, key=lambda c: (self.logits[c], -c))
            weights = weights - kernel[:, against]
            offset, logit = offset - bias[against], logit - self.logits[against]
        parts = self.x.astype(np.float64) * weights
        named = sorted(range(len(parts)), key=lambda i: (-abs(parts[i]), i))[:5]
        return {
            "class": number,
            "against": against,
            "logit": float(logit),
            "bias": float(offset),
            "features": [
                {"feature": i, "x": float(self.x[i]), "weight": weights[i], "contribution": parts[i]}
                for i in named
            ],
        }


def cast(values: np.ndarray, dtype: str) -> np.ndarray:
    """Return numbers in the layer's dtype; a finite one must stay finite."""
    with np.errstate(all="ignore"):
        found = values.astype(dtype)
    if (np.isinf(found) & np.isfinite(values)).any():
        raise RefusedError(f"a number does not fit {dtype}")
    return found


def activate(logits: np.ndarray, name: str) -> np.ndarray:
    """Return what Keras' activation of that name gives."""
    with np.errstate(all="ignore"):
        if name == "softmax":
            powers = np.exp(logits - logits.max())
            return powers / powers.sum()
        if name == "sigmoid":
            return 1 / (1 + np.exp(-logits))
        if name == "relu":
            return np.where(logits < 0, WIDE(0), logits)
        if name == "tanh":
            return np.tanh(logits)
        assert name == "linear"
        return logits


def run_row(place: Place, stored: np.ndarray, layer: Layer, mask_value: float | None) -> Row:
    """Return activation(x @ kernel + bias) of one row."""
    x = cast(stored, layer.dtype)
    counts = True
    if mask_value is not None:
        with np.errstate(over="ignore"):
            counts = bool((x != np.dtype(layer.dtype).type(mask_value)).any())
        x = x if counts or layer.alone else np.zeros_like(x)  # logits are nothing's features
    kernel, bias = layer.weights
    used = x != 0  # the others add nothing: weights are finite
    computed = np.dtype(np.float32 if layer.dtype == "float16" else layer.dtype)
    with np.errstate(all="ignore"):
        if layer.alone:
            parts = x.astype(WIDE)[None]
        else:
            parts = np.concatenate([x[used].astype(WIDE)[:, None] * kernel[used], bias[None]])
        parts = parts / WIDE(layer.temperature)
        logits = parts.sum(axis=0)
        sizes = np.abs(parts).sum(axis=0)
        # Every part is a multiple of 2**-12, and together they are small; or there is only one part.
        whole = (parts * 4096 == np.floor(parts * 4096)).all() and (sizes < 2048).all()
        single = ((parts != 0).sum(axis=0) <= 1).all() and (parts.astype(computed) == parts).all()
        logits[np.abs(logits) > np.finfo(computed).max] *= np.inf
    has_class = bool(np.isfinite(logits.max()))
    y = activate(logits, layer.activation)
    has_class &= not np.isnan(y).any()
    magnitude = float(sizes.max()) if np.isfinite(sizes).all() else 0.0
    dtype = np.dtype(layer.dtype)
    return Row(
        place,
        x,
        y,
        dtype,
        has_class,
        logits,
        counts,
        None,
        magnitude,
        bool(whole or single),
        layer.activation,
    )


def scored_row(place: Place, stored: np.ndarray, dtype: np.dtype[Any], counts: bool = True) -> Row:
    """Return a row of finished scores, each class by itself: any numbers."""
    x = cast(stored, dtype.name)
    return Row(place, x, x.astype(WIDE), dtype, bool(np.isfinite(x.max())), counts=counts, exact=True)


def finished_row(place: Place, stored: np.ndarray, dtype: np.dtype[Any], counts: bool = True) -> Row:
    """Return a row that is a distribution already, or padding; with NaN in it, it has no class."""
    x = cast(stored, dtype.name)
    if counts and not np.isnan(x).any():
        off = abs(float(x.astype(WIDE).sum()) - 1)
        if off > (1e-2 if dtype == np.float16 else 1e-3) or x.min() < 0:
            raise RefusedError(f"not a distribution at {place}")
    return Row(place, x, x.astype(WIDE), dtype, not np.isnan(x).any(), counts=counts, exact=True)
