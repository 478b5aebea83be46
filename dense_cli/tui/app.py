"""The full screen: a list of samples, the heat map of one, its steps, and the likeliest classes of a step.

In: a `Viewed`. Out: an exit code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, ClassVar

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.events import Key
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from dense_cli.pictures.lines import Size
from dense_cli.portable import ending_signals
from dense_cli.text import printable
from dense_cli.tui.keys import KEYS, SIGNS
from dense_cli.tui.panels import Line, Panels
from dense_cli.tui.reader import Reader
from dense_cli.tui.state import State
from dense_cli.viewing import Viewed
from dense_cli.writers.screen import Screen as Shown

_SCROLLS = ("up", "down", "left", "right", "pageup", "pagedown", "home", "end")
_GRACE = 2.0  # seconds in which a terminal that is gone may hold up the end


def text_of(lines: list[Line]) -> Text:
    """Return lines of pieces as a text, in which nothing is markup."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for i, line in enumerate(lines):
        if i:
            text.append("\n")
        for piece, style in line:
            text.append(piece, style or None)
    return text


class Panel(Widget):
    """A part of the screen that is drawn anew whenever something changes."""

    def __init__(self, draw: Callable[[Size], list[Line]], name: str) -> None:
        super().__init__(id=name)
        self._draw = draw

    def render(self) -> Text:
        """Return what is drawn."""
        return text_of(self._draw(Size(max(self.size.width, 1), max(self.size.height, 1))))


class Ask(ModalScreen[str]):
    """Asks for a line of text; Escape gives none."""

    BINDINGS: ClassVar[list[Any]] = [Binding("escape", "dismiss('')", show=False)]

    def __init__(self, question: str) -> None:
        super().__init__()
        self.question = question

    def compose(self) -> ComposeResult:
        """Make the line."""
        with Container():
            yield Static(Text(self.question))
            yield Input(compact=True, select_on_focus=False)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the text back."""
        self.dismiss(event.value.strip())


class Page(ModalScreen[None]):
    """Shows lines of text: arrows scroll, any other key goes back."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__()
        self.lines = lines

    def compose(self) -> ComposeResult:
        """Make the page."""
        yield Static(text_of([[(line, "")] for line in [*self.lines, "", "any key goes back"]]))

    def on_key(self, event: Key) -> None:
        """Go back, or scroll."""
        if event.key not in _SCROLLS:
            event.stop()
            self.dismiss(None)


class ViewApp(App[int]):
    """The screen of `densecli view`."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    Screen { layout: vertical; background: ansi_default; color: ansi_default; }
    Panel { height: 1fr; width: 1fr; background: ansi_default; color: ansi_default; }
    #title, #foot, #keys { height: 1; }
    #body { layout: horizontal; height: 1fr; }
    #gap { width: 1; }
    #right, #below { height: 1fr; width: 1fr; }
    #right { layout: vertical; }
    #below { layout: vertical; }
    ModalScreen { background: ansi_default; }
    Ask { align: left bottom; background: transparent; }
    Ask Container { height: 2; background: ansi_default; }
    Ask Input, Ask Input:focus { background: ansi_default; color: ansi_default; }
    Ask Input { border: none; height: 1; padding: 0; }
    Page { overflow: auto auto; scrollbar-size: 0 0; }
    Page Static { width: auto; }
    """
    BINDINGS: ClassVar[list[Any]] = [
        *(Binding(key.keys, key.action, key.help, show=False) for key in KEYS),
        Binding("ctrl+c", "end(130)", show=False, priority=True),
    ]

    class Told(Message):
        """The reader has something."""

    def __init__(self, viewed: Viewed, shown: Shown) -> None:
        super().__init__(ansi_color=True)
        self.shown = shown
        self.reader = Reader(self._tell)
        self.state = State(viewed, self.reader)
        self.panels = Panels(self.state, shown)
        self.fault: Exception | None = None
        self._tallest = 0

    def _tell(self) -> None:
        self.post_message(self.Told())

    def compose(self) -> ComposeResult:
        """Make the panels."""
        panels = self.panels
        yield Panel(panels.title, "title")
        with Container(id="body"):
            yield Panel(panels.samples, "samples")
            yield Panel(self._gap, "gap")
            with Container(id="right"):
                yield Panel(panels.heat, "heat")
                with Container(id="below"):
                    yield Panel(panels.story, "story")
                    yield Panel(panels.bars, "bars")
        yield Panel(panels.foot, "foot")
        yield Panel(self._keys, "keys")

    def on_mount(self) -> None:
        """Take the signals that end a process: the terminal is left as it was."""
        loop = asyncio.get_running_loop()

        def end(number: int, frame: object) -> None:
            late = threading.Timer(_GRACE, os._exit, [128 + number])
            late.daemon = True
            late.start()
            loop.call_soon_threadsafe(self.exit, 128 + number)  # which also wakes it

        for number in ending_signals():
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, end)

    def on_resize(self) -> None:
        """Lay the panels out anew."""
        width, height = self.size
        self.query_one("#keys").styles.height = len(self._footer(width))
        left = 19 if width < 70 else 27 if width < 100 else 40 if width < 160 else 60
        self.query_one("#samples").styles.width = left
        right, body = width - left - 1, height - 2 - len(self._footer(width))
        below = self.query_one("#below")
        beside = right >= 84
        below.styles.layout = "horizontal" if beside else "vertical"
        under = max(body * 2 // 5, 5) if beside else max(body * 11 // 20, 8)
        self._tallest = self.panels.tallest_map()
        # What the heat map of few classes leaves is for the steps.
        under = max(under, body - self._tallest)
        below.styles.height = under
        steps = self.state.viewed.samples.run.shape[1] if self.state.stepped else None
        bars = max(under * 2 // 5, 3, under - (steps or under) - 1)
        self.query_one("#bars").styles.height = "1fr" if beside else bars
        self.query_one("#bars").styles.width = "2fr" if beside else "1fr"
        self.query_one("#story").styles.width = "3fr" if beside else "1fr"
        self._do(self.state.resize, body - 1)

    def on_view_app_told(self) -> None:
        """Show what the reader has found."""
        self._do(self.state.want)

    def _do(self, change: Callable[..., object], *args: object) -> None:
        """Change the state, and draw it."""
        try:
            change(*args)
        except Exception as error:
            self.fault = error
            self.exit(2)
            return
        if self.panels.tallest_map() != self._tallest:
            self.on_resize()
        for panel in self.screen_stack[0].query(Panel):
            panel.refresh()

    def _gap(self, size: Size) -> list[Line]:
        return [[("│" if self.shown.unicode else "|", "")]] * size.height

    def _footer(self, width: int) -> list[str]:
        """Return the keys, in as many lines as they need."""
        names = [f"{key.shown} {key.brief}" for key in KEYS if key.brief]
        lines = [""]
        for name in names:
            if lines[-1] and len(lines[-1]) + 2 + len(name) > width:
                lines.append("")
            lines[-1] += ("  " if lines[-1] else "") + name
        return lines

    def _keys(self, size: Size) -> list[Line]:
        return [
            [(self.panels.fit(self._spelled(line), size.width), "reverse")]
            for line in self._footer(size.width)
        ]

    def _spelled(self, text: str) -> str:
        return text if self.shown.unicode else text.replace("↑↓", "k/j").replace("←→", "h/l")

    # --- keys -----------------------------------------------------------------------------------

    def action_move(self, samples: int) -> None:
        """Go to another sample."""
        self._do(self.state.move, samples)

    def action_page(self, pages: int) -> None:
        """Go a screen on."""
        self._do(self.state.page, pages)

    def action_step(self, rows: int) -> None:
        """Go to another step."""
        self._do(self.state.step, rows)

    def action_first(self) -> None:
        """Go to the first sample."""
        self._do(self.state.go, 0)

    def action_last(self) -> None:
        """Go to the last sample."""
        self._do(self.state.end)

    def action_search(self, kind: str, step: int) -> None:
        """Go to the next row of a kind."""
        self._do(self.state.search, kind, step)

    def action_sort(self) -> None:
        """Put the list in another order."""
        self._do(self.state.sort)

    def action_only(self, name: str) -> None:
        """Show some samples alone."""
        self._do(self.state.only, name)

    def action_stop(self) -> None:
        """Stop what takes long."""
        self._do(self.state.stop)

    def action_find(self) -> None:
        """Ask for a sample or a class."""
        self._ask("sample number, label of a class, or #number of a class:", self.state.find)

    def action_temper(self) -> None:
        """Ask for a temperature."""
        now = self.state.viewed.samples.run.plan.temperature
        self._ask(f"temperature (now {now:g}; above 1 less sure, below 1 surer):", self.state.temper)

    def action_save(self) -> None:
        """Ask for the name of a file."""
        self._ask("file to save: picture .svg .png .pdf, rows .csv .json .jsonl .npy …:", self.state.save)

    def _ask(self, question: str, use: Callable[[str], None]) -> None:
        def given(text: str | None) -> None:
            if text:
                self._do(use, text)

        self.push_screen(Ask(question), given)

    def action_explain(self) -> None:
        """Show what makes the likeliest class of the step likelier than the second."""
        self._do(self.state.explain, self.shown, self.size.width, self._page)

    def action_help(self) -> None:
        """Show all keys."""
        keys = [f"{self._spelled(key.shown):>9}  {key.help}" for key in KEYS if key.help]
        signs = SIGNS.format(flip=self.panels.flip, dots=self.panels.dots).splitlines()
        self._page([*keys, "", *signs])

    def _page(self, lines: list[str]) -> None:
        self.push_screen(Page([printable(line) for line in lines]))

    def action_leave(self) -> None:
        """End."""
        self.exit(0)

    def action_end(self, code: int) -> None:
        """End with an exit code."""
        self.exit(code)


def show(viewed: Viewed, shown: Shown) -> int:
    """Show outputs until the user has seen enough, and return the exit code.

    Raises:
        DenseCliError, OSError: an input is not what it should be where it was looked at.
    """
    for name in ("COLUMNS", "LINES"):  # the terminal says how large it is, also when that changes
        os.environ.pop(name, None)
    app = ViewApp(viewed, shown)
    try:
        code = app.run(mouse=False)
    finally:
        app.reader.stop()
    if app.fault is not None:
        raise app.fault
    return 1 if code is None else code
