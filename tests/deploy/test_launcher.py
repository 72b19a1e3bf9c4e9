"""The one command, as a newcomer types it: the launcher installs the client by hash and runs the tool."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from conftest import TOOL, Owner

# The first run installs from the package index.
LIMIT = 250.0


def launch(owner: Owner, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = owner.environment(PYTHONPATH=None)
    # Kept between runs of the tests, if their runner names a place.
    environment["XDG_CACHE_HOME"] = os.environ.get("LAUNCHER_CACHE") or str(owner.home / "cache")
    environment |= {name: value for name, value in os.environ.items() if name.startswith(("SSL_", "PIP_"))}
    done = subprocess.run(
        [str(TOOL / "space"), *arguments],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    owner.said += [done.stdout, done.stderr]
    return done


def test_the_launcher(owner: Owner, tmp_path: Path) -> None:
    # Code that lies around where the command is typed must not be run with the owner's secrets.
    (tmp_path / "httpx2.py").write_text("raise SystemExit('hijacked')")
    (tmp_path / "gateway_space.py").write_text("raise SystemExit('hijacked')")
    done = launch(owner, tmp_path, "up", "--visibility", "private", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "== Done" in done.stdout
    done = launch(owner, tmp_path, "status")
    assert done.returncode == 0 and "Installing" not in done.stderr


def test_a_python_that_is_too_old(owner: Owner, tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "PATH": str(tmp_path / "bin")}
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "dirname", "env", "cksum", "tr"):
        (tmp_path / "bin" / tool).symlink_to(Path("/usr/bin") / tool)
    done = subprocess.run(
        [str(TOOL / "space")], env=environment, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 1
    assert "there is no Python 3.10 or newer" in done.stderr
