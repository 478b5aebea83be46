"""Blocks → layer → blocks: the one loop that everything runs through.

Every product has the same shape, `block_rows` rows by the kernel, and row i of the input is always
row ``i % block_rows`` of its product: a shorter block stands at its place among zeros. BLAS may
round a row differently in a product of another shape or at another place, so this is what makes a
file, a pipe that gives a line at a time and an array print the same digits, whatever the number of
threads (each product is computed by one).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dense_cli.dense import DenseArrays, cast, compute_dtype
from dense_cli.errors import DtypeError, ShapeError
from dense_cli.limits import ROW_COST, require_bytes
from dense_cli.sources.source import Block, Named, Source, named
from dense_cli.text import shape_text
from dense_cli.views.evaluate import Result, View, evaluate, tolerance
from dense_cli.views.rows import row_min, row_sum

if TYPE_CHECKING:
    from dense_cli.activations import Activation
    from dense_cli.sources.masks import Mask
    from dense_cli.sources.spread import Spread
    from dense_cli.sources.targets import Targets

MEMORY = 64 << 20  # bytes of blocks in flight, with two threads
_WORK = 4 << 30  # floating point operations of one product: enough for BLAS to run at full speed
_MOST_ROWS = 4096

# How to say what numbers are that are no distributions.
HOLDS = (
    "say what INPUT holds: --logits, --scores, the input of a model: --model FILE, or that of a layer: "
    "--weights FILE (a trained one), "
    "--units N (a seeded one)"
)


class OnWorkers(Protocol):
    """What becomes of a result where it was computed: it comes back with memory of its own.

    Attributes:
        unit: a part begins at a multiple of so many rows.
    """

    unit: int

    def __call__(self, result: Result) -> Result:
        """Return what comes back."""


def block_rows(features: int, units: int, itemsize: int, memory: int = MEMORY) -> int:
    """Return the rows of a block: bounded by memory, and large enough for the product to be fast.

    >>> block_rows(384, 30522, 4)
    128
    """
    fits = memory // 3 // (max(features, units) * itemsize)
    fast = _WORK // (2 * features * units)
    rows = min(max(fast, 32), fits, _MOST_ROWS)
    # A power of two divides what people choose: threads get equal shares, and few blocks are part empty.
    return 1 << max(rows, 1).bit_length() - 1


def run(
    source: Source,
    layer: DenseArrays | None,
    view: View,
    dtype: np.dtype[Any],
    mask: Mask | None = None,
    *,
    activation: Activation | None = None,
    targets: Targets | None = None,
    threads: int = 1,
    memory: int = MEMORY,
    most: int | None = None,
    scores: bool = False,
    temperature: float = 1.0,
    spread: Spread | None = None,
    then: Callable[[Result], Any] | None = None,
) -> Iterator[Any]:
    """Give the result of every block of ``source``, in order.

    Args:
        source: what is read.
        layer: a built layer; None says that ``source`` holds logits or finished outputs.
        view: what is asked of every row.
        dtype: the output's dtype.
        mask: which rows count.
        activation: what makes outputs of logits, where there is no layer; None: they are finished.
        targets: the class that each row should have.
        threads: how many blocks are computed at once.
        memory: bytes that blocks may take.
        most: how many rows ``source`` has at most, where there are many such sources of few rows: their
            products are then as small.
        scores: finished outputs are scores, each class by itself: no row need sum to 1.
        temperature: divides the logits.
        spread: computes blocks somewhere else; None: here.
        then: what is given in place of each result that is computed somewhere else; None: the result.

    Raises:
        ShapeError: the features are not the kernel's, or a row is not a distribution.
        DtypeError: a value does not fit the dtype.
        SizeError: a row takes more than ``memory`` and more than 4 GiB while it is worked on.
    """
    work = _Worker(source, layer, activation, view, dtype, mask, targets, memory, most, scores, temperature)
    if spread is not None:
        sent = 0 if then is not None else work.rows * _sent(view, work.units, work.wide.itemsize)
        from dense_cli.views.select import owned

        unit = getattr(then, "unit", 1)
        yield from spread(partial(_Blocks, work, then or owned), source, work.rows, sent, unit)
        return
    blocks = source.blocks(work.rows)
    # Threads cost a few milliseconds to set up: one block does not need them.
    ahead = []
    for block in blocks:
        ahead.append(block)
        if block.pause or len(ahead) == 2:
            break
    blocks = chain(ahead, blocks)
    if threads > 1 and len(ahead) == 2:
        yield from _threaded(work, blocks, threads)
    elif ahead:  # an empty input takes no buffer, however wide its rows claim to be
        buffer = work.buffer()
        for block in blocks:
            yield work(block, buffer)


def _threaded(work: _Worker, blocks: Iterator[Block], threads: int) -> Iterator[Result]:
    """Give the results in order, with ``threads`` blocks under way while one is being used."""
    from concurrent.futures import Future, ThreadPoolExecutor

    free = [work.buffer() for _ in range(threads + 1)]
    pending: deque[tuple[Future[Result], NDArray[Any]]] = deque()
    with ThreadPoolExecutor(threads) as pool:
        try:
            for block in blocks:
                buffer = free.pop()
                try:
                    pending.append((pool.submit(work, block, buffer), buffer))
                except RuntimeError as e:  # can't start new thread
                    raise MemoryError from e
                # A source that may wait for its next row has all that came before shown first.
                while pending and (block.pause or not free):
                    future, buffer = pending.popleft()
                    yield future.result()
                    free.append(buffer)
            while pending:
                yield pending.popleft()[0].result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _sent(view: View, units: int, itemsize: int) -> int:
    """Return about how many bytes the result of a row takes."""
    likeliest = (view.top or 0) * (8 + itemsize)
    return 24 + 8 * len(view.measures) + likeliest + len(view.arrays) * units * itemsize


class _Blocks:
    """Computes block after block, and gives what is made of each result."""

    def __init__(self, work: _Worker, then: Callable[[Result], Any]) -> None:
        self._work, self._then = work, then
        self._buffer = work.buffer()

    def __call__(self, block: Block) -> Any:
        return self._then(self._work(block, self._buffer))


class _Worker:
    """Computes the result of one block."""

    def __init__(
        self,
        source: Source,
        layer: DenseArrays | None,
        activation: Activation | None,
        view: View,
        dtype: np.dtype[Any],
        mask: Mask | None,
        targets: Targets | None,
        memory: int,
        most: int | None,
        scores: bool,
        temperature: float,
    ) -> None:
        self.source = Named(source.name, source.pieces)
        self.view = view
        self.dtype = dtype
        self.layer = layer
        self.activation = activation if layer is None else layer.activation
        self.sums_to_one = self.activation is None and not scores
        self.mask = mask
        self.zeroes = mask is not None and mask.value is not None and layer is not None
        self.targets = targets
        self.wide = compute_dtype(dtype)
        features = source.shape[-1] or 0
        self.features = features
        self.units = features if layer is None else layer.units
        # Of a layer its weights are divided, once, in place of the logits of every block.
        self.temperature = self.wide.type(temperature)
        self.bias = None if layer is None else layer.bias
        if self.bias is not None and temperature != 1:
            with np.errstate(all="ignore"):
                self.bias = self.bias / self.temperature
        if layer is not None:
            self.kernel = layer.kernel.astype(self.wide, copy=False)
            if temperature != 1:
                with np.errstate(all="ignore"):
                    self.kernel = self.kernel / self.temperature
            if self.kernel.shape[0] != features:
                raise ShapeError(
                    f"{source.name}: last axis is {features}, the kernel expects {self.kernel.shape[0]} "
                    f"(shape {shape_text(source.shape)}, kernel {self.kernel.shape})"
                )
        require_bytes(self.units * ROW_COST, source.name, f"a row of {self.units} classes", memory)
        self.rows = block_rows(max(features, 1), self.units, self.wide.itemsize, memory)
        if most is not None:
            self.rows = min(self.rows, 1 << max(most - 1, 31).bit_length())

    def buffer(self) -> NDArray[Any]:
        return np.empty((self.rows, self.units), self.wide)

    def __call__(self, block: Block, buffer: NDArray[Any]) -> Result:
        try:
            x = cast(block.x, self.dtype).astype(self.wide, copy=False)
        except DtypeError as e:
            self._explain(block, e)
            raise
        mask = block.mask if self.mask is None else self.mask.counting(block, x)
        if self.zeroes and mask is not None:
            x = np.where(mask[:, None], x, self.wide.type(0))
        targets = None if self.targets is None else self.targets.rows(block.places(), mask, self.units)
        rows = x
        at = block.start % self.rows
        logits = buffer[at : at + len(x)]
        if self.layer is None:
            with np.errstate(all="ignore"):
                np.divide(x, self.temperature, out=logits)
            if self.sums_to_one:
                require_distributions(logits, block, self.source, self.dtype, mask)
        else:
            if len(x) < self.rows:
                padded = np.zeros((self.rows, self.features), self.wide)
                padded[at : at + len(x)] = x
                x = padded
            with np.errstate(all="ignore"):
                np.matmul(x, self.kernel, out=buffer)
        result = evaluate(logits, self.bias, self.activation, self.view, self.dtype, targets)
        if self.view.explain is not None:
            from dense_cli.views.explain import SOFTMAX, explain

            logits, classes, chosen = result.arrays["logits"], result.classes, self.view.explain
            if chosen != SOFTMAX:
                result.explain = partial(explain, rows, self.kernel, self.bias, logits, classes, chosen)
        result.block, result.mask = block, mask
        return result

    def _explain(self, block: Block, error: DtypeError) -> None:
        """Raise ``error`` again with the value's place in the whole input."""
        with np.errstate(over="ignore", invalid="ignore"):
            lost = np.argwhere(np.isinf(block.x.astype(self.dtype)) & np.isfinite(block.x))
        row, feature = (int(i) for i in lost[0])
        name, place = named(self.source, (*block.places()[row].tolist(), feature))
        raise DtypeError(
            f"{name}: {block.x[row, feature]!s} does not fit {self.dtype}, at {list(place)}", hint=error.hint
        ) from None


def require_distributions(
    values: NDArray[Any],
    block: Block,
    source: Source | Named,
    dtype: np.dtype[Any],
    mask: NDArray[np.bool_] | None = None,
) -> None:
    """Check that every row sums to 1 and holds nothing negative; padding and rows with NaN are let pass.

    Raises:
        ShapeError: a row is not a distribution; the message says which.
    """
    with np.errstate(all="ignore"):
        sums = row_sum(values)
    wrong = (np.abs(sums - 1) > tolerance(dtype)) | (row_min(values) < 0)
    if mask is not None:
        wrong &= mask
    if not wrong.any():
        return
    row = int(np.flatnonzero(wrong)[0])
    name, at = named(source, tuple(block.places()[row].tolist()))
    place = "".join(f"[{i}]" for i in at)
    low = values[row].min()
    found = f"a negative value {low:.6g}" if low < 0 else f"a sum of {sums[row]:.6g}"
    raise ShapeError(
        f"{name}: not distributions: expected rows of the last axis that sum to 1, found {found} at {place}",
        hint=HOLDS,
    )
