"""Requests to the running Space, as a client of the gateway would send them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from .address import is_safe
from .console import Secret
from .failure import Exit, Failure

# Seconds.
CONNECT_LIMIT = 15.0
SILENCE_LIMIT = 70.0
# The most bytes of an answer that are read.
MOST_BYTES = 2_000_000


@dataclass(frozen=True)
class Pass:
    """What a client presents: the gateway's key, and for a private Space the token that opens the Hub's edge."""

    key: Secret | None = None
    edge: Secret | None = None

    def headers(self) -> dict[str, str]:
        headers = {}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key.reveal()}"
        if self.edge:
            headers["X-HF-Authorization"] = f"Bearer {self.edge.reveal()}"
        return headers


NOBODY = Pass()


@dataclass(frozen=True)
class Answer:
    """What came back. `status` 0: no connection."""

    status: int
    body: bytes = b""
    # The clock of whoever answered, seconds; None when it shows none.
    clock: float | None = None
    stand_in: bool = False
    served: str = ""
    streamed: bool = False

    def table(self) -> dict[str, Any]:
        """The body as a JSON object; empty when it is something else."""
        try:
            value = json.loads(self.body)
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    def fault(self) -> tuple[str, str]:
        """Code and message of the gateway's own error; empty for anybody else's."""
        error = self.table().get("error")
        if not isinstance(error, dict):
            return "", ""
        return str(error.get("code") or ""), str(error.get("message") or "")


class Door:
    """The Space's address."""

    def __init__(self, origin: str) -> None:
        if not is_safe(origin):
            raise Failure(
                Exit.USAGE,
                f"{origin} is no address that keys can be sent to: it has to begin with https://.",
                "check SPACE_URL, if you have set it.",
            )
        self.origin = origin.rstrip("/")
        # No redirects: a key must not follow one to another host.
        self._client = httpx2.Client(
            follow_redirects=False, timeout=httpx2.Timeout(SILENCE_LIMIT, connect=CONNECT_LIMIT)
        )

    def get(self, path: str, who: Pass) -> Answer:
        request = self._client.build_request("GET", self.origin + path, headers=who.headers())
        try:
            response = self._client.send(request, stream=True)
            try:
                body = b"".join(_bounded(response.iter_bytes()))
            finally:
                response.close()
        except httpx2.HTTPError:
            return Answer(0)
        return _answer(response, body)

    def stream(self, path: str, who: Pass, body: object) -> tuple[Answer, Iterator[str]]:
        """A request for a stream: its head, and the data of its events as they come. A refusal has its body."""
        request = self._client.build_request("POST", self.origin + path, headers=who.headers(), json=body)
        try:
            response = self._client.send(request, stream=True)
            if response.status_code != 200 or not _is_stream(response):
                try:
                    return _answer(response, b"".join(_bounded(response.iter_bytes()))), iter(())
                finally:
                    response.close()
        except httpx2.HTTPError:
            return Answer(0), iter(())
        return _answer(response, b""), _events(response)


def _answer(response: httpx2.Response, body: bytes) -> Answer:
    clock = None
    if date := response.headers.get("date"):
        try:
            clock = parsedate_to_datetime(date).timestamp()
        except ValueError:
            pass
    return Answer(
        status=response.status_code,
        body=body,
        clock=clock,
        stand_in="x-gateway-stand-in" in response.headers,
        served=response.headers.get("x-gateway-served-label", ""),
        streamed=_is_stream(response),
    )


def _is_stream(response: httpx2.Response) -> bool:
    return str(response.headers.get("content-type", "")).startswith("text/event-stream")


def _events(response: httpx2.Response) -> Iterator[str]:
    """The data lines. A stream that breaks off simply ends: whoever reads it looks for its last word."""
    try:
        for line in response.iter_lines():
            if line.startswith("data:"):
                yield line[len("data:") :].strip()
    except httpx2.HTTPError:
        return
    finally:
        response.close()


def _bounded(chunks: Iterator[bytes]) -> Iterator[bytes]:
    room = MOST_BYTES
    for chunk in chunks:
        yield chunk[:room]
        room -= len(chunk)
        if room <= 0:
            return
