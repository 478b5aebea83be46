"""The group of commands, and the one boundary where errors become a line and an exit code."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from errno import ENOMEM
from importlib import import_module
from io import RawIOBase, TextIOWrapper
from typing import Any, NoReturn

import click

from dense_cli import __version__
from dense_cli.cli.notes import write_line
from dense_cli.errors import DenseCliError

# What --help says of each, so that it need not import them.
COMMANDS = {
    "predict": "Probabilities and classes of every sample.",
    "slice": "One time step after another: y[:, t, :] and classes[:, t].",
    "decode": "One line of text per sample: the likeliest labels.",
    "init": "Make a seeded layer and save its weights.",
    "heads": "List every head that a weights file holds.",
    "layers": "Every layer of a saved model; with INPUT, what each puts out.",
    "info": "What an array file or a weights file holds.",
    "plot": "A picture, in the terminal or as SVG, PNG or PDF.",
    "view": "Samples, pictures and steps on the full screen.",
    "report": "One HTML page about outputs, that needs nothing else.",
    "compare": "Two outputs, in prediction terms; exit 1 when they differ.",
    "softmax": "A softmax taken apart, step by step.",
    "check": "What is wrong with a layer's outputs; exit 1 when something is.",
    "completion": "The script that completes densecli in bash, zsh or fish.",
    "help": "How a command is used.",
}
COMPLETE = "_DENSECLI_COMPLETE"  # which a shell sets to ask for completions

_ROOM = 96 << 20  # bytes of address space: NumPy with OpenBLAS takes about 80 MiB before it has done anything


class Commands(click.Group):
    """Commands that are imported when they are used, and the error boundary around them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"dense_cli.cli.{cmd_name}"), cmd_name)
        return command

    def get_help(self, ctx: click.Context) -> str:
        from dense_cli.cli.command import in_own_characters

        return in_own_characters(super().get_help(ctx))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            _require_room()
            return super().invoke(ctx)
        except click.exceptions.Exit:
            raise
        except click.UsageError as e:
            raise _printable(e) from None
        except DenseCliError as e:
            _fail(str(e), e.hint)
        except UnicodeEncodeError as e:
            if e.encoding != sys.getfilesystemencoding():
                raise
            _fail(f"{e.object!r}: this locale has no file of such a name: its encoding is {e.encoding}")
        except OSError as e:
            from dense_cli.portable import is_closed_pipe

            if is_closed_pipe(e):
                sys.exit(0)  # the reader has seen enough
            _fail_as(e)
        except Exception as e:
            if _is_lack_of_memory(e):
                _fail_for_memory()
            if sys.flags.dev_mode:
                raise
            _fail(
                f"a fault of densecli itself: {type(e).__name__}: {e}",
                "please report it with its input; python -X dev -m dense_cli shows where it is",
            )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in COMMANDS and not ctx.resilient_parsing:
            from dense_cli.errors import nearest

            ctx.fail(f"No such command {args[0]!r}: {nearest(args[0], list(COMMANDS))}")
        return super().resolve_command(ctx, args)

    def main(self, *args: Any, **extra: Any) -> Any:
        if COMPLETE in os.environ:
            from dense_cli.cli import completing  # noqa: F401 - which knows fish
        try:
            return super().main(*args, **extra)
        except OSError as e:  # while --help or --version is printed, which no command does
            e.filename = e.filename or "standard output"
            _fail_as(e)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as e:
            raise _printable(e) from None


def _printable(error: click.UsageError) -> click.UsageError:
    from dense_cli.addresses import without_secrets
    from dense_cli.text import shown

    if isinstance(error, click.exceptions.NoArgsIsHelpError):  # its message is the help
        return error
    return click.UsageError(without_secrets(shown(error.format_message())), error.ctx)


def _require_room() -> None:
    """Refuse to begin where the address space that is allowed does not hold NumPy.

    Its BLAS library would end the process with exit code 1, which says of `compare` that files differ.

    Raises:
        OSError: there is too little.
    """
    from dense_cli.portable import memory_is_bounded

    if memory_is_bounded():
        from mmap import mmap

        mmap(-1, _ROOM).close()


def _is_lack_of_memory(error: Exception) -> bool:
    """Whether an error is a want of memory: of objects, of a library's code, of a thread's stack."""
    signs = ("failed to map segment", "cannot allocate memory", "can't start new thread")
    return isinstance(error, MemoryError) or (
        isinstance(error, (ImportError, RuntimeError)) and any(sign in str(error) for sign in signs)
    )


def _fail_for_memory() -> NoReturn:
    _fail("not enough memory", "a smaller --memory, fewer --threads or --units")


def _fail_as(error: OSError) -> NoReturn:
    if error.errno == ENOMEM:
        _fail_for_memory()
    where = f"{os.fsdecode(error.filename)}: " if error.filename not in (None, "") else ""
    _fail(f"{where}{error.strerror or error}")


def _fail(message: str, hint: str | None = None) -> NoReturn:
    from dense_cli.text import shown

    write_line(f"Error: {shown(message)}")
    if hint:
        write_line(f"Hint: {shown(hint)}")
    sys.exit(2)


HELP = """See what a dense or softmax layer puts out, in the words of Keras.

\b
  densecli predict x.json --units 4
  densecli predict hidden.npy --weights model.keras --labels names.txt
  densecli help predict
"""


@click.group(cls=Commands, help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="densecli")
def cli() -> None:
    """Run one of the commands."""


def main() -> None:
    """Run the command line as a process of its own."""
    import gc
    import warnings

    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # what libraries have to say to programmers
    gc.set_threshold(100_000)  # starting up makes much and frees nothing: looking for cycles is time lost

    _take_signals()
    _open_standard_streams()
    for name in ("COLUMNS", "LINES"):
        if not re.fullmatch("[0-9]{1,9}", os.environ.get(name, "0")):
            del os.environ[name]  # which Rich would take for a number
    # Blocks run in threads of our own, each with one BLAS thread: set before NumPy is imported.
    for name in ("OPENBLAS", "MKL", "OMP", "BLIS"):
        os.environ[f"{name}_NUM_THREADS"] = "1"
    code = 0
    try:
        cli(prog_name="densecli")
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 0
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # what could not be written has been said
            stream.flush()
    os._exit(code)  # taking Python, NumPy and Rich down step by step is 10 ms that nobody needs


def _take_signals() -> None:
    """Let the signals that end a process leave no half-written file.

    They raise nothing: in the middle of an import, a destructor or a library's callback an exception is
    lost, or taken for a fault, and NumPy does not survive one in the middle of its own import.
    """
    import signal

    from dense_cli import portable

    def stop(signum: int, frame: object) -> NoReturn:
        half_written = getattr(sys.modules.get("dense_cli.writers.target"), "half_written", {})
        while half_written:  # a second signal, while a server is told, ends it at once
            _, remove = half_written.popitem()
            with suppress(Exception):
                remove()
        if signum == signal.SIGINT:
            with suppress(OSError):
                os.write(2, b"\n" * os.isatty(2) + b"Interrupted.\n")  # below a progress bar, or the ^C
        os._exit(128 + signum)

    for signum in portable.ending_signals():
        if signal.getsignal(signum) != signal.SIG_IGN:  # as nohup, and a shell's &, have it
            signal.signal(signum, stop)


def _open_standard_streams() -> None:
    """Make standard streams that can be read and written whatever they are.

    What is closed gets a place holder: the next file that is opened would get the number of the stream,
    and what is meant for the one would be written into the other. It is the null device opened the wrong
    way round, so that reading from a closed standard input, or writing to a closed standard output, is
    still an error. What does not wait is made to, and what cannot be encoded is shown escaped. An output
    without a buffer (PYTHONUNBUFFERED) gets one: it may take a part of what is written and not say so.
    """
    from dense_cli.portable import wait_for_reads

    for number, mode in ((0, os.O_WRONLY), (1, os.O_RDONLY), (2, os.O_RDWR)):
        try:
            wait_for_reads(number)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest number that is free
    if sys.stdout is None or isinstance(sys.stdout.buffer, RawIOBase):
        encoding = "utf-8" if sys.stdout is None else sys.stdout.encoding
        sys.stdout = open(1, "w", encoding=encoding, closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
