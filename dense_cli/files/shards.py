"""The index of sharded weights (``model.safetensors.index.json``): which file beside it has which tensor.

The format: https://huggingface.co/docs/safetensors/index
"""

from __future__ import annotations

from typing import Any

from dense_cli.errors import FileFormatError
from dense_cli.files.beside import beside
from dense_cli.files.formats import by_content, load, looks_like
from dense_cli.files.stream import File, Section, open_file
from dense_cli.files.tensor import Tensor, Tensors


def tensors(index: dict[str, Any], file: File, memory: int | None = None) -> Tensors:
    """Return the tensors that an index names; a shard is opened when the first of its tensors is asked for.

    Args:
        index: the index, parsed: its ``weight_map`` has the name of a file for the name of each tensor.
        file: the index, whose folder has the shards.
        memory: bytes that may be taken where a shard cannot be read without.

    Raises:
        FileFormatError: the index names no files, or, when a tensor is asked for, its shard is outside of the
            folder, is not there, is not safetensors or PyTorch's, or does not have the tensor.
    """
    places = index["weight_map"]
    if isinstance(places, dict) and any(isinstance(shard, list) for shard in places.values()):
        raise FileFormatError(
            f"{file.label}: the index of sharded weights of Keras: densecli reads one file of these",
            hint="give the shard that holds the head: the index names it",
        )
    if not isinstance(places, dict) or not all(isinstance(shard, str) for shard in places.values()):
        raise FileFormatError(f"{file.label}: weight_map: expected the name of a file for each tensor")
    opened: dict[str, Tensors] = {}

    def describe(name: str) -> Tensor:
        shard = places[name]
        if shard not in opened:
            opened[shard] = _open(shard, file, memory)
        if name not in opened[shard]:
            raise FileFormatError(f"{file.label}: {shard[:200]!r} has no tensor {name[:80]!r}")
        return opened[shard][name]

    return Tensors(places, describe)


def _open(name: str, index: File, memory: int | None) -> Tensors:
    shard = open_file(beside(str(index.name), name, f"{index.label}: a shard"))
    start = Section(shard).read(16)
    row = by_content(start, lambda: shard, "weights")
    if row is None or row.name not in ("safetensors", "torch"):
        raise FileFormatError(f"{shard.label}: expected safetensors or torch, found {looks_like(start)}")
    assert row.tensors is not None
    found: Tensors = load(row.tensors)(shard, memory)
    return found
