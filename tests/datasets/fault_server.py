"""A web server on 127.0.0.1 that can misbehave, with what it serves."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one answer."""

    status: int = 200
    cut_at: int | None = None  # close the connection after so many bytes of the body
    stall_at: int | None = None  # send no more after so many bytes of the body
    endless: bool = False  # send the body again and again
    length: str | None = None  # of the body, as the header says; "": none
    encoding: str | None = None  # of the body, as the header says


@dataclass(frozen=True)
class Request:
    path: str
    status: int


@dataclass
class Server:
    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: defaultdict[str, list[Fault]] = field(default_factory=lambda: defaultdict(list))
    log: list[Request] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)

    def requests(self, path: str) -> int:
        """How often a path was asked for."""
        return sum(request.path == path for request in self.log)


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
    body = server.files.get(path)
    status = 404 if body is None else fault.status
    server.log.append(Request(path, status))
    handler.send_response(status)
    if body is None or status != 200:
        handler.send_header("Content-Length", "0")
        handler.end_headers()
        return

    length = str(len(body)) if fault.length is None else fault.length
    if length:
        handler.send_header("Content-Length", length)
    if fault.encoding:
        handler.send_header("Content-Encoding", fault.encoding)
    handler.end_headers()
    ends = [n for n in (fault.cut_at, fault.stall_at) if n is not None]
    handler.wfile.write(body[: min(ends, default=len(body))])
    handler.wfile.flush()
    if fault.stall_at is not None:
        server.closing.wait(20)
    handler.connection.settimeout(5)
    with suppress(OSError):  # the client has had enough
        while fault.endless:
            handler.wfile.write(body)
