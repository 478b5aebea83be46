"""A drawn run of the command line, and choices from a seed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from reference import Array, Layer, Limits, Options

EXTREME = (0.0, -0.0, 1e-40, -1e-45, 1.17549435e-38, 3e38, -3e38, 1.0, -1.0, 1e30, -104.0, 88.0, 1 + 2**-23)


@dataclass
class Case:
    """A run: its files, arguments and standard input, and what `reference` needs to say what is right."""

    command: str
    array: Array
    layer: Layer | None = None
    options: Options = field(default_factory=Options)
    dtype: str | None = None  # of finished outputs, where --dtype names one
    format: str = "json"
    precision: int = 4
    args: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    stdin: bytes = b""
    piece: int = 1 << 16
    output: str | None = None
    other: Array | None = None  # B of `compare`
    kind: str = "probabilities"
    limits: Limits = field(default_factory=Limits)
    compared: int = 5  # k of `compare`
    stating: bool = False  # whether the input says which samples and steps it holds
    feature_names: list[str] | None = None
    again: bool = False  # whether what is printed is read back by a second run


class Draw:
    """Choices from a seed."""

    def __init__(self, *seed: int) -> None:
        self.rng = np.random.default_rng(seed)

    def chance(self, p: float) -> bool:
        return bool(self.rng.random() < p)

    def integer(self, low: int, high: int) -> int:
        return int(self.rng.integers(low, high + 1))

    def pick(self, items: Sequence[Any]) -> Any:
        return items[self.integer(0, len(items) - 1)]

    def numbers(self, shape: tuple[int, ...], kind: str) -> np.ndarray:
        """Return numbers of which sums are exact (grid, few), are rounded (rough), or are extreme."""
        if kind == "grid":
            return self.rng.integers(-16, 17, shape) / 8
        if kind == "few":
            return self.rng.choice([0.0, 0.5, 1.0], shape)
        if kind == "extreme":
            return self.rng.choice(EXTREME, shape)
        return self.rng.normal(scale=self.pick([1e-3, 1.0, 8.0]), size=shape)
