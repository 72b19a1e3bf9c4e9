"""The connections of the official client: how long they wait, what they try again, what they never do.

The client's own sessions wait for ever, repeat a delay of any length that a server asks for, and with HF_DEBUG print
the bodies of requests, secrets included. Its documented hook for a session of one's own is used to do none of that.

The exceptions below are among those that the client lets through and does not try again after.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2

# Seconds.
CONNECT_LIMIT = 15.0
SILENCE_LIMIT = 60.0
# The most seconds one run waits because the Hub asked it to slow down.
SLOW_DOWN_LIMIT = 180
# Each read is tried once more after each of these shares of the polling interval.
RETRY_PAUSES = (0.2, 0.4, 0.8)
_READS = ("GET", "HEAD")
_PASSING = (500, 502, 503, 504)


class Lost(httpx2.TransportError):
    """The connection broke, or none came about. `sent`: whether the Hub may have carried the request out."""

    def __init__(self, *, sent: bool) -> None:
        super().__init__("lost")
        self.sent = sent


class SlowDown(httpx2.TransportError):
    """The Hub wants a pause that is longer than this run waits."""

    def __init__(self, seconds: int) -> None:
        super().__init__("slow down")
        self.seconds = seconds


class Redirected(httpx2.TransportError):
    """The Hub answered a change with another address. A secret is not sent on to wherever that is."""


class PatientClient(httpx2.Client):
    """A session for the official client."""

    def __init__(self, poll: float, tell: Callable[[str], None]) -> None:
        super().__init__(follow_redirects=False, timeout=httpx2.Timeout(SILENCE_LIMIT, connect=CONNECT_LIMIT))
        self._poll = poll
        self._tell = tell
        self._waited = 0

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        read = request.method in _READS
        limits = request.extensions.get("timeout") or {}
        defaults = {"connect": CONNECT_LIMIT, "read": SILENCE_LIMIT, "write": SILENCE_LIMIT, "pool": SILENCE_LIMIT}
        request.extensions["timeout"] = {name: limits.get(name) or most for name, most in defaults.items()}
        pauses = list(RETRY_PAUSES) if read else []
        while True:
            response = None
            try:
                response = super().send(request, **options | {"follow_redirects": read})
            except httpx2.TransportError as error:
                if not pauses:
                    # Nothing was sent when there was no connection to send it through.
                    raise Lost(sent=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout)) from None
            if response is not None:
                if response.status_code == 429:
                    self._slow_down(response)
                    continue
                if response.has_redirect_location and not read:
                    response.close()
                    raise Redirected("redirected")
                if response.status_code not in _PASSING or not pauses:
                    return response
                response.close()
            time.sleep(pauses.pop(0) * self._poll)

    def _slow_down(self, response: httpx2.Response) -> None:
        seconds = _asked_for(response)
        response.close()
        if self._waited + seconds > SLOW_DOWN_LIMIT:
            raise SlowDown(seconds)
        self._waited += seconds
        self._tell(f"The Hub asks for a pause of {seconds} s (too many requests): waiting.")
        time.sleep(seconds)


def _asked_for(response: httpx2.Response) -> int:
    """The pause a 429 asks for, at least a second; ten when it names none that can be read."""
    text = response.headers.get("retry-after", "").strip()
    # Longer numbers are no pauses, and reading them takes time.
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 8 else 10
