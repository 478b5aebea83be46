"""Heads in HDF5 files of Keras 3 and Keras 2: ``.weights.h5``, ``.h5`` whole models and weights alone.

Only what is stored in the file itself is read: links to elsewhere, external storage, virtual datasets and
filters other than deflate and shuffle are refused: that of checksums crashes on a damaged chunk.

The format: https://support.hdfgroup.org/documentation/hdf5/latest/_f_m_t3.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from dense_cli.errors import DenseCliError, FileFormatError, MissingExtraError, SizeError
from dense_cli.files.dtypes import require_numeric, widen
from dense_cli.files.hdf5guard import require_texts
from dense_cli.files.tensor import Tensor
from dense_cli.heads.head import Head, Heads
from dense_cli.heads.kerasconfig import MAX_CONFIG, Layer, layers
from dense_cli.heads.pairs import collect, distinct, find_heads, listed

Opener = Callable[[], AbstractContextManager[Any]]

_MAX_DEPTH = 64
_MAX_OBJECTS = 200_000
_MAX_NAMES = 64 << 20  # characters of all paths together
_FILTERS = {1: "deflate", 2: "shuffle"}
_AFTER = ("activation", "softmax", "dropout")  # layers without weights that a model may end with
_STATE = ("optimizer", "optimizer_weights")  # what training left there: as large as the model, and no layer


@dataclass
class Contents:
    """What a walk through an HDF5 file found; arrays are described, not read."""

    datasets: dict[str, Tensor] = field(default_factory=dict)
    groups: set[str] = field(default_factory=set)
    names: dict[str, str] = field(default_factory=dict)  # Keras 3: group → its layer's name
    places: dict[str, int] = field(default_factory=dict)  # where in the file each object stands
    layers: dict[str, list[str]] | None = None  # legacy: layer → its weights' paths, in the model's order
    config: str | None = None


def read(file: str, memory: int | None = None) -> Heads:
    """Return the heads of an HDF5 file.

    Raises:
        MissingExtraError: h5py is not installed.
        FileFormatError: not HDF5, damaged, pointing outside of itself, or without a kernel.
    """

    def opener() -> AbstractContextManager[Any]:
        return open_hdf5(file, file)

    with open(file, "rb") as stream:
        require_texts(stream, file)
    with opener() as root:
        found = scan(root, file, opener)
    return heads_of(found, None if found.config is None else parse_config(found.config, file), file)


@contextmanager
def open_hdf5(source: Any, file: str) -> Iterator[Any]:
    """Open an HDF5 file; whatever h5py raises inside the ``with`` becomes a FileFormatError."""
    try:
        import h5py
    except ImportError:
        raise MissingExtraError(f"{file}: reading HDF5", "keras") from None
    try:
        with h5py.File(source, "r") as root:
            yield root
    except DenseCliError:
        raise
    except MemoryError as error:
        raise SizeError(f"{file}: not enough memory to read it") from error
    except Exception as error:  # OSError, RuntimeError, KeyError, ValueError …: what HDF5 says of a bad file
        reason = str(error).strip("'\"").split("\n")[0][:200] or type(error).__name__
        raise FileFormatError(
            f"{file}: not a readable HDF5 file (truncated or damaged?): {reason}"
        ) from error


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


# --- the walk -------------------------------------------------------------------------------------


def scan(root: Any, file: str, opener: Opener) -> Contents:
    """Walk through an open HDF5 file along its hard links.

    Raises:
        FileFormatError: a soft or external link, external or virtual storage, a cycle, or too much of it.
    """
    import h5py

    found = Contents()
    size = root.id.get_filesize()
    if root.id.get_create_plist().get_sizes() != (8, 8):
        raise FileFormatError(f"{file}: HDF5 offsets and lengths of unusual sizes: expected 8 bytes")
    seen: set[int] = set()
    letters = 0
    waiting = [("", root)]
    while waiting:
        path, group = waiting.pop()
        if path:
            found.groups.add(path)
        if path.endswith("vars") and isinstance(name := _attribute(group, "name", size, file), str):
            found.names[path.removesuffix("vars").rstrip("/")] = name
        for key in group:
            if not isinstance(key, str):
                raise FileFormatError(
                    f"{file}: an HDF5 name in {path or 'its root'} is not UTF-8: {key[:40]!r}"
                )
            inner = f"{path}/{key}" if path else key
            if inner in _STATE:
                continue
            if not isinstance(link := group.get(key, getlink=True), h5py.HardLink):
                kind = "external" if isinstance(link, h5py.ExternalLink) else "soft"
                raise FileFormatError(f"{file}: {inner} is an HDF5 {kind} link: densecli follows none")
            letters += len(inner)
            if inner.count("/") > _MAX_DEPTH or len(seen) > _MAX_OBJECTS or letters > _MAX_NAMES:
                raise FileFormatError(
                    f"{file}: expected at most {_MAX_DEPTH} levels, {_MAX_OBJECTS} objects "
                    f"and {_MAX_NAMES} characters of names of HDF5"
                )
            # From the link: HDF5 asked of the object itself walks through its index, damaged or not.
            address = group.id.links.get_info(key.encode()).u
            if address in seen:
                raise FileFormatError(f"{file}: the HDF5 object {inner} is linked twice: expected a tree")
            seen.add(address)
            found.places[inner] = address
            item = group[key]
            if isinstance(item, h5py.Group):
                waiting.append((inner, item))
            elif isinstance(item, h5py.Dataset):
                found.datasets[inner] = _tensor(item, inner, size, file, opener)
    base = "model_weights" if "model_weights" in found.groups else ""
    top = root[base] if base else root
    order = _names(top, "layer_names", size, file)
    if order is not None:
        found.layers = {}
        for layer in order:
            path = f"{base}/{layer}" if base else layer
            weights = (_names(root[path], "weight_names", size, file) or []) if path in found.groups else []
            found.layers[layer] = [
                f"{path}/{weight}" for weight in weights if f"{path}/{weight}" in found.datasets
            ]
    config = _attribute(root, "model_config", size, file)
    found.config = config if isinstance(config, str) else None
    return found


def _tensor(dataset: Any, path: str, size: int, file: str, opener: Opener) -> Tensor:
    """Describe a dataset, whose claims are held against the file's ``size`` when it is read."""
    where = f"{file}: {path}"
    plan = dataset.id.get_create_plist()
    if dataset.is_virtual:
        raise FileFormatError(f"{where}: virtual HDF5 dataset: its numbers are in other files")
    if plan.get_external_count():
        raise FileFormatError(f"{where}: external HDF5 storage: its numbers are in other files")
    shape = tuple(dataset.shape or ())
    dtype = dataset.dtype
    # Keras stores bfloat16 as two opaque bytes.
    name = "bfloat16" if dtype.kind == "V" and dtype.itemsize == 2 and dtype.names is None else dtype.name
    filters = [plan.get_filter(at)[0] for at in range(plan.get_nfilters())]
    stored = dataset.id.get_storage_size()

    def array() -> NDArray[Any]:
        unknown = [code for code in filters if code not in _FILTERS]
        if unknown:
            raise FileFormatError(
                f"{where}: HDF5 filter {unknown[0]}: expected {', '.join(_FILTERS.values())}"
            )
        if name != "bfloat16":
            require_numeric(dtype, where)
        claimed = dtype.itemsize * int(np.prod(shape, dtype=object))
        if stored > size or (stored < claimed and not filters):
            raise FileFormatError(
                f"{where}: claims a size of {claimed} bytes (shape {shape}), {min(stored, size)} are stored"
            )
        with opener() as root:
            raw = root[path][()]
        if raw.shape != shape:
            raise FileFormatError(f"{where}: the file changed while it was read")
        return widen(raw.view("<u2"), name) if name == "bfloat16" else np.asarray(raw)

    return Tensor(path, shape, name, array, stored=stored)


def _attribute(item: Any, name: str, size: int, file: str) -> object:
    """Return an attribute as text or a list of texts, or None; what it claims is held against the file."""
    import h5py

    if name not in item.attrs:
        return None
    attribute = item.attrs.get_id(name)
    kind = attribute.get_type()
    if kind.get_class() != h5py.h5t.STRING or kind.committed():  # no text, or not as Keras writes it
        return None
    claimed = int(np.prod(attribute.shape, dtype=object)) * attribute.dtype.itemsize
    if claimed > min(size, MAX_CONFIG):
        raise FileFormatError(f"{file}: the HDF5 attribute {name} claims {claimed} bytes")
    value = item.attrs[name]
    texts = [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in np.ravel(value)]
    if not all(isinstance(text, str) for text in texts):
        return None
    return [str(text) for text in texts] if isinstance(value, np.ndarray) else str(texts[0])


def _names(group: Any, name: str, size: int, file: str) -> list[str] | None:
    """Return a list of names, which Keras cuts into name0, name1, … where it is long; None without one."""
    whole = _attribute(group, name, size, file)
    if isinstance(whole, list):
        return _distinct(whole, name, file)
    if whole is not None or name in group.attrs:
        return []  # an empty list has a dtype of its own
    parts: list[list[str]] = []
    while isinstance(part := _attribute(group, f"{name}{len(parts)}", size, file), list):
        parts.append(part)
    return _distinct([text for part in parts for text in part], name, file) or None


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
    output = _last(found, "layers/")
    for path in sorted(found.datasets, key=_natural):
        group = path.removesuffix("/vars/0")
        if group == path or not _looks_dense(found, group):
            continue
        kernel, bias = found.datasets[path], found.datasets.get(f"{group}/vars/1")
        parent, _, last = group.rpartition("/")
        wrapped = last == "layer" and _class(parent) == "time_distributed"
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
    for layer in config:
        group = stored.get(layer.names[0], Heads())
        if not layer.dense:
            heads.others[layer.names[-1]] = layer.kind
            continue
        # A weight's path ends with its layer's name; where two nested models repeat one, in their order.
        fits = [head for head in group if head.path.rsplit("/", 1)[-1] in (layer.names[-1], layer.inner)]
        if not fits and len(layer.names) == 1:
            fits = list(group)
        if fits:
            group.remove(fits[0])
            _add(heads, layer, fits[0].path, fits[0].kernel, fits[0].bias if layer.use_bias else None, None)
    return _checked(heads, file)


def _in_order(stored: dict[str, Heads]) -> Heads:
    """Name legacy heads without a config by their paths; a last one that continues a chain is the output."""
    heads = Heads()
    order = [name for name in stored if _class(name) not in _AFTER]
    for name in order:
        group = stored[name] if _class(name) != "einsum_dense" else Heads()
        for head in group:
            inner = head.path.rsplit("/", 1)[-1]
            before = (
                heads[-1] if heads and heads[-1].aliases[0].split("/")[0] in (name, *order[-2:-1]) else None
            )
            layer = Layer(
                (name,) if len(group) == 1 else (name, inner),
                head.path,
                dense=True,
                inner=inner,
                time_distributed=_class(name) == "time_distributed",
                output=name == order[-1]
                and head is group[-1]
                and (before is None or before.kernel_shape[1] == head.kernel_shape[0]),
            )
            _add(heads, layer, head.path, head.kernel, head.bias, None)
    return heads


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


def _looks_dense(found: Contents, group: str) -> bool:
    """Whether variables without a config are a Dense's: by their group's class if it tells, else by shape."""
    kernel = found.datasets[f"{group}/vars/0"]
    bias = found.datasets.get(f"{group}/vars/1")
    if len(kernel.shape) != 2 or (bias is not None and len(bias.shape) != 1):
        return False
    parent, _, last = group.rpartition("/")
    if _class(last) == "dense":
        return True
    words = f"{last} {found.names.get(group, '')}".lower()
    if any(word in words for word in ("emb", "einsum", "cell", "token")):
        return False
    if last == "layer" and _class(parent) == "time_distributed":
        return True
    plain = f"{group}/vars/2" not in found.datasets and (bias is None or bias.shape == kernel.shape[1:])
    return plain and last != "layer" and parent.rpartition("/")[2] != "layers"


def _class(group: str) -> str:
    """Return a group's class: ``layers/dense_12`` is a ``dense``, since Keras numbers those of one class."""
    last = group.rpartition("/")[2]
    stem, _, number = last.rpartition("_")
    return stem if number.isdigit() else last


def _last(found: Contents, container: str) -> str | None:
    """Return the layer that was saved last, if the model is a plain chain there: it is the model's output.

    Keras saves ``model.layers`` in their order and numbers them within each class, and what is saved
    later stands further back in the file. A model of several outputs is told by a last Dense that does
    not continue the one before it.
    """
    if container == "layers/" and {path.split("/")[0] for path in found.groups} - {"vars", *_STATE} != {
        "layers"
    }:
        return None  # a subclassed model, whose attributes are saved by name
    places: dict[str, int] = {}
    for path, place in found.places.items():
        name = path.removeprefix(container).partition("/")[0]
        if path.startswith(container) and _class(name) not in _AFTER:
            places[name] = max(place, places.get(name, 0))
    if not places:
        return None
    newest = _class(max(places, key=places.__getitem__))
    order = sorted((name for name in places if _class(name) == newest), key=_number)
    last = container + order[-1]
    if newest in ("sequential", "functional"):
        return _last(found, f"{last}/layers/")
    if f"{last}/layer/layers" in found.groups:
        return _last(found, f"{last}/layer/layers/")
    if len(order) > 1 and not any(places[order[-2]] < place < places[order[-1]] for place in places.values()):
        inner = "/layer" if newest == "time_distributed" else ""
        before = found.datasets.get(f"{container}{order[-2]}{inner}/vars/0")
        after = found.datasets.get(f"{last}{inner}/vars/0")
        packed = after is None or after.dtype == "int8"  # int4 kernels have another shape than their layer
        if before is not None and after is not None and not packed and before.shape[-1:] != after.shape[:1]:
            return None
    return last


def _natural(path: str) -> list[tuple[str, int]]:
    """Order layers as they are numbered: ``dense``, ``dense_2``, ``dense_10``."""
    return [(_class(part), _number(part)) for part in path.split("/")]


def _number(name: str) -> int:
    number = name.rpartition("_")[2]
    return int(number) if re.fullmatch("[0-9]{1,18}", number) else 0


def _quantised(found: Contents, group: str, use_bias: bool) -> str | None:
    """Why a Dense with these variables cannot be run: further ones are the scales of a quantised kernel."""
    if f"{group}/vars/{1 + use_bias}" in found.datasets:
        return "quantised layer (scales stand beside its kernel): expected floating-point weights"
    return None
