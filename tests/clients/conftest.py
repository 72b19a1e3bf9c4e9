"""What the tests of every Python suite are given: a running gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import Gateway


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One gateway for all tests that leave it as it was."""
    running = Gateway(tmp_path_factory.mktemp("gateway"))
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Gateway]:
    """A gateway of its own, for tests whose faults may rightly change what later requests get."""
    running = Gateway(tmp_path)
    yield running
    assert running.stop() == 0, running.tail()
