"""Layer options → a built layer and what is said of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import click

from dense_cli.errors import DtypeError, ShapeError
from dense_cli.limits import ROW_COST, require_bytes
from dense_cli.text import encodable

if TYPE_CHECKING:
    import numpy as np

    from dense_cli.layers.dense import Dense


class LayerOptions(NamedTuple):
    """The options of `layer_options` and `weight_options`, by their names."""

    units: int | None = None
    seed: int | None = None
    layer: str = "auto"
    activation: str | None = None
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    no_bias: bool = False
    rng: str = "numpy"
    global_seed: int | None = None
    dtype: str | None = None
    weights: str | None = None
    head: str | None = None
    transpose: bool | None = None
    memory: int | None = None

    @classmethod
    def take(cls, options: dict[str, Any]) -> LayerOptions:
        """Return the layer's options among all of a command's."""
        return cls(**{name: options[name] for name in cls._fields if name in options})

    @property
    def asked(self) -> bool:
        """Whether a layer is asked for."""
        return self.units is not None or self.weights is not None


class MadeLayer(NamedTuple):
    """A built layer; ``config`` is what JSON says of it, ``title`` what a table says above it."""

    dense: Dense
    config: dict[str, Any]
    title: tuple[str, ...]

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.dense.dtype


def make_layer(options: LayerOptions, features: int, rank: int, where: str) -> MadeLayer:
    """Return the layer for an input of that rank and that many features.

    Raises:
        click.UsageError: neither --units nor --weights is given.
        DenseCliError: what the options say cannot be had.
    """
    if not options.asked:
        raise click.UsageError(
            "one of --units N (a seeded layer) and --weights FILE (a trained one) is needed"
        )
    distributed = options.layer == "time-distributed" or (options.layer == "auto" and rank >= 3)
    if distributed and rank < 3:
        raise ShapeError(
            f"{where}: TimeDistributed expects rank 3 or more (batch, time, …, features), found rank {rank}"
        )
    dense, config, weights = _trained(options, features) if options.weights else _seeded(options, features)
    name = f"TimeDistributed({dense!r})" if distributed else repr(dense)
    config = {
        "name": "TimeDistributed(Dense)" if distributed else "Dense",
        "units": dense.units,
        "activation": dense.activation.name,
        "use_bias": dense.use_bias,
        "dtype": dense.dtype.name,
        **config,
    }
    return MadeLayer(dense, config, (f"{name}  {dense.dtype}", weights))


def _seeded(options: LayerOptions, features: int) -> tuple[Dense, dict[str, Any], str]:
    import random

    import numpy as np

    from dense_cli import initializers
    from dense_cli.layers.dense import Dense, as_dtype

    for name in ("head", "transpose"):
        if getattr(options, name) is not None:
            raise click.UsageError(f"--{name} is about a weights file: it needs --weights FILE")
    assert options.units is not None
    dtype = as_dtype(options.dtype or "float32")
    where, shape = f"--units {options.units}", (features, options.units)
    require_bytes(features * options.units * dtype.itemsize, where, f"the kernel {shape}", options.memory)
    require_bytes(options.units * ROW_COST, where, "a row of as many classes", options.memory)
    seed: int | None = options.seed or 0
    if options.global_seed is not None:
        if options.seed is not None:
            raise click.UsageError(
                "--seed and --global-seed are two meanings of a seed: expected one of them"
            )
        seed = None
        random.seed(options.global_seed)  # what keras.utils.set_random_seed does for initializers
    kernel = initializers.get(options.kernel_initializer, seed=seed, rng=options.rng)
    bias = initializers.get(options.bias_initializer, seed=seed, rng=options.rng)
    dense = Dense(
        options.units,
        activation=options.activation or "softmax",
        use_bias=not options.no_bias,
        kernel_initializer=kernel,
        bias_initializer=bias,
        dtype=dtype,
    )
    dense.build((None, features))
    for name, initializer, array in (("kernel", kernel, dense.kernel), ("bias", bias, dense.bias)):
        if array is not None and not (np.isfinite(array.max()) and np.isfinite(array.min())):
            raise DtypeError(
                f"--{name}-initializer: {initializer!r} gives numbers that do not fit {dense.dtype}",
                hint="--dtype float64 holds larger ones",
            )
    config = {
        "kernel_initializer": initializers.serialize(kernel),
        "bias_initializer": initializers.serialize(bias),
        "rng": options.rng,
    }
    said = f"kernel {dense.kernel.shape} {kernel!r}"
    said += f" · bias ({dense.units},) {bias!r}" if dense.use_bias else " · no bias"
    return dense, config, said if "rng=" in said else f"{said} · rng {options.rng}"


def _trained(options: LayerOptions, features: int) -> tuple[Dense, dict[str, Any], str]:
    from dense_cli.heads import activation_of, load_weights
    from dense_cli.layers.dense import Dense

    assert options.weights is not None
    defaults = LayerOptions()
    for name in ("seed", "global_seed", "kernel_initializer", "bias_initializer", "rng"):
        if getattr(options, name) != getattr(defaults, name):
            raise click.UsageError(
                f"--{name.replace('_', '-')} is about a seeded layer: --weights brings its own numbers"
            )
    loaded = load_weights(
        options.weights,
        options.head,
        transpose=options.transpose,
        features=features,
        units=options.units,
        memory=options.memory,
    )
    bias = None if options.no_bias else loaded.bias
    activation = activation_of(loaded.head, options.activation, options.weights) or "softmax"
    dense = Dense.from_weights(loaded.kernel, bias, activation, dtype=options.dtype or "float32")
    said = f"kernel {dense.kernel.shape}" + (f" · bias ({dense.units},)" if dense.use_bias else " · no bias")
    config = {"weights": {"file": encodable(options.weights), "head": encodable(loaded.head.name)}}
    return dense, config, f"{said} · from {options.weights}, head {loaded.head.name}"
