"""What the tests are given: a running gateway, Anthropic's official client, a model that exists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "python"))

from gateway import Gateway  # noqa: E402


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


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., anthropic.Anthropic]]:
    """Makes clients. Without retries unless asked: a test that passes at the second attempt hides a failure."""
    clients: list[anthropic.Anthropic] = []

    def make(gateway: Gateway, **options: object) -> anthropic.Anthropic:
        settings = {"base_url": gateway.origin, "api_key": gateway.key, "max_retries": 0, "timeout": 30} | options
        clients.append(anthropic.Anthropic(**settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def client(gateway: Gateway, connect: Callable[..., anthropic.Anthropic]) -> anthropic.Anthropic:
    return connect(gateway)


@pytest.fixture(scope="session")
def model(client: anthropic.Anthropic) -> str:
    return client.models.list().data[0].id


@pytest.fixture(scope="session")
def ask(client: anthropic.Anthropic, model: str) -> Callable[..., object]:
    """One user message to the shared gateway, with any further parameters of the call."""

    def call(prompt: object, **options: object) -> object:
        messages = [{"role": "user", "content": prompt}]
        return client.messages.create(**{"model": model, "max_tokens": 10_000, "messages": messages} | options)

    return call
