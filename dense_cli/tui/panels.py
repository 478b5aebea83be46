"""What the screen shows → lines of pieces of text, each with its style: no Textual.

In: a `State`, and how much room there is. Out: `Line`s. Names from files come through `printable`; signs say
what colours do.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from dense_cli.pictures.lines import Size, label_width
from dense_cli.pictures.terminal import bar
from dense_cli.pictures.terminal_grid import drawn_grid, has_halves
from dense_cli.text import printable
from dense_cli.tui.state import Looked, State
from dense_cli.viewing import UNSURE, changes, heat_map, row_names, shown_classes
from dense_cli.viewing_samples import Look
from dense_cli.writers.rich_table import spelling, text_width
from dense_cli.writers.screen import Screen

Piece = tuple[str, str]  # text and its style
Line = list[Piece]

_LEGEND = 12  # lines of a heat map from which on it has one
_NAME = 20  # columns of the name of a class at most


class Panels:
    """Draws a state in the characters and colours of a screen."""

    def __init__(self, state: State, screen: Screen) -> None:
        self.state = state
        self.screen = screen
        self.spell = spelling(screen)
        self.chosen, self.flip = (">", "≠") if screen.unicode else (">", "~")
        self.dot = "●" if screen.unicode else "O"
        self.pointer, self.rule, self.dots = ("▲", "─", "…") if screen.unicode else ("^", "-", "...")

    def fit(self, text: str, width: int, *, right: bool = False) -> str:
        """Return text cut or filled to a width."""
        text = self.spell(text)
        if text_width(text) > width:
            end = self.dots if width > len(self.dots) else ""
            while text and text_width(text) > width - len(end):
                text = text[:-1]
            text += end
        room = " " * (width - text_width(text))
        return room + text if right else text + room

    # --- the list -------------------------------------------------------------------------------

    def title(self, size: Size) -> list[Line]:
        """Say what is looked at."""
        viewed = self.state.viewed
        run = viewed.samples.run
        sizes = [f"{viewed.samples.count:,} samples", f"{run.classes:,} classes"]
        if self.state.stepped and run.shape[1]:
            sizes.insert(1, f"{run.shape[1]:,} steps")
        parts = [run.input_name, *sizes]
        if run.plan.temperature != 1:
            parts.append(f"temperature {run.plan.temperature:g}")
        if viewed.against is not None:
            other = viewed.against.run
            name = f"temperature {other.plan.temperature:g}" if viewed.temperatures else other.input_name
            parts.append(f"against {name}")
        return [[(self.fit(printable(" · ".join(parts)), size.width), "bold")]]

    def samples(self, size: Size) -> list[Line]:
        """Draw the list of samples below its header."""
        state = self.state
        measure = (state.order.sort if state.order else None) or "confidence"
        measure = "confidence" if measure == "loss" else measure
        digits = max(len(str(state.viewed.samples.number(state.viewed.samples.count - 1))), 6)
        head = {"confidence": "least p", "margin": "margin", "entropy": "entropy"}[measure]
        if measure == "confidence" and not state.stepped:
            head = "p"
        losses = state.viewed.samples.run.targets is not None and size.width >= digits + 25
        text = size.width - digits - 14 - 8 * losses
        header = f" {self.fit('sample', digits, right=True)} {head:>7}" + (f" {'loss':>7}" if losses else "")
        between = " " * (4 + (state.viewed.against is not None))
        header += between + ("text" if state.stepped else "class") * (text >= 5)
        lines: list[Line] = [[(self.fit(header, size.width), "underline")]]
        for at in range(state.top, min(state.top + size.height - 1, len(state.positions))):
            known = state.summary(at)
            chosen = at == state.at
            if known is None:
                number = state.viewed.samples.number(int(state.positions[at]))
                line = f"{number:>{digits}} {self.dots:>7}"
            else:
                line = f"{known['number']:>{digits}} {_number(known[measure]):>7}"
                line += f" {_number(known['loss']):>7}" if losses else ""
                line += f" {self.signs(known)} "
                line += self.text(known) if text >= 3 else ""
            mark = self.chosen if chosen else " "
            lines.append([(self.fit(mark + line, size.width), "reverse" if chosen else "")])
        if not len(state.positions):
            lines.append([(self.fit(" none", size.width), "")])
        return lines

    def signs(self, known: Any) -> str:
        """Return the signs of a sample: steps that are wrong, unsure, or flip."""
        flags = [("!", known["wrong"]), ("?", known["unsure"]), (self.flip, known["flips"])]
        if self.state.viewed.against is None:
            flags = flags[:2]
        return "".join(sign if count else " " for sign, count in flags)

    def text(self, known: Any) -> str:
        """Return the classes of the first steps in words; those that follow each other are counted."""
        classes = [c for c in known["classes"].tolist() if c != -2]
        words = []
        for number, group in itertools.groupby(classes):
            count = len(list(group))
            word = self.state.class_name(number)
            words.append(word if count == 1 else f"{word} {'×' if self.screen.unicode else 'x'}{count}")
        more = known["cut"] or known["steps"] > len(classes)
        return " ".join(words) + (f" {self.dots}" if more else "")

    # --- the sample -----------------------------------------------------------------------------

    def _at(self) -> tuple[Looked, int] | None:
        """Return the rows that are looked at, and which of them is chosen; None: they are not there yet."""
        here = self.state.here
        return None if here is None or self.state.looked is None else (self.state.looked, here)

    def tallest_map(self) -> int:
        """Return how many lines heat maps of all classes take."""
        viewed = self.state.viewed
        return (1 + (viewed.against is not None)) * (viewed.samples.run.classes + 4)

    def heat(self, size: Size) -> list[Line]:
        """Draw the heat map of the sample, and below it that of what it is held against."""
        at = self._at()
        if at is None:
            return self._waiting(size)
        looked, here = at
        looks = [look for look in (looked.look, looked.against) if look is not None]
        lines: list[Line] = []
        room = Size(size.width, size.height // len(looks))
        for look in looks:
            lines += self._map(look, looks, here, room)
        return lines

    def _map(self, look: Look, looks: list[Look], here: int, size: Size) -> list[Line]:
        """Draw one heat map: a title, the cells, a pointer to the chosen column, and what columns are."""
        state, viewed = self.state, self.state.viewed
        columns = max(size.width - label_width(size) - 1, 1)
        first = max(min(here - columns // 2, len(look.classes) - columns), 0)
        rows = slice(first, min(first + columns, len(look.classes)))
        ticks, legend = size.height >= 7, size.height >= _LEGEND
        room = max(size.height - 2 - ticks - legend, 1)
        shown = shown_classes(looks, room * (2 if has_halves(self.screen) else 1), state.pinned)
        drawn = drawn_grid(heat_map(viewed, look, rows, shown), self.screen, size, room)
        width = text_width(drawn.names[0]) if drawn.names else 0
        title = self._heading(look, rows) if look is looks[0] else self._against(*looks)
        if len(shown) < viewed.samples.run.classes:
            title += f" · {len(shown)} of {viewed.samples.run.classes:,} classes"
        lines: list[Line] = [self._ruled(title, size.width)]
        lines += [
            [(f"{label} ", ""), *pieces] for label, pieces in zip(drawn.names, drawn.lines, strict=True)
        ]
        place = width + 1 + (here - first) * drawn.wide + (drawn.wide - 1) // 2
        where = f"{'t' if state.stepped else 'sample'} {row_names(viewed, look)[here]}"
        text = " " * place + f"{self.pointer} {where}"
        if place + 2 + len(where) > size.width:
            text = " " * max(place - len(where) - 1, 0) + f"{where} {self.pointer}"
        lines.append([(text, "bold")])
        if ticks:
            lines.append([(" " * (width + 1) + drawn.ticks, "")])
        return [*lines, *([(self.fit(text, size.width), "")] for text in drawn.legend[: int(legend)])]

    def _heading(self, look: Look, rows: slice) -> str:
        state = self.state
        if not state.stepped:
            return "samples"
        title = f"sample {look.places[0, 0]}"
        if look.total > rows.stop - rows.start:
            names = row_names(state.viewed, look)
            title += f" · steps {names[rows.start]} to {names[rows.stop - 1]} of {look.total:,}"
        return title

    def _against(self, look: Look, other: Look) -> str:
        """Say what the samples are held against, and what of this one differs."""
        viewed = self.state.viewed
        assert viewed.against is not None
        run = viewed.against.run
        name = f"temperature {run.plan.temperature:g}" if viewed.temperatures else printable(run.input_name)
        return f"against {name}: {changes(look, other)}"

    def _ruled(self, title: str, width: int) -> Line:
        text = self.spell(f"{self.rule} {title} ")
        return [(self.fit(text + self.rule * max(width - text_width(text), 0), width), "")]

    def _waiting(self, size: Size) -> list[Line]:
        text = "no sample" if self.state.position is None else self.dots
        return [self._ruled(text, size.width)]

    # --- the steps ------------------------------------------------------------------------------

    def story(self, size: Size) -> list[Line]:
        """Draw the steps around the chosen one: the two likeliest classes of each, and their margin."""
        at = self._at()
        if at is None:
            return self._waiting(size)
        looked, here = at
        count = len(looked.look.classes)
        first = max(min(here - (size.height - 1) // 2, count - size.height + 1), 0)
        names = row_names(self.state.viewed, looked.look)
        shown = range(first, min(first + size.height - 1, count))
        wide = max(len(names[shown[-1]]), 1) if len(shown) else 1
        row = self._pair if looked.against is not None else self._single
        header, texts = row(looked, shown, size.width - wide - 2)
        what = "t" if self.state.stepped else "#"
        lines: list[Line] = [
            [(self.fit(f" {self.fit(what, wide, right=True)} {header}", size.width), "underline")]
        ]
        for i, text in zip(shown, texts, strict=True):
            mark = self.chosen if i == here else " "
            line = f"{mark}{self.fit(names[i], wide, right=True)} {text}"
            style = "reverse" if i == here else "" if looked.look.counts[i] else "dim"
            lines.append([(self.fit(line, size.width), style)])
        return lines

    def _single(self, looked: Looked, rows: range, width: int) -> tuple[str, Iterator[str]]:
        """Return the header and the lines of a story of one input."""
        look = looked.look
        targets = look.targets is not None and width >= 58
        margin = width >= 36
        numbers = 7 * (2 + margin) + (8 + 7 if targets else 0)
        label = max(min((width - numbers - 3) // (2 + targets), _NAME), 3)
        header = f"{self.fit('label', label)} {'p1':>6} {self.fit('runner-up', label)} {'p2':>6}"
        header += f" {'margin':>6}" * margin
        header += f" {'loss':>7} {self.fit('target', label)}" if targets else ""

        def line(i: int) -> str:
            if not look.counts[i]:
                return "padding"
            text = f"{self._name(look.classes[i], label)} {_number(look.best[i]):>6} "
            text += f"{self._name(look.runner_up[i], label)} {_number(look.second[i]):>6}"
            text += f" {_number(look.margin[i]):>6}" * margin
            if targets:
                assert look.loss is not None
                assert look.targets is not None
                text += f" {_number(look.loss[i]):>7} {self._name(look.targets[i], label)}"
            return text + f" {self._signs(looked, i)}"

        return header, map(line, rows)

    def _pair(self, looked: Looked, rows: range, width: int) -> tuple[str, Iterator[str]]:
        """Return the header and the lines of a story of two inputs side by side."""
        look, other = looked.look, looked.against
        assert other is not None
        label = max(min((width - 34) // 2, _NAME), 3)
        header = (
            f"{self.fit('label', label)} {'p1':>6} {'margin':>6}   {self.fit('against', label)} {'p1':>6}"
        )
        header += f" {'margin':>6}"

        def line(i: int) -> str:
            if not look.counts[i]:
                return "padding"
            sides = [
                " ".join([self._name(side.classes[i], label), *map(_number, (side.best[i], side.margin[i]))])
                for side in (look, other)
            ]
            return f"{'   '.join(sides)} {self._signs(looked, i)}"

        return header, map(line, rows)

    def _name(self, number: int, width: int) -> str:
        return self.fit(self.state.class_name(int(number)), width)

    def _signs(self, looked: Looked, i: int) -> str:
        """Return the signs of a row: wrong, unsure, another class than in what it is held against."""
        look, other = looked.look, looked.against
        signs = ""
        if look.targets is not None and look.targets[i] >= 0 and look.targets[i] != look.classes[i]:
            signs += "!"
        signs += "?" if look.margin[i] < UNSURE else ""
        if other is not None and self.state.viewed.flips(look, other)[i]:
            signs += self.flip
        return signs

    def bars(self, size: Size) -> list[Line]:
        """Draw the likeliest classes of the chosen step."""
        at = self._at()
        if at is None:
            return self._waiting(size)
        looked, here = at
        looks = [look for look in (looked.look, looked.against) if look is not None]
        name = row_names(self.state.viewed, looked.look)[here]
        what = f"t {name}" if self.state.stepped else f"sample {name}"
        lines = [self._ruled(f"{what}: likeliest classes", size.width)]
        if not looked.look.counts[here]:
            return [*lines, [(self.fit("padding", size.width), "dim")]]
        values = [look.values[here].astype(np.float64) for look in looks]
        most = max((size.height - 1) // len(looks), 1)
        order = np.argsort(-np.nan_to_num(values[0], nan=-1.0), kind="stable")[:most].tolist()
        if self.state.pinned is not None and self.state.pinned not in order:
            order[-1] = self.state.pinned
        names = [self.spell(self.state.class_name(c)) for c in order]
        room = min(max(map(text_width, names)), max(size.width // 3, 3))
        length = max(size.width - room - 11, 1)
        for c, name in zip(order, names, strict=True):
            for i, (look, numbers) in enumerate(zip(looks, values, strict=True)):
                chosen = self.dot if c == look.classes[here] else " "
                shown = self.fit(name if not i else "", room, right=True)
                drawn = bar(float(np.nan_to_num(numbers[c])), length, self.screen)
                text = f"{shown} {_number(numbers[c]):>6} {chosen} {drawn}"
                lines.append([(text, "dim" if i else "")])
        return lines

    def foot(self, size: Size) -> list[Line]:
        """Say what the last key led to."""
        return [[(self.fit(self.state.message, size.width), "italic")]]


def _number(value: float) -> str:
    """Return a number as tables have it."""
    return "-" if np.isnan(value) else f"{value:.4f}" if abs(value) < 100 else f"{value:.1f}"
