"""Two files of outputs → how they differ, in prediction terms.

In: two paths and what is compared; in place of the first, a plan whose outputs are. Out: a `ComparedFiles`.
The differences are added up by `views.compare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.errors import ShapeError, UsageError
from dense_cli.sources.open import no_note
from dense_cli.text import shown

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from dense_cli.plan import Plan
    from dense_cli.run import Run
    from dense_cli.sources.open import Request, Values
    from dense_cli.sources.source import Block, Chunk, Named, Source
    from dense_cli.sources.spread import Spread
    from dense_cli.views.compare import Comparison, ComparisonResult, Limits

    Pair = tuple[Block, NDArray[Any], NDArray[Any]]
    Names = tuple[tuple[Named, np.dtype[Any]], tuple[Named, np.dtype[Any]]]

Shape = tuple[int | None, ...]

_BLOCK = 1 << 20  # numbers of each side that are compared at once


class ComparedFiles(NamedTuple):
    """A comparison and what was compared: names, shapes and dtypes of A and B.

    ``model`` is what A went through, as JSON has it; None where A holds outputs.
    """

    names: tuple[str, str]
    shapes: tuple[Shape, Shape]
    dtypes: tuple[np.dtype[Any], np.dtype[Any]]
    result: ComparisonResult
    limits: Limits
    labels: list[str] | None = None
    model: dict[str, str] | None = None

    @property
    def differ(self) -> bool:
        """Whether a limit is passed."""
        return bool(self.result.faults(self.limits))

    def label(self, number: int) -> str:
        """Return what a class is called, ``-`` for none."""
        if number < 0:
            return "-"
        named = self.labels is not None and number < len(self.labels)
        return shown(self.labels[number], 200) if named and self.labels is not None else str(number)


class _Sides(NamedTuple):
    """A and B, opened.

    Attributes:
        numbered: whether both say which samples they hold, or neither does.
        model: what A went through, as JSON has it.
    """

    a: Source
    b: Source
    numbered: bool
    model: dict[str, str] | None


def compare(
    first: str | Plan,
    second: str,
    *,
    kind: Values | None = None,
    limits: Limits | None = None,
    top_k: int = 5,
    most: int | None = 10,
    labels: str | None = None,
    labels_key: str | None = None,
    note: Callable[[str], None] = no_note,
    input_format: str | None = None,
    keys: tuple[str | None, str | None] = (None, None),
    memory: int | None = None,
    spread: Spread | None = None,
) -> ComparedFiles:
    """Compare two files of outputs, row by row.

    Args:
        first: A; a `Plan` of a model stands for its outputs, of which masked steps are not compared.
        second: B; one of both may be ``-``, standard input.
        kind: ``probabilities``, ``logits`` or ``classes``; None: classes where both hold integers, else
            probabilities.
        limits: what B may differ by; where none is named, the rounding of the coarser of the two dtypes, and
            no class may change.
        top_k: how many of the likeliest classes the overlap looks at.
        most: how many flips, and worst rows, are kept; None: all.
        labels: the path of the classes' names.
        labels_key: which member of a JSON object holds them.
        note: is told where the labels were not taken as they stand, and of unknown words in a text.
        input_format: the format of standard input, else of A and B.
        keys: which array of A, and of B, where a file holds several.
        memory: bytes that what must be held whole may take; 4 GiB always may be taken.
        spread: computes blocks somewhere else; None: here.

    Raises:
        UsageError: both are standard input, or classes are asked of a model.
        DenseCliError, OSError: a file cannot be read, or the two cannot be compared.
    """
    from dense_cli.sources.labels import load_labels
    from dense_cli.views.compare import Comparison

    sides = _open_sides(first, second, kind, input_format, keys, memory, note, spread)
    a, b = sides.a, sides.b
    kind = kind or _kind_of(a, b)
    limits = _limits_of(limits, kind, a, b)
    names = None
    if labels is not None:
        names = load_labels(labels, None if kind == "classes" else a.shape[-1], key=labels_key, note=note)
    comparison = Comparison(kind, limits, top_k, most)
    _add_rows(comparison, sides, kind, spread)
    result = comparison.result()
    return ComparedFiles(
        (a.name, b.name), (a.shape, b.shape), (a.dtype, b.dtype), result, limits, names, sides.model
    )


def _open_sides(
    first: str | Plan,
    second: str,
    kind: Values | None,
    input_format: str | None,
    keys: tuple[str | None, str | None],
    memory: int | None,
    note: Callable[[str], None],
    spread: Spread | None,
) -> _Sides:
    """Open A and B; where one of them is standard input, ``input_format`` is that of it alone."""
    from dense_cli.sources.open import Request

    paths = (_input_of(first), second)
    if paths == ("-", "-"):
        raise UsageError("A and B are both standard input: expected one file")

    def format_of(path: str | None) -> str | None:
        return input_format if path == "-" or "-" not in paths else None

    of_a, of_b = (Request(key, outputs=True, values=kind or "probabilities") for key in keys)
    model = None
    if isinstance(first, str):
        a, a_numbered = _open(first, format_of(first), of_a, memory)
    else:
        run = _opened(replace(first, input_format=format_of(paths[0])), kind, note)
        run.spread = spread
        assert run.model is not None
        a, a_numbered = outputs_of(run, kind), False
        model = {"file": first.model or "", "until": run.model.part.layer}
    b, b_numbered = _open(second, format_of(second), of_b, memory)
    return _Sides(a, b, a_numbered == b_numbered, model)


def _limits_of(limits: Limits | None, kind: Values, a: Source, b: Source) -> Limits:
    """Return what B may differ by: the limits that are named, else the rounding of the dtypes."""
    from dense_cli.views.compare import Limits

    if limits is None or not limits.named:
        return Limits.default(limits is not None and limits.equal_nan, a.dtype, b.dtype)
    if kind == "classes":
        limits.require_of_classes()
    return limits


def _input_of(first: str | Plan) -> str | None:
    """Return the path that A is read from; None where it is in memory."""
    given = first if isinstance(first, str) else first.input
    return given if isinstance(given, str) else None


def _kind_of(a: Source, b: Source) -> Values:
    """Return what two files are compared as, where nobody says it."""
    return "classes" if a.dtype.kind in "iu" and b.dtype.kind in "iu" else "probabilities"


def _opened(plan: Plan, kind: Values | None, note: Callable[[str], None]) -> Run:
    """Open a model on A; ``kind`` is what is compared."""
    if kind == "classes":
        raise UsageError(
            "--classes: a model gives probabilities; predict --targets holds them against classes"
        )
    return plan.open(note=note)


def outputs_of(run: Run, kind: Values | None = None) -> Source:
    """Return the outputs of a run, or its logits, as a source of rows."""
    from dense_cli.sources.source import Chunk
    from dense_cli.sources.streamed import StreamSource

    view = run.view
    if kind == "logits" and run.head is not None:
        view = view._replace(show="logits")
    name = view.values

    def chunks() -> Iterator[Chunk]:
        for result in run.results(view._replace(arrays=(name,))):
            yield Chunk(result.arrays[name].copy(), result.places, whole=True, mask=result.mask)

    shape = (*run.shape[:-1], run.head.units) if name == "logits" and run.head is not None else run.shape
    return StreamSource(run.input_name, run.dtype, chunks(), shape)


def compared_rows(
    a: Source, b: Source, kind: Values, *, numbered: bool
) -> Iterator[tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]]:
    """Give the rows of A and of B that are compared, block by block, and their places; padding is none.

    Args:
        a, b: of one shape.
        kind: what rows hold.
        numbered: both say which samples they hold, or neither does.

    Raises:
        ShapeError: they do not hold the same rows, or probabilities do not sum to 1.
    """
    for pair in side_by_side(a, b, numbered=numbered):
        yield _counted(pair, kind, _names(a, b))


def side_by_side(a: Source, b: Source, *, numbered: bool) -> Iterator[Pair]:
    """Give all rows of A and of B, as `pairs` does."""
    from dense_cli.sources.pairs import pairs

    return pairs(a, b, _rows_of_block(a), numbered=numbered)


def _rows_of_block(a: Source) -> int:
    return min(max(_BLOCK // (a.shape[-1] or 1), 1), 4096)


def _names(a: Source, b: Source) -> Names:
    """Return what messages call A and B, and the dtypes that say how near to 1 their rows must sum."""
    from dense_cli.sources.source import Named

    return (Named(a.name, a.pieces), a.dtype), (Named(b.name, b.pieces), b.dtype)


def _counted(pair: Pair, kind: Values, names: Names) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.int64]]:
    """Return the rows of two blocks that are compared, and their places."""
    from dense_cli.sources.source import KnownPlaces

    block, left, right = pair
    if block.mask is not None:
        block = block._replace(places=KnownPlaces(block.places()[block.mask]))
        left, right = left[block.mask], right[block.mask]
    if kind == "probabilities":
        for values, (named, dtype) in zip((left, right), names, strict=True):
            _require_distributions(values, block, named, dtype)
    return left, right, block.places()


def _add_rows(comparison: Comparison, sides: _Sides, kind: Values, spread: Spread | None) -> None:
    """Compare all rows of two sources."""
    from dense_cli.sources.arrays import ArraySource
    from dense_cli.sources.pairs import Pairs
    from dense_cli.sources.spread import each

    a, b = sides.a, sides.b
    if spread is not None and isinstance(a, ArraySource) and isinstance(b, ArraySource):
        alone = partial(_alone, comparison.anew(), kind, _names(a, b))
        both = Pairs(a, b, numbered=sides.numbered)
        for part in each(partial(partial, alone), both, _rows_of_block(a), spread):
            comparison.merge(part)
        return
    for left, right, places in compared_rows(a, b, kind, numbered=sides.numbered):
        comparison.add(left, right, places)


def _alone(empty: Comparison, kind: Values, names: Names, pair: Pair) -> Comparison:
    """Return the comparison of two blocks by themselves."""
    comparison = empty.anew()
    comparison.add(*_counted(pair, kind, names))
    return comparison


def _require_distributions(values: Any, block: Block, named: Named, dtype: np.dtype[Any]) -> None:
    from dense_cli.pipeline import require_distributions

    try:
        require_distributions(values, block, named, dtype)
    except ShapeError as e:
        raise ShapeError(
            str(e), hint="logits are compared with --logits, class numbers with --classes"
        ) from None


def _open(path: str, format: str | None, request: Request, memory: int | None) -> tuple[Source, bool]:
    """Return a source of A or B, and whether it says which samples it holds."""
    from dense_cli.sources.open import open_source
    from dense_cli.sources.streamed import StreamSource, spool

    source = open_source(path, format, request, memory)
    # Lines may come sample by sample or step by step: in order they can stand beside any other file.
    if not isinstance(source, StreamSource) or None not in source.shape:
        return source, False
    stated = source.stated
    return spool(source), stated
