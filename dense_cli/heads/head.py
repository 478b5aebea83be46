"""What every reader of weight files gives: heads with known shapes and numbers that are not yet read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError, SizeError
from dense_cli.limits import require_bytes

_BOMB_BYTES = 64 << 20
_BOMB_RATIO = 200  # float weights compress by less than 2, zeros by deflate's limit of about 1000


@dataclass(frozen=True)
class Tensor:
    """One array of a weights file, as its header describes it.

    ``read()`` gives the stored numbers (bfloat16 as float32); ``stored`` is how many bytes they take in the
    file where compression may make that differ from their size.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], NDArray[Any]] = field(repr=False, compare=False)
    stored: int | None = None

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return math.prod(self.shape)


@dataclass(frozen=True)
class Head:
    """One Dense or TimeDistributed(Dense) layer of a weights file.

    Attributes:
        name: the layer's name as its user knows it, else where it stands in the file.
        path: where it stands in the file.
        kernel: of shape (features, units), or (units, features) where ``transposed``.
        bias: of shape (units,), or None.
        activation: what the model's config says of it, else None.
        time_distributed: whether TimeDistributed wraps the layer, as far as the file says.
        output: whether the file says that the model ends here.
        transposed: whether the kernel is stored as (units, features), as PyTorch does.
        aliases: further names that mean this head: the inner Dense's, the tensor's, one with its parents.
        table: whether its name says that it is an embedding table, a head only where weights are tied.
        refusal: why it cannot be run, or None.
        activation_refusal: why it cannot be run without being told its activation, or None.
    """

    name: str
    path: str
    kernel: Tensor
    bias: Tensor | None
    activation: str | None = None
    time_distributed: bool = False
    output: bool = False
    transposed: bool = False
    aliases: tuple[str, ...] = ()
    table: bool = False
    refusal: str | None = None
    activation_refusal: str | None = None

    @property
    def kernel_shape(self) -> tuple[int, int]:
        """(features, units): the kernel as the layer uses it."""
        rows, columns = self.kernel.shape
        return (columns, rows) if self.transposed else (rows, columns)

    @property
    def dtype(self) -> str:
        """The kernel's dtype in the file."""
        return self.kernel.dtype

    @property
    def use_bias(self) -> bool:
        """Whether the file holds a bias for it."""
        return self.bias is not None

    @property
    def parameters(self) -> int:
        """How many numbers kernel and bias have together."""
        return self.kernel.size + (self.bias.size if self.bias is not None else 0)

    def load(self) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Read this head alone: kernel of shape (features, units), bias of shape (units,) or None."""
        kernel = self.kernel.read()
        return kernel.T if self.transposed else kernel, None if self.bias is None else self.bias.read()


class Heads(list[Head]):
    """The heads of one file; ``others`` says of its other layers, by name, why they are none."""

    def __init__(self, heads: Iterable[Head] = (), others: dict[str, str] | None = None) -> None:
        super().__init__(heads)
        self.others = others or {}


def require_size(tensor: Tensor, file: str, memory: int | None) -> None:
    """Refuse a tensor that takes too much memory, or that a few stored bytes inflate to.

    Raises:
        SizeError: it is over ``memory`` and 4 GiB, or looks like a decompression bomb.
    """
    nbytes = tensor.size * (8 if tensor.dtype == "float64" else 4)
    where, what = f"{file}: {tensor.name}", f"shape {tensor.shape}"
    require_bytes(nbytes, where, what, memory)
    if tensor.stored is not None:
        require_inflated(nbytes, tensor.stored, where, what, memory)


def require_inflated(nbytes: int, stored: int, where: str, what: str, memory: int | None) -> None:
    """Refuse ``nbytes`` that so few ``stored`` bytes of a file stand for that they look like a bomb."""
    if nbytes > max(_BOMB_BYTES, _BOMB_RATIO * stored, memory or 0):
        raise SizeError(
            f"{where}: {what} inflates {stored} stored bytes to the size of {nbytes}: a decompression bomb?",
            hint="allow it with --memory",
        )


def read_array(
    file: str, offset: int, shape: tuple[int, ...], dtype: np.dtype[Any], order: Any
) -> NDArray[Any]:
    """Return the array at ``offset`` of ``file``.

    Read rather than mapped: a run may last as long as a pipe flows, and a file that another process writes
    anew meanwhile would change the layer in use, or end this process with SIGBUS.
    """
    flat = np.empty(math.prod(shape), dtype)
    left = flat.view(np.uint8).data
    with open(file, "rb", buffering=0) as stream:
        stream.seek(offset)
        while left:
            got = stream.readinto(left)
            if not got:
                raise FileFormatError(f"{file}: cut short while it was read, at byte {stream.tell()}")
            left = left[got:]
    return flat.reshape(shape, order=order)


def widen_bfloat16(bits: NDArray[np.uint16]) -> NDArray[np.float32]:
    """Return the numbers whose bfloat16 bits these are: the upper half of a float32.

    >>> widen_bfloat16(np.array([0x3F80, 0xC000], dtype=np.uint16))
    array([ 1., -2.], dtype=float32)
    """
    wide = bits.astype(np.uint32)
    wide <<= 16
    return wide.view(np.float32)
