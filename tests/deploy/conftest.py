"""What the tests are given: a Hub, its owner, and the tool as its owner runs it."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakehub import FakeHub, FakeSpace, Token

TOOL = Path(__file__).resolve().parents[2] / "deploy" / "huggingface"
sys.path.insert(0, str(TOOL))

from gateway_space import upload, vault
from gateway_space.console import Secret

OWNER = "ada"
NAME = f"{OWNER}/gemini-gateway"
RUN_LIMIT = 60.0
POLL = "0.03"


@dataclass
class Run:
    """A finished run of the tool."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass
class Owner:
    """Somebody with four variables, at a terminal or in a script."""

    hub: FakeHub
    home: Path
    variables: dict[str, str]
    # Everything that any run has said.
    said: list[str] = field(default_factory=list)

    @property
    def space(self) -> FakeSpace:
        return self.hub.spaces[NAME]

    def environment(self, **changes: str | None) -> dict[str, str]:
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "HF_HOME": str(self.home / "hf"),
            "HF_ENDPOINT": self.hub.origin,
            "SPACE_POLL_SECONDS": POLL,
            "PYTHONPATH": str(TOOL),
            "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "gateway-space-pycache"),
        }
        merged: dict[str, str | None] = {**base, **self.variables, **changes}
        return {name: value for name, value in merged.items() if value is not None}

    def run(self, *arguments: str, **changes: str | None) -> Run:
        """In a script: nobody is there."""
        done = subprocess.run(
            [sys.executable, "-m", "gateway_space", *arguments],
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=RUN_LIMIT,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        return Run(done.returncode, done.stdout, done.stderr)

    def up(self, *arguments: str, **changes: str | None) -> Run:
        return self.run("up", "--visibility", "private", "--yes", *arguments, **changes)

    def at_terminal(self, *arguments: str, answers: list[tuple[str, str]], **changes: str | None) -> Run:
        """At a terminal, answering each question that ends as given."""
        import pty

        mine, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-m", "gateway_space", *arguments],
            env=self.environment(**changes) | {"TERM": "dumb", "COLUMNS": "200"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        killer = threading.Timer(RUN_LIMIT, process.kill)
        killer.start()
        text, waiting = "", list(answers)
        while True:
            try:
                piece = os.read(mine, 65536)
            except OSError:
                break
            if not piece:
                break
            text += piece.decode(errors="replace")
            if waiting and text.rstrip().endswith(waiting[0][0]):
                os.write(mine, f"{waiting.pop(0)[1]}\n".encode())
        code = process.wait()
        killer.cancel()
        os.close(mine)
        assert not waiting, f"never asked: {waiting[0][0]}\n{text}"
        text = text.replace("\r\n", "\n")
        self.said.append(text)
        return Run(code, text, "")

    def assert_discreet(self) -> None:
        """No secret was ever said, nor a piece of one that would help."""
        everything = "\n".join(self.said)
        for name, value in self.variables.items():
            for piece in (value, value[:12], value[-12:]):
                assert piece not in everything, f"{name} was shown"
        assert not re.search(r"hf_[A-Za-z0-9]{20,}", everything)


def make_owner(hub: FakeHub, home: Path) -> Owner:
    """An owner with a PRO plan and a write token."""
    owner = Owner(
        hub,
        home,
        {
            "HF_TOKEN": f"hf_{secrets.token_hex(17)}",
            "API_KEY": f"key-{secrets.token_hex(24)}",
            "SECURE_1PSID": f"g.a000{secrets.token_hex(30)}",
            "SECURE_1PSIDTS": f"sidts-{secrets.token_hex(30)}",
        },
    )
    hub.tokens[owner.variables["HF_TOKEN"]] = Token(OWNER)
    return owner


def deploy(owner: Owner) -> None:
    """What `up` leaves behind, made without it: for tests that begin there, and are not about it."""
    space = FakeSpace(NAME, "private", files={".gitattributes": b"", **upload.collect().files})
    for name in ("API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS"):
        value = Secret(owner.variables[name])
        space.secrets[name] = {"value": value.reveal(), "description": vault.describe(value, vault.Origin.SECRETS)}
    space.ahead = ["RUNNING"]
    owner.hub.spaces[NAME] = space
    owner.hub.go_on(NAME)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[FakeHub]:
    running = FakeHub(tmp_path / "hub")
    yield running
    running.stop()


@pytest.fixture
def deployed(owner: Owner) -> Owner:
    """The owner of a private Space that runs."""
    deploy(owner)
    return owner


@pytest.fixture
def owner(hub: FakeHub, tmp_path: Path) -> Iterator[Owner]:
    """The owner; afterwards everything said is searched for secrets."""
    made = make_owner(hub, tmp_path / "home")
    yield made
    made.assert_discreet()
