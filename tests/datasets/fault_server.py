"""A web server on 127.0.0.1 that knows ranges and can misbehave, and what it is asked to serve."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer."""

    status: int = 200
    cut_at: int | None = None  # close the connection after so many bytes of the body
    stall_at: int | None = None  # send no more after so many bytes of the body
    no_range: bool = False  # ignore Range
    no_version: bool = False  # send neither ETag nor date
    wrong_range: bool = False  # answer another range than was asked for
    chunked: bool = False  # do not tell the length


@dataclass(frozen=True)
class Request:
    path: str
    start: int | None  # of the range that was asked for
    status: int


@dataclass
class Server:
    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    log: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def starts(self, path: str) -> list[int | None]:
        """Where the ranges of all requests for a path started; None: no range."""
        return [request.start for request in self.log if request.path == path]


@contextmanager
def serve() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            answer(self, server)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        server = Server(f"http://127.0.0.1:{httpd.server_port}")
        thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            httpd.shutdown()
            thread.join()


def answer(handler: BaseHTTPRequestHandler, server: Server) -> None:
    handler.close_connection = True
    path = handler.path
    fault = server.faults[path].pop(0) if server.faults[path] else Fault()
    asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
    start = int(asked[1]) if asked else None
    content = server.files.get(path)
    status = 404 if content is None else fault.status
    if content is None or status != 200:
        server.log.append(Request(path, start, status))
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return

    version = f'"{hashlib.sha256(content).hexdigest()}"'
    body, total = content, len(content)
    if (
        start is not None
        and not fault.no_range
        and handler.headers.get("If-Range", version) == version
    ):
        status = 206 if start < total else 416
        start += fault.wrong_range
        body = content[start:]
    server.log.append(Request(path, start, status))

    handler.send_response(status)
    if not fault.no_version:
        handler.send_header("ETag", version)
    if status == 206:
        handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
    if not fault.chunked:
        handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    ends = [n for n in (fault.cut_at, fault.stall_at) if n is not None]
    handler.wfile.write(body[: min(ends, default=len(body))])
    handler.wfile.flush()
    if fault.stall_at is not None:
        server.closing.wait(20)
