"""What a Keras model's config says of its layers: nothing in it is built or run, it is only read.

The format: https://keras.io/guides/serialization_and_saving/
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

MAX_CONFIG = 64 << 20
_MAX_DEPTH = 64
_MODELS = ("Sequential", "Functional", "Model")
# Layers between the last Dense and the model's output that leave its numbers as they are.
_PASS = ("Dropout", "Identity", "GaussianNoise", "GaussianDropout", "ActivityRegularization")


@dataclass(frozen=True)
class Layer:
    """One layer of a model, nested models being taken apart."""

    names: tuple[str, ...]  # its name, after those of the models that it is nested in
    group: str  # where Keras 3 stores it
    kind: str = "Dense"
    dense: bool = False
    inner: str | None = None  # the name of the Dense inside of TimeDistributed
    activation: str | None = None
    use_bias: bool = True
    time_distributed: bool = False
    output: bool = False
    refusal: str | None = None


def layers(config: object) -> list[Layer]:
    """Return the layers of a whole model's config; none where the model is a class of its user's.

    Raises:
        RecursionError: it is nested too deeply.
    """
    model = _dict(config)
    if _class(model) not in _MODELS:
        return []
    return list(_walk(model, (), "layers", _ends(model)))


def _walk(
    model: dict[str, Any], above: tuple[str, ...], container: str, ends: dict[str, str | None], depth: int = 0
) -> Iterator[Layer]:
    """Yield a model's layers; ``ends`` are those it ends with, and the activation that follows each."""
    if depth > _MAX_DEPTH:
        raise RecursionError(f"models nested over {_MAX_DEPTH} deep")
    used: dict[str, int] = {}
    for layer in _layers(model):
        # Keras names the groups of one container by class, and numbers those after the first.
        stem = _snake(str(layer.get("class_name", "")).rpartition(">")[2])
        used[stem] = used.get(stem, -1) + 1
        group = f"{container}/{stem}_{used[stem]}" if used[stem] else f"{container}/{stem}"
        kind, name = _class(layer), _name(layer)
        names = (*above, name)
        output, follows = name in ends, ends.get(name)
        wrapped = kind == "TimeDistributed"
        inside = _dict(_config(layer).get("layer")) if wrapped else layer
        if wrapped:
            group += "/layer"
        if _class(inside) in _MODELS:
            inner_ends = _ends(inside, follows) if output else {}
            yield from _walk(inside, names, f"{group}/layers", inner_ends, depth + 1)
        elif _class(inside) == "Dense":
            dense = _dense(inside, names, group, kind)
            yield _ending(dense, follows) if output else dense
        else:
            yield Layer(names, group, f"{kind} of {_class(inside)}" if wrapped else kind)


def _dense(config: dict[str, Any], names: tuple[str, ...], group: str, kind: str) -> Layer:
    """Return a Dense layer, or one inside of TimeDistributed, which is then its ``kind``."""
    return Layer(
        names,
        group,
        kind,
        dense=True,
        inner=_name(config),
        activation=_activation(_config(config).get("activation")),
        use_bias=_config(config).get("use_bias") is not False,
        time_distributed=kind == "TimeDistributed",
        refusal=_quantised(config),
    )


def _ending(layer: Layer, follows: str | None) -> Layer:
    """Return a Dense layer that a model ends with, and the activation that follows it as its own."""
    if follows is None:
        return replace(layer, output=True)
    return replace(layer, activation=follows, output=layer.activation == "linear")


def _ends(model: dict[str, Any], follows: str | None = None) -> dict[str, str | None]:
    """Return the names of the layers that a model ends with, and the activation that follows each.

    Dropout and the like are walked through, and so is one Activation or Softmax layer.
    """
    known = {_name(layer): layer for layer in _layers(model)}
    sequence = list(known)
    sequential = _class(model) == "Sequential"
    previous = {name: before for before, name in pairwise(sequence)}
    outputs = sequence[-1:] if sequential else _references(_config(model).get("output_layers"))
    waiting = [(name, follows) for name in outputs]
    ends: dict[str, str | None] = {}
    seen: set[str] = set()
    while waiting:
        name, then = waiting.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        activation = _applied_by(known[name])
        if activation is None:
            ends[name] = then
            continue
        if activation != "linear" and then is not None:  # two in a row: no Dense ends like that
            continue
        before = previous.get(name) if sequential else _only_input(known[name])
        if before is not None:
            waiting.append((before, then if activation == "linear" else activation))
    return ends


def _applied_by(layer: dict[str, Any]) -> str | None:
    """Return the activation that is all that a layer applies; None of a layer that does more."""
    kind, config = _class(layer), _config(layer)
    if kind == "Activation":
        return _activation(config.get("activation"))
    if kind == "Softmax" and config.get("axis", -1) == -1:
        return "softmax"
    return "linear" if kind in _PASS else None


def _only_input(layer: dict[str, Any]) -> str | None:
    """Return the one layer that feeds another; None where there are several, or none."""
    names = set(_inbound(layer.get("inbound_nodes")))
    return names.pop() if len(names) == 1 else None


def _references(value: object) -> Iterator[str]:
    """Yield the layer names of ``["a", 0, 0]``, of a list or of a dictionary of such."""
    if isinstance(value, dict):
        value = list(value.values())
    if not isinstance(value, list) or not value:
        return
    if isinstance(value[0], str):
        yield value[0]
    else:
        for item in value:
            yield from _references(item)


def _inbound(value: object) -> Iterator[str]:
    """Yield the names of the layers that feed one: Keras 3 writes their history, Keras 2 their names."""
    if isinstance(value, dict):
        history = _dict(value.get("config")).get("keras_history")
        if isinstance(history, list):
            yield from _references(history)
        else:
            for item in value.values():
                yield from _inbound(item)
    elif isinstance(value, list):
        if len(value) >= 3 and isinstance(value[0], str):
            yield value[0]
        else:
            for item in value:
                yield from _inbound(item)


def _class(layer: dict[str, Any]) -> str:
    """Return a Keras class by its bare name, and a user's by one that tells it apart."""
    name = layer.get("class_name")
    if not isinstance(name, str):
        return "unknown"
    module, registered = layer.get("module"), layer.get("registered_name")
    keras = module is None or (isinstance(module, str) and module.split(".")[0] in ("keras", "tf_keras"))
    if (
        keras
        and registered in (None, name)
        and (module is not None or registered is None)
        and ">" not in name
    ):
        return name
    return f"custom layer {registered if isinstance(registered, str) else name}"


def _layers(model: dict[str, Any]) -> list[dict[str, Any]]:
    items = _config(model).get("layers")
    return [_dict(item) for item in items] if isinstance(items, list) else []


def _name(layer: dict[str, Any]) -> str:
    name = _config(layer).get("name", layer.get("name"))
    return name if isinstance(name, str) else "unnamed"


def _activation(value: object) -> str:
    """Return an activation's name; of one that is an object, a name that says what it is."""
    if value is None:
        return "linear"
    if isinstance(value, str):
        return value
    config = _dict(value).get("config")
    if isinstance(config, str):  # a function of the user's
        return config
    return str(_dict(value).get("class_name"))


def _quantised(layer: dict[str, Any]) -> str | None:
    policy = _dict(_config(layer).get("dtype"))
    mode = _dict(policy.get("config")).get("mode")
    if "mode" not in _dict(policy.get("config")) and policy.get("class_name") in (
        None,
        "DTypePolicy",
        "Policy",
    ):
        return None
    return f"quantised layer ({mode}): expected floating-point weights"


def _snake(name: str) -> str:
    """``TimeDistributed`` → ``time_distributed``, ``GRUCell`` → ``gru_cell``, as Keras spells it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=.)(?=[A-Z][a-z])", "_", re.sub(r"\W", "", name)).lower()


def _config(layer: dict[str, Any]) -> dict[str, Any]:
    return _dict(layer.get("config"))


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
