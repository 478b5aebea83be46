"""What is wrong with a model's layers and with what they are given: findings, as a run goes on.

In: what every call takes and gives, block by block. Out: findings, with the layers that they are of.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dense_cli.inspecting import find_faults
from dense_cli.layers.core.embedding import Embedding
from dense_cli.layers.normalization.batch_normalization import BatchNormalization
from dense_cli.layers.preprocessing.rescaling import Rescaling
from dense_cli.models.outputs import Watch
from dense_cli.views.checks.check import Finding
from dense_cli.views.checks.model import Ids, Numbers

if TYPE_CHECKING:
    from dense_cli.layers.keras_tensor import Node
    from dense_cli.models.functional import Functional
    from dense_cli.models.parts import Part

_OF_FAULTS = {"not-finite": "layer-finite", "silent": "silent-units", "saturated": "saturated-layer"}
_AS_IT_CAME = ("Masking", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "Flatten", "Reshape")


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
        elif isinstance(node.operation, Embedding):
            self._ids.setdefault(id(node), (node.operation, Ids()))[1].add(np.asarray(inputs[0]))

    def findings(self, part: Part, wanted: frozenset[str]) -> list[Finding]:
        """Return what is wrong, of the checks that are wanted."""
        outputs = set() if part.head is not None else {part.layer}
        faults = find_faults(self._watch, outputs)
        found: list[Finding | None] = [
            Finding(_OF_FAULTS[fault.kind], f"layer {node.operation.name!r}: {fault.evidence}", fault.advice)
            for node in self._watch.nodes
            for fault in faults[id(node)]
        ]
        found += [ids.finding(layer.name, layer.input_dim) for layer, ids in self._ids.values()]
        found += [_untrained(layer) for layer in _all_layers(part.body)]
        found += [self._of_input(node) for node in self._watch.nodes if node.is_input]
        return [finding for finding in found if finding is not None and finding.check in wanted]

    def _of_input(self, node: Node) -> Finding | None:
        numbers, name = self._numbers[id(node)], node.operation.name
        for layer in _first_layers(node):
            finding = _for_layer(numbers, name, layer)
            if finding is not None:
                return finding
        return None


def _for_layer(numbers: Numbers, name: str, layer: Any) -> Finding | None:
    """Return the finding of an input whose first layer with weights, or with a scale, is ``layer``."""
    text = f"{type(layer).__name__} {layer.name!r}"
    if isinstance(layer, Embedding):
        return numbers.for_ids(name, text)
    if isinstance(layer, Rescaling):
        scale = np.asarray(layer.scale)
        return numbers.for_rescaling(name, text, float(scale)) if not scale.ndim else None
    if isinstance(layer, BatchNormalization):
        if _untrained(layer) is not None:
            return None
        return numbers.for_statistics(name, text, layer.moving_mean.value, layer.moving_variance.value)
    return numbers.for_kernel(name, text) if getattr(layer, "weights", []) else None


def _first_layers(node: Node) -> Iterator[Any]:
    """Give the layers that take an input, behind those that leave its numbers as they are."""
    waiting, seen = [node], set()
    while waiting:
        for after in waiting.pop().operation._outbound_nodes:
            if id(after) in seen:
                continue
            seen.add(id(after))
            if type(after.operation).__name__ in _AS_IT_CAME:
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
    if not isinstance(layer, BatchNormalization) or not layer.built:
        return None
    if layer.moving_mean.value.any() or (layer.moving_variance.value != 1).any():
        return None
    evidence = f"layer {layer.name!r}: the moving mean is 0 and the moving variance 1 for every feature"
    advice = "was the model trained, and were these weights loaded? Training alone changes them"
    return Finding("moving-statistics", evidence, advice)
