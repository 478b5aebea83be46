"""What a call of a layer was given: arguments by name, the tensors among them, their shapes and masks.

Source: the classes of the same purpose in keras/src/layers/layer.py.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from dense_cli.errors import ConfigError, DtypeError
from dense_cli.layers import tree
from dense_cli.layers.dtype_policy import FLOATS, round_to, work_dtype
from dense_cli.layers.keras_tensor import KerasTensor
from dense_cli.layers.masks import get_mask


@functools.lru_cache(maxsize=1024)
def signature(function: Callable[..., Any]) -> inspect.Signature:
    """Return the signature of a method without ``self``."""
    whole = inspect.signature(function)
    return whole.replace(parameters=list(whole.parameters.values())[1:])


def is_tensor(x: Any) -> bool:
    """Return whether ``x`` is an array or a symbolic tensor."""
    return isinstance(x, (np.ndarray, np.generic, KerasTensor))


def as_input(x: Any, dtype: str, autocast: bool) -> Any:
    """Return ``x`` as a layer computes with it.

    Floats are rounded to the layer's compute dtype; integers and booleans stay; what is no array stays.

    Raises:
        DtypeError: an array of something else than real numbers.
    """
    if isinstance(x, KerasTensor) or not hasattr(x, "__array__"):
        return x
    array = np.asarray(x)
    if array.dtype.kind not in "biuf":
        raise DtypeError(f"expected real numbers, found an array of dtype {array.dtype}")
    if array.dtype.kind != "f" or dtype not in FLOATS:
        return array
    if not autocast:
        return array.astype(np.float32) if array.dtype == np.float16 else array
    return round_to(array, dtype).astype(work_dtype(dtype), copy=False)


class CallArguments:
    """The arguments of one call by name, defaults included.

    Args:
        function: the layer's ``call``, as a function of the class.
        args, kwargs: what the layer was called with, as it was given.

    Raises:
        TypeError: they do not fit.
        ConfigError: tensors mixed with something else in one argument.
    """

    def __init__(self, function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.bound = signature(function).bind(*args, **kwargs)
        self.given = dict(self.bound.arguments)
        self.bound.apply_defaults()
        self.arguments = self.bound.arguments
        self.tensors = {name: value for name, value in self.arguments.items() if _holds_tensors(name, value)}

    @property
    def first(self) -> Any:
        """The first argument."""
        return next(iter(self.arguments.values()), None)

    def convert(self, dtype: str, autocast: bool) -> None:
        """Turn the arrays among the arguments into what the layer computes with."""
        for name, value in self.arguments.items():
            self.arguments[name] = tree.map_structure(lambda x: as_input(x, dtype, autocast), value)
        self.tensors = {name: self.arguments[name] for name in self.tensors}

    def fill_masks(self, from_first: bool = False) -> Any:
        """Fill the mask arguments that were not given from the inputs' masks; return the first argument's.

        Of several inputs Keras 3 takes no mask for an argument ``mask``; ``from_first`` takes the first's.
        """
        arguments = self.arguments
        if (len(self.tensors) == 1 or from_first) and "mask" in arguments and arguments["mask"] is None:
            arguments["mask"] = tree.map_structure(get_mask, next(iter(self.tensors.values())))
        elif len(self.tensors) > 1:
            for name, value in self.tensors.items():
                if f"{name}_mask" in arguments and arguments[f"{name}_mask"] is None:
                    arguments[f"{name}_mask"] = tree.map_structure(get_mask, value)
        if arguments.get("mask") is not None:
            return arguments["mask"]
        return tree.map_structure(get_mask, self.first)

    def shapes(self) -> dict[str, Any]:
        """Return the shapes of the tensors, as ``{"inputs_shape": …}``; masks have none."""
        return {
            f"{name}_shape": tree.map_structure(lambda x: None if x is None else tuple(x.shape), value)
            for name, value in self.tensors.items()
            if name not in ("mask", "args", "kwargs")
        }

    def shapes_for(self, function: Callable[..., Any], layer: str) -> dict[str, Any]:
        """Return the shapes as the arguments of ``build`` or ``compute_output_shape``.

        A function of one argument gets the first shape, whatever it is called; one of several gets those
        that its arguments name.

        Raises:
            ConfigError: an argument names no tensor.
        """
        kinds = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.POSITIONAL_ONLY,
            inspect.Parameter.KEYWORD_ONLY,
        )
        bound: Any = function
        parameters = signature(bound.__func__).parameters.values()
        names = [p.name for p in parameters if p.kind in kinds]
        shapes = self.shapes()
        if len(names) == 1:
            return {names[0]: next(iter(shapes.values()), None)}
        for name in names:
            if not name.endswith("_shape") or name.removesuffix("_shape") not in self.arguments:
                raise ConfigError(
                    f"For a `{function.__name__}()` method with more than one argument, all arguments should "
                    f"have a `_shape` suffix and match an argument from `call()`. For layer '{layer}', "
                    f"received `{function.__name__}()` argument `{name}`"
                )
        return {name: shapes[name] for name in names if name in shapes}


def _holds_tensors(name: str, value: Any) -> bool:
    if not tree.is_nested(value):
        return is_tensor(value)
    leaves = [is_tensor(x) for x in tree.flatten(value) if x is not None]
    if leaves and all(leaves):
        return True
    if any(leaves):
        raise ConfigError(
            f"In a nested call() argument, you cannot mix tensors and non-tensors. "
            f"Received invalid mixed argument: {name}={value}"
        )
    return False
