"""See what a dense or softmax layer puts out: Keras' words and numbers, in NumPy.

``import dense_cli as keras`` and ``from dense_cli.layers import Dense`` stand where code on layer outputs has
``keras`` or ``tensorflow.keras``. The names below are loaded on first use, so that ``densecli --help``
imports no NumPy.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # as type checkers read it; importing typing is a twentieth of `densecli --help`

__version__ = "0.2.0"

_HOMES = {
    "layers.core.dense": ("Dense",),
    "layers.core.input_layer": ("Input",),
    "layers.core.masking": ("Masking",),
    "layers.dtype_policy": ("DTypePolicy",),
    "layers.input_spec": ("InputSpec",),
    "layers.keras_tensor": ("KerasTensor",),
    "layers.layer": ("Layer",),
    "layers.rnn.time_distributed": ("TimeDistributed",),
    "layers.variable": ("Variable",),
    "models.functional": ("Functional",),
    "models.model": ("Model",),
    "models.sequential": ("Sequential",),
    "random.seed_generator": ("SeedGenerator", "set_random_seed"),
    "initializers": (
        "Constant",
        "GlorotNormal",
        "GlorotUniform",
        "HeNormal",
        "HeUniform",
        "Identity",
        "LecunNormal",
        "LecunUniform",
        "Ones",
        "Orthogonal",
        "RandomNormal",
        "RandomUniform",
        "TruncatedNormal",
        "VarianceScaling",
        "Zeros",
    ),
    "errors": ("DenseCliError",),
    "head": ("load_head",),
    "mapping": ("BlockFunction",),
    "plan": ("Plan",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}
_MODULES = (
    "activations",
    "backend",
    "config",
    "constraints",
    "dtype_policies",
    "initializers",
    "layers",
    "models",
    "ops",
    "preprocessing",
    "random",
    "regularizers",
    "saving",
    "utils",
)

if TYPE_CHECKING:
    from typing import Any

    from dense_cli import activations as activations
    from dense_cli import constraints as constraints
    from dense_cli import initializers as initializers
    from dense_cli import layers as layers
    from dense_cli import models as models
    from dense_cli import ops as ops
    from dense_cli import preprocessing as preprocessing
    from dense_cli import random as random
    from dense_cli import regularizers as regularizers
    from dense_cli import saving as saving
    from dense_cli.errors import DenseCliError as DenseCliError
    from dense_cli.head import load_head as load_head
    from dense_cli.initializers import Constant as Constant
    from dense_cli.initializers import GlorotNormal as GlorotNormal
    from dense_cli.initializers import GlorotUniform as GlorotUniform
    from dense_cli.initializers import HeNormal as HeNormal
    from dense_cli.initializers import HeUniform as HeUniform
    from dense_cli.initializers import Identity as Identity
    from dense_cli.initializers import LecunNormal as LecunNormal
    from dense_cli.initializers import LecunUniform as LecunUniform
    from dense_cli.initializers import Ones as Ones
    from dense_cli.initializers import Orthogonal as Orthogonal
    from dense_cli.initializers import RandomNormal as RandomNormal
    from dense_cli.initializers import RandomUniform as RandomUniform
    from dense_cli.initializers import TruncatedNormal as TruncatedNormal
    from dense_cli.initializers import VarianceScaling as VarianceScaling
    from dense_cli.initializers import Zeros as Zeros
    from dense_cli.layers.core.dense import Dense as Dense
    from dense_cli.layers.core.input_layer import Input as Input
    from dense_cli.layers.core.masking import Masking as Masking
    from dense_cli.layers.dtype_policy import DTypePolicy as DTypePolicy
    from dense_cli.layers.input_spec import InputSpec as InputSpec
    from dense_cli.layers.keras_tensor import KerasTensor as KerasTensor
    from dense_cli.layers.layer import Layer as Layer
    from dense_cli.layers.rnn.time_distributed import TimeDistributed as TimeDistributed
    from dense_cli.layers.variable import Variable as Variable
    from dense_cli.mapping import BlockFunction as BlockFunction
    from dense_cli.models.functional import Functional as Functional
    from dense_cli.models.model import Model as Model
    from dense_cli.models.sequential import Sequential as Sequential
    from dense_cli.plan import Plan as Plan
    from dense_cli.random.seed_generator import SeedGenerator as SeedGenerator
    from dense_cli.random.seed_generator import set_random_seed as set_random_seed

__all__ = ["__version__", *_MODULES, *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"dense_cli.{name}")
    if name not in _HOME:
        raise AttributeError(f"module 'dense_cli' has no attribute {name!r}")
    return getattr(import_module(f"dense_cli.{_HOME[name]}"), name)
