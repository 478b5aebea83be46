"""What is wrong with a model's layers and with what they are given: findings, as a run goes on.

In: what every call takes and gives, block by block. Out: findings, with the layers that they are of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.inspecting import find_faults
from dense_cli.layers.core.embedding import Embedding
from dense_cli.layers.normalization.batch_normalization import BatchNormalization
from dense_cli.layers.preprocessing.normalization import Normalization
from dense_cli.layers.preprocessing.rescaling import Rescaling
from dense_cli.models.graph import graph_of, node_of
from dense_cli.models.onnx_graph import OnnxOperation
from dense_cli.models.outputs import Watch, layers_of, output_operations, parents_across
from dense_cli.views.checks.check import Finding
from dense_cli.views.checks.model import Ids, Numbers, of_moving

if TYPE_CHECKING:
    from dense_cli.layers.keras_tensor import Node
    from dense_cli.models.functional import Functional
    from dense_cli.models.parts import Part

_OF_FAULTS = {"not-finite": "layer-finite", "silent": "silent-units", "saturated": "saturated-layer"}
_AS_IT_CAME = {
    *("Masking", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "Flatten", "Reshape", "Permute"),
    *("ZeroPadding1D", "ZeroPadding2D", "Cast", "Identity", "Transpose", "Squeeze", "Unsqueeze"),
}
"""Layers of Keras and of ONNX that leave an input's numbers as they came."""


class LayerChecks:
    """Looks on while a model runs, and says what was wrong with it."""

    def __init__(self) -> None:
        self._watch = Watch()
        self._ids: dict[int, tuple[Any, Ids]] = {}
        self._numbers: dict[int, Numbers] = {}

    def __call__(self, node: Node, inputs: list[Any], outputs: list[Any]) -> None:
        """Take what a call took and gave for some samples."""
        self._watch(node, inputs, outputs)
        if node.is_input:
            self._numbers.setdefault(id(node), Numbers()).add(inputs[0])
        elif _ids(node.operation) is not None:
            self._ids.setdefault(id(node), (node.operation, Ids()))[1].add(np.asarray(inputs[0]))

    def findings(self, part: Part, wanted: frozenset[str]) -> list[Finding]:
        """Return what is wrong, of the checks that are wanted."""
        findings: list[Finding | None] = [*self._of_outputs(part)]
        findings += [ids.finding(layer.name, _ids(layer) or 0) for layer, ids in self._ids.values()]
        findings += map(_untrained, _all_layers(part.body))
        findings += self._of_inputs(part) or [self._of_statistics()]
        return [finding for finding in findings if finding is not None and finding.check in wanted]

    def _of_outputs(self, part: Part) -> Iterator[Finding]:
        """Give what is wrong with what layers put out."""
        outputs = set() if part.head is not None else output_operations(part.body)
        faults = find_faults(self._watch, outputs, parents_across(part.body))
        names = {id(layer.operation): layer.name for layer in layers_of(part.body)}
        for node in self._watch.nodes:
            for fault in faults[id(node)]:
                evidence = f"layer {names[id(node.operation)]!r}: {fault.evidence}"
                yield Finding(_OF_FAULTS[fault.kind], evidence, fault.advice)

    def _of_inputs(self, part: Part) -> list[Finding]:
        """Return what is wrong with what the model is given, held against its first layers."""
        inputs: list[Any] = list(part.body.inputs)
        starts = {id(node_of(x)) for x in inputs}
        findings = [self._of_input(node) for node in self._watch.nodes if id(node) in starts]
        return [finding for finding in findings if finding is not None]

    def _of_input(self, node: Node) -> Finding | None:
        numbers, name = self._numbers[id(node)], node.operation.name
        for layer in _first_layers(node):
            finding = _for_layer(numbers, name, layer)
            if finding is not None:
                return finding
        return None

    def _of_statistics(self) -> Finding | None:
        """Return the finding of the first BatchNormalization, if what it is given is not as in training."""
        for node in self._watch.nodes:
            moving = _moving(node.operation)
            if moving is None or _untrained(node.operation) is not None or not node.parent_nodes:
                continue
            given = self._watch.outputs(node.parent_nodes[0])
            return (
                None if not given or given[0] is None else of_moving(given[0], node.operation.name, *moving)
            )
        return None


def _for_layer(numbers: Numbers, name: str, layer: Any) -> Finding | None:
    """Return the finding of an input whose first layer with a scale, or a vocabulary, is ``layer``."""
    text = f"{getattr(layer, 'class_name', type(layer).__name__)} {layer.name!r}"
    if _ids(layer) is not None:
        return numbers.for_ids(name, text)
    if isinstance(layer, Rescaling):
        scale = np.asarray(layer.scale)
        return numbers.for_rescaling(name, text, float(scale)) if not scale.ndim else None
    if isinstance(layer, Normalization):
        known = layer.built and not layer.invert
        return numbers.for_statistics(name, text, *_of_normalization(layer)) if known else None
    moving = _moving(layer)
    if moving is None or _untrained(layer) is not None:
        return None
    return numbers.for_statistics(name, text, *moving)


def _ids(layer: Any) -> int | None:
    """Return how many ids an Embedding knows, of Keras or of ONNX; None of another layer."""
    size: int | None = layer.input_dim if isinstance(layer, (Embedding, OnnxOperation)) else None
    return size


def _moving(layer: Any) -> tuple[NDArray[Any], NDArray[Any]] | None:
    """Return the mean and the variance of a BatchNormalization, of Keras or of ONNX."""
    if isinstance(layer, OnnxOperation):
        both = layer.moving_statistics
        return None if both is None else (both[0].value, both[1].value)
    if not isinstance(layer, BatchNormalization) or not layer.built:
        return None
    return layer.moving_mean.value, layer.moving_variance.value


def _of_normalization(layer: Normalization) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.asarray(layer.mean), np.asarray(layer.variance)


def _first_layers(node: Node) -> Iterator[Any]:
    """Give the layers that take an input, behind those that leave its numbers as they are."""
    waiting, seen = [node], set()
    while waiting:
        for after in waiting.pop().operation._outbound_nodes:
            if id(after) in seen:
                continue
            seen.add(id(after))
            if graph_of(after.operation) is not None:
                starts = (node_of(x) for x in after.operation.inputs)
                waiting += [start for start in starts if start is not None]
            elif getattr(after.operation, "class_name", type(after.operation).__name__) in _AS_IT_CAME:
                waiting.append(after)
            else:
                yield after.operation


def _all_layers(layer: Functional | Any) -> Iterator[Any]:
    """Give a model's layers, and those inside of them, each once."""
    waiting, seen = [layer], {id(layer)}
    while waiting:
        for inner in waiting.pop(0)._layers:
            if id(inner) not in seen:
                seen.add(id(inner))
                waiting.append(inner)
                yield inner


def _untrained(layer: Any) -> Finding | None:
    """Return the finding of a BatchNormalization whose statistics are those that it starts with."""
    moving = _moving(layer)
    if moving is None or moving[0].any() or (moving[1] != 1).any():
        return None
    evidence = f"layer {layer.name!r}: the moving mean is 0 and the moving variance 1 for every feature"
    advice = "was the model trained, and were these weights loaded? Training alone changes them"
    return Finding("moving-statistics", evidence, advice)
