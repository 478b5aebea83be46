"""Options → a built head: a Dense or TimeDistributed(Dense) layer, seeded or with trained weights.

In: `HeadOptions`, and the features and rank of the input. Out: a `BuiltHead`, which knows its layer, what
JSON says of it, and what a table says above its rows.
"""

from __future__ import annotations

import os
from dataclasses import MISSING, dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from dense_cli.addresses import without_secrets
from dense_cli.errors import DtypeError, ShapeError, UsageError
from dense_cli.limits import ROW_COST, require_bytes
from dense_cli.text import encodable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import DTypeLike

    from dense_cli.activations import Activation
    from dense_cli.dense import DenseArrays
    from dense_cli.heads import LoadedHead
    from dense_cli.initializers.initializer import Initializer
    from dense_cli.layers.core.dense import Dense
    from dense_cli.layers.rnn.time_distributed import TimeDistributed
    from dense_cli.models.parts import Part


def _keras_backend() -> str:
    return os.environ.get("KERAS_BACKEND", "")


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class HeadOptions:
    """How a head is made, by the names that the options of the command line have.

    ``keras_backend`` is what KERAS_BACKEND says where the options are made: they mean the same numbers in
    whatever process the head is.
    """

    units: int | None = None
    seed: int | None = None
    layer: str = "auto"
    activation: str | None = None
    kernel_initializer: str = "glorot_uniform"
    bias_initializer: str = "zeros"
    no_bias: bool = False
    rng: str | None = None
    global_seed: int | None = None
    dtype: str | None = None
    weights: str | None = None
    head: str | None = None
    bias: str | None = None
    transpose: bool | None = None
    memory: int | None = None
    keras_backend: str = field(default_factory=_keras_backend)

    @cached_property
    def has_head(self) -> bool:
        """Whether a head is asked for: a seeded one or a trained one."""
        return self.units is not None or self.weights is not None

    def require_head(self) -> None:
        """Refuse options that name no head.

        Raises:
            UsageError: neither units nor weights are given.
        """
        if not self.has_head:
            raise UsageError("one of --units N (a seeded layer) and --weights FILE (a trained one) is needed")


class BuiltHead(NamedTuple):
    """What makes outputs of rows: a layer, or an activation alone where the rows are logits.

    Attributes:
        dense: the layer; None: the rows are logits.
        activation: the layer's, or the one alone.
        units: how many logits a row has.
        dtype: the output's.
        config: what JSON says of it.
        title: what a table says above its rows.
        distributed: whether TimeDistributed wraps the layer.
        notes: what is said beside the data: what the file does not state, and what of it is not used.
    """

    dense: DenseArrays | None
    activation: Activation
    units: int
    dtype: np.dtype[Any]
    config: dict[str, Any]
    title: tuple[str, ...]
    distributed: bool = False
    notes: tuple[str, ...] = ()

    @property
    def classes(self) -> int:
        """How many numbers a row of the output has."""
        return self.units // 2 if self.activation.name == "glu" else self.units  # half of them are gates


def build_head(options: HeadOptions, features: int, rank: int, where: str) -> BuiltHead:
    """Return the head for an input of that rank and that many features.

    Raises:
        UsageError: neither units nor weights are given, or options contradict each other.
        DenseCliError: what the options say cannot be had.

    >>> build_head(HeadOptions(units=3), features=2, rank=3, where="x").config["name"]
    'TimeDistributed(Dense)'
    """
    options.require_head()
    distributed = options.layer == "time-distributed" or (options.layer == "auto" and rank >= 3)
    if distributed and rank < 3:
        raise ShapeError(
            f"{where}: TimeDistributed expects rank 3 or more (batch, time, …, features), found rank {rank}"
        )
    made = _trained(options, features) if options.weights else _seeded(options, features)
    return _built(made, distributed)


def _built(made: _Made, distributed: bool) -> BuiltHead:
    dense, units = made.dense, made.dense.units
    stated = {
        "name": "TimeDistributed(Dense)" if distributed else "Dense",
        "units": units,
        "activation": dense.activation.name,
        "use_bias": dense.use_bias,
        "dtype": dense.dtype.name,
    }
    name = f"TimeDistributed({dense!r})" if distributed else repr(dense)
    config, title = stated | made.config, (f"{name}  {dense.dtype}", made.line)
    return BuiltHead(dense, dense.activation, units, dense.dtype, config, title, distributed, made.notes)


def head_of_model(part: Part, activation: str | None, file: str) -> BuiltHead:
    """Return the head that a model's last layer is; ``activation`` in place of its own.

    Raises:
        ConfigError: an unknown activation.
    """
    from dense_cli import activations

    assert part.head is not None
    dense = part.head if activation is None else part.head._replace(activation=activations.find(activation))
    shown = without_secrets(file)
    config = {"model": {"file": encodable(shown), "until": encodable(part.layer)}}
    line = f"{_shapes(dense)} · layer {part.layer} of {shown}"
    return _built(_Made(dense, config, line), part.distributed)


def activation_of_model(
    part: Part, activation: str, units: int, dtype: np.dtype[Any], file: str
) -> BuiltHead:
    """Return what makes outputs of the numbers that a model's layer gives: an activation alone.

    Raises:
        ConfigError: an unknown activation.
    """
    from dense_cli import activations

    found = activations.find(activation)
    config = {
        "name": "Activation",
        "activation": found.name,
        "dtype": dtype.name,
        "model": {"file": encodable(without_secrets(file)), "until": encodable(part.layer)},
    }
    title = (f"Activation({repr(found)!r})  {dtype}", f"of layer {part.layer} of {without_secrets(file)}")
    return BuiltHead(None, found, units, dtype, config, title)


def build_activation(options: HeadOptions, units: int, dtype: np.dtype[Any], where: str) -> BuiltHead:
    """Return what makes outputs of logits: an activation, softmax unless ``options`` name another.

    Raises:
        UsageError: an option that is about a layer.
        ConfigError: an unknown activation.

    >>> import numpy as np
    >>> build_activation(HeadOptions(), 3, np.dtype("f4"), "x").title
    ("Activation('softmax')  float32",)
    """
    from dense_cli import activations

    require_defaults(options, "INPUT holds logits", but=("activation", "dtype", "memory"))
    activation = activations.find(options.activation or "softmax")
    config = {"name": "Activation", "activation": activation.name, "dtype": dtype.name}
    title = (f"Activation({repr(activation)!r})  {dtype}",)
    return BuiltHead(None, activation, units, dtype, config, title)


def require_defaults(options: HeadOptions, because: str, *, but: tuple[str, ...]) -> None:
    """Refuse options of a head that would do nothing.

    Raises:
        UsageError: an option beside those named in ``but`` is not at its default.
    """
    for option in fields(HeadOptions):
        if option.name in but or option.default is MISSING:
            continue
        if getattr(options, option.name) != option.default:
            raise UsageError(f"--{option.name.replace('_', '-')} is about a layer: {because}")


class _Made(NamedTuple):
    """A layer, its part of the JSON, a line about its weights, and notes."""

    dense: DenseArrays
    config: dict[str, Any]
    line: str
    notes: tuple[str, ...] = ()


def load_head(
    file: str | os.PathLike[str],
    name: str | None = None,
    *,
    activation: str | None = None,
    transpose: bool | None = None,
    bias: str | None = None,
    dtype: DTypeLike = "float32",
) -> Dense | TimeDistributed:
    """Return a built layer with the weights of one head of a file.

    Args:
        file: .npz, .keras, .weights.h5, .h5, .safetensors, .onnx, .pt or .json.
        name: which head; None is the only one, or the model's output layer.
        activation: None is what the file says, else softmax.
        transpose: whether the kernel is stored as (units, features); None: by the tensor's name.
        bias: the name of the array that is the bias; None: the head's own.
        dtype: what the layer computes in.

    Returns:
        A `TimeDistributed` where the model has one, else a `Dense`.

    Raises:
        DenseCliError: the file, or what it holds, is not what it should be.

    >>> import tempfile, numpy as np
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/w.npz", kernel=np.eye(2), bias=np.zeros(2))
    ...     layer = load_head(f"{folder}/w.npz")
    >>> layer(np.zeros((1, 2))).tolist()
    [[0.5, 0.5]]
    """
    from dense_cli.dense import as_dtype, cast
    from dense_cli.heads import activation_of, load_weights
    from dense_cli.layers.core.dense import Dense
    from dense_cli.layers.rnn.time_distributed import TimeDistributed
    from dense_cli.layers.variable import without_values

    loaded = load_weights(file, name, transpose=transpose, bias=bias)
    head = loaded.head
    kernel, vector, standard = loaded.kernel, loaded.bias, as_dtype(dtype)
    dense = Dense(
        kernel.shape[1],
        activation_of(head, activation, os.fspath(file)) or "softmax",
        use_bias=vector is not None,
        dtype=standard.name,
        name=head.name.replace("/", "."),
    )
    with without_values():
        dense.build((None, kernel.shape[0]))
    weights = [(kernel, "kernel")] if vector is None else [(kernel, "kernel"), (vector, "bias")]
    dense.set_weights([cast(array, standard, name) for array, name in weights])
    return TimeDistributed(dense, name=dense.name) if head.time_distributed else dense


def _seeded(options: HeadOptions, features: int) -> _Made:
    """Return a layer with the numbers of its seed."""
    from dense_cli.dense import DenseArrays, as_dtype
    from dense_cli.random import default

    for name in ("head", "bias", "transpose"):
        if getattr(options, name) is not None:
            raise UsageError(f"--{name} is about a weights file: it needs --weights FILE")
    assert options.units is not None
    dtype = as_dtype(options.dtype or "float32")
    where, shape = f"--units {options.units}", (features, options.units)
    require_bytes(features * options.units * dtype.itemsize, where, f"the kernel {shape}", options.memory)
    require_bytes(options.units * ROW_COST, where, "a row of as many classes", options.memory)
    rng = options.rng or default(options.keras_backend)
    kernel, bias = _initializers(options, rng)
    arrays = kernel(shape, dtype=dtype), None if options.no_bias else bias((options.units,), dtype=dtype)
    dense = DenseArrays.of(*arrays, options.activation or "softmax", dtype)
    _require_finite(dense, kernel, bias)
    rngs = _rngs((kernel, bias) if dense.use_bias else (kernel,)) or [rng]
    config = {
        "kernel_initializer": _config(kernel),
        "bias_initializer": _config(bias),
        "rng": rngs[0] if len(rngs) == 1 else rngs,
    }
    line = f"kernel {dense.kernel.shape} {kernel!r}"
    line += f" · bias ({dense.units},) {bias!r}" if dense.use_bias else " · no bias"
    return _Made(dense, config, f"{line} · rng {' and '.join(rngs)}")


def _initializers(options: HeadOptions, rng: str) -> tuple[Initializer, Initializer]:
    """Return those of kernel and bias; ``rng`` is the backend where neither an option nor a name says it."""
    from dense_cli import initializers
    from dense_cli.spec import backend_of

    seed = _seed(options)
    kernel, bias = (
        initializers.get(spec, seed=seed, rng=options.rng or backend_of(spec.strip()) or rng)
        for spec in (options.kernel_initializer, options.bias_initializer)
    )
    return kernel, bias


def _rngs(used: tuple[Initializer, ...]) -> list[str]:
    """Return whose random numbers the initializers draw: two where pasted names say two."""
    from dense_cli.initializers import RandomInitializer

    return list(dict.fromkeys(i.rng for i in used if isinstance(i, RandomInitializer)))


def _seed(options: HeadOptions) -> int | None:
    """Return the seed of both initializers; None: they draw their own, after the global seed."""
    if options.global_seed is None:
        return options.seed or 0
    if options.seed is not None:
        raise UsageError("--seed and --global-seed are two meanings of a seed: expected one of them")
    import random

    random.seed(options.global_seed)  # what keras.utils.set_random_seed does for initializers
    return None


def _config(initializer: Initializer) -> dict[str, Any]:
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}


def _require_finite(dense: DenseArrays, kernel: Initializer, bias: Initializer) -> None:
    import numpy as np

    parts = (("kernel", kernel, dense.kernel), ("bias", bias, dense.bias))
    for name, initializer, array in parts:
        if array is not None and not (np.isfinite(array.max()) and np.isfinite(array.min())):
            raise DtypeError(
                f"--{name}-initializer: {initializer!r} gives numbers that do not fit {dense.dtype}",
                hint="--dtype float64 holds larger ones",
            )


def _trained(options: HeadOptions, features: int) -> _Made:
    """Return a layer with the weights of a file."""
    from dense_cli.dense import DenseArrays
    from dense_cli.heads import activation_of, load_weights

    assert options.weights is not None
    if options.bias is not None and options.no_bias:
        raise UsageError("expected one of --bias and --no-bias")
    defaults = {option.name: option.default for option in fields(HeadOptions)}
    for name in ("seed", "global_seed", "kernel_initializer", "bias_initializer", "rng"):
        if getattr(options, name) != defaults[name]:
            raise UsageError(
                f"--{name.replace('_', '-')} is about a seeded layer: --weights brings its own numbers"
            )
    loaded = load_weights(
        options.weights,
        options.head,
        transpose=options.transpose,
        bias=options.bias,
        features=features,
        units=options.units,
        memory=options.memory,
    )
    bias = None if options.no_bias else loaded.bias
    stated = activation_of(loaded.head, options.activation, options.weights)
    dense = DenseArrays.of(loaded.kernel, bias, stated or "softmax", dtype=options.dtype or "float32")
    file = without_secrets(options.weights)
    config = {"weights": {"file": encodable(file), "head": encodable(loaded.head.name)}}
    line = f"{_shapes(dense)} · from {file}, head {loaded.head.name}"
    return _Made(dense, config, line, tuple(_notes(options, loaded, stated)))


def _shapes(dense: DenseArrays) -> str:
    bias = " · no bias" if dense.bias is None else f" · bias {dense.bias.shape}"
    return f"kernel {dense.kernel.shape}{bias}"


def _notes(options: HeadOptions, loaded: LoadedHead, activation: str | None) -> Iterator[str]:
    """Give what the file does not state of a head, and what of it is not used."""
    from dense_cli.text import listed

    if activation is None:
        yield f"{options.weights} states no activation: softmax is assumed, --activation says another"
    if loaded.unowned and not options.no_bias:
        names = listed(loaded.unowned)
        yield f"{options.weights}: no bias is used, --bias takes one that belongs to no head: {names}"
    if loaded.head.remark is not None:
        yield f"{options.weights}: {loaded.head.remark}"
