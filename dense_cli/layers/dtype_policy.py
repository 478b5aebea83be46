"""Dtype policies: in which dtype a layer keeps its weights and in which its inputs and outputs are.

Layers compute in float32, and in float64 where that is their dtype. float16 and bfloat16 are rounded to
where Keras rounds them at the latest: inputs, weights and outputs of a layer. NumPy has no bfloat16, so such
numbers are kept as float32 that were rounded to it.

Source: keras/src/dtype_policies/dtype_policy.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError

FLOATS = ("float16", "bfloat16", "float32", "float64")
_OTHERS = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "string")
_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_default = "float32"


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype; None is the default, float32.

    Raises:
        ConfigError: there is no such dtype in Keras.

    >>> standardize_dtype(np.dtype("int64")), standardize_dtype(None)
    ('int64', 'float32')
    """
    if dtype is None:
        return floatx()
    name = (
        {float: "float32", int: "int32", bool: "bool", str: "string"}.get(dtype)
        if type(dtype) is type
        else None
    )
    if name is None:
        name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        try:
            name = np.dtype(dtype).name
        except TypeError:
            name = str(dtype)
    name = name.removeprefix("torch.")
    if name not in FLOATS and name not in _OTHERS:
        raise ConfigError(f"Invalid dtype: {dtype!r}")
    return name


def floatx() -> str:
    """Return the default dtype of floats."""
    return _default


def set_floatx(value: str) -> None:
    """Set the default dtype of floats: float16, bfloat16, float32 or float64."""
    global _default
    if value not in FLOATS:
        raise ConfigError(f"Unknown `floatx` value: {value}. Expected one of {FLOATS}")
    _default = value


def array_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype that numbers of the Keras dtype ``name`` are kept in."""
    return np.dtype("float32" if name == "bfloat16" else "object" if name == "string" else name)


def work_dtype(name: str) -> np.dtype[Any]:
    """Return the NumPy dtype that a layer of the compute dtype ``name`` computes in."""
    return np.dtype("float64" if name == "float64" else "float32")


def round_to(x: NDArray[Any], name: str) -> NDArray[Any]:
    """Return ``x`` in the dtype ``name``; values beyond its range are infinite, as in Keras."""
    with np.errstate(over="ignore", invalid="ignore"):
        if name != "bfloat16":
            return x.astype(array_dtype(name), copy=False)
        bits = x.astype(np.float32).view(np.uint32)
        rounded = (bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) & np.uint32(0xFFFF0000)
        return np.where(np.isnan(x), np.float32(np.nan), rounded.view(np.float32))


class DTypePolicy:
    """The dtypes of a layer: ``"float32"``, ``"float16"``, ``"mixed_float16"`` and so on.

    >>> policy = DTypePolicy("mixed_float16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('float16', 'float32')
    """

    quantization_mode = None

    def __init__(self, name: str | None = None) -> None:
        self.name: str = _policy.name if name is None else name
        if not isinstance(self.name, str):
            raise TypeError(f"'name' must be a string, such as 'mixed_float16'. Received: name={name!r}")
        if self.name in _MIXED:
            self.compute_dtype, self.variable_dtype = _MIXED[self.name], "float32"
            return
        try:
            self.compute_dtype = self.variable_dtype = standardize_dtype(self.name)
        except ConfigError:
            raise ConfigError(
                f"dtype: expected float16, bfloat16, float32, float64, mixed_float16 or mixed_bfloat16, "
                f"found {name!r}"
            ) from None

    def get_config(self) -> dict[str, Any]:
        """Return the argument that makes it anew."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Return the policy of these arguments."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


_policy = DTypePolicy("float32")


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none."""
    return _policy if _policy.name != "float32" else DTypePolicy(floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Set the policy of layers that are given none."""
    global _policy
    _policy = get(policy)


def get(identifier: Any) -> DTypePolicy:
    """Return the policy that ``identifier`` stands for: a policy, its name or config, a dtype, or None.

    Raises:
        ConfigError: it stands for none.
    """
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        config = identifier.get("config")
        if identifier.get("class_name") not in (
            "DTypePolicy",
            "FloatDTypePolicy",
            "Policy",
        ) or not isinstance(config, dict):
            raise ConfigError(
                f"dtype: expected the config of a DTypePolicy, found {identifier.get('class_name')!r}; "
                "quantized policies are not supported"
            )
        return get(config.get("name"))
    return DTypePolicy(identifier if isinstance(identifier, str) else standardize_dtype(identifier))


def serialize(policy: DTypePolicy) -> dict[str, Any]:
    """Return Keras' JSON config of a policy."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": policy.get_config(),
        "registered_name": None,
    }


class HasDtypes:
    """What a `Layer` says of its dtypes."""

    _dtype_policy: DTypePolicy

    @property
    def dtype_policy(self) -> DTypePolicy:
        """In which dtypes the layer keeps and computes."""
        return self._dtype_policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        self._dtype_policy = get(value)

    @property
    def dtype(self) -> str:
        """The weights' dtype, as `variable_dtype`."""
        return self._dtype_policy.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The weights' dtype."""
        return self._dtype_policy.variable_dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype that float inputs and outputs have."""
        return self._dtype_policy.compute_dtype

    @property
    def input_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> None:
        """None: quantized layers are not supported."""
        return None
