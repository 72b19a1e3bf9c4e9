"""Runs a real engine, llama.cpp's server, on the model that make_model.py writes."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

MODEL = "babble"
# Tokens. Small, so that a conversation overruns it in an instant.
CONTEXT = 2048
# Seconds. Generous, for a busy machine; it starts within one.
START_LIMIT = 30
STOP_LIMIT = 20
IDLE_LIMIT = 10
HERE = Path(__file__).resolve().parent


def server_command() -> list[str]:
    """llama-server itself where LLAMA_SERVER names it, else the same server out of the package."""
    if named := os.environ.get("LLAMA_SERVER"):
        return shlex.split(named)
    return [sys.executable, str(HERE / "llama_server.py")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Engine:
    """A running engine of one slot and one thread: what it says depends on nothing but the request."""

    def __init__(
        self, model: Path, folder: Path, *, key: str | None = None, context: int = CONTEXT, port: int | None = None
    ) -> None:
        self.key = key
        self.port = port or free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.origin}/v1"
        self.log = folder / f"engine-{self.port}.log"
        command = [*server_command(), "--model", str(model), "--alias", MODEL, "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--ctx-size", str(context), "--parallel", "1", "--threads", "1"]
        command += ["--no-cache-prompt"]
        environment = {name: value for name, value in os.environ.items() if name != "LLAMA_API_KEY"}
        if key:
            environment["LLAMA_API_KEY"] = key
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the engine ended with {self.process.returncode}: {self.tail()}")
            try:
                # 503 while the model loads.
                with urllib.request.urlopen(f"{self.origin}/health", timeout=2):
                    return
            except OSError:
                time.sleep(0.02)
        raise RuntimeError(f"the engine was not ready within {START_LIMIT} s: {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-2000:]

    def busy(self) -> bool:
        """Whether it is generating now, as it says itself."""
        request = urllib.request.Request(f"{self.origin}/slots")
        if self.key:
            request.add_header("Authorization", f"Bearer {self.key}")
        with urllib.request.urlopen(request, timeout=IDLE_LIMIT) as answer:
            return any(slot["is_processing"] for slot in json.load(answer))

    def becomes(self, busy: bool) -> bool:
        """Whether it is soon generating, or soon not any more."""
        deadline = time.monotonic() + IDLE_LIMIT
        while time.monotonic() < deadline:
            if self.busy() == busy:
                return True
            time.sleep(0.02)
        return False

    def stop(self) -> None:
        """SIGTERM: it ends in good order."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def kill(self) -> None:
        """SIGKILL: as a crash or the lack of memory would end it."""
        self.process.kill()
        self.process.wait()
