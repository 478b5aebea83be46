"""A file on a web server, read by ranges, or from first to last where the server has none.

The protocol: https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import asyncio
import errno
import re
import weakref
from collections.abc import Callable
from typing import Any

from dense_cli.errors import FileFormatError, MissingExtraError
from dense_cli.files.remote import Stamp, changed, file_system

_FIRST = 1 << 16  # bytes that are asked for as the file is opened
_TRIES = 3  # of a request that nobody answers, or a server that is busy
_PAUSE = 0.5  # seconds before the second try, and twice as many before the next
_TIMEOUT = 30  # seconds in which nothing comes
_BUSY = (429, 500, 502, 503, 504)
_CODES = {401: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT, 410: errno.ENOENT}


class HttpFile:
    """A file on a web server; ``size`` is None where the server gives no ranges of it."""

    def __init__(self, address: str, label: str) -> None:
        try:
            import aiohttp
            from fsspec.asyn import sync
        except ImportError:
            raise MissingExtraError(f"{label}: reading from the web", "remote") from None
        self._aiohttp, self._sync = aiohttp, sync
        self._address, self._label = address, label
        self._system, _ = file_system(address, label, client_kwargs={"trust_env": True})  # for proxies
        self.size: int | None = None
        self._stream: Any = None
        self._give_up: Callable[[], object] = bool
        self.stamp: Stamp = ()
        self._first = b""
        self._sync(self._system.loop, self._open)

    async def _open(self) -> None:
        """Ask for the first bytes, which tells how many there are, and whether ranges are given."""
        response = await self._ask({"Range": f"bytes=0-{_FIRST - 1}"})
        if response.status == 416:  # there is no first byte
            match = re.fullmatch(r"bytes \*/0", response.headers.get("Content-Range", ""))
            response.close()
            if match is None:
                raise self._odd(response, "the first bytes")
            self.size, self.stamp = 0, (0,)
            return
        if response.status == 206:
            given, total = self._range(response, 0)
            self.size, self.stamp = total, self._stamp(response, total)
            self._first = (await response.read())[: len(given)]
            return
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        if response.content_length is None and not chunked:
            response.close()
            raise FileFormatError(
                f"{self._label}: the server gives no ranges and does not say where the file ends: "
                "expected a Content-Length",
                hint="download it first, and look whether it is whole",
            )
        self.stamp = self._stamp(response, response.content_length)
        self._stream = response
        # What nobody reads to its end is closed with the last that could.
        self._give_up = weakref.finalize(self, self._system.loop.call_soon_threadsafe, response.close)

    def fetch(self, at: int, size: int) -> bytes:
        if at < len(self._first):
            return self._first[at : at + size]
        data: bytes = self._sync(self._system.loop, self._fetch, at, size)
        return data

    def next(self, size: int) -> bytes:
        data: bytes = self._sync(self._system.loop, self._stream.content.read, size)
        return data

    async def _fetch(self, at: int, size: int) -> bytes:
        for again in (True, True, False):
            response = await self._ask({"Range": f"bytes={at}-{at + size - 1}"})
            if response.status in (200, 412, 416):
                response.close()
                raise changed(self._label)
            given, total = self._range(response, at)
            if self._stamp(response, total) != self.stamp:
                response.close()
                raise changed(self._label)
            try:
                data: bytes = await response.read()
                return data[: len(given)]
            except self._aiohttp.ClientError:
                if not again:
                    raise
        raise AssertionError

    async def _ask(self, headers: dict[str, str]) -> Any:
        """Return the answer to a request, whose body is not read yet.

        Raises:
            OSError: the server refuses, or nobody answers.
        """
        session = await self._system.set_session()
        # What is compressed on its way has ranges of its own.
        headers = {"Accept-Encoding": "identity", **headers}
        timeout = self._aiohttp.ClientTimeout(total=None, sock_connect=_TIMEOUT, sock_read=_TIMEOUT)
        for again in range(_TRIES):
            try:
                response = await session.get(
                    self._system.encode_url(self._address), headers=headers, timeout=timeout
                )
            except self._aiohttp.ClientConnectionError:
                if again == _TRIES - 1:
                    raise
            else:
                if response.status not in _BUSY or again == _TRIES - 1:
                    break
                response.close()
            await asyncio.sleep(_PAUSE * 2**again)
        if response.status not in (200, 206, 412, 416):
            response.close()
            reason = f"the server answers {response.status} {response.reason or ''}".strip()
            raise OSError(_CODES.get(response.status, errno.EIO), reason, self._label)
        return response

    def close(self) -> None:
        self._give_up()

    def _range(self, response: Any, at: int) -> tuple[range, int]:
        """Return the range that is given, which must begin at ``at``, and the size of the file."""
        told = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", told.strip())
        if match is None or response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._odd(response, "a range of bytes")
        start, last, total = map(int, match.groups())
        given = range(start, last + 1)
        if not at == start <= last < total or response.content_length not in (None, len(given)):
            raise self._odd(response, f"a range of bytes from {at}")
        return given, total

    def _stamp(self, response: Any, size: int | None) -> Stamp:
        return (size, response.headers.get("ETag"), response.headers.get("Last-Modified"))

    def _odd(self, response: Any, expected: str) -> FileFormatError:
        response.close()
        names = ("Content-Range", "Content-Length", "Content-Encoding")
        told = [f"{name}: {response.headers[name][:60]}" for name in names if name in response.headers]
        found = f"{response.status} with {', '.join(told) or 'no Content-Range'}"
        return FileFormatError(f"{self._label}: expected {expected}, the server answers {found}")
