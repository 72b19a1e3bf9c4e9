"""The commands of docs/local-models.md, as they stand there; the two ports alone become free ones."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import make_model
from engine import free_port, server_command
from gateway import REPOSITORY, binary

# Seconds.
START_LIMIT = 30
STOP_LIMIT = 20


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder where the commands find what they name."""
    # One that ends by itself, as the page's request sets no limit.
    make_model.write(tmp_path / "model.gguf", "brief")
    program = tmp_path / "target" / "release" / "gemini-gateway"
    program.parent.mkdir(parents=True)
    program.symlink_to(binary())
    server = tmp_path / "bin" / "llama-server"
    server.parent.mkdir()
    server.write_text(f'#!/bin/sh\nexec {shlex.join(server_command())} "$@"\n')
    server.chmod(0o755)
    return tmp_path


@pytest.fixture
def run(place: Path) -> Iterator[Callable[[str], subprocess.Popen]]:
    """Runs a block of commands as a newcomer's shell would, and ends it with the test."""
    running: list[subprocess.Popen] = []
    ports = {"8080": str(free_port()), "7860": str(free_port())}
    environment = {name: os.environ[name] for name in ("HOME", "LANG", "LD_LIBRARY_PATH") if name in os.environ}
    environment |= {"PATH": f"{place / 'bin'}:{os.environ['PATH']}", "PORT": ports["7860"], "STATE_DIR": str(place)}

    def start(block: str) -> subprocess.Popen:
        for printed, free in ports.items():
            block = re.sub(rf"\b{printed}\b", free, block)
        log = (place / f"block-{len(running)}.log").open("wb")
        process = subprocess.Popen(
            ["bash", "-euc", block],
            cwd=place,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            # A group of its own, since the shell starts the programs.
            start_new_session=True,
        )
        running.append(process)
        return process

    start.ports = ports
    yield start
    for process in reversed(running):
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=STOP_LIMIT)


def _answers(url: str) -> None:
    deadline = time.monotonic() + START_LIMIT
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except OSError:
            assert time.monotonic() < deadline, f"{url} did not answer"
            time.sleep(0.02)


def test_the_commands_work_as_printed(run):
    page = (REPOSITORY / "docs" / "local-models.md").read_text()
    start_engine, start_gateway, ask = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    run(start_engine)
    _answers(f"http://127.0.0.1:{run.ports['8080']}/health")
    run(start_gateway)
    _answers(f"http://127.0.0.1:{run.ports['7860']}/livez")
    asking = run(ask)
    said, _ = asking.communicate(timeout=START_LIMIT)
    assert asking.returncode == 0
    answer = json.loads(said)
    assert answer["model"] == "qwen", answer
    assert answer["choices"][0]["message"]["content"], answer
