"""Two models on the same input → how far apart they are after each layer that both have.

In: a `Plan` with model A and its input, and the path of model B. Out: `ComparedModels`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.errors import ConfigError
from dense_cli.run import Progress
from dense_cli.sources.open import no_note
from dense_cli.views.differences import Difference, Differences, Tolerance

if TYPE_CHECKING:
    from dense_cli.layers.keras_tensor import Node
    from dense_cli.models.functional import Functional
    from dense_cli.models.inputs import Samples
    from dense_cli.models.outputs import ModelLayer
    from dense_cli.plan import Plan


class Pair(NamedTuple):
    """A layer of A and the one of B that is held against it; ``by`` says what pairs them: name, or order."""

    a: ModelLayer
    b: ModelLayer
    by: str


class ComparedOutput(NamedTuple):
    """An output of a layer of A, by its name and by its name in B, and how far the two are apart."""

    a: str
    b: str
    by: str
    shape: tuple[int | None, ...] | None
    difference: Difference


class ComparedModels(NamedTuple):
    """Two models: their files, the outputs that both have, the layers that only one has, the tolerance."""

    a: str
    b: str
    outputs: list[ComparedOutput]
    only_a: list[str]
    only_b: list[str]
    tolerance: Tolerance
    samples: int

    @property
    def first(self) -> ComparedOutput | None:
        """The first output that is beyond the tolerance."""
        return next((output for output in self.outputs if output.difference.beyond), None)


def compare_layers(
    plan: Plan,
    against: str,
    tolerance: Tolerance,
    *,
    progress: Progress | None = None,
    note: Callable[[str], None] = no_note,
) -> ComparedModels:
    """Return how far ``plan.model`` is from the model ``against`` after each layer, on ``plan.input``.

    Raises:
        DenseCliError, OSError: a model or an input is not what it should be, or no layers can be paired.
    """
    from dense_cli.models import load_model
    from dense_cli.models.open import require_inputs
    from dense_cli.models.outputs import layers_of, runnable_part

    file = plan.model or ""
    models = [load_model(file), load_model(against)]
    for model, name in zip(models, (file, against), strict=True):
        require_inputs(model, name)
    ours, theirs = (
        [layer for layer in layers_of(model) if layer.refusal is None and layer.node is not None]
        for model in models
    )
    pairs = pair_layers(ours, theirs)
    if not pairs:
        raise ConfigError(f"{against}: no layer has the name, or the place and shape, of one of {file}")
    both = [runnable_part(model) for model in models]
    found = [[Differences(tolerance) for _ in pair.a.names] for pair in pairs]
    samples = 0
    for block in _run(plan, both, against, progress or Progress(), note):
        samples += len(block.samples.numbers)
        for pair, differences in zip(pairs, found, strict=True):
            _add(pair, differences, block)
    outputs = [
        ComparedOutput(a, b, pair.by, shape, difference.result())
        for pair, differences in zip(pairs, found, strict=True)
        for a, b, shape, difference in zip(
            pair.a.names, pair.b.names, pair.a.shapes, differences, strict=True
        )
    ]
    paired = ({pair.a.operation.name for pair in pairs}, {pair.b.operation.name for pair in pairs})
    only_a = [layer.operation.name for layer in layers_of(models[0]) if layer.operation.name not in paired[0]]
    only_b = [layer.operation.name for layer in layers_of(models[1]) if layer.operation.name not in paired[1]]
    return ComparedModels(file, against, outputs, only_a, only_b, tolerance, samples)


def pair_layers(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> list[Pair]:
    """Return which layers are held against each other, in the order of ``ours``.

    Two models of the same names are paired by them. Names that Keras counts up (``dense_1``) differ between
    copies of one model, so two models of the same classes and shapes in the same order are paired by order.
    Else layers of one name and shape belong together, and of the others those that follow each other in both.
    """
    names = [layer.operation.name for layer in ours]
    if sorted(names) != sorted(layer.operation.name for layer in theirs) and _alike(ours, theirs):
        return [
            Pair(a, b, "name" if a.operation.name == b.operation.name else "order")
            for a, b in zip(ours, theirs, strict=True)
        ]
    by_name = {layer.operation.name: layer for layer in theirs}
    pairs: dict[str, Pair] = {}
    for a in ours:
        b = by_name.get(a.operation.name)
        if b is not None and _fit(a, b):
            pairs[a.operation.name] = Pair(a, b, "name")
    waiting: dict[tuple[Any, ...], deque[tuple[int, ModelLayer]]] = {}
    for place, b in enumerate(theirs):
        if b.operation.name not in pairs:
            waiting.setdefault(tuple(b.shapes), deque()).append((place, b))
    last = -1
    for a in ours:
        fitting = waiting.get(tuple(a.shapes), deque()) if a.operation.name not in pairs else deque()
        while fitting and fitting[0][0] < last:
            fitting.popleft()
        if fitting:
            last, b = fitting.popleft()
            pairs[a.operation.name] = Pair(a, b, "order")
    return [pairs[name] for name in names if name in pairs]


def _alike(ours: Sequence[ModelLayer], theirs: Sequence[ModelLayer]) -> bool:
    return len(ours) == len(theirs) and all(
        a.class_name == b.class_name and _fit(a, b) for a, b in zip(ours, theirs, strict=True)
    )


def _fit(a: ModelLayer, b: ModelLayer) -> bool:
    """Return whether the outputs have shapes that can be the same."""
    if len(a.shapes) != len(b.shapes):
        return False
    for one, other in zip(a.shapes, b.shapes, strict=True):
        if one is None or other is None or len(one) != len(other):
            return False
        if any(m != n and None not in (m, n) for m, n in zip(one, other, strict=True)):
            return False
    return True


class _Block(NamedTuple):
    """A block of samples, and what each call of A and of B gave for it."""

    samples: Samples
    a: dict[int, list[Any]]
    b: dict[int, list[Any]]


def _run(
    plan: Plan,
    models: list[Functional],
    against: str,
    progress: Progress,
    note: Callable[[str], None],
) -> Iterator[_Block]:
    """Run both models on each block of samples."""
    from dense_cli.models.inputs import blocks_of, require_fit
    from dense_cli.models.outputs import size_of_all
    from dense_cli.models.source import run_padded

    ours, theirs = models
    inputs = plan.open_inputs(ours, note)
    order = _order_of_inputs(ours, theirs, against)
    require_fit(inputs, ours.inputs)
    require_fit([inputs[i] for i in order], theirs.inputs)
    size = min(size_of_all(model) for model in models)
    progress.start(inputs[0].shape[0])
    try:
        for block in blocks_of(inputs, size):
            a, b = _Kept(), _Kept()
            run_padded(ours, block, size, a)
            run_padded(theirs, block._replace(arrays=[block.arrays[i] for i in order]), size, b)
            yield _Block(block, a.outputs, b.outputs)
            progress.advance(len(block.numbers))
    finally:
        progress.stop()


class _Kept:
    """Keeps what each call gives."""

    def __init__(self) -> None:
        self.outputs: dict[int, list[Any]] = {}

    def __call__(self, node: Node, inputs: list[Any], outputs: list[Any]) -> None:
        self.outputs[id(node)] = outputs


def _order_of_inputs(ours: Functional, theirs: Functional, against: str) -> list[int]:
    """Return which of A's inputs each of B's is: that of its name, else that of its place."""
    names = [x.name for x in ours.inputs]
    wanted = [x.name for x in theirs.inputs]
    if len(names) != len(wanted):
        raise ConfigError(
            f"{against}: expected {len(names)} inputs, as {', '.join(names)}, found {len(wanted)}"
        )
    return (
        [names.index(name) for name in wanted] if sorted(names) == sorted(wanted) else list(range(len(names)))
    )


def _add(pair: Pair, differences: Iterable[Differences], block: _Block) -> None:
    import numpy as np

    from dense_cli.errors import ShapeError
    from dense_cli.layers.masks import get_mask

    outputs = zip(differences, block.a[id(pair.a.node)], block.b[id(pair.b.node)], strict=True)
    for difference, a, b in outputs:
        if np.shape(a) != np.shape(b):
            raise ShapeError(
                f"layers {pair.a.operation.name!r} and {pair.b.operation.name!r}: expected one shape, found "
                f"{np.shape(a)} and {np.shape(b)}"
            )
        masks = [mask for mask in (get_mask(a), get_mask(b)) if mask is not None]
        mask = None if not masks else np.logical_and.reduce(masks)
        difference.add(np.asarray(a), np.asarray(b), block.samples.numbers, mask)
