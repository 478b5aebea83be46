"""A model's hidden states as a source of rows: the model runs in blocks of samples as they are asked for.

In: a model, and a source for each of its inputs. Out: a `StreamSource`. Blocks are computed in threads.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from dense_cli import blas
from dense_cli.layers import tree
from dense_cli.layers.keras_tensor import Shape
from dense_cli.layers.masks import get_mask, with_mask
from dense_cli.models.inputs import Samples, blocks_of, require_fit
from dense_cli.models.predict import block_size, is_ours
from dense_cli.sources.source import Chunk, Numbers, Source
from dense_cli.sources.streamed import StreamSource

if TYPE_CHECKING:
    from dense_cli.models.functional import Functional, Seen

BLOCK_BYTES = 1 << 20  # of the largest output between the layers
MOST = 256  # samples of a block: more make no product faster, and a single sample pays for all of them


class Value(Protocol):
    """An input or output of a model."""

    @property
    def name(self) -> str:
        """What it is called."""

    @property
    def shape(self) -> Shape:
        """Its shape, samples first."""

    @property
    def dtype(self) -> str:
        """The name of its dtype."""


class Body(Protocol):
    """What runs blocks of samples: a model of Keras, or of ONNX."""

    @property
    def inputs(self) -> Sequence[Value]:
        """What it takes."""

    @property
    def outputs(self) -> Sequence[Value]:
        """What it gives: one output."""

    def __call__(self, inputs: Any, /) -> Any:
        """Return the output for an array, or for a list of them."""


def model_source(
    model: Body,
    inputs: Sequence[Source],
    samples: Numbers | None,
    size: int | None = None,
    seen: Seen | None = None,
    threads: int = 1,
) -> StreamSource:
    """Return the rows of a model's one output.

    Args:
        model: with one output (batch, …, features).
        inputs: a source for each of its inputs.
        samples: the numbers of the inputs' samples, where their number is known.
        size: how many samples run at once; None: as many as suit a core's cache.
        seen: of a `Functional`, gets what every call takes and gives; see `Functional.call_each`.
        threads: how many blocks are computed at once, where the model allows it.

    Raises:
        ShapeError: an input does not fit.
    """
    require_fit(inputs, model.inputs)
    output = model.outputs[0]
    count = None if samples is None else len(samples)
    inner = output.shape[1:] or (1,)
    dtype = np.dtype(output.dtype if output.dtype in ("float16", "float64") else "float32")
    size = size or block_size(model, BLOCK_BYTES, 1, MOST)
    if seen is not None or not is_ours(model):
        threads = 1

    def chunk(block: Samples) -> Chunk:
        with blas.one_thread():
            return _chunk(run_padded(model, block, size, seen), block, dtype)

    chunks = _in_order(chunk, blocks_of(inputs, size), threads)
    name, pieces = inputs[0].name, inputs[0].pieces
    return StreamSource(name, dtype, chunks, (count, *inner), samples=samples, pieces=pieces)


def _chunk(y: Any, block: Samples, dtype: np.dtype[Any]) -> Chunk:
    """Return the rows of a block's output."""
    values = np.asarray(y, dtype)
    values = values[:, None] if values.ndim == 1 else values
    places = _places(block.numbers, values.shape[1:-1])
    mask = _mask_rows(get_mask(y), values.shape)
    return Chunk(values.reshape(-1, values.shape[-1]), places, block.pause, whole=True, mask=mask)


def _in_order(
    function: Callable[[Samples], Chunk], blocks: Iterator[Samples], threads: int
) -> Iterator[Chunk]:
    """Give ``function`` of each block, in order, with up to ``threads`` under way while one is being used.

    A block after which the next may take long is waited for, and so are those before an error of ``blocks``.
    """
    tasks = _tasks(function, blocks)
    for task, _ in tasks:
        yield task()  # alone: it sets up what the others share, and one block needs no threads
        break
    if threads == 1:
        yield from (task() for task, _ in tasks)
        return
    pending: deque[Future[Chunk]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for task, pause in tasks:
                pending.append(pool.submit(task))
                while pending and (pause or len(pending) > threads):
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _tasks(
    function: Callable[[Samples], Chunk], blocks: Iterator[Samples]
) -> Iterator[tuple[Callable[[], Chunk], bool]]:
    """Give what is to be called for each block, and whether the next may take long; an error comes last."""

    def fail(error: Exception) -> Chunk:
        raise error

    try:
        for block in blocks:
            yield partial(function, block), block.pause
    except Exception as error:
        yield partial(fail, error), True


def run_padded(model: Body, block: Samples, size: int, seen: Seen | None = None) -> Any:
    """Return the outputs of a block of samples, which runs as part of a block of ``size``.

    ``seen`` gets what every call takes and gives, of these samples alone.

    Sample i always is sample ``i % size`` of a block of that size, among zeros where there are no others:
    BLAS may round a row differently elsewhere, and a file and a pipe are to print the same digits.
    """
    at = block.start % size
    rows = slice(at, at + len(block.numbers))
    arrays = []
    for x in block.arrays:
        padded = np.zeros((size, *x.shape[1:]), x.dtype)
        padded[rows] = x
        arrays.append(padded)
    given = arrays[0] if len(arrays) == 1 else arrays
    with np.errstate(all="ignore"):
        if seen is None:
            outputs = model(given)
        else:
            outputs = cast("Functional", model).call_each(
                given, lambda node, *values: seen(node, *_parts(values, rows))
            )
    return tree.map_structure(lambda y: _part(y, rows), outputs)


def _parts(nests: Iterable[list[Any]], rows: slice) -> Iterator[list[Any]]:
    return ([_part(y, rows) for y in nest] for nest in nests)


def _part(y: Any, rows: slice) -> Any:
    """Return some samples of an output, and of its mask; a number that is none of any sample is left."""
    if not np.ndim(y):
        return y
    mask = get_mask(y)
    return with_mask(np.asarray(y)[rows], None if mask is None else mask[rows])


def _places(numbers: NDArray[np.int64], inner: Sequence[int]) -> NDArray[np.int64]:
    """Return where each row of samples with these numbers stands."""
    count = math.prod(inner)
    at = np.indices(tuple(inner), np.int64).reshape(len(inner), count).T
    return np.concatenate([np.repeat(numbers, count)[:, None], np.tile(at, (len(numbers), 1))], axis=1)


def _mask_rows(mask: NDArray[Any] | None, shape: Shape) -> NDArray[np.bool_] | None:
    """Return the mask of each row of an output of ``shape``, whose mask may have fewer axes."""
    if mask is None:
        return None
    lead = tuple(n or 0 for n in shape[:-1])
    counts = np.asarray(mask, bool).reshape(*mask.shape, *(1,) * (len(lead) - mask.ndim))
    return np.ascontiguousarray(np.broadcast_to(counts, lead)).reshape(-1)


def gives_mask(model: Body) -> bool:
    """Whether the output has a mask: seen on one sample of zeros."""
    arrays = [
        np.zeros([1, *(3 if n is None else n for n in x.shape[1:])], np.dtype(x.dtype)) for x in model.inputs
    ]
    with np.errstate(all="ignore"):
        return get_mask(model(arrays[0] if len(arrays) == 1 else arrays)) is not None
