"""A file → what it holds: its arrays, or a model and its heads; and then the ranges of their numbers.

In: a path. Out: `Weights`, or `Array`s, as headers tell them; `numbers_of` and `ranges_of` read the numbers.
What is counted is in `views.describe`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.addresses import is_address, without_secrets
from dense_cli.sources.open import no_note

if TYPE_CHECKING:
    import numpy as np

    from dense_cli.files.formats import Format
    from dense_cli.files.tensor import Tensor
    from dense_cli.heads.head import Head, Heads
    from dense_cli.models.description import ModelDescription
    from dense_cli.plan import Plan
    from dense_cli.progress import Progress
    from dense_cli.sources.source import Block, Place, Source
    from dense_cli.sources.spread import Spread
    from dense_cli.views.describe import Described, Description

_BLOCK = 1 << 17  # numbers that are described at once


class Array(NamedTuple):
    """An array and where it lies; ``header`` is None for text and pipes, ``size`` that of file or folder."""

    name: str
    source: Source
    header: Tensor | None
    size: int | None
    kind: str = "file"

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape as stored (a 1-D array is read as one row), None for a size that shows at the end."""
        return self.source.shape if self.header is None else self.header.shape

    def place(self, at: Place | None) -> Place | None:
        """Return a place in the array as stored."""
        return at[1:] if at is not None and len(self.shape) == 1 else at

    @property
    def order(self) -> str | None:
        """How the array lies in memory."""
        return None if self.header is None else self.header.order

    @property
    def byte_order(self) -> str | None:
        """The byte order of its numbers, None where a number is one byte."""
        return None if self.header is None else self.header.byte_order


class Weights(NamedTuple):
    """A weights file and its heads; ``model`` is None where the file is no whole model."""

    file: str
    heads: Heads
    memory: int | None = None
    model: ModelDescription | None = None


def describe_file(
    file: str | Sequence[str],
    *,
    input_format: str | None = None,
    key: str | None = None,
    memory: int | None = None,
) -> Weights | Iterator[Array]:
    """Return what a file holds; no number is read but where a format has no header.

    Args:
        file: a weights file or an array file; ``-`` is standard input; of several, or of a folder, the one
            array whose pieces they are.
        input_format: the format of an array file.
        key: only this array of a file that holds several.
        memory: bytes that what must be held whole may take; 4 GiB always may be taken.

    Raises:
        DenseCliError, OSError: it cannot be read.
    """
    from dense_cli.sources.open import is_folder

    if not isinstance(file, str) or is_folder(file, input_format):
        return iter([_pieces(file, input_format, key, memory)])
    asked = key is not None or input_format is not None
    model = None if asked else _model(file, memory)
    heads = _heads(file, memory, asked=asked, model=model is not None)
    if heads is not None:
        return Weights(file, heads, memory, model)
    return _arrays(file, input_format, key, memory)


def describe_outputs(
    plan: Plan, note: Callable[[str], None] = no_note, spread: Spread | None = None
) -> Iterator[Array]:
    """Return the array that a model puts out; masked steps do not count.

    Args:
        plan: the model and its input.
        note: as in `Plan.open`.
        spread: runs the model somewhere else; None: here.

    Raises:
        DenseCliError, OSError: as `Plan.open` does.
    """
    from dense_cli.comparing import outputs_of

    run = plan.open(note=note)
    run.spread = spread
    assert run.model is not None
    name = f"{run.input_name} through {without_secrets(plan.model or '')}, layer {run.model.part.layer}"
    return iter([Array(name, outputs_of(run), None, None)])


def numbers_of(array: Array, progress: Progress | None = None, spread: Spread | None = None) -> Described:
    """Return what the numbers of an array are: all rows that count are read, by ``spread`` somewhere else.

    Raises:
        DenseCliError, OSError: it cannot be read.
    """
    from dense_cli.progress import Progress
    from dense_cli.run import unit_of
    from dense_cli.views.describe import Description

    source, progress = array.source, progress or Progress()
    description = Description(source.shape, source.dtype)
    lead = source.shape[:-1]
    progress.start(None if None in lead else prod(n or 0 for n in lead), unit_of(source.shape))
    try:
        for part, rows in _described(source, spread):
            description.merge(part)
            progress.advance(rows)
    finally:
        progress.stop()
    return description.result()


def _described(source: Source, spread: Spread | None) -> Iterator[tuple[Description, int]]:
    """Give the description of each block by itself, and its rows; where any can be had, by ``spread``."""
    from dense_cli.sources.spread import each

    rows = max(_BLOCK // (source.shape[-1] or 1), 1)
    alone = partial(_alone, source.shape, source.dtype)
    return each(partial(partial, alone), source, rows, spread if hasattr(source, "parts") else None)


def _alone(shape: tuple[int | None, ...], dtype: np.dtype[Any], block: Block) -> tuple[Description, int]:
    """Return the description of a block by itself, and its rows."""
    from dense_cli.views.describe import Description

    description = Description(shape, dtype)
    x, places = block.x, block.places()
    if block.mask is not None:
        x, places = x[block.mask], places[block.mask]
    description.add(x, places)
    return description, len(block.x)


def ranges_of(weights: Weights, progress: Progress | None = None) -> list[dict[str, Described]]:
    """Return what kernel and bias of each head hold; nothing of one that cannot be run.

    Raises:
        DenseCliError, OSError: they cannot be read.
    """
    from dense_cli.progress import Progress

    progress = progress or Progress()
    progress.start(len(weights.heads), "heads")
    ranges = []
    try:
        for head in weights.heads:
            ranges.append(_ranges(head, weights.file, weights.memory))
            progress.advance(1)
    finally:
        progress.stop()
    return ranges


def _model(file: str, memory: int | None) -> ModelDescription | None:
    """Return what a model is, of a file that Keras or ONNX has saved; None of any other file."""
    from dense_cli.errors import DenseCliError
    from dense_cli.heads import format_of

    if file == "-":
        return None
    try:
        name = format_of(file).name
    except (DenseCliError, OSError):
        return None  # what is wrong with it is said by who reads it
    if name not in ("keras", "hdf5", "onnx"):
        return None
    from dense_cli.models.description import describe_model

    return describe_model(file, memory, onnx=name == "onnx")


def _heads(file: str, memory: int | None, *, asked: bool, model: bool) -> Heads | None:
    """Return the heads of a weights file; None for arrays.

    ``asked``: an array is asked for; ``model``: the file is a whole model, which may have no head.
    """
    from dense_cli.errors import DenseCliError
    from dense_cli.files.formats import folder_format
    from dense_cli.heads import heads
    from dense_cli.heads.head import Heads

    if os.path.isdir(file) and folder_format(file) is not None:
        return None
    format = _format_of_weights(file, asked=asked)
    if format is None:
        return None
    try:
        return heads(file, memory=memory)
    except DenseCliError:
        if model:
            return Heads()
        if "arrays" not in format.holds:
            raise
        return None  # an NPZ or JSON without a kernel


def _format_of_weights(file: str, *, asked: bool) -> Format | None:
    """Return the format of a weights file, by its suffix, else its first bytes; None for arrays."""
    from dense_cli.errors import DenseCliError
    from dense_cli.files.formats import by_suffix
    from dense_cli.heads import format_of

    named = by_suffix(file, "weights") or by_suffix(file, "arrays")
    holds = ("arrays", "weights") if named is None else named.holds
    if "weights" not in holds or ("arrays" in holds and (asked or file == "-")):
        return None
    try:
        return format_of(file)
    except DenseCliError:
        if "arrays" in holds:
            return None
        raise


def _ranges(head: Head, file: str, memory: int | None) -> dict[str, Described]:
    """Return what kernel and bias of a head hold; nothing of one that cannot be run."""
    from dense_cli.files.tensor import require_size
    from dense_cli.heads import check_shapes
    from dense_cli.views.describe import describe

    if head.refusal is not None:
        return {}
    check_shapes(head, file)
    for tensor in (head.kernel, *([head.bias] if head.bias is not None else [])):
        require_size(tensor, file, memory)
    kernel, bias = head.load()
    return {"kernel": describe(kernel)} | ({} if bias is None else {"bias": describe(bias[None])})


def _arrays(file: str, input_format: str | None, key: str | None, memory: int | None) -> Iterator[Array]:
    from dense_cli.sources.layout import layouts
    from dense_cli.sources.open import Request, open_source
    from dense_cli.sources.streamed import in_order

    headers = layouts(file)
    kind = "folder" if os.path.isdir(file) else "file"
    size = None if file == "-" else _size(file)
    keys = [key] if key is not None or len(headers) < 2 else list(headers)
    for name in keys:
        source = in_order(open_source(file, input_format, Request(name, outputs=True), memory))
        header = headers.get(name or "") or (next(iter(headers.values())) if len(headers) == 1 else None)
        yield Array(source.name, source, header, size, kind)


def _pieces(
    given: str | Sequence[str], input_format: str | None, key: str | None, memory: int | None
) -> Array:
    """Return the one array of several files, whose size is that of all."""
    from dense_cli.sources.open import Request, open_source
    from dense_cli.sources.paths import files_of
    from dense_cli.sources.streamed import in_order

    source = in_order(open_source(given, input_format, Request(key, outputs=True), memory))
    sizes = [_size(path) for path in files_of(given)]
    return Array(source.name, source, None, sum(sizes), f"{len(sizes)} files")


def _size(file: str) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    from dense_cli.files.stream import open_file

    if is_address(file):
        return open_file(file).size
    if not os.path.isdir(file):
        return os.stat(file).st_size
    return sum(
        os.lstat(os.path.join(path, name)).st_size for path, _, names in os.walk(file) for name in names
    )
