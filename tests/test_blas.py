"""Blocks in threads: one BLAS thread for each, and only where blocks need not take turns."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from dense_cli import blas, layers
from dense_cli.models import Sequential


def test_products_have_one_thread_inside_and_as_many_as_before_afterwards() -> None:
    functions = blas._functions()
    if functions is None:
        pytest.skip("NumPy has another BLAS than that of its wheels")
    before = functions[0]()
    with blas.one_thread() as outer, blas.one_thread() as inner:
        assert (outer, inner, functions[0]()) == (True, True, 1)
    assert functions[0]() == before


def test_blocks_in_threads_give_what_the_whole_gives() -> None:
    model = Sequential([layers.Input((4, 3)), layers.GRU(5), layers.Dense(2, activation="softmax")])
    x = np.random.default_rng(0).normal(size=(300, 4, 3)).astype(np.float32)
    np.testing.assert_allclose(model.predict(x, batch_size=7), model(x), rtol=0, atol=1e-6)
    np.testing.assert_allclose(model.predict(x), model(x), rtol=0, atol=1e-6)


def test_blocks_of_layers_that_may_change_take_turns() -> None:
    seen: list[tuple[str, float]] = []

    class Watched(layers.Layer):
        def call(self, inputs: Any) -> Any:
            seen.append((threading.current_thread().name, float(inputs[0, 0])))
            return inputs

    Sequential([layers.Input((1,)), Watched()]).predict(np.arange(6, dtype=np.float32)[:, None], batch_size=2)
    assert [first for _, first in seen if first >= 0][-3:] == [0.0, 2.0, 4.0]
    assert len({name for name, _ in seen[-2:]}) == 1


def test_a_stateful_layer_goes_on_from_block_to_block() -> None:
    layer = layers.SimpleRNN(
        1, "linear", kernel_initializer="ones", recurrent_initializer="ones", stateful=True
    )
    model = Sequential([layers.Input((1, 1), batch_size=1), layer])
    assert model.predict(np.ones((4, 1, 1), np.float32), batch_size=1).ravel().tolist() == [
        1.0,
        2.0,
        3.0,
        4.0,
    ]


def test_an_error_in_a_block_is_raised() -> None:
    model = Sequential([layers.Input((2,), dtype="int32"), layers.Embedding(3, 2)])
    ids = np.zeros((90, 2), np.int32)
    ids[80, 1] = 3
    with pytest.raises(ValueError, match="expected ids from 0 to 2"):
        model.predict(ids, batch_size=10)
