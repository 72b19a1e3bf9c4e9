"""Runs the real gateway for the tests, and speaks to its stand-in upstream."""

from __future__ import annotations

import base64
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import quote

REPOSITORY = Path(__file__).resolve().parents[2]
# Seconds. Generous, for a busy machine; nothing waits this long when all is well.
START_LIMIT = 20
STOP_LIMIT = 20
SETTLE_LIMIT = 10
# The smallest PNG: one grey pixel.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)


def binary() -> Path:
    """The program under test: GATEWAY_BIN, or the newest of the usual build results."""
    if named := os.environ.get("GATEWAY_BIN"):
        return Path(named).resolve()
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [path for kind in ("release", "debug") if (path := target / kind / "gemini-gateway").exists()]
    if not built:
        raise RuntimeError("no gateway to test: run `cargo build --release`, or set GATEWAY_BIN")
    return max(built, key=lambda path: path.stat().st_mtime)


def stand_in(*flags: str, **words: object) -> str:
    """A prompt that tells the stand-in upstream what to answer. Times are milliseconds; the demo's pace is left out."""
    parts = [*flags, *(f"{key}={quote(str(value), safe='')}" for key, value in ({"delay": 0} | words).items())]
    return f"[[stand-in: {' '.join(parts)}]]"


def call_text(name: str, arguments: object) -> str:
    """What the model says to call a tool. This function and the next are all these suites know of the syntax."""
    return f"```tool_call\n{json.dumps({'name': name, 'arguments': arguments})}\n```"


def custom_call_text(name: str, text: str) -> str:
    """What the model says to call a tool that takes text without a schema."""
    return f"````tool_call\n{json.dumps({'name': name})}\n{text}\n````"


def calls(*wanted: tuple[str, object], before: str = "", **words: object) -> str:
    """A prompt that makes the stand-in call these tools, by name and arguments, after lines of text."""
    return stand_in(text=before + "\n".join(call_text(*call) for call in wanted), **words)


class Gateway:
    """A running gateway. Its log goes to GATEWAY_LOG_DIR if that is set, else into the given folder."""

    def __init__(self, folder: Path, *, verb: str | None = None, **settings: str) -> None:
        self.key = os.environ.get("GATEWAY_TEST_KEY") or f"test-key-{secrets.token_hex(16)}"
        self.hub_token = os.environ.get("GATEWAY_TEST_HUB_TOKEN") or f"hf_{secrets.token_hex(17)}"
        self.port = _free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.origin}/v1"
        logs = Path(os.environ.get("GATEWAY_LOG_DIR", folder))
        logs.mkdir(parents=True, exist_ok=True)
        self.log = logs / f"gateway-{os.getpid()}-{self.port}.log"
        environment = os.environ | {
            "API_KEY": self.key,
            "HF_TOKEN": self.hub_token,
            "HOST": "127.0.0.1",
            "PORT": str(self.port),
            "DEBUG": "true",
            "STATE_DIR": str(folder),
            **settings,
        }
        if session := environment.get("SECURE_1PSID"):
            # Each gateway renews its cookie: a second one that starts with the first one's would be signed out.
            environment["SECURE_1PSID"] = f"{session}.{self.port}"
        # GATEWAY_VERB is empty for the real mode, whose upstream the caller's own variables then name.
        verb = os.environ.get("GATEWAY_VERB", "demo") if verb is None else verb
        command = [str(binary()), *verb.split()]
        # What the demo shows its owner is not the log: a key may stand there.
        with self.log.open("wb") as log, self.log.with_suffix(".out").open("wb") as shown:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=shown, stderr=log)
        self._wait_until_alive()

    def _wait_until_alive(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the gateway ended with {self.process.returncode}: {self.tail()}")
            try:
                with urllib.request.urlopen(f"{self.origin}/livez", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        self.stop()
        raise RuntimeError(f"the gateway was not alive within {START_LIMIT} s: {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def stop(self) -> int:
        """SIGTERM, and its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def in_flight(self) -> int:
        """Answers being generated now, from /metrics."""
        request = urllib.request.Request(f"{self.origin}/metrics", headers={"Authorization": f"Bearer {self.key}"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read().decode()
        values = re.findall(r"^gemini_gateway_generations_in_flight(?:\{[^}]*\})? (\d+)", text, re.MULTILINE)
        assert values, f"no gauge of generations in flight in:\n{text}"
        return sum(map(int, values))

    def settles(self) -> bool:
        """Whether nothing is in flight any more, soon."""
        deadline = time.monotonic() + SETTLE_LIMIT
        while time.monotonic() < deadline:
            if self.in_flight() == 0:
                return True
            time.sleep(0.02)
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
