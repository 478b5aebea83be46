"""A saved model → its layers, and what each of them puts out: records, with what goes wrong marked.

In: the path of a model, or a `Plan` that has its input. Out: a `ModelRecord`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.errors import ConfigError, nearest
from dense_cli.progress import Progress
from dense_cli.sources.open import no_note

if TYPE_CHECKING:
    from dense_cli.layers.keras_tensor import Node, Shape
    from dense_cli.models.functional import Seen
    from dense_cli.models.outputs import LayeredModel, ModelLayer, Watch
    from dense_cli.plan import Plan
    from dense_cli.views.layers import Fault, Statistics


class OutputRecord(NamedTuple):
    """One output of a layer; ``statistics`` is None where nothing was run."""

    name: str
    shape: Shape | None
    statistics: Statistics | None


class LayerRecord(NamedTuple):
    """A layer of a model.

    Attributes:
        name, class_name: as the file has them.
        sources: the names of the layers whose outputs it takes.
        parameters: how many numbers its weights hold; None: not known.
        refusal: why it cannot be run; None: it can.
        outputs: what it gives; of a layer that is used more than once, the last time.
        gates: the statistics of the gates of a recurrent layer.
        faults: what first goes wrong here.
        inside: the name of the model in the model that it is in; None: it is in none.
    """

    name: str
    class_name: str
    sources: list[str]
    parameters: int | None
    refusal: str | None
    outputs: list[OutputRecord]
    gates: Statistics | None
    faults: list[Fault]
    inside: str | None = None


class ModelRecord(NamedTuple):
    """A model: its file, its layers in order, and how many samples they ran on (None: nothing was run)."""

    file: str
    layers: list[LayerRecord]
    samples: int | None = None

    @property
    def parameters(self) -> int:
        """How many numbers the weights of these layers hold, each counted once."""
        names = {layer.name for layer in self.layers}
        return sum(layer.parameters or 0 for layer in self.layers if layer.inside not in names)


def list_layers(file: str, only: Sequence[str] = (), memory: int | None = None) -> ModelRecord:
    """Return the layers of a saved model without running it.

    Args:
        file: a ``.keras``, ``.h5`` or ``.onnx`` file.
        only: names, or patterns such as ``conv*``, of the layers that are wanted; all of them if empty.
        memory: bytes that the file may take; 4 GiB always may be taken.

    Raises:
        DenseCliError, OSError: the file is no model, or ``only`` names no layer.
    """
    from dense_cli.models import open as models

    layers = models.list_layers(file, memory)
    chosen = _chosen(layers, only, file)
    return ModelRecord(file, [_record(layer, None, {}) for layer in layers if layer.name in chosen])


def run_layers(
    plan: Plan,
    only: Sequence[str] = (),
    *,
    keep: Callable[[str, Any], None] | None = None,
    progress: Progress | None = None,
    note: Callable[[str], None] = no_note,
) -> ModelRecord:
    """Return the layers of ``plan.model`` with what each puts out on ``plan.input``.

    Args:
        plan: the model and its input.
        only: as in `list_layers`.
        keep: gets the name of an output and its array, block by block, of the layers that are wanted.
        progress: is told how many samples there are, and how many are done.
        note: is told of words that the model does not know.

    Raises:
        DenseCliError, OSError: the model or an input is not what it should be.
    """
    from dense_cli.models.open import open_layers
    from dense_cli.models.outputs import Watch

    file = plan.model or ""
    model = open_layers(file, plan.memory)
    chosen = _chosen(model.layers, only, file)
    watch = Watch()
    names = {
        id(layer.node): layer.names
        for layer in model.layers
        if keep is not None and layer.refusal is None and layer.name in chosen
    }

    def seen(node: Node, inputs: list[Any], outputs: list[Any]) -> None:
        watch(node, inputs, outputs)
        for name, y in zip(names.get(id(node), []), outputs, strict=False):
            assert keep is not None
            if y is not None:
                keep(name, y)

    samples = _run(plan, model, seen, progress or Progress(), note)
    faults = find_faults(watch, model.ends, model.across)
    records = [_record(layer, watch, faults) for layer in model.layers if layer.name in chosen]
    return ModelRecord(file, records, samples)


def _run(plan: Plan, model: LayeredModel, seen: Seen, progress: Progress, note: Callable[[str], None]) -> int:
    from dense_cli.models.outputs import run_blocks

    inputs = plan.open_inputs(model.body, note)
    progress.start(inputs[0].shape[0])
    samples = 0
    try:
        for count in run_blocks(model, inputs, seen):
            samples += count
            progress.advance(count)
    finally:
        progress.stop()
    return samples


def _chosen(layers: list[ModelLayer], only: Sequence[str], file: str) -> set[str]:
    """Return the names of the layers that ``only`` names.

    Raises:
        ConfigError: a name or pattern fits no layer.
    """
    names = [layer.name for layer in layers]
    if not only:
        return set(names)
    chosen: set[str] = set()
    for pattern in only:
        fitting = {name for name in names if name == pattern or fnmatchcase(name, pattern)}
        if not fitting:
            raise ConfigError(f"{file}: no layer {pattern!r}; {nearest(pattern, names)}")
        chosen |= fitting
    return chosen


def _record(layer: ModelLayer, watch: Watch | None, faults: dict[int, list[Fault]]) -> LayerRecord:
    node = layer.node
    statistics: Sequence[Statistics | None] = []
    if watch is not None and node is not None:
        statistics = watch.outputs(node)
    statistics = statistics or [None] * len(layer.names)
    return LayerRecord(
        name=layer.name,
        class_name=layer.class_name,
        sources=layer.sources,
        parameters=layer.parameters,
        refusal=layer.refusal,
        outputs=[OutputRecord(*output) for output in zip(layer.names, layer.shapes, statistics, strict=True)],
        gates=None if watch is None or node is None else watch.gates(node),
        faults=faults.get(id(node), []),
        inside=layer.path.removesuffix("/") or None,
    )


def find_faults(watch: Watch, outputs: set[int], across: dict[int, list[Node]]) -> dict[int, list[Fault]]:
    """Return what goes wrong in the calls that were seen, each where it first appears.

    A fault is that of the call whose inputs do not have it yet: what comes after it only passes it on.

    Args:
        watch: has seen the model run.
        outputs: the ids of the layers that give the model's outputs, which may be as sure as they like.
        across: what calls come after beside their parents; see `parents_across`.
    """
    faults: dict[int, list[Fault]] = {}
    passed: dict[int, set[str]] = {}  # the kinds of fault that a call's outputs have, or their sources
    for node in watch.nodes:
        parents = [*node.parent_nodes, *across.get(id(node), [])]
        before = set().union(*(passed.get(id(parent), set()) for parent in parents))
        own = _faults_of(node, watch, hidden=id(node.operation) not in outputs)
        faults[id(node)] = [fault for fault in own if fault.kind not in before]
        passed[id(node)] = before | {fault.kind for fault in own}
    return faults


def _faults_of(node: Node, watch: Watch, *, hidden: bool) -> list[Fault]:
    """Return what is wrong with a call's outputs, whoever made it so."""
    from dense_cli.views import layers as views

    faults = []
    outputs = watch.outputs(node)
    evidence = next(filter(None, (views.not_finite(y) for y in outputs if y is not None)), None)
    if evidence:
        faults.append(views.Fault("not-finite", evidence, _why_not_finite(node)))
    first = outputs[0] if outputs and hidden else None
    evidence = None if first is None else views.silent_units(first)
    if evidence:
        faults.append(views.Fault("silent", evidence, _SILENT))
    evidence = _saturated(first, watch.gates(node))
    if evidence:
        faults.append(views.Fault("saturated", evidence, _SATURATED))
    return faults


def _saturated(outputs: Statistics | None, gates: Statistics | None) -> str | None:
    """Return how far a layer's outputs, or else its gates, are at the ends of what they can be."""
    from dense_cli.views.layers import saturated

    evidence = None if outputs is None else saturated(outputs)
    if evidence or gates is None:
        return evidence
    evidence = saturated(gates)
    return evidence and f"gates: {evidence}"


_SILENT = "is the input scaled as in training? A ReLU that never fires passes nothing on"
_SATURATED = "is the input scaled as in training? At the bounds of an activation its input hardly matters"


def _why_not_finite(node: Node) -> str:
    """Return what to do about a layer that makes NaN or infinity."""
    import numpy as np

    if node.is_input:
        return "the input has them: mend what made it"
    weights = getattr(node.operation, "weights", [])
    if any(
        not np.isfinite(np.asarray(w.value, np.float64)).all() for w in weights if w.value.dtype.kind == "f"
    ):
        return "the layer's weights have them: training had diverged when they were saved"
    return "weights and input are finite: it overflows or divides by 0. Is the input scaled as in training?"
