"""What the screen shows, and how keys change it: no drawing, and no Textual.

In: a `Viewed`, and a `Reader` that computes what is looked at. Out: a `State`, which the panels draw.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from dense_cli.errors import DenseCliError
from dense_cli.text import printable
from dense_cli.tui.files import explanation, save
from dense_cli.tui.reader import Reader
from dense_cli.viewing import FIRST, Found, Summaries, Viewed, find_class, heat_map, shown_classes
from dense_cli.viewing_order import KEPT, Order, scan
from dense_cli.viewing_samples import Look
from dense_cli.writers.screen import Screen

SORTS = (None, "confidence", "margin", "entropy", "loss")
_PATIENCE = 0.03  # seconds for which a key waits for its numbers, before the screen is drawn without them
_OFTEN = 0.15  # seconds between two reports of a long job
_SAVED_CLASSES = 40  # of a picture in a file
_KNOWN = 20_000  # summaries of samples that are kept

_SOUGHT = {"unsure": "unsure step", "change": "change of class", "wrong": "wrong step", "flip": "flip"}
_NO_TARGETS = "which are wrong is known with --targets FILE"
_NO_FLIPS = "flips are seen with --against FILE, or at another temperature (T)"
ORDERED = {
    "confidence": "the least confident first",
    "margin": "the smallest margin first",
    "entropy": "the largest entropy first",
    "loss": "the largest loss first",
}


class Looked(NamedTuple):
    """The rows that are looked at, and those they are held against; ``of`` says which they are."""

    of: tuple[Any, ...]
    look: Look
    against: Look | None


class State:
    """What is looked at.

    Attributes:
        viewed: the samples.
        positions: those of the list, in order; ``summaries`` are theirs where the list was sorted.
        order: how the list was sorted or picked; None: it has all samples as they come.
        at, top, height: the chosen sample in the list, the first one on the screen, how many there are on it.
        row: the chosen row of the sample.
        looked: the rows that are looked at; None: not there yet.
        pinned: a class that is shown whether it is likely or not.
        message: what the last key led to.
    """

    def __init__(self, viewed: Viewed, reader: Reader) -> None:
        self.viewed = viewed
        self.reader = reader
        self.positions: Sequence[int] = range(viewed.samples.count)
        self.summaries: Summaries | None = None
        self.order: Order | None = None
        self.at = self.top = self.row = 0
        self.height = 1
        self.looked: Looked | None = None
        self.pinned: int | None = None
        self.message = ""
        self._known: dict[int, Any] = {}
        self._asked_for: dict[str, tuple[Any, ...]] = {}
        self._moved = False

    @property
    def position(self) -> int | None:
        """The chosen sample; None: the list is empty."""
        return self.positions[self.at] if self.at < len(self.positions) else None

    @property
    def stepped(self) -> bool:
        """Whether samples have time steps."""
        return self.viewed.samples.stepped

    def summary(self, at: int) -> Any:
        """Return what the list says of one of its samples; None: it is not known yet."""
        if self.summaries is not None:
            return self.summaries[at]
        return self._known.get(self.positions[at])

    @property
    def here(self) -> int | None:
        """Which row of those looked at is the chosen one; None: they are not there yet."""
        looked = self.looked
        if looked is None or looked.of != self._wanted():
            return None
        at = self.row - looked.look.start if self.stepped else self.at - self.top
        return at if 0 <= at < len(looked.look.classes) else None

    # --- what is wanted of the reader ---------------------------------------------------------------

    def _wanted(self) -> tuple[Any, ...]:
        """Return what tells the rows that are looked at from others."""
        temperature = self.viewed.samples.run.plan.temperature
        if self.stepped:
            return temperature, self.position
        return temperature, *self.positions[self.top : self.top + self.height]

    def want(self) -> None:
        """Ask for what is on the screen and not known; wait for it a moment."""
        self.take()
        if self.position is None:
            self.looked = None
            return
        of, viewed, row = self._wanted(), self.viewed, self.row
        if self._must_look() and not self._asked("look", (of, row)):
            positions = [self.position] if self.stepped else list(of[1:])

            def look() -> Iterator[Looked]:
                for looks in viewed.looks(positions, row):
                    yield Looked(of, *looks)

            self.reader.want("look", look())
            self.reader.wait("look", _PATIENCE)
        missing = self._missing()
        if missing and not self._asked("list", (of[0], *missing)):
            self.reader.want("list", self._summarized(missing))
        self.take()

    def _asked(self, name: str, what: tuple[Any, ...]) -> bool:
        """Whether the reader is about to give this already; if not, it is asked now."""
        asked = self.reader.wants(name) and self._asked_for.get(name) == what
        self._asked_for[name] = what
        return asked

    def _must_look(self) -> bool:
        looked = self.looked
        if looked is None or looked.of != self._wanted():
            return True
        look = looked.look
        count, at = len(look.classes), self.row - look.start
        before = at < count // 4 and look.start > 0
        return self.stepped and (before or (at > 3 * count // 4 and look.start + count < look.total))

    def _missing(self) -> list[int]:
        if self.summaries is not None:
            return []
        shown = self.positions[self.top : self.top + self.height]
        return [position for position in shown if position not in self._known]

    def _summarized(self, positions: list[int]) -> Iterator[Summaries | None]:
        viewed, size = self.viewed, self.viewed.samples.chunk
        for start in range(0, len(positions), size):
            yield from viewed.summaries_in_pieces(positions[start : start + size], FIRST)

    def take(self) -> None:
        """Take what the reader has found.

        Raises:
            Exception: what went wrong there.
        """
        for name, result in self.reader.results():
            if isinstance(result, (DenseCliError, OSError)) and name == "act":
                self.message = printable(str(result))
            elif isinstance(result, Exception):
                raise result
            elif name == "look":
                self.looked = result
                if self.stepped:
                    self.row = max(min(self.row, result.look.total - 1), 0)
            elif name == "list":
                if len(self._known) > _KNOWN:
                    self._known.clear()
                self._known.update(zip(result["position"].tolist(), result, strict=True))
            else:
                result()

    # --- moving ---------------------------------------------------------------------------------

    def resize(self, height: int) -> None:
        """Say how many samples there is room for."""
        self.height = max(height, 1)
        self._scroll()
        self.want()

    def end(self) -> None:
        """Go to the last sample of the list."""
        self.go(len(self.positions) - 1)

    def go(self, at: int, row: int | None = None) -> None:
        """Choose a sample of the list, and a row of it."""
        self.at = max(min(at, len(self.positions) - 1), 0)
        if row is not None:
            self.row = row
        self._moved = True
        self._scroll()
        self.want()

    def _scroll(self) -> None:
        least = max(self.at - self.height + 1, 0)
        self.top = max(min(self.top, self.at, max(len(self.positions) - self.height, 0)), least)

    def move(self, samples: int) -> None:
        """Go some samples on in the list."""
        self.message = ""
        self.go(self.at + samples)

    def page(self, pages: int) -> None:
        """Go some screens of samples on in the list."""
        self.top = max(self.top + pages * self.height, 0)
        self.move(pages * self.height)

    def step(self, rows: int) -> None:
        """Go some rows on in the sample."""
        if not self.stepped:
            self.move(rows)
            return
        self.message = ""
        last = self.looked.look.total - 1 if self.here is not None and self.looked else self.row
        self.row = max(min(self.row + rows, last), 0)
        self.want()

    # --- the order of the list ------------------------------------------------------------------

    def sort(self) -> None:
        """Sort the list by the next measure, or by none after the last."""
        usable = SORTS if self.viewed.samples.run.targets is not None else SORTS[:-1]
        now = None if self.order is None else self.order.sort
        chosen = usable[(usable.index(now) + 1) % len(usable)]
        self._arrange(chosen, None if self.order is None else self.order.only)

    def only(self, name: str) -> None:
        """Show only the samples that have unsure steps, wrong ones or flips; or again all of them."""
        if name == "wrong" and self.viewed.samples.run.targets is None:
            self.message = _NO_TARGETS
            return
        if name == "flips" and self.viewed.against is None:
            self.message = _NO_FLIPS
            return
        now, sort = (None, None) if self.order is None else (self.order.only, self.order.sort)
        self._arrange(sort, None if now == name else name)

    def _arrange(self, sort: str | None, only: str | None) -> None:
        self.at = self.top = self.row = 0
        self._moved = False
        self.reader.want("scan", None)
        if sort is None and only is None:
            self.order = self.summaries = None
            self.positions = range(self.viewed.samples.count)
            self.message = "all samples, in the order of the input"
            self.go(0, 0)
            return
        known = None if self.order is None else self.order.again(sort, only)
        self.order = known or Order(sort, only)
        self._listed()
        if self.order.seen < self.viewed.samples.count:
            self.reader.want("scan", self._scan(self.order))
            self.reader.wait("scan", _PATIENCE)
        self.want()

    def _scan(self, order: Order) -> Iterator[Callable[[], None] | None]:
        told = time.monotonic()
        for _ in scan(self.viewed, order):
            if time.monotonic() - told > _OFTEN:
                yield self._listing(order)
                told = time.monotonic()
            else:
                yield None
        yield self._listing(order)

    def _listing(self, order: Order) -> Callable[[], None]:
        summaries = order.summaries

        def listed() -> None:
            if order is self.order:
                self._listed(summaries)

        return listed

    def _listed(self, summaries: Summaries | None = None) -> None:
        """Show the list as far as it is known."""
        assert self.order is not None
        chosen = self.position if self._moved else None
        self.summaries = self.order.summaries if summaries is None else summaries
        self.positions = self.summaries["position"].tolist()
        if chosen is not None:
            found = np.flatnonzero(self.summaries["position"] == chosen)
            self.at = int(found[0]) if len(found) else 0
        self.at = max(min(self.at, len(self.positions) - 1), 0)
        self._scroll()
        self.message = self._told(self.order)
        self.want()

    def _told(self, order: Order) -> str:
        count = self.viewed.samples.count
        what = {None: "", "flips": " with flips"}.get(order.only, f" with {order.only} steps")
        first = f", {ORDERED[order.sort]}" if order.sort else ""
        cut = f", the first {KEPT:,}" if order.matching > KEPT else ""
        if order.seen < count:
            return f"{order.seen / count:.0%} of {count:,} samples read: {order.matching:,}{what}{first}{cut}"
        return f"{order.matching:,} of {count:,} samples{what}{first}{cut}"

    def stop(self) -> None:
        """Stop what takes long; what is known of the list stays."""
        if self.reader.wants("scan") and self.order is not None:
            self.message = f"stopped: {self._told(self.order)}"
        elif self.reader.wants("act"):
            self.message = "stopped"
        self.reader.want("scan", None)
        self.reader.want("act", None)

    # --- going somewhere ------------------------------------------------------------------------

    def search(self, kind: str, step: int) -> None:
        """Go to the next row of a kind, or with ``step`` -1 to the one before."""
        if kind == "flip" and self.viewed.against is None:
            self.message = _NO_FLIPS
            return
        if kind == "wrong" and self.viewed.samples.run.targets is None:
            self.message = _NO_TARGETS
            return
        if self.position is None:
            return
        self.message = ""
        self.reader.want("act", self._searched(kind, step))
        self.reader.wait("act", _PATIENCE)
        self.take()

    def _searched(self, kind: str, step: int) -> Iterator[Callable[[], None] | None]:
        positions, told = self.positions, time.monotonic()
        row = self.row if self.stepped else 0
        for found in self.viewed.search(positions, self.at, row, kind, step):
            if found.row is None and time.monotonic() - told < _OFTEN:
                yield None
                continue
            told = time.monotonic()
            yield partial(self._arrived, found, positions)
        if found.row is None:
            yield partial(self._say, f"no {_SOUGHT[kind]} {'after' if step > 0 else 'before'} this one")

    def _arrived(self, found: Found, positions: Sequence[int]) -> None:
        if positions is not self.positions:
            return
        if found.row is None:
            self.message = f"looking on: sample {found.at:,} of {len(positions):,} in the list (Esc stops)"
            return
        self.message = ""
        self.go(found.at, found.row)

    def _say(self, text: str) -> None:
        self.message = text

    def find(self, text: str) -> None:
        """Go to the sample of a number, or show the class of a label."""
        samples = self.viewed.samples
        if text.isdecimal() and len(text) < 18:
            position = samples.position(int(text))
            if position is None:
                first, last = samples.number(0), samples.number(samples.count - 1)
                self.message = f"no sample {text}: they are {first} to {last}"
                return
            self._go_to(position)
            return
        try:
            self.pinned = find_class(samples.run.labels, samples.run.classes, text)
        except DenseCliError as error:
            self.message = printable(str(error))
            return
        self.message = f"class {self.class_name(self.pinned)} is shown"

    def _go_to(self, position: int) -> None:
        if self.summaries is not None:
            found = np.flatnonzero(self.summaries["position"] == position)
            if not len(found):
                self._arrange(None, None)
                self.message = "all samples, in the order of the input: the list had not this one"
                self.go(position)
                return
            position = int(found[0])
        self.go(position)

    def class_name(self, number: int) -> str:
        """Return what a class is called."""
        labels = self.viewed.samples.run.labels
        return "-" if number < 0 else str(number) if labels is None else printable(labels[number][:80])

    # --- temperature ----------------------------------------------------------------------------

    def temper(self, text: str) -> None:
        """Divide the logits by another temperature, and say what that changes in this sample."""
        try:
            temperature = float(text)
        except ValueError:
            temperature = 0.0
        if not 0 < temperature < float("inf"):
            self.message = f"expected a temperature above 0, found {printable(text[:40])}"
            return
        try:
            self.viewed = self.viewed.tempered(temperature)
        except DenseCliError as error:
            self.message = printable(str(error))
            return
        self._known.clear()
        self.reader.want("list", None)
        if self.order is not None:  # what it is sorted by has changed
            sort, only = self.order.sort, self.order.only
            self.order = None
            self._arrange(sort, None if only == "flips" and self.viewed.against is None else only)
        self.want()
        self.message = f"temperature {temperature:g}"
        if self.viewed.temperatures:
            self.message += ": f goes to what is another class, or no longer as sure"

    # --- what is made of it ---------------------------------------------------------------------

    def explain(self, screen: Screen, width: int, show: Callable[[list[str]], object]) -> None:
        """Show what makes the likeliest class of the chosen step likelier than the second."""
        viewed, position, row = self.viewed, self.position, self.row if self.stepped else 0
        if position is None:
            return

        def explained() -> Iterator[Callable[[], object]]:
            yield partial(show, explanation(viewed, position, row, screen, width))

        self.message = ""
        self.reader.want("act", explained())
        self.reader.wait("act", _PATIENCE)
        self.take()

    def save(self, name: str) -> None:
        """Write the picture that is seen, or its rows, into a file."""
        here, looked, viewed = self.here, self.looked, self.viewed
        if here is None or looked is None:
            return
        look = looked.look
        shown = self.positions[self.top : self.top + self.height]
        positions = [self.position or 0] if self.stepped else list(shown)

        def saved() -> Iterator[Callable[[], None]]:
            classes = shown_classes([look], _SAVED_CLASSES, self.pinned)
            picture = heat_map(viewed, look, slice(0, len(look.classes)), classes)
            yield partial(self._say, printable(save(viewed, positions, picture, name)))

        self.reader.want("act", saved())
        self.reader.wait("act", _PATIENCE)
        self.take()
