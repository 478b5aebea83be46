"""Heads in HDF5 files of Keras 3 and Keras 2: ``.weights.h5``, ``.h5`` whole models and weights alone.

What tells the layers apart, by layout:

| layout | where the numbers are | what says which layer it is |
|---|---|---|
| Keras 3 with a config | ``layers/dense_1/vars/0`` | the config: a class is numbered in its order |
| Keras 3 weights alone | the same | attribute ``name`` of ``vars``; else the group |
| Keras 2, Keras 3's ``.h5`` | ``model_weights/fc/fc/kernel:0`` | ``layer_names``, ``weight_names``, config |
| any other | ``fc/kernel`` | the names alone |

Comes in: an open HDF5 file. Goes out: `Heads`, with the arrays described and not read.

What is told without a config stands in `kerasgroups`.
"""

from __future__ import annotations

import re
from collections import deque
from typing import Any

import orjson

from dense_cli.errors import FileFormatError
from dense_cli.files import hdf5
from dense_cli.files.hdf5 import Part, attribute, open_hdf5, walk
from dense_cli.files.stream import open_file
from dense_cli.files.tensor import Tensor
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.kerasconfig import MAX_CONFIG, Layer, layers
from dense_cli.heads.kerasgroups import (
    ENDINGS,
    TRAINING,
    Contents,
    class_of,
    looks_dense,
    natural_order,
    output_of,
)
from dense_cli.heads.pairs import collect, distinct, find_heads
from dense_cli.text import listed

# The attributes that are read, as their names stand in their messages.
ATTRIBUTES = re.compile(rb"(?:name|model_config|keras_version|(?:layer|weight)_names\d*)\0")


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of an HDF5 file.

    Raises:
        MissingExtraError: h5py is not installed.
        FileFormatError: not HDF5, damaged, pointing outside of itself, or without a kernel.
    """
    found = scan(Part.whole(open_file(file)), memory)
    return heads_of(found, None if found.config is None else parse_config(found.config, file), file)


def scan(part: Part, memory: int | None) -> Contents:
    """Walk through an HDF5 file and read what its attributes say of layers.

    Raises:
        MissingExtraError, FileFormatError: as `open_hdf5` and `walk` do.
    """
    with open_hdf5(part, ATTRIBUTES) as root:
        found = walk(root, part, TRAINING, memory)
        names = {}
        for path in found.groups:
            if path.endswith("vars") and isinstance(name := attribute(root[path], "name", part), str):
                names[path.removesuffix("vars").rstrip("/")] = name
        config = attribute(root, "model_config", part)
        version = attribute(root, "keras_version", part)
        return Contents(
            found.tensors,
            found.groups,
            found.places,
            names,
            _layers(root, found, part),
            config if isinstance(config, str) else None,
            version if isinstance(version, str) else None,
        )


def training_state(part: Part, memory: int | None) -> tuple[str | None, int]:
    """Return the name of the optimizer whose state a file has, and how many numbers that is.

    The name is that of Keras 2's files; others have it in the model's config.
    """
    with open_hdf5(part, ATTRIBUTES) as root:
        tensors = walk(root, part, memory=memory).tensors
    state = {tuple(path.split("/")): tensor for path, tensor in tensors.items()}
    state = {parts: tensor for parts, tensor in state.items() if parts[0] in TRAINING}
    names = {parts[1] for parts in state if parts[0] == "optimizer_weights" and len(parts) > 2}
    return (names.pop() if len(names) == 1 else None), sum(tensor.size for tensor in state.values())


def _layers(root: Any, found: hdf5.Contents, part: Part) -> dict[str, list[str]] | None:
    """Return the layers of the legacy layout, each with the paths of its weights; None in another layout."""
    base = "model_weights" if "model_weights" in found.groups else ""
    order = _names(root[base] if base else root, "layer_names", part)
    if order is None:
        return None
    layers: dict[str, list[str]] = {}
    for layer in order:
        path = f"{base}/{layer}" if base else layer
        weights = (_names(root[path], "weight_names", part) or []) if path in found.groups else []
        layers[layer] = [f"{path}/{weight}" for weight in weights if f"{path}/{weight}" in found.tensors]
    return layers


def parse_config(text: str | bytes, file: str) -> list[Layer]:
    """Return the layers of a model's config, which is JSON and is held to `MAX_CONFIG` bytes."""
    if len(text) > MAX_CONFIG:
        raise FileFormatError(f"{file}: the model's config is over {MAX_CONFIG} bytes long")
    try:
        return layers(orjson.loads(text))
    except orjson.JSONDecodeError as error:
        raise FileFormatError(f"{file}: the model's config is not JSON: {error}") from error
    except RecursionError as error:
        raise FileFormatError(f"{file}: the model's config is nested too deeply") from error


def heads_of(found: Contents, config: list[Layer] | None, file: str) -> Heads:
    """Return the heads among what a walk found, named by the model's config where there is one."""
    heads = _named(found, config, file)
    heads.tensors = found.datasets
    return heads


def _named(found: Contents, config: list[Layer] | None, file: str) -> Heads:
    if found.layers is not None:
        return _legacy(found, config or None, file)  # a class of its user's has no layers in its config
    if config:
        return _configured(found, config, file)
    if any(path.endswith("vars/0") for path in found.datasets):
        return _keras3(found, file)
    return find_heads(found.datasets, file)


def _names(group: Any, name: str, part: Part) -> list[str] | None:
    """Return a list of names, which Keras cuts into name0, name1, … where it is long; None without one."""
    whole = attribute(group, name, part)
    if isinstance(whole, list):
        return _distinct(whole, name, part.label)
    if whole is not None or name in group.attrs:
        return []  # an empty list has a dtype of its own
    parts: list[list[str]] = []
    while isinstance(piece := attribute(group, f"{name}{len(parts)}", part), list):
        parts.append(piece)
    return _distinct([text for piece in parts for text in piece], name, part.label) or None


def _distinct(names: list[str], attribute: str, file: str) -> list[str]:
    """Refuse names that are repeated: each would be gone through again."""
    if len(set(names)) != len(names):
        raise FileFormatError(f"{file}: damaged HDF5: {attribute} names one twice")
    return names


# --- the layouts ----------------------------------------------------------------------------------


def _configured(found: Contents, config: list[Layer], file: str) -> Heads:
    """Keras 3 weights beside the config that says which layer each group is."""
    heads = Heads()
    for layer in config:
        group = layer.group
        if group not in found.groups:  # Keras 2.12 and 2.13
            group = group.replace("layers/", "_layer_checkpoint_dependencies/")
        kernel = found.datasets.get(f"{group}/vars/0")
        if not layer.dense:
            heads.others[layer.names[-1]] = layer.kind
        elif kernel is not None:  # a layer that another model shares is stored there
            bias = found.datasets.get(f"{group}/vars/1") if layer.use_bias else None
            _add(heads, layer, f"{group}/vars", kernel, bias, _quantised(found, group, layer.use_bias))
    return _checked(heads, file)


def _keras3(found: Contents, file: str) -> Heads:
    """Keras 3 weights alone: groups are named by class, and by attribute in subclassed models."""
    heads = Heads()
    output = output_of(found, "layers/")
    for path in sorted(found.datasets, key=natural_order):
        group = path.removesuffix("/vars/0")
        if group == path or not looks_dense(found, group):
            continue
        kernel, bias = found.datasets[path], found.datasets.get(f"{group}/vars/1")
        parent, _, last = group.rpartition("/")
        wrapped = last == "layer" and class_of(parent) == "time_distributed"
        outer = parent if wrapped else group
        above = ["/".join(outer.split("/")[:n]) for n in range(1, outer.count("/") + 1)]
        names = (*(found.names[p] for p in above if p in found.names), found.names.get(outer, outer))
        layer = Layer(
            names,
            group,
            dense=True,
            inner=found.names.get(group, outer.rpartition("/")[2]),
            time_distributed=wrapped,
            output=outer == output,
        )
        _add(heads, layer, f"{group}/vars", kernel, bias, _quantised(found, group, bias is not None))
    return _checked(heads, file)


def _legacy(found: Contents, config: list[Layer] | None, file: str) -> Heads:
    """The layout of Keras 2, also of ``.h5`` files by Keras 3: layers in order, weights by their names."""
    heads = Heads()
    stored = {name: collect(paths, found.datasets)[0] for name, paths in (found.layers or {}).items()}
    if config is None:
        return _checked(_in_order(stored), file)
    groups = {name: _Unused(group) for name, group in stored.items()}
    for layer in config:
        if not layer.dense:
            heads.others[layer.names[-1]] = layer.kind
            continue
        group = groups.get(layer.names[0])
        head = None if group is None else group.take((layer.names[-1], layer.inner), len(layer.names) == 1)
        if head is not None:
            _add(heads, layer, head.path, head.kernel, head.bias if layer.use_bias else None, None)
    return _checked(heads, file)


class _Unused:
    """The heads of one legacy group that no layer has taken yet, in their order.

    A weight's path ends with its layer's name; where two nested models repeat one, the first is taken first.
    """

    def __init__(self, heads: Heads) -> None:
        self._heads = dict(enumerate(heads))
        self._named: dict[str, deque[int]] = {}
        for at, head in self._heads.items():
            self._named.setdefault(head.path.rsplit("/", 1)[-1], deque()).append(at)
        self._first = 0

    def take(self, names: tuple[str | None, ...], otherwise_first: bool) -> Head | None:
        """Return the first head of one of these names, or else the first of all, and take it away."""
        queues = [queue for name in set(names) if name is not None and (queue := self._left(name))]
        if queues:
            return self._heads.pop(min(queues, key=lambda queue: queue[0]).popleft())
        while self._first not in self._heads:
            if not self._heads:
                return None
            self._first += 1
        return self._heads.pop(self._first) if otherwise_first else None

    def _left(self, name: str) -> deque[int] | None:
        queue = self._named.get(name)
        while queue and queue[0] not in self._heads:
            queue.popleft()
        return queue


def _in_order(stored: dict[str, Heads]) -> Heads:
    """Name legacy heads without a config by their paths; a last one that continues a chain is the output."""
    heads = Heads()
    order = [name for name in stored if class_of(name) not in ENDINGS]
    for name in order:
        group = stored[name] if class_of(name) != "einsum_dense" else Heads()
        for head in group:
            inner = head.path.rsplit("/", 1)[-1]
            last = name == order[-1] and head is group[-1]
            layer = Layer(
                (name,) if len(group) == 1 else (name, inner),
                head.path,
                dense=True,
                inner=inner,
                time_distributed=class_of(name) == "time_distributed",
                output=last and _continues(heads, (name, *order[-2:-1]), head),
            )
            _add(heads, layer, head.path, head.kernel, head.bias, None)
    return heads


def _continues(heads: Heads, neighbours: tuple[str, ...], head: Head) -> bool:
    """Whether a head takes what the one before it gives, where that one is of these layers."""
    if not heads or heads[-1].aliases[0].split("/")[0] not in neighbours:
        return True
    return heads[-1].kernel_shape[1] == head.kernel_shape[0]


def _add(
    heads: Heads, layer: Layer, path: str, kernel: Tensor, bias: Tensor | None, refusal: str | None
) -> None:
    name = layer.names[-1]
    if refusal is None and kernel.dtype not in ("float16", "float32", "float64", "bfloat16"):
        refusal = f"quantised kernel ({kernel.dtype}): expected floating-point weights"
    if refusal is None and layer.use_bias and bias is None and layer.activation is not None:
        refusal = "its config says use_bias, and no bias is stored"
    if len(kernel.shape) != 2:
        heads.others[name] = f"a Dense whose first array has shape {kernel.shape}: quantised, or damaged"
        return
    aliases = dict.fromkeys(("/".join(layer.names), layer.inner or name, path, path.removesuffix("/vars")))
    heads.append(
        Head(
            name,
            path,
            kernel,
            bias,
            activation=layer.activation,
            time_distributed=layer.time_distributed,
            output=layer.output,
            aliases=tuple(aliases),
            refusal=layer.refusal or refusal,
        )
    )


def _checked(heads: Heads, file: str) -> Heads:
    if not heads:
        found = listed(f"{name} ({kind})" for name, kind in heads.others.items())
        raise FileFormatError(f"{file}: no kernel of a Dense layer: expected at least one, found {found}")
    return distinct(heads)


def _quantised(found: Contents, group: str, use_bias: bool) -> str | None:
    """Why a Dense with these variables cannot be run: further ones are the scales of a quantised kernel."""
    if f"{group}/vars/{1 + use_bias}" in found.datasets:
        return "quantised layer (scales stand beside its kernel): expected floating-point weights"
    return None
