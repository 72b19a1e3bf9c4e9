"""What the tests are given: Anthropic's official client, and a model that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import anthropic
import pytest

from gateway import Gateway


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
