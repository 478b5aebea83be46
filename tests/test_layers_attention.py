"""Attention, Embedding and EinsumDense beside the Keras that is installed."""

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

X = np.ones((2, 3, 4), np.float32)
CASES = int(os.environ.get("LAYER_CASES", "80"))
DATA = Path(__file__).parent / "data" / "layers"


def arrays_of(rng: np.random.Generator, **shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    return {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}


def random_attention(draw: random.Random, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    batch, steps, length, dim = draw.randint(1, 4), draw.randint(1, 6), draw.randint(1, 6), draw.randint(1, 5)
    arrays = arrays_of(rng, q=(batch, steps, dim), v=(batch, length, draw.randint(1, 5)))
    arrays["k"] = rng.normal(size=(batch, length, dim)).astype(np.float32)
    inputs = ["@q", "@v", "@k"]
    if draw.random() < 0.5:
        arrays["v"] = arrays.pop("k")
        inputs = ["@q", "@v"]
    kwargs: dict[str, Any] = {
        "use_causal_mask": draw.random() < 0.4,
        "return_attention_scores": draw.random() < 0.5,
    }
    if draw.random() < 0.6:
        arrays["q_mask"] = rng.random((batch, steps)) < 0.7
        arrays["v_mask"] = rng.random((batch, length)) < 0.7
        kwargs["mask"] = [draw.choice([None, "@q_mask"]), draw.choice([None, "@v_mask"])]
    if draw.random() < 0.5:
        description = layer("AdditiveAttention", use_scale=draw.random() < 0.7)
    else:
        mode = draw.choice(["dot", "concat"])
        description = layer("Attention", use_scale=draw.random() < 0.5, score_mode=mode)
    return {"layer": description, "args": [inputs], "kwargs": kwargs, "arrays": arrays}


def random_heads(draw: random.Random, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    batch, steps, length, dim = draw.randint(1, 3), draw.randint(1, 5), draw.randint(1, 5), draw.randint(1, 6)
    options: dict[str, Any] = {
        "use_bias": draw.random() < 0.7,
        "use_gate": draw.random() < 0.3,
        "sliding_window": draw.choice([None, None, 2]),
    }
    # Not heads of size 1: TensorFlow's Keras may take their biases for one of the time axis.
    further: tuple[int, ...] = ()
    value_dim = dim
    if draw.random() < 0.3:
        shared = draw.randint(1, 2)
        options |= {"head_dim": draw.randint(2, 4), "num_key_value_heads": shared}
        description = layer("GroupQueryAttention", **options, num_query_heads=shared * draw.randint(1, 3))
    else:
        options |= {"num_heads": draw.randint(1, 3), "key_dim": draw.randint(2, 4)}
        options["value_dim"] = draw.choice([None, 3])
        options["output_shape"] = draw.choice([None, 4, [2, 3]])
        value_dim = draw.randint(1, 6)
        if draw.random() < 0.3:
            further = (3,)
            options["attention_axes"] = draw.choice([1, [1], [-2], None])
        description = layer("MultiHeadAttention", **options)
    arrays = arrays_of(
        rng,
        q=(batch, steps, *further, dim),
        v=(batch, length, *further, value_dim),
        k=(batch, length, *further, value_dim),
    )
    kwargs: dict[str, Any] = {"return_attention_scores": draw.random() < 0.5}
    if draw.random() < 0.5:
        kwargs["key"] = "@k"
    if not further:
        kwargs["use_causal_mask"] = draw.random() < 0.3
        masks = {"attention_mask": (batch, steps, length), "value_mask": (batch, length)}
        masks |= {"key_mask": (batch, length), "query_mask": (batch, steps)}
        for name, shape in masks.items():
            if draw.random() < 0.3:
                arrays[name] = rng.random(shape) < 0.7
                kwargs[name] = f"@{name}"
    return {"layer": description, "args": ["@q", "@v"], "kwargs": kwargs, "arrays": arrays}


def random_embedding(draw: random.Random, seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    size = draw.randint(1, 9)
    shape = [draw.randint(1, 5) for _ in range(draw.randint(1, 3))]
    dtype = draw.choice(["int32", "int64", "uint8", "float32"])
    config = {"input_dim": size, "output_dim": draw.randint(1, 5), "mask_zero": draw.random() < 0.5}
    arrays = {"ids": rng.integers(0, size, shape).astype(dtype)}
    return {"layer": layer("Embedding", **config), "args": ["@ids"], "kwargs": {}, "arrays": arrays}


EQUATIONS = [
    ("abc,cd->abd", (2, 3, 4), [None, 5], ["d", None]),
    ("abc,cde->abde", (2, 3, 4), [None, 2, 3], ["de", "e", None]),
    ("ab,bcd->acd", (2, 3), [4, 5], ["cd", "c", None]),
    ("...x,xy->...y", (2, 3, 4), 5, ["y", None]),
    ("abc...,cd->abd...", (2, 3, 4, 5), [3, 6], ["d", None]),
    ("abc,cbd->abd", (2, 3, 4), [3, 5], ["d", "bd", None]),
]


def random_einsum(draw: random.Random, seed: int) -> dict[str, Any]:
    equation, shape, output_shape, axes = draw.choice(EQUATIONS)
    config = {"equation": equation, "output_shape": output_shape, "bias_axes": draw.choice(axes)}
    config["activation"] = draw.choice([None, "relu", "softmax"])
    arrays = arrays_of(np.random.default_rng(seed), x=shape)
    return {"layer": layer("EinsumDense", **config), "args": ["@x"], "kwargs": {}, "arrays": arrays}


KINDS = [random_attention, random_heads, random_embedding, random_einsum]


def random_cases(seed: str, count: int, dtypes: Sequence[str] = ()) -> list[dict[str, Any]]:
    draw = random.Random(seed)
    cases = [KINDS[i % len(KINDS)](draw, i) for i in range(count)]
    if dtypes:  # TensorFlow's einsum with `...` is wrong in float16
        cases = [case for case in cases if "..." not in case["layer"]["config"].get("equation", "")]
    for case in cases if dtypes else []:
        case["layer"]["config"]["dtype"] = draw.choice(dtypes)
    return cases


def test_attention_and_embedding_of_other_dtypes_give_what_the_installed_keras_gives(tmp_path: Path) -> None:
    dtypes = ["float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16"]
    compare_with_keras(random_cases("dtypes", CASES // 2, dtypes), tmp_path)


def test_attention_and_embedding_give_what_the_installed_keras_gives(tmp_path: Path) -> None:
    compare_with_keras(random_cases("attention", CASES), tmp_path)


def test_attention_and_embedding_give_what_keras_gave() -> None:
    # The file is what `save(path, random_cases("golden", 40))` and then `keras_layers.py` made of Keras
    # 3.15.1 on TensorFlow.
    golden = load(DATA / "attention.npz")
    compare(golden["cases"], golden["answers"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: layers.Embedding(0, 2), "`input_dim` must be a positive integer. Received: input_dim=0"),
        (
            lambda: layers.Embedding(3, 2.5),
            "`output_dim` must be a positive integer. Received: output_dim=2.5",
        ),
        (
            lambda: layers.Embedding(3, 2)(np.array([[0, 3]])),
            "expected ids from 0 to 2 (input_dim=3), found 3 at",
        ),
        (lambda: layers.Embedding(3, 2, lora_rank=1), "`lora_rank` is about training or quantization"),
        (lambda: layers.Attention(score_mode="sum"), "Invalid value for argument score_mode"),
        (lambda: layers.Attention()(X), "must be called on a list of inputs"),
        (lambda: layers.Attention()([X]), "accepts inputs list of length 2 or 3"),
        (lambda: layers.Attention()([X, X], mask=X[..., 0]), "layer mask must be a list"),
        (lambda: layers.MultiHeadAttention(0, 2), "argument `num_heads`, expected a positive integer"),
        (lambda: layers.MultiHeadAttention(2, 2, sliding_window=0), "`sliding_window` must be `None` or a"),
        (lambda: layers.MultiHeadAttention(2, 2)(X, X, key=X[:, :2]), "All dimensions of `value` and `key`"),
        (
            lambda: layers.MultiHeadAttention(2, 2, flash_attention=True)(X, X),
            "Flash attention is not supported",
        ),
        (lambda: layers.MultiHeadAttention(2, 2, output_shape=2.5), "Invalid `output_shape`: 2.5"),
        (lambda: layers.MultiHeadAttention(2, 2)(X, X, attention_mask=X[0, 0] > 0), "a mask of rank 2 to 4"),
        (lambda: layers.GroupQueryAttention(2, 3, 2), "must be divisible by `num_key_value_heads`"),
        (lambda: layers.EinsumDense("abc", 2)(X), "Invalid einsum equation 'abc'"),
        (lambda: layers.EinsumDense("abc,cd->abd", (None, 2), bias_axes="x")(X), "Bias dimension 'x'"),
        (lambda: layers.EinsumDense("abcd,de->abce", (2, 2, 2))(X), "expects rank 4, found rank 3"),
        (lambda: layers.EinsumDense("ab,bd->ad", 2)(X), "einsum_dense"),
    ],
)
def test_what_does_not_fit_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(DenseCliError) as caught:
        call()
    assert message in str(caught.value)
