"""Lengths, masks and targets held against the samples of a stream, whose shapes show as they come.

In: chunks of a stream. Out: the same chunks, or an error about the first that does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import DtypeError, ShapeError
from dense_cli.sources.masks import Mask
from dense_cli.sources.source import Chunk, Places, Source

if TYPE_CHECKING:
    from dense_cli.sources.targets import Targets


class Fit:
    """Refuses lengths, masks and targets of steps or samples that a stream does not have, as a file does.

    ``mask`` and ``targets`` may be set until the first chunk is asked for.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._samples = self._most = 0
        self.mask: Mask | None = None
        self.targets: Targets | None = None

    def watch(self, chunks: Iterator[Chunk]) -> Iterator[Chunk]:
        """Give the chunks on, of which each holds whole samples in order.

        Raises:
            ShapeError, DtypeError: a mask, a length or targets do not fit; the message says where.
        """
        for chunk in chunks:
            self._check(chunk.places)
            yield chunk
        self._check_end(self._samples, self._most)

    def check(self, places: Places) -> None:
        """Hold what is given against all samples at once: ``places`` (rows, axes) are those of whole ones.

        Raises:
            ShapeError, DtypeError: as `watch` does.
        """
        self._check(places)
        self._check_end(self._samples, self._most)

    def _check(self, places: Places) -> None:
        if (self.mask is None and self.targets is None) or not len(places):
            return
        last = np.append(np.flatnonzero(np.diff(places[:, 0])), len(places) - 1)
        numbers, sizes = places[last, 0], places[last, 1:] + 1
        self._samples = int(numbers[-1]) + 1
        self._most = max(self._most, int(sizes[:, :1].max(initial=0)))
        if self.mask is not None and self.mask.lengths is not None:
            self._check_lengths(self.mask.lengths, numbers, sizes[:, 0])
        if self.mask is not None and self.mask.steps is not None:
            self._check_mask(self.mask.steps, numbers, sizes[:, 0])
        if self.targets is not None:
            self._check_targets(self.targets, numbers, sizes)

    def _check_lengths(
        self, lengths: NDArray[np.int64], numbers: NDArray[np.int64], steps: NDArray[np.int64]
    ) -> None:
        known = numbers < len(lengths)
        over = np.flatnonzero(lengths[numbers[known]] > steps[known])
        if len(over):
            at = int(over[0])
            sample = numbers[at]
            raise DtypeError(
                f"lengths: expected 0 to {steps[at]} time steps, found {lengths[sample]} at [{sample}]"
            )

    def _check_mask(
        self, mask: NDArray[np.bool_], numbers: NDArray[np.int64], steps: NDArray[np.int64]
    ) -> None:
        known = numbers < len(mask)
        over = mask[numbers[known]] & (np.arange(mask.shape[1]) >= steps[known, None])
        if over.any():
            row, t = (int(i) for i in np.argwhere(over)[0])
            raise ShapeError(
                f"mask: expected false beyond the {steps[row]} time steps of sample {numbers[row]}, "
                f"found true at [{numbers[row]}][{t}]"
            )

    def _check_targets(self, targets: Targets, numbers: NDArray[np.int64], sizes: NDArray[np.int64]) -> None:
        known = numbers < len(targets.shapes)
        numbers, sizes = numbers[known], sizes[known]
        shapes = targets.shapes[numbers]
        for at in np.flatnonzero((shapes != sizes).any(axis=1)).tolist():
            start = int(targets.offsets[numbers[at]])
            extra = targets.values[start + int(sizes[at][0]) : start + int(shapes[at].prod())]
            padded = shapes.shape[1] == 1 and len(extra) > 0 and targets.ignore is not None
            if not (padded and (extra == targets.ignore).all()):
                raise ShapeError(
                    f"{targets.name}: expected one target for each class of sample {numbers[at]}, "
                    f"shape {tuple(sizes[at].tolist())}, found {tuple(shapes[at].tolist())}",
                    hint="targets that are padding are named by --ignore-index",
                )

    def _check_end(self, samples: int, most: int) -> None:
        """Hold the number of samples, and the steps of the longest, against lengths, mask and targets."""
        lengths = self.mask.lengths if self.mask is not None else None
        steps = self.mask.steps if self.mask is not None else None
        shapes = self.targets.shapes if self.targets is not None else None
        for name, of_samples in (("lengths", lengths), ("mask", steps), ("targets", shapes)):
            if of_samples is not None and len(of_samples) != samples:
                raise ShapeError(
                    f"{name}: expected one row for each of the {samples} samples of {self.name}, "
                    f"found {len(of_samples)}"
                )
        if steps is not None and steps.shape[1] != most:
            raise ShapeError(
                f"mask: expected the {most} time steps of the longest sample of {self.name}, "
                f"found {steps.shape[1]}"
            )


def watched(source: Source, lead: tuple[int | None, ...]) -> tuple[Source, Fit | None, Places | None]:
    """Hold what will be said of a stream's samples, masks and targets, against them as they come.

    Samples that are known, and differ in time steps, are held against it at once: by the places returned.
    """
    from dense_cli.sources.placed import PlacedSource
    from dense_cli.sources.streamed import StreamSource

    fit = Fit(source.name)
    if isinstance(source, PlacedSource) and source.whole:
        return source, fit, source.places
    if not isinstance(source, StreamSource) or lead[0] is not None or source.stated:
        return source, None, None
    return source.through(fit.watch), fit, None
