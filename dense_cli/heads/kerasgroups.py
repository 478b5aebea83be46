"""What the groups of a Keras 3 file tell of its layers where no config stands beside them.

Comes in: `Contents`, what a walk through the HDF5 file found. Goes out: whether a group is a Dense's, and
which layer is the output. Both are told from names, shapes and places alone.

Whether a group's variables are a Dense's, `looks_dense` (the first row that fits):

| case | example | Dense? |
|---|---|---|
| first variable no matrix, or second no vector | a Conv1D's ``(3, 8, 16)`` | no |
| the group's class is dense | ``layers/dense_1`` | yes |
| its own name says another layer | ``token_embedding``, ``einsum``, ``lstm/cell`` | no |
| what a TimeDistributed wraps | ``layers/time_distributed/layer`` | yes |
| an attribute of a subclassed model, with two variables at most that fit | ``classifier`` | yes |
| a layer of another class | ``layers/my_layer`` | no |

Which layer is the output, Keras 3 (`output_of`):

| case | example | output |
|---|---|---|
| groups beside ``layers`` | ``encoder``, ``classifier`` of a subclassed model | none |
| the last one saved is a model | ``layers/sequential/layers/…`` | the last one in it |
| Softmax, Activation or Dropout at the end | ``dense``, ``dropout`` | what stands before it |
| the last two of its class are neighbours that do not fit | (8, 3), then (8, 4) | none: two outputs |
| else | ``dense``, ``dense_1`` | ``dense_1`` |
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from dense_cli.files.tensor import Tensor

ENDINGS = ("activation", "softmax", "dropout")  # layers without weights that a model may end with
TRAINING = ("optimizer", "optimizer_weights")  # what training leaves: as large as the model, and no layer


@dataclass
class Contents:
    """What a walk through an HDF5 file of Keras found; arrays are described, not read."""

    datasets: dict[str, Tensor]
    groups: set[str]
    places: dict[str, int]  # where in the file each object stands
    names: dict[str, str]  # Keras 3: group → its layer's name
    layers: dict[str, list[str]] | None  # legacy: layer → its weights' paths, in the model's order
    config: str | None
    version: str | None  # of the Keras that saved it, where it has a config


def looks_dense(found: Contents, group: str) -> bool:
    """Whether variables without a config are a Dense's: by their group's class if it tells, else by shape."""
    kernel = found.datasets[f"{group}/vars/0"]
    bias = found.datasets.get(f"{group}/vars/1")
    bias_shape = kernel.shape[1:] if bias is None else bias.shape
    if (len(kernel.shape), len(bias_shape)) != (2, 1):
        return False
    parent, _, last = group.rpartition("/")
    if class_of(last) == "dense":
        return True
    words = f"{last} {found.names.get(group, '')}".lower()
    if any(word in words for word in ("emb", "einsum", "cell", "token")):
        return False
    if last == "layer" and class_of(parent) == "time_distributed":
        return True
    plain = f"{group}/vars/2" not in found.datasets and bias_shape == kernel.shape[1:]
    return plain and last != "layer" and parent.rpartition("/")[2] != "layers"


def class_of(group: str) -> str:
    """Return a group's class: ``layers/dense_12`` is a ``dense``, since Keras numbers those of one class."""
    last = group.rpartition("/")[2]
    stem, _, number = last.rpartition("_")
    return stem if number.isdigit() else last


def output_of(found: Contents, container: str) -> str | None:
    """Return the layer that was saved last, if the model is a plain chain there: it is the model's output.

    Keras saves ``model.layers`` in their order and numbers them within each class, and what is saved
    later stands further back in the file. A model of several outputs is told by a last Dense that does
    not continue the one before it.
    """
    places = _ends_of(found, container)
    if not places or (container == "layers/" and _is_subclassed(found)):
        return None
    newest = class_of(max(places, key=places.__getitem__))
    order = sorted((name for name in places if class_of(name) == newest), key=_number)
    last = container + order[-1]
    if newest in ("sequential", "functional"):
        return output_of(found, f"{last}/layers/")
    if f"{last}/layer/layers" in found.groups:
        return output_of(found, f"{last}/layer/layers/")
    if len(order) == 1 or any(places[order[-2]] < place < places[order[-1]] for place in places.values()):
        return last
    return last if _may_follow(found, container + order[-2], last) else None


def _is_subclassed(found: Contents) -> bool:
    """Whether a model is a class of its user's, whose attributes are saved by name."""
    tops = {path.split("/")[0] for path in found.groups}
    return tops - {"vars", *TRAINING} != {"layers"}


def _ends_of(found: Contents, container: str) -> dict[str, int]:
    """Return where in the file each layer of a container ends, those apart that only end a model."""
    places: dict[str, int] = {}
    for path, place in found.places.items():
        name = path.removeprefix(container).partition("/")[0]
        if path.startswith(container) and class_of(name) not in ENDINGS:
            places[name] = max(place, places.get(name, 0))
    return places


def _may_follow(found: Contents, first: str, second: str) -> bool:
    """Whether a layer may take what the one before it gives, as far as their kernels tell."""
    inner = "/layer" if class_of(second) == "time_distributed" else ""
    before = found.datasets.get(f"{first}{inner}/vars/0")
    after = found.datasets.get(f"{second}{inner}/vars/0")
    if before is None or after is None or after.dtype == "int8":  # int4 kernels have a shape of their own
        return True
    return before.shape[-1:] == after.shape[:1]


def natural_order(path: str) -> list[tuple[str, int]]:
    """Order layers as they are numbered: ``dense``, ``dense_2``, ``dense_10``."""
    return [(class_of(part), _number(part)) for part in path.split("/")]


def _number(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else 0
