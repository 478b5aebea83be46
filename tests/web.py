"""A web server on this machine alone, for tests: with ranges or without, and with the faults of servers."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Server(ThreadingHTTPServer):
    """Files by their names; ``asked`` has the range and the path of every request, ``sent`` counts bytes.

    What a server may do wrong is an attribute of the same name; ``before`` is called with each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.sent = 0
        self.ranges = True
        self.tags = True
        self.length = True
        self.chunked = False
        self.status: dict[str, int] = {}  # that is answered, by path
        self.moved: dict[str, str] = {}
        self.headers: dict[str, str] = {}  # in the place of those that are right
        self.cut: int | None = None  # bytes after which the connection breaks, once a request is this long
        self.users: str | None = None  # the Authorization that is asked for
        self.before: Callable[[str], Any] = lambda path: None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a client that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        server = self.server
        path = self.path.partition("?")[0]
        server.before(path)
        server.asked.append((self.headers.get("Range", ""), self.path))
        if path in server.moved:
            self._answer(302, b"", {"Location": server.moved[path]})
        elif server.users is not None and self.headers.get("Authorization") != server.users:
            self._answer(401, b"", {"WWW-Authenticate": "Basic"})
        elif path in server.status or path not in server.files:
            self._answer(server.status.get(path, 404), b"no", {})
        else:
            self._file(server.files[path])

    def _file(self, content: bytes) -> None:
        server = self.server
        headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:16]}"'} if server.tags else {}
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None or not server.ranges:
            self._answer(200, content, headers)
            return
        start, last = int(match[1]), min(int(match[2]), len(content) - 1)
        if start > last:
            self._answer(416, b"", {"Content-Range": f"bytes */{len(content)}"})
            return
        headers |= {"Content-Range": f"bytes {start}-{last}/{len(content)}"}
        self._answer(206, content[start : last + 1], headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        server = self.server
        self.send_response(status)
        if server.chunked:
            headers |= {"Transfer-Encoding": "chunked"}
        elif server.length or status >= 300:
            headers |= {"Content-Length": str(len(body))}
        for name, value in (headers | server.headers).items():
            self.send_header(name, value)
        self.end_headers()
        cut = server.cut is not None and len(body) > server.cut
        part = body[: server.cut] if cut else body
        server.sent += len(part)
        if server.chunked:
            pieces = [part[at : at + 50_000] for at in range(0, len(part), 50_000)]
            self.wfile.write(b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces))
            if not cut:
                self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(part)
        self.close_connection = cut or not (server.length or server.chunked)


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server."""
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
