"""Click types: what an option's text means."""

from __future__ import annotations

import re
from typing import Any

import click

_FAR = 2**62
_SUFFIXES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class IndexOrSlice(click.ParamType[int | slice]):
    """An index or a Python slice: ``3``, ``-1``, ``1:3``, ``::2``."""

    name = "index"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int | slice:
        if isinstance(value, (int, slice)):
            return value
        try:
            parts = [int(p) if p.strip() else None for p in str(value).split(":")]
        except ValueError:
            self._refuse(value, param, ctx)
        if len(parts) == 1 and parts[0] is not None:
            return parts[0]
        if not 2 <= len(parts) <= 3 or (len(parts) == 3 and parts[2] == 0):
            self._refuse(value, param, ctx)
        # No axis is longer, and NumPy counts no further.
        return slice(*(n if n is None else max(-_FAR, min(n, _FAR)) for n in parts))

    def _refuse(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> None:
        self.fail(
            f"{value!r} is not a valid index or slice: expected for example 3, -1, 1:3 or ::2", param, ctx
        )


class Tolerance(click.FloatRange):
    """A number from 0 to infinity; NaN, which every comparison denies, is none."""

    def __init__(self) -> None:
        super().__init__(min=0)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if number != number:
            self.fail("nan is not a limit: expected a number from 0", param, ctx)
        return number


class Temperature(click.FloatRange):
    """A number that divides logits; NaN, which every comparison denies, is none."""

    def __init__(self) -> None:
        super().__init__(1e-6, 1e6)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if number != number:
            self.fail("nan is no temperature: expected a number above 0", param, ctx)
        return number


class Size(click.ParamType[int]):
    """A number of bytes: ``64MiB``, ``2G``, ``1000000``."""

    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,18})\s*([KMGT]?)(?:i?B)?", str(value), re.IGNORECASE)
        if match is None or not (size := int(match[1]) * _SUFFIXES[match[2].upper()]):
            self.fail(f"{value!r} is not a valid size: expected for example 64MiB or 2GiB", param, ctx)
        return size


class NamedFile(click.ParamType[tuple[str, str]]):
    """A name and a file: ``english=x.npy``."""

    name = "name=file"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, equals, file = str(value).partition("=")
        if not (name and equals and file):
            self.fail(f"{value!r}: expected NAME=FILE, such as english=x.npy", param, ctx)
        return name, file


class AtLeast(click.ParamType[tuple[str, float]]):
    """What must be reached: ``accuracy=0.9``."""

    name = "name=x"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, float]:
        match = re.fullmatch(r"(accuracy|top-k-accuracy)=([01]?\.?\d+)", str(value))
        if match is None or not 0 <= float(match[2]) <= 1:
            self.fail(f"{value!r}: expected accuracy=X or top-k-accuracy=X, X from 0 to 1", param, ctx)
        return match[1], float(match[2])


AT_LEAST = AtLeast()
INDEX = IndexOrSlice()
NAMED_FILE = NamedFile()
SIZE = Size()
TEMPERATURE = Temperature()
TOLERANCE = Tolerance()
