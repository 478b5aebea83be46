"""Where a sample's story ends: steps after its first end, and steps of a class that stands for padding.

In: results, and the classes that end a sample or pad it. Out: the same results, in which such steps do not
count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dense_cli.errors import ConfigError, nearest
from dense_cli.sources.open import no_note
from dense_cli.views.evaluate import Result

Places = NDArray[np.int64]


class Known(NamedTuple):
    """The samples that have an end, in order (samples,), and where theirs stands (samples, axes)."""

    samples: NDArray[np.int64]
    places: Places

    def after(self, places: Places) -> NDArray[np.bool_]:
        """Return which rows stand after the end of their sample, (rows,)."""
        after = np.zeros(len(places), np.bool_)
        if not len(self.samples):
            return after
        at = np.minimum(np.searchsorted(self.samples, places[:, 0]), len(self.samples) - 1)
        same = self.samples[at] == places[:, 0]
        for axis in range(1, places.shape[1]):
            own, end = places[:, axis], self.places[at, axis]
            after |= same & (own > end)
            same &= own == end
        return after


class Ends:
    """Marks as padding what comes after the class ``eos`` in a sample, and every step of the class ``pad``.

    The end itself counts. Only steps that count can end a sample. ``known``: ends that are found already, for
    results whose samples do not follow each other; None: the rows of a sample come together, in order.

    >>> from dense_cli.sources.source import Block, KnownPlaces
    >>> result = Result(np.array([5, 2, 0, 5]))
    >>> result.block = Block(np.zeros((4, 1)), 0, KnownPlaces(np.array([[0, 0], [0, 1], [0, 2], [1, 0]])))
    >>> Ends(eos=2).mark(result)
    >>> result.mask.tolist()
    [True, True, False, True]
    """

    def __init__(self, eos: int | None = None, pad: int | None = None, known: Known | None = None) -> None:
        self.eos = eos
        self.pad = pad
        self.known = known
        self._ended: int | None = None  # the sample under way, where its end has come

    def anew(self) -> Ends:
        """Return the same for results from the first on."""
        return Ends(self.eos, self.pad, self.known)

    def mark(self, result: Result) -> None:
        """Take the steps of a result that are not meant out of its mask; they have no target."""
        classes = result.classes
        counts = np.ones(len(classes), np.bool_) if result.mask is None else result.mask.copy()
        if self.eos is not None:
            after = self._after(result, counts & (classes == self.eos))
            counts &= ~after
        if self.pad is not None:
            counts &= classes != self.pad
        result.mask = counts
        for name, nothing in (("rank", 0), ("loss", np.nan)):
            if name in result.measures:
                result.measures[name][~counts] = nothing

    def _after(self, result: Result, ends: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return which rows come after the end of their sample."""
        if self.known is not None:
            return self.known.after(result.places)
        samples = result.places[:, 0]
        if not len(samples):
            return ends
        first = np.append(True, samples[1:] != samples[:-1])
        before: NDArray[np.int64] = np.cumsum(ends) - ends  # how many ends stand above each row
        starts = np.flatnonzero(first)
        after: NDArray[np.bool_] = before > before[starts][np.cumsum(first) - 1]
        after |= samples == self._ended if samples[0] == self._ended else False
        last = starts[-1]
        self._ended = int(samples[-1]) if after[-1] or ends[last:].any() else None
        return after

    def find(self, results: Iterable[Result]) -> None:
        """Find the ends of all samples, for results that come in another order."""
        found: list[Places] = []
        own = Ends(self.eos)
        for result in results:
            own.mark(result)
            assert result.mask is not None
            found.append(result.places[result.mask & (result.classes == self.eos)])
        places = np.concatenate(found) if found else np.empty((0, 1), np.int64)
        places = places[np.argsort(places[:, 0], kind="stable")]
        self.known = Known(places[:, 0], places)


def class_number(
    label: str | None,
    option: str,
    classes: int,
    names: Sequence[str] | None,
    file: str | None,
    note: Callable[[str], None] = no_note,
) -> int | None:
    """Return the class number of the label that an option names, None where it names none.

    Args:
        label: a label, or ``#`` and a class number; where there are no ``names``, also a number alone.
        option: the option's name, for messages.
        classes: how many there are.
        names: the labels of ``file``.
        note: is told where a label looks like the number of another class.

    Raises:
        ConfigError: no class is meant, or several.

    >>> class_number("_", "ctc", 3, ["a", "b", "_"], "letters.txt")
    2
    >>> class_number("#2", "ctc", 3, ["a", "b", "_"], "letters.txt")
    2
    """
    if label is None:
        return None
    number = label.removeprefix("#")
    among = _is_class(number, classes)
    labelled = _labelled(label, option, names, file)
    if labelled is not None:
        if among and int(number) != labelled:
            named = f", which is '#{number}'" if number == label else ""
            note(f"--{option} {label}: taken as the label of class {labelled}, not as class {number}{named}")
        return labelled
    if names is not None and number == label:
        raise _no_label(label, option, names, file, number=among)
    if not among:
        there = "there are no --labels" if names is None else f"{file} has no such label"
        raise ConfigError(f"--{option}: expected a class number below {classes} ({there}), found {label!r}")
    return int(number)


def _is_class(number: str, classes: int) -> bool:
    return number.isdecimal() and len(number) < 19 and int(number) < classes


def _no_label(
    label: str, option: str, names: Sequence[str], file: str | None, *, number: bool
) -> ConfigError:
    """Return the error of a label that a file has not; ``number``: it is the number of a class."""
    known = nearest(label, list(names)) if len(names) <= 50 else f"there are {len(names)} labels"
    hint = f"--{option} '#{label}' names the class by its number" if number else None
    return ConfigError(f"--{option}: no label {label!r} in {file}; {known}", hint=hint)


def _labelled(label: str, option: str, names: Sequence[str] | None, file: str | None) -> int | None:
    """Return the class of a label; None where there is no such label."""
    classes = [at for at, name in enumerate(names or ()) if name == label]
    if len(classes) > 1:
        raise ConfigError(
            f"--{option}: {len(classes)} classes are labelled {label!r} in {file}: "
            f"expected one, found {classes[0]} and {classes[1]}"
        )
    return classes[0] if classes else None
