"""What the recipes are given: a gateway, edges before it, and the programs on the search path."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway
from hfedge import VISIBILITIES, Edge, edge_before
from recipebook import path_with


@pytest.fixture(scope="session")
def reader() -> str:
    """A Hub token that may read the Space, and which the gateway knows nothing of."""
    return f"hf_{secrets.token_hex(17)}"


@pytest.fixture(scope="session")
def edges(gateway: Gateway, reader: str) -> Iterator[dict[str, Edge]]:
    tokens = [gateway.hub_token, reader]
    with (
        edge_before(gateway.origin, VISIBILITIES[0], tokens) as private,
        edge_before(gateway.origin, VISIBILITIES[1], tokens) as protected,
    ):
        yield {"private": private, "protected": protected}


@pytest.fixture(scope="session")
def packages() -> Path:
    """Where npm put the programs."""
    return Path(os.environ["NODE_PACKAGES"]) / "node_modules"


@pytest.fixture(scope="session")
def path(packages: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The search path: this suite's Python, its Node, its programs."""
    folder = tmp_path_factory.mktemp("bin")
    # Without its install script the package has no program of this name, but one that finds it.
    claude = folder / "claude"
    claude.write_text(f'#!/bin/sh\nexec node "{packages}/@anthropic-ai/claude-code/cli-wrapper.cjs" "$@"\n')
    claude.chmod(0o755)
    python, node = Path(sys.executable), Path(os.environ["NODE_BIN"])
    return path_with(folder, packages / ".bin", node.parent, python.parent)
