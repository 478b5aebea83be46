"""A model's rows in parts of whole samples, for workers that open the model by themselves.

In: an opened model, and the path that it came from. Out: a `PartedModel`, which goes to every worker once:
the file's bytes are in it, and where a worker sees the path, with the same hash, it opens that.
"""

from __future__ import annotations

import hashlib
import math
import os
import pickle
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import numpy as np

from dense_cli.errors import UsageError
from dense_cli.models.open import OpenedModel, is_onnx, open_part
from dense_cli.models.predict import block_size, is_ours
from dense_cli.models.source import BLOCK_BYTES, MOST, model_source
from dense_cli.sources.arrays import ArraySource, ArrayStore, evenly, in_memory
from dense_cli.sources.source import Block, Cut, Source
from dense_cli.sources.streamed import StreamSource, spool


class HeldInputs(NamedTuple):
    """The inputs of some samples, read, for a worker that cannot read them."""

    inputs: list[ArraySource]


class PartedModel:
    """The rows of a model's output, cut between samples at multiples of its blocks and of those after it.

    Args:
        opened: the model and its inputs; those that come as a stream are kept in a temporary file.
        file, until, memory: what it was opened with.
        counted: whether each sample's steps are held against a mask or targets.

    Raises:
        UsageError: the samples cannot be taken apart.
    """

    def __init__(
        self, opened: OpenedModel, file: str, until: str | None, memory: int | None, *, counted: bool
    ) -> None:
        body = opened.part.body
        if not is_onnx(file) and not is_ours(body):
            raise UsageError(f"--cluster: {file} keeps a state from block to block, or has code of its own")
        if counted and None in opened.source.shape[1:]:
            raise UsageError(
                f"--cluster: {file} does not say how many steps it gives: masks and targets cannot be checked"
            )
        self.name = opened.source.name
        self.dtype = opened.source.dtype
        self.pieces = opened.source.pieces
        self.shape = opened.source.shape
        self._file, self._until, self._memory = os.path.abspath(file), until, memory
        self._size: int = getattr(body, "size", None) or block_size(body, BLOCK_BYTES, 1, MOST)
        self._inputs: list[ArraySource] | None = [_whole(source) for source in opened.inputs]
        self._body: Any = body

    def __getstate__(self) -> dict[str, Any]:
        """What goes to workers: the bytes of the model, and the inputs where they can be opened there."""
        with open(self._file, "rb") as file:
            data = file.read()
        inputs = None
        if not any(map(in_memory, self._inputs or [])):
            with suppress(TypeError):  # a temporary file
                inputs = pickle.dumps(self._inputs)
        return {**self.__dict__, "_body": None, "_inputs": None, "_data": data, "_packed": inputs}

    def parts(self, rows: int, most: int) -> Iterator[Cut]:
        """Give the samples at which parts begin and end: as few as keep the blocks where they are."""
        assert self._inputs is not None
        inner = self.shape[1:-1]
        each = 1 if None in inner else math.prod(n or 0 for n in inner)
        unit = math.lcm(self._size, rows // math.gcd(rows, max(each, 1)))
        samples = self._inputs[0].shape[0] or 0
        for start in range(0, samples, unit):
            yield Cut(start, min(start + unit, samples))

    def between(self, cut: Cut) -> Source:
        """Return the rows of some samples.

        Raises:
            OSError: the inputs are not here.
        """
        if self._inputs is None:
            packed: bytes | None = self.__dict__["_packed"]
            if packed is None:
                raise FileNotFoundError(self.name)
            self._inputs = pickle.loads(packed)  # noqa: S301 - it was pickled by the client
        return self.through([source.between(_rows(source, cut)) for source in self._inputs or []])

    def held(self, cut: Cut, rows: int) -> HeldInputs:
        """Return the inputs of some samples, read."""
        return HeldInputs([_read(source, cut) for source in self._inputs or []])

    def through(self, inputs: list[ArraySource]) -> Source:
        """Return what the model makes of inputs."""
        if self._body is None:
            self._body = self._opened()
        return model_source(self._body, inputs, None, self._size)

    def blocks(self, rows: int) -> Iterator[Block]:
        """Give all blocks."""
        assert self._inputs is not None
        return self.through(self._inputs).blocks(rows)

    def select(self, batch: slice) -> Source:
        """Refuse: samples are picked from the inputs."""
        raise NotImplementedError

    def _opened(self) -> Any:
        """Open the model of the path, if it is the same file, else of the bytes that have come."""
        import tempfile

        data: bytes = self.__dict__["_data"]
        with tempfile.TemporaryDirectory() as folder:
            path = self._file
            if not _is_same(path, data):
                path = os.path.join(folder, os.path.basename(path))
                with open(path, "wb") as copy:
                    copy.write(data)
            return open_part(path, self._until, self._memory)[0].body


def _is_same(path: str, data: bytes) -> bool:
    """Whether a file holds these bytes, by their hash: files beside it, of ONNX, can then be read, too."""
    try:
        with open(path, "rb") as file:
            found = hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return False
    return found == hashlib.sha256(data).digest()


def _whole(source: Source) -> ArraySource:
    """Return an input of which any sample can be had.

    Raises:
        UsageError: its samples differ in shape.
    """
    found = spool(source) if isinstance(source, StreamSource) else source
    if not isinstance(found, ArraySource):
        raise UsageError(f"--cluster: {source.name}: expected samples of one shape for a model")
    return found


def _rows(source: ArraySource, samples: Cut) -> Cut:
    each = math.prod(map(len, source.axes[1:]))
    return Cut(samples.start * each, samples.stop * each)


def _read(source: ArraySource, samples: Cut) -> ArraySource:
    """Return some samples in memory, which keep their numbers."""
    cut = _rows(source, samples)
    blocks = list(source.between(cut).blocks(max(cut.stop - cut.start, 1)))
    x = np.concatenate([block.x for block in blocks])
    numbers = np.concatenate([block.places()[:, 0] for block in blocks])
    lead = (samples.stop - samples.start, *map(len, source.axes[1:]))
    own = numbers.reshape(lead[0], -1)[:, 0]
    return ArraySource.over(source.name, ArrayStore(x), lead, (evenly(own), *source.numbers[1:]))
