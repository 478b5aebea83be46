"""An output elsewhere, which appears whole or not at all: what is not finished is given up.

Object stores show nothing of an object before its last part has come. On other systems, which show a file as
it grows, it has a name of its own until then.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, cast

from dense_cli.addresses import without_secrets
from dense_cli.errors import FileFormatError
from dense_cli.files.remote import file_system, remote_errors

_READ_ONLY = {"http", "https", "data", "github", "git", "zip", "tar"}
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "oss", "oci"}


@contextmanager
def open_remote(address: str, unfinished: dict[str, Callable[[], None]]) -> Iterator[BinaryIO]:
    """Open an address for writing; what is written is there only when the block ends without an error.

    Args:
        address: where it is put; what was there is replaced.
        unfinished: gets what gives the output up, for who ends the process, until it is there.

    Raises:
        OSError: it may not be written, or the way to it is lost.
        FileFormatError: nothing is written to such addresses.
    """
    output = _Output(address)
    unfinished[output.label] = output.give_up
    try:
        output.begin()
        yield cast("BinaryIO", output)
        output.finish()
    except BaseException:
        with suppress(Exception):  # the way to it may be lost
            output.give_up()
        raise
    finally:
        unfinished.pop(output.label, None)


class _Output(io.RawIOBase):
    """A file that is being written, forwards only."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.label = without_secrets(address)
        with remote_errors(self.label):
            self._system, self._path = file_system(address, self.label)
        protocols = self._system.protocol
        kinds = {protocols} if isinstance(protocols, str) else set(protocols)
        if kinds & _READ_ONLY:
            raise FileFormatError(
                f"{self.label}: nothing can be written there", hint="a file of this machine, s3:// or gs://"
            )
        self._staged = not kinds & _OBJECT_STORES
        folder, slash, _ = self._path.rpartition("/")
        beside = f"{folder}{slash}.densecli-{os.urandom(8).hex()}"
        self._place = beside if self._staged else self._path
        self._file: Any = None

    def begin(self) -> None:
        with remote_errors(self.label):
            self._file = self._system.open(self._place, "wb")

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        with remote_errors(self.label):
            return int(self._file.write(data))

    def finish(self) -> None:
        """Send what is left, and let the file appear."""
        with remote_errors(self.label):
            self._file.close()
            if self._staged:
                self._system.mv(self._place, self._path)
        self._file = None

    def give_up(self) -> None:
        """Leave nothing of it."""
        file, self._file = self._file, None
        if file is None:
            return
        if not self._staged:
            file.discard()
            file.closed = True  # which would let it appear as it is
            return
        file.close()
        self._system.rm_file(self._place)
