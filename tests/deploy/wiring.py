"""Small HTTP servers on loopback, and the faults that can be put into them."""

from __future__ import annotations

import json
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Response:
    """What goes out."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Cut(Exception):
    """Ends the connection without an answer."""


def json_response(value: object, status: int = 200, **headers: str) -> Response:
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json"} | named)


@dataclass
class Faults:
    """What goes wrong, and when. Requests are counted from 0."""

    # Answers instead of the real ones: method, pattern of the path, what to say, how often (None: always).
    answers: list[tuple[str, str, Response, int | None]] = field(default_factory=list)
    # The connection is cut at this request, before or after it was carried out.
    cut_before: int | None = None
    cut_after: int | None = None
    # From this request on nothing is answered.
    down_from: int | None = None

    def clear(self) -> None:
        self.answers.clear()
        self.cut_before = self.cut_after = self.down_from = None

    def answer(self, method: str, path: str, response: Response, times: int | None = None) -> None:
        self.answers.append((method, path, response, times))


class Server:
    """A server whose subclass answers."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.seen: list[Request] = []
        self._lock = threading.Lock()
        answer = self._answer

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body leave as they are written.
            disable_nagle_algorithm = True

            def log_message(self, *_: object) -> None:
                pass

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length)
                path, _, query = self.path.partition("?")
                headers = {name.lower(): value for name, value in self.headers.items()}
                try:
                    answer(Request(self.command, path, query, headers, body), self)
                except (Cut, BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                    try:
                        self.connection.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        pass

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = handle_any

            def reply(self, response: Response) -> None:
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(response.body)))
                self.end_headers()
                self.wfile.write(response.body)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.origin = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=lambda: self._http.serve_forever(poll_interval=0.05), daemon=True)
        self._thread.start()

    def _answer(self, request: Request, handler: Any) -> None:
        with self._lock:
            number = len(self.seen)
            self.seen.append(request)
            faults = self.faults
            if number == faults.cut_before or (faults.down_from is not None and number >= faults.down_from):
                raise Cut
            planned = self._planned(request)
        if planned is not None:
            handler.reply(planned)
            return
        self.respond(request, handler.reply if number != faults.cut_after else _cut, handler)

    def _planned(self, request: Request) -> Response | None:
        for place, (method, pattern, response, times) in enumerate(self.faults.answers):
            if method in (request.method, "*") and re.search(pattern, request.path) and times != 0:
                left = None if times is None else times - 1
                self.faults.answers[place] = (method, pattern, response, left)
                return response
        return None

    def respond(self, request: Request, reply: Callable[[Response], None], handler: Any) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join(timeout=5)


def _cut(_: Response) -> None:
    raise Cut
