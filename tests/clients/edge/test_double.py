"""The edge itself: what it takes away, adds, answers and cuts, seen from an app that tells what it was asked."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from hfedge import Edge, edge_before

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz12345678"
PREFLIGHT = {
    "Origin": "https://anyone.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization",
}


class App(BaseHTTPRequestHandler):
    """Answers with the request. /drip sends a piece, waits until it is told to go on, and sends another; /silent
    sends its head and no more."""

    protocol_version = "HTTP/1.1"
    go_on = threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        if self.path == "/echo":
            told = {"method": self.command, "headers": self.headers.items(), "body": body.decode()}
            told = json.dumps(told).encode()
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "https://the-one.example")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)
            return
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"3\r\none\r\n")
        self.go_on.wait(20)
        if self.path == "/drip":
            self.wfile.write(b"3\r\ntwo\r\n0\r\n\r\n")

    do_POST = do_GET


@pytest.fixture(scope="module")
def app() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    App.go_on.set()
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def _waiting():
    App.go_on.clear()
    yield
    App.go_on.set()


def ask(edge: Edge, method: str, path: str, headers: dict[str, str], body=None) -> http.client.HTTPResponse:
    place = urlsplit(edge.origin)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    connection.request(method, path, body=body, headers=headers)
    return connection.getresponse()


def test_it_takes_its_own_header_out_and_passes_the_apps_on(app: str):
    sent = {
        "Authorization": "Bearer for-the-app",
        "X-HF-Authorization": f"Bearer {TOKEN}",
        "X-API-Key": "k",
        "X-Forwarded-For": "203.0.113.9",
        "Origin": "https://anyone.example",
    }
    with edge_before(app, "private", [TOKEN]) as edge:
        answer = ask(edge, "POST", "/echo", sent, b"hello")
        told = json.load(answer)
    got = {name.lower(): value for name, value in told["headers"]}
    assert (told["method"], told["body"]) == ("POST", "hello")
    assert (got["authorization"], got["x-api-key"]) == ("Bearer for-the-app", "k")
    assert "x-hf-authorization" not in got
    assert got["x-forwarded-for"] == "203.0.113.9, 127.0.0.1"
    assert got["host"] == urlsplit(edge.origin).netloc
    assert answer.getheader("x-proxied-path") == "/echo"
    assert answer.headers.get_all("access-control-allow-origin") == ["https://anyone.example"]


def test_a_body_in_chunks_arrives_whole(app: str):
    with edge_before(app, "protected", []) as edge:
        told = json.load(ask(edge, "POST", "/echo", {}, iter([b"hel", b"lo"])))
    assert told["body"] == "hello"


@pytest.mark.parametrize("header", ["Authorization", "X-HF-Authorization"])
def test_a_private_one_is_not_there_for_strangers(app: str, header: str):
    with edge_before(app, "private", [TOKEN]) as edge:
        for value in (None, "Bearer hf_somebody-elses", f"Basic {TOKEN}", TOKEN):
            refused = ask(edge, "GET", "/echo", {header: value} if value else {})
            assert (refused.status, refused.getheader("content-type")) == (404, "text/html; charset=utf-8")
        assert ask(edge, "GET", "/echo", {header: f"Bearer {TOKEN}"}).status == 200
    assert [passed.by for passed in edge.seen] == ["edge"] * 4 + ["app"]


@pytest.mark.parametrize("visibility", ["private", "protected"])
def test_it_answers_preflights_itself(app: str, visibility: str):
    with edge_before(app, visibility, [TOKEN]) as edge:
        answer = ask(edge, "OPTIONS", "/echo", PREFLIGHT)
    assert answer.status == 200
    assert answer.getheader("access-control-allow-origin") == "https://anyone.example"
    assert answer.getheader("access-control-allow-headers") == "authorization"
    assert [passed.by for passed in edge.seen] == ["edge"]


def test_it_holds_nothing_back(app: str):
    with edge_before(app, "protected", []) as edge:
        answer = ask(edge, "GET", "/drip", {})
        assert answer.read(3) == b"one"
        # Only now does the app go on: what was read before cannot have waited for the end.
        App.go_on.set()
        assert answer.read() == b"two"


def test_it_cuts_silence(app: str):
    with edge_before(app, "protected", [], silence=0.5) as edge:
        answer = ask(edge, "GET", "/silent", {})
        with pytest.raises((http.client.IncompleteRead, ConnectionError)):
            answer.read()
    with socket.create_server(("127.0.0.1", 0)) as mute:
        with edge_before(f"http://127.0.0.1:{mute.getsockname()[1]}", "protected", [], silence=0.5) as edge:
            began = time.monotonic()
            assert ask(edge, "GET", "/", {}).status == 504
            assert time.monotonic() - began >= 0.5
