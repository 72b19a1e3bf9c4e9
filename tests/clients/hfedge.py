"""A double of the edge that Hugging Face puts before a Space, as far as its documentation, its own clients' source and
published measurements tell. It stands on loopback before a running gateway.

What it does, each time a request comes:

- It answers a CORS preflight itself, whatever the origin, and lays its own CORS headers over the app's.
- Before a private Space it wants a Hub token with access, as a bearer token in `X-HF-Authorization` or in
  `Authorization`. Without one the answer is 404 with an HTML page, and the app never hears of the request.
- It takes `X-HF-Authorization` out, passes `Authorization` on, and appends the peer to `X-Forwarded-For`.
- It passes answers on as they come, with headers of its own, and cuts what stays silent for too long: with 504 before
  the head, by closing the connection after it.

Not known of the real one, and so only one of the possibilities here: which header counts when both hold a token (here
any valid one opens); whether it leaves the app when it cuts (here it does); whether its own `x-request-id` replaces the
app's (here the app's is passed on); which `Host` the app sees (here the one the client asked for). It speaks HTTP/1.1 without TLS, where the real one speaks both HTTP/1.1 and HTTP/2
behind TLS.
"""

from __future__ import annotations

import contextlib
import http.client
import sys
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Seconds of silence after which the real one was seen to cut.
SILENCE = 60
STOP_LIMIT = 5
VISIBILITIES = ("private", "protected")
# Of one connection alone: not passed on (RFC 9110 §7.6.1).
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
NOT_FOUND = b"<!DOCTYPE html><html><head><title>404</title></head><body><h1>404</h1><p>Sorry, we can't find the page.</p>"
TIMED_OUT = b"<!DOCTYPE html><html><head><title>504</title></head><body><h1>504 Gateway Time-out</h1>"


@dataclass(frozen=True)
class Passed:
    """One request, and who answered it: the edge or the app."""

    method: str
    path: str
    status: int
    by: str


class Edge:
    """A running edge before the app at `origin`. `tokens` are the Hub tokens that may read the Space."""

    def __init__(self, origin: str, visibility: str, tokens: Iterable[str], silence: float = SILENCE) -> None:
        if visibility not in VISIBILITIES:
            raise ValueError(f"no such visibility: {visibility}")
        app = urlsplit(origin)
        self.app = (app.hostname, app.port)
        self.private = visibility == "private"
        self.tokens = frozenset(tokens)
        self.silence = silence
        self.seen: list[Passed] = []
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.edge = self
        self.origin = f"http://127.0.0.1:{self._server.server_address[1]}"
        self.base_url = f"{self.origin}/v1"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(STOP_LIMIT)

    def lets_in(self, headers: http.client.HTTPMessage) -> bool:
        """Whether the edge passes this request on."""
        if not self.private:
            return True
        presented = [*headers.get_all("x-hf-authorization", []), *headers.get_all("authorization", [])]
        return any(_bearer(value) in self.tokens for value in presented)


@contextlib.contextmanager
def edge_before(origin: str, visibility: str, tokens: Iterable[str], silence: float = SILENCE) -> Iterator[Edge]:
    """An edge for as long as it is needed."""
    running = Edge(origin, visibility, tokens, silence)
    try:
        yield running
    finally:
        running.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    edge: Edge

    def handle_error(self, request, client_address) -> None:
        # A client may leave whenever it likes.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Seconds a client may stay silent: the threads of clients that never leave end some time.
    timeout = 120

    def log_message(self, *_: object) -> None:
        """Nothing: `Edge.seen` is the log."""

    def do_GET(self) -> None:
        edge: Edge = self.server.edge
        body = self._body()
        if self.command == "OPTIONS" and "access-control-request-method" in self.headers:
            self._answer(200, b"")
        elif not edge.lets_in(self.headers):
            self._answer(404, NOT_FOUND)
        else:
            self._pass_on(edge, body)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            return self.rfile.read(int(self.headers.get("content-length", 0)))
        pieces = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(pieces)

    def _seen(self, status: int, by: str) -> None:
        self.server.edge.seen.append(Passed(self.command, self.path, status, by))

    def _answer(self, status: int, page: bytes) -> None:
        """An answer of the edge's own."""
        self._seen(status, "edge")
        self.send_response(status)
        self._own_headers()
        if page:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(page)

    def _own_headers(self) -> None:
        self.send_header("x-proxied-host", "http://10.0.0.1")
        self.send_header("x-proxied-replica", "a1b2c3d4-e5f6g")
        self.send_header("x-proxied-path", self.path.partition("?")[0])
        self.send_header("link", '<https://huggingface.co/spaces/owner/name>;rel="canonical"')
        if origin := self.headers.get("origin"):
            self.send_header("access-control-allow-origin", origin)
            self.send_header("access-control-allow-credentials", "true")
            self.send_header("access-control-expose-headers", "*")
            self.send_header("vary", "origin, access-control-request-method, access-control-request-headers")
            for asked in ("method", "headers"):
                if wanted := self.headers.get(f"access-control-request-{asked}"):
                    name = "access-control-allow-methods" if asked == "method" else "access-control-allow-headers"
                    self.send_header(name, wanted)

    def _pass_on(self, edge: Edge, body: bytes) -> None:
        app = http.client.HTTPConnection(*edge.app, timeout=edge.silence)
        try:
            try:
                self._ask(app, body)
                answer = app.getresponse()
            except TimeoutError:
                return self._answer(504, TIMED_OUT)
            except OSError:
                return self._answer(503, NOT_FOUND)
            self._seen(answer.status, "app")
            self._relay(answer)
        except (OSError, http.client.HTTPException):
            # The app went silent or away, or the client did: what has begun cannot be taken back, only cut.
            self.close_connection = True
        finally:
            app.close()

    def _ask(self, app: http.client.HTTPConnection, body: bytes) -> None:
        left_out = HOP_BY_HOP | {"x-hf-authorization", "content-length", "x-forwarded-for"}
        app.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in left_out:
                app.putheader(name, value)
        came_by = [*self.headers.get_all("x-forwarded-for", []), self.client_address[0]]
        app.putheader("X-Forwarded-For", ", ".join(came_by))
        app.putheader("X-Forwarded-Host", self.headers.get("host", ""))
        app.putheader("X-Forwarded-Proto", "http")
        if body or "content-length" in self.headers or "transfer-encoding" in self.headers:
            app.putheader("Content-Length", str(len(body)))
        app.endheaders(body or None)

    def _relay(self, answer: http.client.HTTPResponse) -> None:
        bodiless = self.command == "HEAD" or answer.status in (204, 304)
        sized = answer.getheader("content-length") is not None
        self.send_response_only(answer.status, answer.reason)
        for name, value in answer.getheaders():
            if name.lower() not in HOP_BY_HOP and not name.lower().startswith("access-control-"):
                self.send_header(name, value)
        self._own_headers()
        if not sized and not bodiless:
            self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if bodiless:
            return
        while piece := answer.read1(65536):
            self.wfile.write(piece if sized else b"%x\r\n%s\r\n" % (len(piece), piece))
        if not sized:
            self.wfile.write(b"0\r\n\r\n")
        elif answer.length:
            raise ConnectionError("the app promised more than it sent")


def _bearer(value: str) -> str:
    scheme, _, token = value.strip().partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
