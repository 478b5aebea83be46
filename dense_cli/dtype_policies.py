"""Keras' dtype policies."""

from __future__ import annotations

from dense_cli.layers.dtype_policy import DTypePolicy, get, serialize

FloatDTypePolicy = DTypePolicy
deserialize = get

__all__ = ["DTypePolicy", "FloatDTypePolicy", "deserialize", "get", "serialize"]
