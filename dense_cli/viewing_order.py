"""The order of a list of samples, found by going through all of them once.

In: summaries as they come. Out: the samples that deserve a look, those first that do most. Of a huge input
only so many are kept, and how many there are is counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from dense_cli.viewing import SUMMARY, Summaries, Viewed
from dense_cli.views.select import SORTS

KEPT = 50_000  # samples of a list that is not in the order of the file
ONLY = ("unsure", "wrong", "flips")  # which samples a list may have alone


class Order:
    """A list of samples in an order, as far as they have been gone through.

    Attributes:
        sort: a name of `SORTS`; None: the order in which samples come.
        only: a name of `ONLY`; None: all samples.
        seen, matching: how many samples were gone through, and how many of them the list is of.
        whole: whether everything that was gone through is still known, in whatever order.

    >>> from dense_cli.plan import Plan
    >>> from dense_cli.viewing import open_view
    >>> order = Order("margin", None)
    >>> order.add(open_view(Plan(np.array([[0.25, 0.75], [0.5, 0.5]]))).summaries(range(2)))
    >>> order.summaries["number"].tolist()
    [1, 0]
    """

    def __init__(self, sort: str | None, only: str | None) -> None:
        self.sort = sort
        self.only = only
        self.seen = self.matching = 0
        self.whole = True
        self._parts: list[Summaries] = []
        self._kept = 0

    def add(self, summaries: Summaries) -> None:
        """Take the summaries of further samples."""
        self._parts.append(summaries)
        self.seen += len(summaries)
        self.matching += int(np.count_nonzero(self._fits(summaries)))
        self._kept += len(summaries)
        if self._kept > 2 * KEPT:
            self.whole = False
            kept = self.summaries
            self._parts, self._kept = [kept], len(kept)

    @property
    def summaries(self) -> Summaries:
        """The samples of the list, in order."""
        if len(self._parts) != 1:
            self._parts = [np.concatenate(self._parts)] if self._parts else [np.empty(0, SUMMARY)]
        found = self._parts[0][self._fits(self._parts[0])]
        if self.sort is not None:
            values = SORTS[self.sort] * found[self.sort]
            found = found[np.argsort(values, kind="stable")]  # NaN comes last
        return found[:KEPT]

    def _fits(self, summaries: Summaries) -> NDArray[np.bool_]:
        return np.ones(len(summaries), bool) if self.only is None else summaries[self.only] > 0

    def again(self, sort: str | None, only: str | None) -> Order | None:
        """Return the list in another order; None: all samples have to be gone through again."""
        if not self.whole:
            return None
        order = Order(sort, only)
        for part in self._parts:
            order.add(part)
        return order


def scan(viewed: Viewed, order: Order) -> Iterator[None]:
    """Go through all samples, some at each step."""
    size = viewed.samples.chunk
    for start in range(order.seen, viewed.samples.count, size):
        for found in viewed.summaries_in_pieces(range(start, min(start + size, viewed.samples.count))):
            if found is not None:
                order.add(found)
            yield
