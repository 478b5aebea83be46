"""Arrow's IPC format, as a file (Feather too) or a stream: messages are checked here, and read by pyarrow.

A file is the stream between its first 8 bytes and its footer, so that both are read forwards, batch by batch.

The format: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from dense_cli.errors import DenseCliError, FileFormatError, MissingExtraError, SizeError
from dense_cli.files.stream import ByteStream
from dense_cli.files.tensor import require_inflated
from dense_cli.limits import require_bytes

_FILE = b"ARROW1\0\0"
_CONTINUES = b"\xff\xff\xff\xff"
_MAX_METADATA = 64 << 20
_DICTIONARY, _BATCH = 2, 3  # kinds of messages


def pyarrow(what: str, name: str) -> Any:
    """Return a module of pyarrow: ``""``, ``ipc`` or ``parquet``.

    Raises:
        MissingExtraError: it is not installed; ``what`` is what it is for.
    """
    try:
        from importlib import import_module

        return import_module(f"pyarrow.{name}" if name else "pyarrow")
    except ImportError:
        raise MissingExtraError(what, "parquet") from None


@contextmanager
def arrow_errors(file: str, kind: str) -> Iterator[None]:
    """Turn what a damaged file makes of pyarrow into a FileFormatError."""
    try:
        yield
    except (DenseCliError, GeneratorExit):
        raise
    except MemoryError as error:
        raise SizeError(f"{file}: would take more memory than there is: {_reason(error)}") from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _unreadable(file, kind, error) from error
    except Exception as error:  # ArrowInvalid, ArrowNotImplementedError, KeyError, UnicodeDecodeError …
        raise _unreadable(file, kind, error) from error


def _unreadable(file: str, kind: str, error: Exception) -> FileFormatError:
    return FileFormatError(f"{file}: not readable as {kind} (truncated or damaged?): {_reason(error)}")


def _reason(error: Exception) -> str:
    return str(error).split("\n")[0][:200] or type(error).__name__


def readable(schema: Any) -> Any:
    """Return a schema whose names are text.

    Raises:
        UnicodeDecodeError: one of them is not UTF-8.
    """
    _ = schema.names, [str(field.type) for field in schema]  # a type says the names of what is nested
    return schema


def valid(batch: Any) -> Any:
    """Return a record batch that was checked, before anything is looked up in it.

    Raises:
        pyarrow.ArrowInvalid: offsets that lead elsewhere, or buffers that are too short.
    """
    for column in batch.columns:
        column.validate(full=True)
    return batch


class ArrowStream:
    """Record batches that are read forwards, one after another; ``schema`` is pyarrow's.

    Raises:
        MissingExtraError: pyarrow is not installed.
        FileFormatError: it does not begin as Arrow's IPC format does, or is damaged.
    """

    def __init__(self, stream: ByteStream) -> None:
        self._ipc = pyarrow(f"{stream.name}: reading Arrow", "ipc")
        self._name = stream.name
        self._messages = _Messages(stream)
        with arrow_errors(self._name, "Arrow"):
            schema = self._ipc.read_schema(pyarrow("", "").py_buffer(self._messages.first()))
            self.schema = readable(schema)

    def batches(self, columns: list[str]) -> Iterator[Any]:
        """Give the record batches, with some of the columns in this order.

        Raises:
            FileFormatError: damaged, or cut short.
            SizeError: a batch takes more memory than is allowed, or looks like a decompression bomb.
        """
        fields = sorted(self.schema.get_field_index(name) for name in set(columns))
        options = self._ipc.IpcReadOptions(included_fields=fields, use_threads=False)
        with arrow_errors(self._name, "Arrow"):
            for batch in self._ipc.open_stream(self._messages, options=options):
                yield valid(batch.select(columns))


class _Messages(io.RawIOBase):
    """The messages of a stream as a file, each of which is checked before a byte of it is given."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._given = memoryview(b"")
        if stream.peek(len(_FILE)).startswith(_FILE[:6]):
            stream.read(len(_FILE))
        elif not stream.peek(4).startswith(_CONTINUES):
            raise FileFormatError(f"{stream.name}: not arrow: it begins with {stream.peek(8)!r}")

    def readable(self) -> bool:
        return True

    def first(self) -> bytes:
        """Return the first message, which is given again."""
        self._given = memoryview(self._message())
        return bytes(self._given)

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes of the next message."""
        if not self._given:
            self._given = memoryview(self._message())
        part, self._given = self._given[:size], self._given[size:]
        return bytes(part)

    def _message(self) -> bytes:
        stream = self._stream
        head = stream.read(8)
        size = int.from_bytes(head[4:], "little", signed=True)
        if len(head) < 8:  # a stream that just ends may have been cut
            raise FileFormatError(f"{stream.name}: truncated: Arrow's mark of the end is not there")
        if head[:4] != _CONTINUES or not 0 <= size <= _MAX_METADATA:
            raise FileFormatError(f"{stream.name}: damaged: no message of Arrow begins with {head!r}")
        if not size:
            return head
        metadata = stream.read(size)
        try:
            kind, body_size, buffers = _described(metadata)
        except (struct.error, IndexError, OverflowError) as error:
            raise FileFormatError(f"{stream.name}: damaged or truncated: {error}") from error
        if body_size < 0:
            raise FileFormatError(f"{stream.name}: damaged: a message of {body_size} bytes")
        require_bytes(body_size, stream.name, "a record batch, which is held whole,", stream.memory)
        body = stream.read(body_size)
        if len(body) < body_size:
            raise FileFormatError(
                f"{stream.name}: truncated: a message of {body_size} bytes has only {len(body)}"
            )
        if kind in (_DICTIONARY, _BATCH) and buffers:
            self._check_inflated(body, buffers)
        return head + metadata + body

    def _check_inflated(self, body: bytes, buffers: list[tuple[int, int]]) -> None:
        """Hold the sizes that compressed buffers claim in their first 8 bytes against what is allowed."""
        claimed = 0
        for offset, _ in buffers:
            size = int.from_bytes(body[offset : offset + 8], "little", signed=True)
            claimed += max(size, 0)
        what = "a compressed record batch"
        require_bytes(claimed, self._stream.name, what, self._stream.memory)
        require_inflated(claimed, len(body), self._stream.name, what, self._stream.memory)


def _described(metadata: bytes) -> tuple[int, int, list[tuple[int, int]]]:
    """Return a message's kind, the size of its body, and the places of buffers that are compressed.

    The schema of messages: https://github.com/apache/arrow/blob/main/format/Message.fbs
    """
    message = _Table(metadata, _at("<I", metadata, 0))
    kind, header = message.number(1, "<B"), message.table(2)
    if kind == _DICTIONARY and header is not None:
        header = header.table(1)
    buffers: list[tuple[int, int]] = []
    if kind in (_DICTIONARY, _BATCH) and header is not None and header.table(3) is not None:
        first, count = header.vector(2)
        if count > len(metadata) // 16:
            raise IndexError(f"{count} buffers")
        buffers = [struct.unpack_from("<qq", metadata, first + 16 * i) for i in range(count)]
    return kind, message.number(3, "<q"), [(offset, size) for offset, size in buffers if size > 0 <= offset]


class _Table:
    """A table of a flatbuffer (https://flatbuffers.dev/internals/), whose fields are looked up by number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - _at("<i", data, at)
        self._size = _at("<H", data, self._fields)

    def _place(self, field: int) -> int:
        """Return where a field stands, 0 where it is not there."""
        entry = 4 + 2 * field
        offset = _at("<H", self._data, self._fields + entry) if entry + 2 <= self._size else 0
        return self._at + offset if offset else 0

    def number(self, field: int, format: str) -> int:
        """Return a number; 0 where it is not there."""
        place = self._place(field)
        return _at(format, self._data, place) if place else 0

    def table(self, field: int) -> _Table | None:
        """Return a table; None where it is not there."""
        place = self._place(field)
        return _Table(self._data, place + _at("<I", self._data, place)) if place else None

    def vector(self, field: int) -> tuple[int, int]:
        """Return where the items of a vector begin, and how many they are."""
        place = self._place(field)
        if not place:
            return 0, 0
        start = place + _at("<I", self._data, place)
        return start + 4, _at("<I", self._data, start)


def _at(format: str, data: bytes, place: int) -> int:
    if place < 0:  # which Python would count from the end
        raise IndexError(f"offset {place}")
    return int(struct.unpack_from(format, data, place)[0])
