"""Kernels stored as small numbers beside scales: used with them where the scheme is known, else refused.

Known, for a ``weight`` of shape (units, features):

- int8 of bitsandbytes: ``SCB`` (units,), the weight is int8 · SCB / 127.
- int8 and float8 of compressed-tensors and others: ``weight_scale`` of one number, one for each unit, or one
  for each unit and group of features, with an optional ``weight_zero_point``; the weight is
  (stored - zero point) · scale.

Source: https://huggingface.co/docs/transformers/quantization/overview
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor

_SCALE = re.compile(r"scb|scale|absmax|quant|zero_?point|zeros|weight_format", re.IGNORECASE)
_OF_INPUTS = re.compile(r"(?:input|output)_(?:scale|zero_point)", re.IGNORECASE)
# "fc.weight.absmax" belongs to "fc.", "fc_weight_scale" to "fc_weight".
_INSIDE = re.compile(r"(?:^|(?<=[/.]))(?:weight|kernel)[/.]$")
_JOINED = re.compile(r"(.+_(?:weight|kernel))_\w+", re.DOTALL)
_PACKED = re.compile(r"(?:(?P<prefix>.*)[/.])?(?:qweight|weight_packed)", re.DOTALL)


class Scales:
    """The arrays of a file that are named like scales, by what they belong to."""

    def __init__(self, names: list[str], tensors: Mapping[str, Tensor]) -> None:
        self._names, self._tensors = names, tensors
        self._owned: dict[str, list[str]] = {}
        for name in names:
            start, last = _split(name)
            if not _SCALE.search(last) or _OF_INPUTS.fullmatch(last):
                continue
            joined = _JOINED.fullmatch(last)
            owner = start + joined[1] if joined else _INSIDE.sub("", start)
            self._owned.setdefault(owner, []).append(name)

    def applied(self, kernel: Tensor, transposed: bool) -> tuple[Tensor, str | None]:
        """Return a kernel with its scales, and why it cannot be run, or None.

        ``transposed``: the kernel is stored as (units, features).
        """
        if not kernel.dtype.startswith(("int", "uint", "float8")):
            return kernel, None
        start, _ = _split(kernel.name)
        names = [*self._owned.get(start, ()), *self._owned.get(kernel.name, ())]
        if not names:
            return kernel, None
        known = {_split(name)[1]: name for name in names}
        scheme = _SCHEMES.get(frozenset(known)) if transposed else None
        arrays = {last: self._tensors[name] for last, name in known.items()} if scheme is not None else {}
        found = None if scheme is None else scheme(kernel, arrays)
        if found is None:
            return kernel, _unknown(kernel, names)
        return replace(kernel, read=found, rows=None, stream=None), None

    def packed(self) -> Iterable[tuple[str, Tensor, str]]:
        """Give the kernels that are packed several to a number: the layer, what is stored, why not."""
        for name in self._names:
            match = _PACKED.fullmatch(name)
            if match is not None and len((tensor := self._tensors[name]).shape) == 2:
                start, _ = _split(name)
                yield match["prefix"] or "head", tensor, _unknown(tensor, self._owned.get(start, []))


def _unknown(kernel: Tensor, scales: list[str]) -> str:
    beside = f" beside {', '.join(sorted(scales)[:3])}" if scales else ""
    return f"quantised: {kernel.name} of {kernel.dtype}{beside}: densecli does not know the scheme"


def _split(name: str) -> tuple[str, str]:
    """Return what comes before the last part of a name, with its separator, and that part."""
    at = max(name.rfind("/"), name.rfind(".")) + 1
    return name[:at], name[at:]


Scheme = Callable[[Tensor, dict[str, Tensor]], Callable[[], NDArray[Any]] | None]


def _bitsandbytes(kernel: Tensor, beside: dict[str, Tensor]) -> Callable[[], NDArray[Any]] | None:
    scale, layout = beside["SCB"], beside.get("weight_format")
    if kernel.dtype != "int8" or scale.shape != kernel.shape[:1]:
        return None
    if layout is not None and (layout.size != 1 or layout.read().reshape(-1)[0] != 0):
        return None  # its numbers stand in the order that a GPU wants
    return lambda: kernel.read().astype(np.float32) * (scale.read().astype(np.float32) / 127)[:, None]


def _compressed(kernel: Tensor, beside: dict[str, Tensor]) -> Callable[[], NDArray[Any]] | None:
    scale, zero = beside["weight_scale"], beside.get("weight_zero_point")
    spread = _spread(kernel.shape, scale.shape)
    if spread is None or kernel.dtype not in ("int8", "float8_e4m3fn", "float8_e5m2"):
        return None
    if zero is not None and zero.shape != scale.shape:
        return None

    def read() -> NDArray[Any]:
        wide = kernel.read().astype(np.float32)
        if zero is not None:
            wide -= spread(zero.read().astype(np.float32))
        wide *= spread(scale.read().astype(np.float32))
        return wide

    return read


def _spread(kernel: tuple[int, ...], scale: tuple[int, ...]) -> Callable[[NDArray[Any]], NDArray[Any]] | None:
    """Return what makes scales fit a kernel of (units, features), None where they do not."""
    units, features = kernel
    if scale in ((), (1,), (1, 1)):
        return lambda array: array.reshape(())
    if scale in ((units,), (units, 1)):
        return lambda array: array.reshape(units, 1)
    if len(scale) == 2 and scale[0] == units and scale[1] and features % scale[1] == 0:
        return lambda array: array.repeat(features // scale[1], axis=1)
    return None


_SCHEMES: dict[frozenset[str], Scheme] = {
    frozenset({"SCB"}): _bitsandbytes,
    frozenset({"SCB", "weight_format"}): _bitsandbytes,
    frozenset({"weight_scale"}): _compressed,
    frozenset({"weight_scale", "weight_zero_point"}): _compressed,
}
