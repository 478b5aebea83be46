"""Files for what has to wait, in the temporary folder."""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from typing import Any

from dense_cli.files.stream import File, LocalFile, naming


class TemporaryFile(io.BufferedRandom):
    """A file without a name for ``what`` has to wait, gone with the last that holds it.

    Raises, here and where it is written to:
        OSError: there is no folder for it, or no room in that; the error names it.
    """

    def __init__(self, what: str = "output") -> None:
        import tempfile

        with naming(f"{what} in the temporary folder"):
            try:
                folder = tempfile.gettempdir()
            except FileNotFoundError as error:  # its message has the folders that were tried
                raise FileNotFoundError(errno.ENOENT, f"{error.strerror}; TMPDIR names another") from None
        self.label = f"{what} in the temporary folder {folder} (TMPDIR)"
        with naming(self.label), tempfile.TemporaryFile(buffering=0) as file:
            super().__init__(LocalFile(os.dup(file.fileno()), "r+b"))

    def write(self, data: Any, /) -> int:
        with naming(self.label):
            return super().write(data)

    def flush(self) -> None:
        with naming(self.label):
            super().flush()

    def reopened(self, label: str) -> File:
        """Return what was written as a file to read."""
        self.flush()
        return LocalFile(os.dup(self.fileno()), label=label)

    def __del__(self) -> None:
        with suppress(OSError, ValueError):  # a full disk has been told of by then; or it was never opened
            self.close()
