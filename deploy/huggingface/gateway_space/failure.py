"""What can end a run, and the exit code that says so."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. A script may rely on them; the README lists them."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    DECLINED = 3
    TOKEN = 4
    RIGHTS = 5
    PAYMENT = 6
    TAKEN = 7
    UNREACHABLE = 8
    RATE_LIMITED = 9
    REFUSED = 10
    MISSING = 11
    BUILD_ERROR = 20
    RUNTIME_ERROR = 21
    CONFIG_ERROR = 22
    PAUSED = 23
    STOPPED = 24
    DEADLINE = 25
    EDGE = 30
    OPEN = 31
    KEY = 32
    SESSION = 33
    CHAT = 34
    INTERRUPTED = 130


class Failure(Exception):
    """Ends the run: what happened, in sentences, and what cures it.

    Raised `from None` wherever the cause is an exception of the client: its text may hold what must not be shown.
    """

    def __init__(self, code: Exit, cause: str, cure: str = "") -> None:
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.cure = cure
