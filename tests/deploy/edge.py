"""The platform's edge in front of a Space: who may pass, and which header it keeps to itself."""

from __future__ import annotations

import http.client
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wiring import Request, Response, Server

if TYPE_CHECKING:
    from fakehub import FakeHub

HTML = {"Content-Type": "text/html; charset=utf-8"}
_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}


class Edge(Server):
    """One Space's address."""

    def __init__(self, hub: FakeHub, space: str) -> None:
        self._hub = hub
        self._space = space
        # Set to let everybody through, as a broken gateway would.
        self.open_to_all: Response | None = None
        super().__init__()

    def respond(self, request: Request, reply: Callable[[Response], None], handler: Any) -> None:
        space = self._hub.spaces.get(self._space)
        if self.open_to_all is not None and "authorization" not in request.headers:
            reply(self.open_to_all)
            return
        if space is None or (space.visibility == "private" and not self._knows(request)):
            reply(Response(404, b"<html><h1>404</h1>Sorry, we can't find the page you are looking for.</html>", HTML))
            return
        if space.container is None:
            reply(Response(503, b"<html>Your space is in error, check its status on hf.co</html>", HTML))
            return
        self._pass_on(request, space.container.port, handler)

    def _knows(self, request: Request) -> bool:
        """A Hub token that may read the Space, in either header."""
        for name in ("x-hf-authorization", "authorization"):
            kind, _, token = request.headers.get(name, "").partition(" ")
            if kind == "Bearer" and self._hub.can_read(token, self._space):
                return True
        return False

    def _pass_on(self, request: Request, port: int, handler: Any) -> None:
        headers = {n: v for n, v in request.headers.items() if n not in _HOP and n != "x-hf-authorization"}
        headers["x-forwarded-for"] = "127.0.0.1"
        inside = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        target = f"{request.path}?{request.query}" if request.query else request.path
        inside.request(request.method, target, request.body or None, headers)
        answer = inside.getresponse()
        handler.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _HOP:
                handler.send_header(name, value)
        handler.send_header("x-proxied-host", f"http://127.0.0.1:{port}")
        handler.send_header("Connection", "close")
        handler.end_headers()
        handler.close_connection = True
        while piece := answer.read1(65536):
            handler.wfile.write(piece)
        inside.close()
