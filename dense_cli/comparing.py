"""Two files of outputs → how they differ, in prediction terms.

In: two paths and what is compared; in place of the first, a plan whose outputs are. Out: a `ComparedFiles`.
The differences are added up by `views.compare`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
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
    from dense_cli.sources.source import Block, Chunk, Source
    from dense_cli.views.compare import ComparisonResult, Limits


Shape = tuple[int | None, ...]


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

    Raises:
        UsageError: both are standard input, or classes are asked of a model.
        DenseCliError, OSError: a file cannot be read, or the two cannot be compared.
    """
    from dense_cli.sources.labels import load_labels
    from dense_cli.views.compare import Comparison

    sides = _open_sides(first, second, kind, input_format, keys, memory, note)
    a, b = sides.a, sides.b
    kind = kind or _kind_of(a, b)
    limits = _limits_of(limits, kind, a, b)
    names = None
    if labels is not None:
        names = load_labels(labels, None if kind == "classes" else a.shape[-1], key=labels_key, note=note)
    comparison = Comparison(kind, limits, top_k, most)
    for left, right, places in compared_rows(a, b, kind, numbered=sides.numbered):
        comparison.add(left, right, places)
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
    from dense_cli.sources.source import KnownPlaces

    for block, left, right in side_by_side(a, b, numbered=numbered):
        if block.mask is not None:
            block = block._replace(places=KnownPlaces(block.places()[block.mask]))
            left, right = left[block.mask], right[block.mask]
        if kind == "probabilities":
            _require_distributions(left, block, a)
            _require_distributions(right, block, b)
        yield left, right, block.places()


def side_by_side(
    a: Source, b: Source, *, numbered: bool
) -> Iterator[tuple[Block, NDArray[Any], NDArray[Any]]]:
    """Give all rows of A and of B, as `pairs` does."""
    from dense_cli.pipeline import MEMORY
    from dense_cli.sources.pairs import pairs

    return pairs(a, b, min(max(MEMORY // 64 // (a.shape[-1] or 1), 1), 4096), numbered=numbered)


def _require_distributions(values: Any, block: Block, source: Source) -> None:
    from dense_cli.pipeline import require_distributions

    try:
        require_distributions(values, block, source, source.dtype)
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
