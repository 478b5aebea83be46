"""The one way to open an input.

In: a path, or several, or ``-``, in any format that holds arrays. Out: a `Source`.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from dense_cli.errors import ConfigError, FileFormatError
from dense_cli.files.formats import FORMATS, Format, by_content, by_suffix, folder_format, holding, load

if TYPE_CHECKING:
    from dense_cli.files.stream import ByteStream
    from dense_cli.sources.source import Source


_TABLES = ("csv", "tsv", "parquet", "arrow")

Values = Literal["probabilities", "logits", "scores", "classes"]


def no_note(text: str) -> None:
    """Say nothing."""


def as_it_is(source: Source) -> Source:
    """Return a source itself."""
    return source


class Request(NamedTuple):
    """What is asked of a reader: the member's name, and whether finished outputs are meant.

    ``values`` says which: among members with densecli's own names, ``probabilities`` also takes
    log-probabilities and logits where there is nothing else. ``dtype``: what the raw bytes of an NPY are.
    ``columns``: those of a table that are read. ``axes``: the names of the axes, in the order of the file.
    ``note`` is told what a reader takes for granted, and ``names`` gets the names of features, where a header
    has them, before the first row comes.
    """

    key: str | None = None
    outputs: bool = False
    values: Values = "probabilities"
    dtype: str | None = None
    columns: str | None = None
    axes: str | None = None
    note: Callable[[str], None] = no_note
    names: list[str] | None = None


def open_source(
    path: str | Sequence[str],
    format: str | None = None,
    request: Request = Request(),
    memory: int | None = None,
) -> Source:
    """Open an array file, or standard input for ``-``, as a `Source`; several files as one.

    A folder stands for the files in it. A path that begins with a bracket, and that no file has, is the
    array itself: `is_literal`. The format is ``format``, else that of the suffix, else that of the first
    bytes. What must be held whole may take ``memory`` bytes; 4 GiB always may be taken.

    Raises:
        FileFormatError: the format cannot be told, or the file is not in it.
        ShapeError: the array has no features, or its rows differ in length; files differ in their shapes.
        DtypeError: it does not hold real numbers.
        SizeError: a row, or what must be held whole, takes more memory than is allowed.
        ConfigError: a folder has no files.
        OSError: it cannot be opened or read.
    """
    open_one = partial(_open_one, format=format, memory=memory)
    if isinstance(path, str) and not is_folder(path, format):
        return open_one(path, request)
    from dense_cli.sources.paths import name_of, order_note, paths_of
    from dense_cli.sources.pieces import open_pieces

    paths = paths_of(path, lambda path: is_folder(path, format))
    if (remark := None if isinstance(path, str) else order_note(path)) is not None:
        request.note(remark)
    if len(paths) == 1:
        return open_one(paths[0], request)
    return open_pieces(paths, name_of(path, paths), open_one, request, memory)


def is_folder(path: str, format: str | None = None) -> bool:
    """Whether a path is a folder of files, and no container of arrays.

    Raises:
        FileFormatError: it is a folder that is a model.
    """
    if not os.path.isdir(path):
        return False
    row = FORMATS[format] if format is not None else None
    if (row is not None and row.folder) or folder_format(path) is not None:
        return False
    from dense_cli.files.recognized import require_no_model_folder

    require_no_model_folder(path)
    return True


def _open_one(path: str, request: Request, format: str | None, memory: int | None) -> Source:
    """Open one file, or a folder that is a container of arrays."""
    source = _read(path, format, request, memory)
    if request.axes is None:
        return source
    from dense_cli.sources.axes import arrange_axes

    return arrange_axes(source, request.axes, memory)


def _read(path: str, format: str | None, request: Request, memory: int | None) -> Source:
    if format in (None, "python") and is_literal(path):
        from dense_cli.sources.python import read_text

        return read_text(path, "INPUT", request)
    if os.path.isdir(path):
        return _read_folder(path, format, request, memory)
    from dense_cli.files.stream import open_stream

    return read_source(open_stream(path, memory), format, request)


def _read_folder(path: str, format: str | None, request: Request, memory: int | None) -> Source:
    """Read a folder that is a container of arrays."""
    from dense_cli.sources.tensors import read_folder

    row = FORMATS[format] if format is not None else folder_format(path)
    if row is None or not row.folder:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    _require_fitting(path, request, row)
    return read_folder(path, request, row, memory)


def is_literal(path: str) -> bool:
    """Whether what stands for a path is an array as Python code writes it, such as ``[[1, 6], [8, 9]]``."""
    return path.lstrip().startswith("[") and not os.path.exists(path)


def read_source(stream: ByteStream, format: str | None = None, request: Request = Request()) -> Source:
    """Read an opened file as a `Source`, as `open_source` does."""
    row = FORMATS[format] if format is not None else by_suffix(stream.name, "arrays") or sniff(stream)
    _require_fitting(stream.name, request, row)
    if row.folder:
        raise FileFormatError(f"{stream.name}: not {row.name}, which is a folder: found a file")
    if row.arrays is not None:
        reader = cast("Callable[[ByteStream, Request], Source]", load(row.arrays))
        return reader(stream, request)
    from dense_cli.sources.tensors import read

    return read(stream, request, row)


def _require_fitting(name: str, request: Request, row: Format) -> None:
    """Refuse what is asked of another format."""
    if request.dtype is not None and row.name != "npy":
        raise ConfigError(f"{name}: --input-dtype is about the raw bytes of an NPY, found {row.name}")
    if request.columns is not None and row.name not in _TABLES:
        raise ConfigError(f"{name}: --columns is about a table ({', '.join(_TABLES)}), found {row.name}")


def sniff(stream: ByteStream) -> Format:
    """Return the format that the first bytes (or the first line that is not blank, for text) speak of."""
    from dense_cli.files.recognized import require_readable_kind
    from dense_cli.files.stream import BOM

    weights = by_suffix(stream.name, "weights")
    if weights is not None:
        raise FileFormatError(
            f"{stream.name}: {weights.name} holds weights or a model: expected an array",
            hint="weights are given with --weights",
        )
    if not stream.peek(1):
        raise FileFormatError(f"{stream.name}: no data: the input is empty")
    require_readable_kind(stream.name, stream.ready(16))
    format = by_content(stream.ready(16), stream.whole, "arrays")
    if format is not None:
        return format
    line = stream.peek_line(1 << 20)
    text = line.removeprefix(BOM).strip()
    if text[:1] in (b"[", b"{"):
        return FORMATS[_json_or_lines(stream, line, text)]
    if (text[:1].isalpha() or text[:1] in (b"#", b"(")) and _is_python(stream):
        return FORMATS["python"]
    if text.count(b"\t") > text.count(b","):
        return FORMATS["tsv"]
    if text[:1].isdigit() or text[:1] in (b"-", b"+", b".", b'"') or b"," in text:
        return FORMATS["csv"]
    raise FileFormatError(
        f"{stream.name}: expected an array as {', '.join(holding('arrays'))}, "
        f"found {text[:20].decode('utf-8', 'replace')!r}",
        hint="name the format with --input-format",
    )


def _json_or_lines(stream: ByteStream, line: bytes, text: bytes) -> str:
    """JSON Lines if the first line is a whole value and another follows.

    A line that is one flat sample is the same array either way: it is taken as JSON Lines without
    waiting for what follows, so that a slow pipe flows.
    """
    import orjson

    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return "python" if _is_python(stream) else "json"
    if isinstance(value, dict) and "sample" in value:  # a row as densecli prints it
        return "jsonl"
    if _is_flat(value) and stream.peek(len(line) + 1)[len(line) :] == b"\n":
        return "jsonl"
    return "jsonl" if stream.more_than(len(line)) else "json"


def _is_python(stream: ByteStream) -> bool:
    """Whether the input is an array as Python code writes it, and no JSON."""
    import orjson

    from dense_cli.files.python import LONGEST, holds_array

    data = stream.peek(LONGEST + 1)
    with suppress(orjson.JSONDecodeError):
        orjson.loads(data)
        return False
    return len(data) <= LONGEST and holds_array(data.decode("utf-8", "replace"))


def _is_flat(value: Any) -> bool:
    """Whether a list, or every list of an object, begins with a number: it is one sample."""
    lists = [v for v in value.values() if isinstance(v, list)] if isinstance(value, dict) else [value]
    return bool(lists) and all(v and isinstance(v[0], (int, float)) for v in lists)


def stdin_is_terminal() -> bool:
    """Whether standard input is a terminal (or closed), so that there is nothing to read by default."""
    try:
        return sys.stdin is None or os.isatty(0) or stat.S_ISDIR(os.fstat(0).st_mode)
    except OSError:
        return True
