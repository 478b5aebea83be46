"""Recurrent layers beside the Keras that is installed, and beside what Keras once gave."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_layers import compare, compare_with_keras, layer, load

from dense_cli import layers
from dense_cli.errors import DenseCliError
from dense_cli.random.seed_generator import set_random_seed

ACTIVATIONS = ["tanh", "sigmoid", "linear", "relu", "hard_sigmoid", "softsign", "elu", "softmax", "silu"]
GATES = ["sigmoid", "hard_sigmoid", "softmax", "sparse_sigmoid"]
FLAGS = ("return_sequences", "return_state", "go_backwards")

X = np.ones((2, 3, 4), np.float32)
CASES = int(os.environ.get("LAYER_CASES", "60"))
DATA = Path(__file__).parent / "data" / "layers"


def random_cell_config(kind: str, draw: random.Random) -> dict[str, Any]:
    config: dict[str, Any] = {"units": draw.randint(1, 9), "use_bias": draw.random() < 0.8}
    if draw.random() < 0.5:
        config["activation"] = draw.choice(ACTIVATIONS)
    if kind != "SimpleRNN" and draw.random() < 0.5:
        config["recurrent_activation"] = draw.choice(GATES)
    if kind == "GRU":
        config["reset_after"] = draw.random() < 0.5
    if kind == "LSTM":
        config["unit_forget_bias"] = draw.random() < 0.5
    return config


def random_flags(draw: random.Random) -> dict[str, Any]:
    flags: dict[str, Any] = {flag: draw.random() < 0.5 for flag in FLAGS}
    return flags | {"zero_output_for_mask": draw.random() < 0.3, "unroll": draw.random() < 0.2}


def random_recurrent(draw: random.Random) -> tuple[dict[str, Any], list[Any]]:
    """Return a layer and the sizes of its states."""
    kinds = ["SimpleRNN", "LSTM", "GRU"]
    kind = draw.choice([*kinds, "RNN"])
    if kind != "RNN":
        config = random_cell_config(kind, draw)
        states = [config["units"]] * (2 if kind == "LSTM" else 1)
        return layer(kind, **config, **random_flags(draw)), states
    chosen = [draw.choice(kinds) for _ in range(draw.randint(1, 3))]
    configs = [random_cell_config(name, draw) for name in chosen]
    cells = [layer(f"{name}Cell", **config) for name, config in zip(chosen, configs, strict=True)]
    states = [[c["units"]] * (2 if n == "LSTM" else 1) for n, c in zip(chosen, configs, strict=True)]
    if len(cells) == 1:
        return layer("RNN", cell=cells[0], **random_flags(draw)), states[0]
    return layer("RNN", cell=layer("StackedRNNCells", cells=cells), **random_flags(draw)), states


def random_call(draw: random.Random, states: Any, seed: int) -> dict[str, Any]:
    """Return what a layer with states of these sizes is called with."""
    rng = np.random.default_rng(seed)
    batch, time, features = draw.choice([1, 2, 3, 7]), draw.randint(1, 6), draw.randint(1, 5)
    arrays = {"x": rng.normal(size=(batch, time, features)).astype(np.float32)}
    if draw.random() < 0.2:
        arrays["x"][:] = arrays["x"][:, :1]  # as after a RepeatVector
    kwargs: dict[str, Any] = {}
    if draw.random() < 0.6:
        # Full, padded on either side, with holes, and without any step that counts.
        arrays["mask"] = rng.random((batch, time)) < draw.choice([0.3, 0.7, 1.0])
        kwargs["mask"] = "@mask"
    if draw.random() < 0.5:

        def state(size: Any) -> Any:
            if isinstance(size, list):
                return [state(one) for one in size]
            name = f"state{len(arrays)}"
            arrays[name] = rng.normal(size=(batch, size)).astype(np.float32)
            return f"@{name}"

        kwargs["initial_state"] = state(states)
    return {"args": ["@x"], "kwargs": kwargs, "arrays": arrays}


def random_bidirectional(draw: random.Random) -> tuple[dict[str, Any], list[Any]]:
    inner, states = random_recurrent(draw)
    inner["config"]["go_backwards"] = False
    mode = draw.choice(["concat", "sum", "mul", "ave", None])
    return layer("Bidirectional", layer=inner, merge_mode=mode), [*states, *states]


def random_cases(seed: str, count: int, dtypes: Sequence[str] = ()) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    cases = []
    for i in range(count):
        description, states = (random_bidirectional if i % 2 else random_recurrent)(draw)
        if dtypes:
            set_dtype(description, draw.choice(dtypes))
        cases.append({"layer": description, **random_call(draw, states, i)})
    return cases


def set_dtype(config: Any, dtype: str) -> None:
    """Give a layer and all layers inside of it a dtype."""
    if isinstance(config, list):
        for one in config:
            set_dtype(one, dtype)
    elif isinstance(config, dict):
        if "class_name" in config:
            config["config"]["dtype"] = dtype
        if "units" in config:  # not every Keras has orthogonal numbers of every dtype
            config["recurrent_initializer"] = "glorot_uniform"
        for value in config.values():
            set_dtype(value, dtype)


def test_recurrent_layers_of_other_dtypes_give_what_the_installed_keras_gives(tmp_path: Path) -> None:
    dtypes = ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]
    compare_with_keras(random_cases("dtypes", CASES // 2, dtypes), tmp_path)


def test_recurrent_layers_give_what_the_installed_keras_gives(tmp_path: Path) -> None:
    compare_with_keras(random_cases("rnn", CASES), tmp_path)


def test_recurrent_layers_give_what_keras_gave() -> None:
    # The file is what `save(path, random_cases("golden", 40))` and then `keras_layers.py` made of Keras
    # 3.15.1 on TensorFlow.
    golden = load(DATA / "rnn.npz")
    compare(golden["cases"], golden["answers"])


@pytest.mark.parametrize("kind", ["SimpleRNN", "LSTM", "GRU"])
def test_the_number_of_samples_in_a_block_changes_nothing_beyond_rounding(kind: str) -> None:
    made = getattr(layers, kind)(5, return_sequences=True)
    x = np.random.default_rng(0).normal(size=(1100, 4, 3)).astype(np.float32)
    whole = made(x)
    for size in (1, 7, 512, 600):
        blocks = np.concatenate([made(x[i : i + size]) for i in range(0, len(x), size)])
        np.testing.assert_allclose(blocks, whole, rtol=0, atol=1e-6)


def test_a_subclass_of_a_cell_is_run_step_by_step() -> None:
    class Doubled(layers.GRUCell):
        def call(self, inputs: Any, states: Any, training: bool = False) -> Any:
            output, new = super().call(inputs, states)
            return 2 * output, new

    x = np.ones((2, 3, 4), np.float32)
    cell = layers.GRUCell(2)
    doubled = Doubled(2)
    plain = layers.RNN(cell, return_sequences=True)(x)
    layers.RNN(doubled)(x)
    doubled.set_weights(cell.get_weights())
    np.testing.assert_allclose(layers.RNN(doubled, return_sequences=True)(x), 2 * plain, rtol=1e-6)


def drawn(layer: Any) -> list[int]:
    """Return the seeds of the initializers of the layers inside of a layer, or of its own."""
    if layer._layers:
        return [seed for inner in layer._layers for seed in drawn(inner)]
    names = [f"{name}_initializer" for name in ("kernel", "recurrent", "embeddings")]
    found = [getattr(layer, name) for name in names if hasattr(layer, name)]
    return [initializer.seed for initializer in found]


def test_layers_draw_their_seeds_as_keras_does() -> None:
    # Keras 3.15.1 after keras.utils.set_random_seed(7): the seeds of these layers' initializers in the order
    # kernel, recurrent kernel, embeddings; then the number that random.randint(1, 10**9) gives.
    expected = [
        [347712783, 161973070],
        [51847157, 77777869],
        [392655487, 625763864, 976787302, 544854974],
        [40260663, 92285143, 75006692, 258409930],
        [97402359],
        [],
        [63469422, 887825708, 607151284, 132931337, 677129423],
    ]
    set_random_seed(7)
    made = [
        layers.GRU(3),
        layers.SimpleRNN(3),
        layers.Bidirectional(layers.LSTM(2)),
        layers.RNN([layers.GRUCell(2), layers.SimpleRNNCell(2)]),
        layers.Embedding(3, 2),
        layers.Attention(dropout=0.1),
        layers.MultiHeadAttention(2, 2, dropout=0.1, use_gate=True),
    ]
    made[-1].build((2, 3, 4), (2, 3, 4))
    assert [drawn(one) for one in made] == expected
    assert random.randint(1, 10**9) == 673701294


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.GRU(0), "`units`, expected a positive integer, got 0"),
        (lambda: layers.LSTM(2, use_cudnn="yes"), "argument `use_cudnn`"),
        (lambda: layers.LSTM(2, use_cudnn=True)(X), "use_cudnn=True was specified"),
        (
            lambda: layers.GRU(2, colour="red"),
            "arguments passed to GRU: {'colour': 'red'}",
        ),
        (lambda: layers.GRU(2)(X[0]), "expected ndim=3, found ndim=2"),
        (lambda: layers.GRU(2)(X[:, :0]), "expected at least one time step, found shape (2, 0, 4)"),
        (lambda: layers.GRU(2)(X, mask=np.ones((3, 2))), "expected a mask of shape (batch, time) = (2, 3)"),
        (lambda: layers.GRU(2)(X, initial_state=np.ones((2, 3))), "expected shapes [(2, 2)], found [(2, 3)]"),
        (lambda: layers.LSTM(2)(X, initial_state=[np.ones((2, 2))]), "[(2, 2), (2, 2)], found [(2, 2)]"),
        (lambda: layers.RNN(3), "Argument `cell` should have a `call` method"),
        (lambda: layers.RNN([layers.Dense(3)]), "All cells must have a `state_size` attribute"),
        (lambda: layers.GRU(2, stateful=True).build((None, 3, 4)), "the batch size must be static"),
        (lambda: layers.Bidirectional(3), "Please initialize `Bidirectional` layer"),
        (lambda: layers.Bidirectional(layers.GRU(2), merge_mode="max"), "Invalid merge mode. Received: max"),
        (lambda: layers.Bidirectional(layers.GRU(2, go_backwards=True)), "different `go_backwards` value"),
        (
            lambda: layers.Bidirectional(
                layers.GRU(2), backward_layer=layers.GRU(2, return_sequences=True, go_backwards=True)
            ),
            'the same value for attribute "return_sequences"',
        ),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DenseCliError) as caught:
        call()
    assert message in str(caught.value)
