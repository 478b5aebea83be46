"""Heads in JSON: lists of numbers, an index of shards, and TensorFlow.js with the config of its model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dense_cli.errors import FileFormatError
from dense_cli.files.json import document, tensors_of
from dense_cli.files.stream import open_file
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.kerasconfig import Layer, layers
from dense_cli.heads.pairs import find_heads


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of a JSON file, or of the files that it is the index of.

    Raises:
        FileFormatError, ShapeError, SizeError: as the reader of its tensors and `find_heads` do.
    """
    opened = open_file(file)
    value = document(opened, memory)
    heads = find_heads(tensors_of(value, opened, memory), file)
    if isinstance(value, dict) and isinstance(topology := value.get("modelTopology"), dict):
        _name(heads, topology, file)
    return heads


def _name(heads: Heads, topology: dict[str, Any], file: str) -> None:
    """Add what the config of a Keras model in TensorFlow.js says of its heads."""
    try:
        known = layers(topology.get("model_config", topology))
    except RecursionError as error:
        raise FileFormatError(f"{file}: the model's config is nested too deeply") from error
    dense = [layer for layer in known if layer.dense]
    for at, head in enumerate(heads):
        meant = [layer for layer in dense if _is(layer, head)]
        if len(meant) == 1:
            heads[at] = replace(
                head,
                name=meant[0].names[-1],
                activation=meant[0].activation,
                time_distributed=meant[0].time_distributed,
                output=meant[0].output,
                refusal=head.refusal or meant[0].refusal,
            )


def _is(layer: Layer, head: Head) -> bool:
    name = layer.names[-1]
    return head.path in (name, layer.inner, f"{name}/{name}", f"{name}/{layer.inner}")
