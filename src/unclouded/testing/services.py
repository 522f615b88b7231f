"""A product service on the loopback address, with the faults that real ones have.

with LoopbackService() as service:
    service.keep("/scene.zip", content)
    service.fail("/scene.zip", Fault(cut_after=1000), Fault(status=429, headers={"Retry-After": "1"}))
    ... fetch service.url + "/scene.zip"
    service.asked("/scene.zip")
"""

import hashlib
import json
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request that came in."""

    method: str
    path: str
    """Unquoted, without query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        """The body, read as a form."""
        return dict(parse_qsl(self.body.decode()))


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What goes back."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    """Bytes of the body after which the connection ends."""
    pause_s: float = 0.0
    """Between pieces of 64 kB, as a slow line would make them."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong once."""

    status: int | None = None
    """Answered instead of the file."""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut_after: int | None = None
    """Bytes of the answer after which the connection ends."""
    garble: bool = False
    """Whether the bytes are changed on the way."""
    ignore_range: bool = False
    """Whether the whole file is sent where a part was asked for."""


Route = Callable[[Asked], Answer]


def json_answer(content: object, status: int = 200) -> Answer:
    """An answer of JSON."""
    return Answer(
        status=status, body=json.dumps(content).encode(), headers={"Content-Type": "application/json"}
    )


class LoopbackService:
    """An HTTP server on a free port of this machine: files with ranges, routes, faults, and a log."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[bytes, Mapping[str, str]]] = {}
        self._routes: dict[tuple[str, str], Route] = {}
        self._faults: dict[str, list[Fault]] = defaultdict(list)
        self._log: list[Asked] = []
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.service = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self.pause_s = 0.0
        """Of every file's answer between its pieces."""
        self.guard: Callable[[Asked], Answer | None] = lambda _: None
        """Asked before a file is sent: its answer goes back instead."""

    @property
    def url(self) -> str:
        """Base address, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def keep(self, path: str, content: bytes, headers: Mapping[str, str] | None = None) -> str:
        """Keep a file; its address. Its ETag is its MD5, unless headers say another or none (empty)."""
        tag = {"ETag": f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'}
        self._files[path] = content, {**tag, **(headers or {})}
        return f"{self.url}{path}"

    def route(self, method: str, path: str, answer: Route) -> None:
        """Answer a method and path by a function."""
        self._routes[method, path] = answer

    def fail(self, path: str, *faults: Fault) -> None:
        """Faults of the next requests for a file, one each."""
        self._faults[path].extend(faults)

    def asked(self, path: str | None = None, method: str | None = None) -> list[Asked]:
        """The requests so far, of one path or of all."""
        with self._lock:
            return [a for a in self._log if path in {None, a.path} and method in {None, a.method}]

    def answer(self, asked: Asked) -> Answer:
        """What goes back to a request."""
        with self._lock:
            self._log.append(asked)
            fault = self._faults[asked.path].pop(0) if self._faults[asked.path] else None
        if fault is not None and fault.status is not None:
            return Answer(status=fault.status, body=fault.body, headers=fault.headers)
        route = self._routes.get((asked.method, asked.path))
        if route is not None:
            return route(asked)
        if asked.path not in self._files:
            return json_answer({"detail": "not found"}, HTTPStatus.NOT_FOUND)
        return self.guard(asked) or self._file(asked, fault or Fault())

    def _file(self, asked: Asked, fault: Fault) -> Answer:
        content, headers = self._files[asked.path]
        given = {name: value for name, value in headers.items() if value}
        part = None if fault.ignore_range else _part(asked, given.get("ETag"), len(content))
        body, status = content, HTTPStatus.OK
        if part is not None:
            if not part:
                return Answer(status=HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            body, status = content[part.start : part.stop], HTTPStatus.PARTIAL_CONTENT
            given["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}"
        if fault.garble:
            body = bytes([body[0] ^ 0xFF]) + body[1:]
        return Answer(
            status=status, body=body, headers=given, cut_after=fault.cut_after, pause_s=self.pause_s
        )


def _part(asked: Asked, etag: str | None, size: int) -> range | None:
    """The bytes asked for, empty where there are none; None where all are to be sent."""
    found = _RANGE.fullmatch(asked.headers.get("range", ""))
    if found is None or asked.headers.get("if-range") not in {None, etag}:
        return None
    return range(int(found[1]), min(size, int(found[2] or size) + 1))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    service: LoopbackService

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no fault of the server's."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        self._serve()

    def do_HEAD(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base
        """Nothing: the service keeps its own log."""

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        length = int(self.headers.get("Content-Length") or 0)
        asked = Asked(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(length),
        )
        self._send(self.server.service.answer(asked))

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        body = answer.body if answer.cut_after is None else answer.body[: answer.cut_after]
        for offset in range(0, len(body), 1 << 16):
            self.wfile.write(body[offset : offset + (1 << 16)])
            if answer.pause_s:
                threading.Event().wait(answer.pause_s)
        if answer.cut_after is not None:
            self.close_connection = True
