"""What a Space runs: the real gateway, started with the secrets that the Space really has."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
START_LIMIT = 20.0
STOP_LIMIT = 20.0


def binary() -> Path:
    named = os.environ.get("GATEWAY_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    path = Path(named) if named else target / "release" / "gemini-gateway"
    if not path.exists():
        raise RuntimeError(f"{path} is not there: run `cargo build --release`, or set GATEWAY_BIN")
    return path.resolve()


class Container:
    """A running gateway. `verb` is `demo`, or empty for the real mode."""

    def __init__(self, folder: Path, secrets: dict[str, str], verb: str = "demo", **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = _free_port()
        environment = {"PATH": os.environ["PATH"], **secrets, **settings}
        environment |= {"HOST": "127.0.0.1", "PORT": str(self.port), "STATE_DIR": str(folder)}
        self.log = folder / f"gateway-{self.port}.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [str(binary()), *verb.split()], cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=log
            )
        self._wait_until_alive()

    def _wait_until_alive(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=2):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.01)
        self.stop()
        raise RuntimeError(f"the gateway did not start: {self.log.read_text(errors='replace')[-2000:]}")

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
