"""Sources: samples and steps in any order, from memory, from a file and from a stream."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dense_cli.errors import FileFormatError, ShapeError
from dense_cli.sources.arrays import ArraySource
from dense_cli.sources.placed import PlacedSource
from dense_cli.sources.source import Chunk, Source
from dense_cli.sources.streamed import StreamSource, in_order, spool

X = np.arange(24.0).reshape(4, 3, 2)
F8 = np.dtype(np.float64)


def stream(
    samples: list[np.ndarray], pause: bool = False, shape: tuple[int | None, ...] | None = None
) -> StreamSource:
    def chunks() -> Iterator[Chunk]:
        for n, x in enumerate(samples):
            yield Chunk(x, np.array([[n, t] for t in range(len(x))]), pause)

    return StreamSource("stream", F8, chunks(), shape)


def taken(source: Source, rows: int = 4) -> tuple[list[list[float]], list[list[int]]]:
    blocks = list(source.blocks(rows))
    return (
        [row for block in blocks for row in block.x.tolist()],
        [place for block in blocks for place in block.places().tolist()],
    )


@pytest.mark.parametrize("source", [ArraySource.of("x", X), spool(stream(list(X)))], ids=["array", "stream"])
@pytest.mark.parametrize("batch", [slice(None), slice(None, None, -1), slice(1, 3), slice(3, 0, -2)])
@pytest.mark.parametrize("steps", [[0], [2, 0], [1, 1], [0, 1, 2]])
def test_samples_and_steps_are_those_of_the_array(
    source: ArraySource, batch: slice, steps: list[int]
) -> None:
    rows, places = taken(source.select(batch).at(steps), rows=2)
    assert rows == X[batch][:, steps].reshape(-1, 2).tolist()
    assert places == [[n, t] for n in range(4)[batch] for t in steps]


def test_samples_that_differ_in_length_are_sliced_by_those_that_have_a_step() -> None:
    source = spool(stream([X[0], X[1][:1], X[2][:2]]))
    assert isinstance(source, PlacedSource)
    assert source.shape == (3, None, 2)
    assert source.steps == range(3)
    assert taken(source.at([1])) == ([X[0, 1].tolist(), X[2, 1].tolist()], [[0, 1], [2, 1]])
    assert taken(source.at([2, 0]).select(slice(1, None))) == (
        [X[1, 0].tolist(), X[2, 0].tolist()],
        [[1, 0], [2, 0]],
    )
    assert source.select(slice(1, 3)).steps == range(2)
    assert taken(source.select(slice(-1, None))) == (X[2][:2].tolist(), [[2, 0], [2, 1]])


def test_a_pause_ends_a_block_but_never_moves_the_next() -> None:
    blocks = list(stream([X[0][:1], X[1], X[2][:1]], pause=True).blocks(4))
    assert [(block.start, len(block.x), block.pause) for block in blocks] == [
        (0, 1, True),
        (1, 3, True),
        (4, 1, True),
    ]
    blocks = list(stream([X[0], X[1]], pause=True).blocks(4))
    assert [(block.start, len(block.x), block.pause) for block in blocks] == [
        (0, 3, True),
        (3, 1, False),
        (4, 2, True),
    ]


def test_without_pauses_blocks_are_full() -> None:
    blocks = list(stream(list(X)).blocks(5))
    assert [(block.start, len(block.x)) for block in blocks] == [(0, 5), (5, 5), (10, 2)]


def test_what_came_before_a_fault_is_given_first() -> None:
    def chunks() -> Iterator[Chunk]:
        yield Chunk(X[0], np.array([[0, 0], [0, 1], [0, 2]]))
        raise FileFormatError("it ends here")

    blocks = StreamSource("stream", F8, chunks()).blocks(100)
    assert next(blocks).x.tolist() == X[0].tolist()
    with pytest.raises(FileFormatError, match=r"^it ends here$"):
        next(blocks)


def test_a_stream_is_read_no_further_than_the_samples_asked_for() -> None:
    def chunks() -> Iterator[Chunk]:
        for n in range(2):
            yield Chunk(X[n], np.array([[n, t] for t in range(3)]), whole=True)
        raise AssertionError("read too far")

    assert taken(StreamSource("stream", F8, chunks()).select(slice(0, 2)))[0] == X[:2].reshape(-1, 2).tolist()


def test_an_array_without_a_time_axis_has_no_steps() -> None:
    with pytest.raises(ShapeError) as caught:
        _ = ArraySource.of("x", X[0]).steps
    assert str(caught.value) == "x: expected rank 3 or more (batch, time, …, features), found shape (3, 2)"


def test_a_selection_of_nothing_is_an_empty_array() -> None:
    source = spool(stream([X[0]], shape=(None, None, 2)).select(slice(5, 6)))  # type: ignore[arg-type]
    assert source.shape == (0, 0, 2)
    assert taken(source) == ([], [])


def test_lines_that_come_one_by_one_are_put_in_order() -> None:
    def chunks() -> Iterator[Chunk]:
        for place in ([1, 2], [1, 0], [0, 3], [0, 1]):
            yield Chunk(
                np.array([[float(10 * place[0] + place[1])]]), np.array([place]), pause=True, stated=True
            )

    source = in_order(StreamSource("stream", F8, chunks()))
    assert taken(source) == ([[10], [12], [1], [3]], [[1, 0], [1, 2], [0, 1], [0, 3]])
