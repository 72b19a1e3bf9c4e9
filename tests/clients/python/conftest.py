"""What the tests are given: a running gateway, the official client, a model that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import openai
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


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes clients. Without retries unless asked: a test that passes at the second attempt hides a failure."""
    clients: list[openai.OpenAI] = []

    def make(gateway: Gateway, **options: object) -> openai.OpenAI:
        settings = {"base_url": gateway.base_url, "api_key": gateway.key, "max_retries": 0, "timeout": 30} | options
        clients.append(openai.OpenAI(**settings))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def client(gateway: Gateway, connect: Callable[..., openai.OpenAI]) -> openai.OpenAI:
    return connect(gateway)


@pytest.fixture(scope="session")
def model(client: openai.OpenAI) -> str:
    return client.models.list().data[0].id


@pytest.fixture(scope="session")
def ask(client: openai.OpenAI, model: str) -> Callable[..., object]:
    """One user message to the shared gateway, with any further parameters of the call."""

    def call(prompt: str, **options: object) -> object:
        return client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}], **options)

    return call
