"""Recurrent layers beside the Keras that is installed, and beside what Keras once gave."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
from keras_layers import compare, compare_with_keras, layer, load

ACTIVATIONS = ["tanh", "sigmoid", "linear", "relu", "hard_sigmoid", "softsign", "elu", "softmax", "silu"]
GATES = ["sigmoid", "hard_sigmoid", "softmax", "sparse_sigmoid"]
FLAGS = ("return_sequences", "return_state", "go_backwards")


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


def random_cases(seed: str, count: int) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    cases = []
    for i in range(count):
        description, states = (random_bidirectional if i % 2 else random_recurrent)(draw)
        cases.append({"layer": description, **random_call(draw, states, i)})
    return cases


def test_recurrent_layers_give_what_the_installed_keras_gives(tmp_path: Path) -> None:
    compare_with_keras(random_cases("rnn", CASES), tmp_path)


def test_recurrent_layers_give_what_keras_gave() -> None:
    # The file is what `save(path, random_cases("golden", 40))` and then `keras_layers.py` made of Keras
    # 3.15.1 on TensorFlow.
    golden = load(DATA / "rnn.npz")
    compare(golden["cases"], golden["answers"])
