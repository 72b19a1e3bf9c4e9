"""`gemini-gateway check` asks a real engine, and says what is wrong with one that cannot answer."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from conftest import LOCAL, local
from engine import free_port
from gateway import binary

# Seconds.
LIMIT = 60


def check(folder: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "STATE_DIR": str(folder)} | settings
    command = [str(binary()), "check", "--upstream", "local"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=LIMIT)


def test_an_engine_that_answers(engine, tmp_path):
    said = check(tmp_path, **local(engine))
    assert said.returncode == 0, said
    assert LOCAL in said.stdout
    assert engine.key not in said.stdout + said.stderr


def test_a_wrong_key(engine, tmp_path):
    said = check(tmp_path, LOCAL_BASE_URL=engine.base_url, LOCAL_API_KEY="engine-key-of-somebody-else")
    assert said.returncode == 1, said
    assert "LOCAL_API_KEY" in said.stdout
    assert "engine-key-of-somebody-else" not in said.stdout + said.stderr


def test_an_engine_that_is_not_there(tmp_path):
    said = check(tmp_path, LOCAL_BASE_URL=f"http://127.0.0.1:{free_port()}/v1")
    assert said.returncode == 1, said
    assert "could not be reached" in said.stdout
