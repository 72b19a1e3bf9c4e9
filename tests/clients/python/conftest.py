"""What the tests are given: the official client, and a model that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import openai
import pytest

from gateway import Gateway


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
