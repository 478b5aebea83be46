"""What every reader of weight files gives: heads with known shapes and numbers that are not yet read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from dense_cli.files.tensor import Tensor

_OF_TOKENS = re.compile(
    r"wte|shared|\w*(?:tok|token|word)s?_?emb\w*|embed_(?:tokens|in)|\w*_tokens", re.IGNORECASE
)
# What the output layer of a language model is called; a file in which it is tied does not have it.
_OUTPUTS = {"lm_head", "embed_out", "output", "output_projection", "decoder", "head"}


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
        layout_refusal: why it cannot be run without being told how its kernel is stored, or None.
        remark: in what its numbers are not those of the program that the file is for, or None.
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
    layout_refusal: str | None = None
    remark: str | None = None

    @property
    def kernel_shape(self) -> tuple[int, int]:
        """(features, units): the kernel as the layer uses it."""
        rows, columns = self.kernel.shape
        return (columns, rows) if self.transposed else (rows, columns)

    @property
    def last(self) -> str:
        """The last part of its path."""
        return re.split(r"[/.]", self.path)[-1]

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
    """The heads of one file.

    Attributes:
        others: of the file's other layers, by name, why they are none.
        tensors: the file's arrays by their names, where they can be had so.
        unowned: biases that belong to no kernel, and would fit a head that has none.
    """

    def __init__(self, heads: Iterable[Head] = (), others: dict[str, str] | None = None) -> None:
        super().__init__(heads)
        self.others = others or {}
        self.tensors: Mapping[str, Tensor] = {}
        self.unowned: tuple[Tensor, ...] = ()

    @property
    def tied(self) -> Head | None:
        """The table of tokens that stands for a language model's output layer, where the file has none."""
        tables = [head for head in self if head.table and _OF_TOKENS.fullmatch(head.last)]
        outputs = [head for head in self if head.last in _OUTPUTS]
        return tables[0] if len(tables) == 1 and not outputs else None
