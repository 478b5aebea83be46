"""Trained heads: the Dense and TimeDistributed(Dense) layers that a weights file holds.

What is a flat table of tensors is read from their names; what says more has a file of this package.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, DtypeError, FileFormatError, ShapeError, SizeError
from dense_cli.files.archive import open_archive
from dense_cli.files.formats import FORMATS, Format, by_content, by_suffix, holding, load, looks_like
from dense_cli.files.recognized import (
    refuse_folder,
    require_arrays_in_archive,
    require_readable_kind,
)
from dense_cli.files.stream import File, naming, open_regular
from dense_cli.files.tensor import Tensor, require_size
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.pairs import find_heads
from dense_cli.text import listed

__all__ = [
    "Head",
    "LoadedHead",
    "activation_of",
    "array_of",
    "check_shapes",
    "format_of",
    "heads",
    "load_weights",
    "select",
]

_BLOCK = 1 << 16  # numbers that are checked at once: they and their answers stay in the cache


@dataclass(frozen=True)
class LoadedHead:
    """A head's numbers: kernel of shape (features, units), bias of shape (units,) or None.

    ``unowned``: where it has no bias, the names of those that would fit and belong to no head.
    """

    kernel: NDArray[Any]
    bias: NDArray[Any] | None
    head: Head
    unowned: tuple[str, ...] = ()


def heads(path: str | os.PathLike[str], *, memory: int | None = None) -> Heads:
    """Return every head that a weights file holds, reading its headers alone.

    Args:
        path: a file of a format that holds weights.
        memory: bytes that may be taken where the format cannot be read without; 4 GiB always may.

    Raises:
        FileFormatError: the file is not what it claims to be, or holds no kernel.
        MissingExtraError: the library that reads the format is not installed.
        OSError: there is no such file, or it cannot be read.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/w.npz", kernel=np.zeros((4, 3)), bias=np.zeros(3))
    ...     [(head.name, head.kernel_shape, head.use_bias) for head in heads(f"{folder}/w.npz")]
    [('head', (4, 3), True)]
    """
    name = os.fspath(path)
    file = _open(name)
    row = _format_of(file, name)
    if row.weights is not None:
        with naming(name):
            return cast("Heads", load(row.weights)(name, memory))
    assert row.tensors is not None
    return find_heads(load(row.tensors)(file, memory), name)


def select(heads: Sequence[Head], name: str | None, file: str) -> Head:
    """Return the head that ``name`` means: its name, its path, or an alias that no other head has.

    The last part of a path is as good where no other path ends so, and ``lm_head`` where weights are tied.

    Without a name: the only head, else the model's output layer, else the only one that can be run and is
    not an embedding table by its name.

    Raises:
        ConfigError: no head is meant, or several; the message lists them all.
    """
    return _only(heads, file) if name is None else _called(heads, name, file)


def _only(heads: Sequence[Head], file: str) -> Head:
    """Return the head that is meant where none is named."""
    outputs = [head for head in heads if head.output]
    usable = [head for head in heads if not head.table and head.refusal is None]
    for choice in (heads, outputs, usable):
        if len(choice) == 1:
            return choice[0]
    choices, tied = outputs or heads, _tied(heads)
    raise ConfigError(
        f"{file}: {len(choices)} heads, and none is named: expected one of {_listed(choices)}",
        hint="name one with --head" + (f"; where weights are tied, lm_head is {tied.name}" if tied else ""),
    )


def _called(heads: Sequence[Head], name: str, file: str) -> Head:
    """Return the head of a name."""
    choice: list[Head] = []
    for is_called in (_by_name, _by_alias, _by_last_part):
        choice = choice or [head for head in heads if is_called(head, name)]
    if len(choice) == 1:
        return choice[0]
    tied = _tied(heads) if name == "lm_head" else None
    if tied is not None:
        remark = f"no lm_head is in the file: weights are tied, and {tied.kernel.name} is its kernel"
        return replace(tied, name=name, remark=remark)
    if choice:
        raise ConfigError(f"{file}: several heads named {name!r}: expected one of {_listed(choice)}")
    others = heads.others if isinstance(heads, Heads) else {}
    if name in others:
        raise ConfigError(
            f"{file}: {name!r} is no Dense layer but a {others[name]}: expected one of {_listed(heads)}"
        )
    raise ConfigError(f"{file}: no head named {name!r}: expected one of {_listed(heads)}")


def _by_name(head: Head, name: str) -> bool:
    return name in (head.name, head.path)


def _by_alias(head: Head, name: str) -> bool:
    return name in head.aliases


def _by_last_part(head: Head, name: str) -> bool:
    return name == head.last


def _tied(heads: Sequence[Head]) -> Head | None:
    return heads.tied if isinstance(heads, Heads) else None


def load_weights(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    transpose: bool | None = None,
    bias: str | None = None,
    features: int | None = None,
    units: int | None = None,
    memory: int | None = None,
) -> LoadedHead:
    """Read one head of a weights file; its shapes are checked before any of its numbers are read.

    Args:
        path: a file of a format that holds weights.
        name: which head, as `select` takes it.
        transpose: True: the kernel is stored as (units, features); False: as (features, units);
            None: by the tensor's name, a PyTorch ``weight`` being (units, features).
        bias: the name of the array that is the bias; None: the head's own.
        features: what the layer's input has, held against the kernel.
        units: how many classes there should be, held against the kernel.
        memory: bytes that an array may take; 4 GiB always may be taken.

    Returns:
        Kernel and bias as stored where they are float32 or float64, everything else as float32.

    Raises:
        ShapeError: kernel, bias, ``features`` and ``units`` do not fit each other.
        DtypeError: the weights are not real numbers, or are NaN or infinite.
        FileFormatError, ConfigError, SizeError, MissingExtraError, OSError: as `heads` and `select` do.
    """
    file = os.fspath(path)
    found = heads(file, memory=memory)
    head = select(found, name, file)
    if head.refusal is not None:
        raise FileFormatError(f"{file}: head {head.name!r}: {head.refusal}")
    if transpose is not None:
        head = replace(head, transposed=transpose)
    elif head.layout_refusal is not None:
        raise ConfigError(
            f"{file}: head {head.name!r}: {head.layout_refusal}",
            hint="say it with --no-transpose or --transpose",
        )
    if bias is not None:
        head = replace(head, bias=array_of(found, bias, file))
    check_shapes(head, file, features, units)
    for tensor in (head.kernel, head.bias):
        if tensor is not None:
            require_size(tensor, file, memory)
    with naming(file):
        kernel = _numbers(head.kernel, file)
        numbers = None if head.bias is None else _numbers(head.bias, file)
    return LoadedHead(kernel.T if head.transposed else kernel, numbers, head, _fitting_biases(found, head))


def _fitting_biases(heads: Heads, head: Head) -> tuple[str, ...]:
    """Return the biases of no head that a head without one could have."""
    if head.bias is not None:
        return ()
    return tuple(bias.name for bias in heads.unowned if bias.shape == (head.kernel_shape[1],))


def array_of(found: Heads, name: str, file: str) -> Tensor:
    """Return an array of the file by its name.

    Raises:
        ConfigError: there is none; the message has the biases that belong to no head.
    """
    if name not in found.tensors:
        known = listed(tensor.name for tensor in found.unowned)
        raise ConfigError(
            f"{file}: no array named {name!r} for --bias; biases that belong to no head: {known}"
        )
    return found.tensors[name]


def activation_of(head: Head, asked: str | None, file: str) -> str | None:
    """Return the activation that is asked for, else what the file says of it; None where it says nothing.

    Raises:
        ConfigError: none is asked for, and the file has one that is not known.
    """
    if asked is None and head.activation_refusal is not None:
        raise ConfigError(
            f"{file}: head {head.name!r}: {head.activation_refusal}", hint="say what to run with --activation"
        )
    return asked or head.activation


def check_shapes(head: Head, file: str, features: int | None = None, units: int | None = None) -> None:
    """Hold a head's shapes against each other, and against what is asked for.

    Raises:
        ShapeError: they do not fit, or there is nothing in them.
    """
    have = head.kernel_shape
    where = f"{file}: {head.kernel.name}"
    hint = _transpose_hint(head, have, features, units)
    if 0 in have:
        raise ShapeError(f"{where}: empty kernel of shape {have}: expected features and units")
    if features is not None and have[0] != features:
        raise ShapeError(
            f"{where}: the kernel expects {have[0]} features, the input has {features} (kernel shape {have})",
            hint=hint,
        )
    if units is not None and have[1] != units:
        raise ShapeError(
            f"{where}: the kernel has {have[1]} units, --units asks for {units} (kernel shape {have})",
            hint=hint,
        )
    if head.bias is not None and head.bias.shape != (have[1],):
        raise ShapeError(
            f"{file}: {head.bias.name}: bias of shape {head.bias.shape}, "
            f"expected ({have[1]},) for a kernel of {have}",
            hint=hint,
        )


def _transpose_hint(head: Head, have: tuple[int, int], features: int | None, units: int | None) -> str | None:
    """Say that a kernel of the shape ``have`` fits when it is read the other way round; None: it does not."""
    turned = have[::-1]
    asked = (turned[0] if features is None else features, turned[1] if units is None else units)
    if asked != turned or (head.bias is not None and head.bias.shape != turned[1:]):
        return None
    option = "--no-transpose" if head.transposed else "--transpose"
    return f"read as {turned} (features, units) it fits: {option}"


def _numbers(tensor: Tensor, file: str) -> NDArray[Any]:
    """Read a tensor as finite float32 or float64 of the machine's byte order."""
    try:
        array = tensor.read()
    except MemoryError as error:
        raise SizeError(f"{file}: not enough memory to read {tensor.name} {tensor.shape}") from error
    if array.shape != tensor.shape:
        raise FileFormatError(f"{file}: {tensor.name} changed while it was read")
    wide = array.dtype.kind == "f" and array.dtype.itemsize >= 8
    # What does not fit becomes infinite, and is refused below; so is NaN, a signalling one too.
    with np.errstate(over="ignore", invalid="ignore"):
        array = array.astype(np.float64 if wide else np.float32, copy=False)
    _require_finite(array, f"{file}: {tensor.name}")
    return array


def _require_finite(array: NDArray[Any], where: str) -> None:
    flat = array.reshape(-1) if array.flags.c_contiguous else array.T.reshape(-1)
    finite = np.empty(_BLOCK, bool)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        if not np.isfinite(block, out=finite[: block.size]).all():
            index = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
            raise DtypeError(f"{where}{index}: expected a finite number, found {array[tuple(index)]}")


def format_of(path: str) -> Format:
    """Return the format of a file: by its suffix, held against its first bytes, else by them alone.

    Raises:
        FileFormatError: it is none that holds weights, or not the one that its suffix says.
        OSError: there is no such file, or it cannot be read.
    """
    return _format_of(_open(path), path)


def _open(path: str) -> File:
    if os.path.isdir(path):
        refuse_folder(path)
    file = open_regular(path)
    if file is None:
        raise FileFormatError(f"{path}: not a regular file: weights are read from files, not from pipes")
    return file


def _format_of(file: File, path: str) -> Format:
    start = file.first(64)
    if not start:
        raise FileFormatError(f"{path}: empty file: expected weights, found 0 bytes")
    require_readable_kind(path, start)
    named = by_suffix(path, "weights")
    if named is not None:
        if not named.fits(start):
            raise FileFormatError(
                f"{path}: damaged or renamed: the suffix says {named.name}, "
                f"the first bytes say {looks_like(start)}"
            )
        return named
    found = by_content(start, lambda: file, "weights")
    if found is not None:
        if found.name == "npz":
            require_arrays_in_archive(path, open_archive(file).namelist())
        return found
    if start.lstrip()[:1] == b"{":
        return FORMATS["json"]
    if start[:1] == b"\x08":
        return FORMATS["onnx"]
    known = ", ".join(holding("weights"))
    raise FileFormatError(f"{path}: expected weights as {known}, found {looks_like(start)}")


def _listed(heads: Sequence[Head]) -> str:
    return listed(f"{head.name} {head.kernel_shape}" for head in heads)
