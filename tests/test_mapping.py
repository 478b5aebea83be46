"""A layer as a function of the blocks of a Dask array: the digits of one process, however it is cut."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from dense_cli import BlockFunction, Plan
from dense_cli.errors import ShapeError, UsageError

HEAD: dict[str, Any] = {"units": 5, "memory": 4096}


def of_plan(x: np.ndarray, **options: Any) -> np.ndarray:
    show = options.get("show", "probabilities").replace("-", "_")
    results = list(Plan(x, **options).run())
    rows = [y.classes if show == "classes" else y.arrays[show] for y in results]
    found = np.concatenate(rows)
    return found.reshape(*x.shape[:-1], *found.shape[1:])


@pytest.mark.parametrize("shape", [(257, 6), (61, 5, 6), (1, 6)])
@pytest.mark.parametrize("show", ["probabilities", "log-probabilities", "logits", "classes"])
@pytest.mark.parametrize("chunk", [1, 13, 64, 1000])
def test_a_dask_array_gives_the_digits_of_one_process(shape: tuple[int, ...], show: str, chunk: int) -> None:
    array = pytest.importorskip("dask.array")
    values = np.random.default_rng(0).normal(size=shape).astype("f4")
    x = array.from_array(values, chunks=(chunk, *shape[1:]))
    function = pickle.loads(pickle.dumps(BlockFunction(x, show=show, **HEAD)))
    y = x.map_blocks(
        function, dtype=function.dtype, chunks=function.chunks(x.chunks), drop_axis=function.drop_axis
    )
    expected = of_plan(values, show=show, **HEAD)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(y.compute(scheduler="synchronous"), expected)


def test_finished_outputs_and_logits_need_no_layer() -> None:
    x = np.random.default_rng(1).normal(size=(30, 4))
    np.testing.assert_array_equal(BlockFunction(x, logits=True)(x), of_plan(x, logits=True))
    y = of_plan(x, logits=True)
    np.testing.assert_array_equal(BlockFunction(y, show="classes")(y), y.argmax(axis=-1))


def test_a_block_without_samples_gives_none() -> None:
    function = BlockFunction(np.zeros((4, 3, 6)), **HEAD)
    assert function(np.zeros((0, 3, 6))).shape == (0, 3, 5)


def test_a_block_of_half_samples_is_refused() -> None:
    function = BlockFunction(np.zeros((4, 3, 6)), **HEAD)
    with pytest.raises(ShapeError, match=r"blocks of whole samples, \(batch, 3, 6\), found \(4, 2, 6\)"):
        function(np.zeros((4, 2, 6)))


@pytest.mark.parametrize("options", [{"top_k": 2}, {"measures": ("entropy",)}, {"mask_value": 0.0}])
def test_what_is_no_array_of_outputs_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="what show names"):
        BlockFunction(np.zeros((4, 3, 6)), units=5, **options)
