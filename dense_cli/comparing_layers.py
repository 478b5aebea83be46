"""Two models on the same input → how far apart they are after each layer that both have.

In: a `Plan` with model A and its input, and the path of model B. Out: `ComparedModels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.errors import ConfigError
from dense_cli.progress import Progress
from dense_cli.sources.open import no_note
from dense_cli.views.differences import Difference, Differences, Tolerance

if TYPE_CHECKING:
    from dense_cli.layers.keras_tensor import Node
    from dense_cli.models.inputs import Samples
    from dense_cli.models.outputs import LayeredModel, ModelLayer
    from dense_cli.models.pairing import Pair
    from dense_cli.plan import Plan


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
        """The first output that is beyond the tolerance; of a model in the model, the first one in it."""
        beyond = [output for output in self.outputs if output.difference.beyond]
        for output in beyond:
            if not any(other.a.startswith(f"{output.a}/") for other in beyond):
                return output
        return None


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
    from dense_cli.models.open import open_layers

    file = plan.model or ""
    models = (open_layers(file, plan.memory), open_layers(against, plan.memory))
    nothing = f"{against}: no layer has the name, or the place and shape, of one of {file}"
    size = _size(models, against)
    pairs = _pairs(models)
    if pairs == []:
        raise ConfigError(nothing)
    compared = _with_differences(pairs, tolerance)
    samples = 0
    for block in _run(plan, models, size, against, progress or Progress(), note):
        if pairs is None:
            pairs = _pairs_of_values(models, block, tolerance)
            compared = _with_differences(pairs, tolerance)
        samples += len(block.samples.numbers)
        for pair, differences in compared:
            _add(pair, differences, block)
    if not pairs:
        raise ConfigError(nothing)
    only_a = _others(models[0], {pair.a.name for pair in pairs})
    only_b = _others(models[1], {pair.b.name for pair in pairs})
    return ComparedModels(file, against, list(_outputs(compared)), only_a, only_b, tolerance, samples)


_Compared = list[tuple["Pair", list[Differences]]]


def _with_differences(pairs: list[Pair] | None, tolerance: Tolerance) -> _Compared:
    """Return each pair with what counts the differences of each of its outputs."""
    return [(pair, [Differences(tolerance) for _ in pair.outputs]) for pair in pairs or []]


def _outputs(compared: _Compared) -> Iterator[ComparedOutput]:
    """Give a record for each output of each pair of layers."""
    for pair, differences in compared:
        a, b = pair.a, pair.b
        for (i, j), difference in zip(pair.outputs, differences, strict=True):
            yield ComparedOutput(a.names[i], b.names[j], pair.by, a.shapes[i], difference.result())


def _others(model: LayeredModel, paired: set[str]) -> list[str]:
    """Return the names of the layers that are in no pair."""
    return [layer.name for layer in model.layers if layer.name not in paired]


def _pairs(models: tuple[LayeredModel, LayeredModel]) -> list[Pair] | None:
    """Return which layers are compared; None: that shows once both have run."""
    from dense_cli.models.pairing import is_onnx, pair_layers

    ours, theirs = map(_runnable, models)
    same = {layer.name for layer in ours} == {layer.name for layer in theirs}
    return pair_layers(ours, theirs) if same or not (is_onnx(ours) or is_onnx(theirs)) else None


def _pairs_of_values(
    models: tuple[LayeredModel, LayeredModel], block: _Block, tolerance: Tolerance
) -> list[Pair]:
    """Return which layers are compared, where one model is of ONNX; ``block`` is the first one."""
    from dense_cli.models.pairing import is_onnx, pair_values

    a, b = map(_runnable, models)
    ends = (models[0].outputs, models[1].outputs)
    if is_onnx(a) and not is_onnx(b):  # each layer is looked for among the values, not the other way round
        pairs = pair_values(b, a, (block.b, block.a), ends[::-1], tolerance)
        return [pair.turned() for pair in pairs]
    return pair_values(a, b, (block.a, block.b), ends, tolerance)


def _runnable(model: LayeredModel) -> list[ModelLayer]:
    return [layer for layer in model.layers if layer.refusal is None and layer.node is not None]


class _Block(NamedTuple):
    """A block of samples, and what each call of A and of B gave for it."""

    samples: Samples
    a: dict[int, list[Any]]
    b: dict[int, list[Any]]


def _run(
    plan: Plan,
    models: tuple[LayeredModel, LayeredModel],
    size: int,
    against: str,
    progress: Progress,
    note: Callable[[str], None],
) -> Iterator[_Block]:
    """Run both models on each block of samples."""
    from dense_cli.models.inputs import blocks_of, require_fit
    from dense_cli.models.source import run_padded

    ours, theirs = (model.body for model in models)
    inputs = plan.open_inputs(ours, note)
    order = _order_of_inputs(ours, theirs, against)
    require_fit(inputs, ours.inputs)
    require_fit([inputs[i] for i in order], theirs.inputs)
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


def _size(models: tuple[LayeredModel, LayeredModel], against: str) -> int:
    """Return how many samples run at once.

    Raises:
        ConfigError: both take a number of their own.
    """
    fixed = {model.size for model in models if model.fixed}
    if len(fixed) > 1:
        a, b = (model.size for model in models)
        raise ConfigError(f"{against}: it takes {b} samples at once, and the other model takes {a}")
    return fixed.pop() if fixed else min(model.size for model in models)


class _Kept:
    """Keeps what each call gives."""

    def __init__(self) -> None:
        self.outputs: dict[int, list[Any]] = {}

    def __call__(self, node: Node, inputs: list[Any], outputs: list[Any]) -> None:
        self.outputs[id(node)] = outputs


def _order_of_inputs(ours: Any, theirs: Any, against: str) -> list[int]:
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

    ours, theirs = block.a[id(pair.a.node)], block.b[id(pair.b.node)]
    for difference, (i, j) in zip(differences, pair.outputs, strict=True):
        a, b = ours[i], theirs[j]
        if a is None or b is None:  # a shape, or a constant, of ONNX
            continue
        b = pair.aligned(b)
        if np.shape(a) != np.shape(b):
            raise ShapeError(
                f"layers {pair.a.name!r} and {pair.b.name!r}: expected one shape, found "
                f"{np.shape(a)} and {np.shape(b)}"
            )
        masks = [mask for mask in (get_mask(a), get_mask(b)) if mask is not None]
        mask = None if not masks else np.logical_and.reduce(masks)
        difference.add(np.asarray(a), np.asarray(b), block.samples.numbers, mask)
