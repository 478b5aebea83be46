"""Weights between a model and the places that Keras gives them in files.

Keras 3 names groups by class and attribute, ``layers/lstm/cell/vars/0``; Keras 2's ``.h5`` files by the
names of layers, each with a list of its weights' names.

Source: keras/src/saving/saving_lib.py, keras/src/legacy/saving/legacy_h5_format.py.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import FileFormatError, ShapeError
from dense_cli.files.tensor import Tensor, require_size
from dense_cli.layers.layer import Layer
from dense_cli.layers.names import to_snake_case
from dense_cli.layers.operation import Operation
from dense_cli.layers.unknown import UnknownLayer
from dense_cli.saving.stored import Stored


def places(model: Layer) -> Iterator[tuple[str, Layer]]:
    """Give each layer of a model with the path that its weights have in a file of Keras 3."""
    yield from _walk(model, "", set(), set())


def _walk(obj: Operation, path: str, seen: set[int], lists: set[int]) -> Iterator[tuple[str, Any]]:
    if id(obj) in seen:
        return
    seen.add(id(obj))
    yield path, obj
    for attribute, value in _attributes(obj):
        inner = f"{path}/{attribute}" if path else attribute
        if isinstance(value, Operation):
            yield from _walk(value, inner, seen, lists)
        elif isinstance(value, (list, dict, tuple)):
            yield from _walk_list(value, inner, seen, lists)


def _walk_list(value: Any, path: str, seen: set[int], lists: set[int]) -> Iterator[tuple[str, Any]]:
    if id(value) in lists:
        return
    lists.add(id(value))
    used: dict[str, int] = {}
    for item in value.values() if isinstance(value, dict) else value:
        nested = isinstance(item, (list, dict, tuple))
        if not nested and not isinstance(item, Operation):
            continue
        name = "container" if nested else to_snake_case(type(item).__name__)
        if isinstance(item, UnknownLayer):
            name = to_snake_case(item.class_name)
        used[name] = used.get(name, -1) + 1
        inner = f"{path}/{name}_{used[name]}" if used[name] else f"{path}/{name}"
        if nested:
            yield from _walk_list(item, inner, seen, lists)
        else:
            yield from _walk(item, inner, seen, lists)


def _attributes(obj: Operation) -> Iterator[tuple[str, Any]]:
    """Give the attributes that may hold layers: a model's layers first, those with an underscore last."""
    model = hasattr(obj, "predict")
    if model and (hasattr(obj, "_graph") or hasattr(obj, "_stack")):
        yield "layers", obj.layers  # type: ignore[attr-defined]
    names = {name for name in dir(obj) if not name.startswith("__")} - _of_every_layer()
    if model:
        names -= {"layers", "operations", "_operations", "_graph", "_stack", "_functional"}
    for name in sorted(names, key=lambda name: f"~{name}" if name.startswith("_") else name):
        try:
            value = getattr(obj, name)
        except (AttributeError, NotImplementedError, ValueError):
            continue  # a property of a layer that is not built
        yield name, value


@functools.cache
def _of_every_layer() -> set[str]:
    return set(dir(Layer(name="layer")))


class Group(Mapping[str, NDArray[Any]]):
    """The arrays of one layer, read when they are asked for."""

    def __init__(self, tensors: dict[str, Tensor], file: str) -> None:
        self.tensors = tensors
        self.file = file

    def __getitem__(self, key: str) -> NDArray[Any]:
        tensor = self.tensors[key]
        require_size(tensor, self.file, None)
        return tensor.read()

    def __iter__(self) -> Iterator[str]:
        return iter(self.tensors)

    def __len__(self) -> int:
        return len(self.tensors)


def load_keras3(model: Layer, stored: Stored, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file with Keras 3's places.

    Raises:
        FileFormatError: a layer's weights are not there, or do not fit it.
    """
    groups = _groups(stored)
    for path, layer in places(model):
        if not isinstance(layer, Layer) or not layer.built or isinstance(layer, UnknownLayer):
            continue
        tensors = next((groups[p] for p in _spellings(path) if p in groups), {})
        try:
            layer.load_own_variables(Group(tensors, stored.file))
        except (ShapeError, KeyError) as error:
            if skip_mismatch:
                continue
            raise FileFormatError(
                f"{stored.file}: the weights at {path or 'its root'} do not fit layer '{layer.name}': {error}"
            ) from error


def _groups(stored: Stored) -> dict[str, dict[str, Tensor]]:
    """Return the arrays of each layer's group, ``layers/dense/vars/0`` being ``0`` of ``layers/dense``."""
    groups: dict[str, dict[str, Tensor]] = {}
    for path, tensor in stored.contents.datasets.items():
        head, _, number = path.rpartition("/")
        if head == "vars" or head.endswith("/vars"):
            groups.setdefault(head.removesuffix("vars").rstrip("/"), {})[number] = tensor
    return groups


def _spellings(path: str) -> Iterator[str]:
    """Give the ways in which versions of Keras write one path."""
    yield path
    yield "/".join(f"_{part}" if part.endswith("_dense") else part for part in path.split("/"))
    yield path.replace("layers/", "_layer_checkpoint_dependencies/")


def load_by_layer(model: Any, stored: Stored, skip_mismatch: bool = False) -> None:
    """Give a model the weights of a file that lists them by layer, as Keras 2's ``.h5`` files do.

    Raises:
        FileFormatError: the layers with weights are others, or their weights do not fit.
    """
    filled = {name: paths for name, paths in (stored.contents.layers or {}).items() if paths}
    for layer, paths in _by_layer(model, filled, stored.file):
        tensors = [stored.contents.datasets[path] for path in paths]
        try:
            _assign_all(layer, tensors, stored.file)
        except _MismatchError as error:
            if not skip_mismatch:
                raise FileFormatError(str(error)) from None


def _by_layer(model: Any, filled: dict[str, list[str]], file: str) -> Iterator[tuple[Layer, list[str]]]:
    """Give the layers with weights, each with its paths: by its name, else by its place in the order.

    A layer of an unknown class may hold any of the file's weights: then names alone count.
    """
    layers = [layer for layer in model.layers if layer.weights and layer.built]
    unknown = any(isinstance(layer, UnknownLayer) or not layer.built for layer in model.layers)
    if len(filled) != len(layers) and not unknown:
        raise FileFormatError(
            f"{file}: expected weights for {len(layers)} layers, found {len(filled)} layers with weights"
        )
    by_order = dict(zip((layer.name for layer in layers), filled, strict=False))
    for layer in layers:
        name = layer.name if layer.name in filled or unknown else by_order[layer.name]
        yield layer, filled.get(name, [])


class _MismatchError(Exception):
    """The weights of a file have other shapes than those of the layer."""


def _assign_all(layer: Layer, tensors: list[Tensor], file: str) -> None:
    """Give a layer all its weights, or none of them."""
    weights = layer.trainable_weights + layer.non_trainable_weights
    expected, shapes = [w.shape for w in weights], [tensor.shape for tensor in tensors]
    if shapes != expected:
        raise _MismatchError(
            f"{file}: layer '{layer.name}' expects weights of shapes {expected}, found {shapes}"
        )
    for weight, tensor in zip(weights, tensors, strict=True):
        require_size(tensor, file, None)
        weight.assign(tensor.read())


def require_all(model: Any, file: str) -> None:
    """Refuse a model of which weights were not in the file.

    Raises:
        FileFormatError: the weights' paths.
    """
    missing = [w.path for w in model.weights if not w.is_set]
    if missing:
        raise FileFormatError(
            f"{file}: the file has no numbers for {len(missing)} weights: {', '.join(missing[:5])}"
        )


def own_arrays(layer: Layer) -> dict[str, NDArray[Any]]:
    """Return a layer's own weights as they are saved."""
    store: dict[str, NDArray[Any]] = {}
    layer.save_own_variables(store)
    return {key: np.asarray(value) for key, value in store.items()}
