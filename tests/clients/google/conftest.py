"""What the tests are given: Google's official client, and a model that exists."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from google import genai
from google.genai import types

from gateway import Gateway


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., genai.Client]]:
    """Makes clients. The client retries nothing unless told to."""
    clients: list[genai.Client] = []

    def make(gateway: Gateway, api_key: str | None = None) -> genai.Client:
        options = types.HttpOptions(base_url=gateway.origin, timeout=30_000)
        clients.append(genai.Client(api_key=api_key or gateway.key, http_options=options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def client(gateway: Gateway, connect: Callable[..., genai.Client]) -> genai.Client:
    return connect(gateway)


@pytest.fixture(scope="session")
def model(client: genai.Client) -> str:
    return next(iter(client.models.list())).name


@pytest.fixture(scope="session")
def ask(client: genai.Client, model: str) -> Callable[..., types.GenerateContentResponse]:
    """One prompt to the shared gateway, with any configuration."""

    def call(prompt: str, **config: object) -> types.GenerateContentResponse:
        settings = types.GenerateContentConfig(**config) if config else None
        return client.models.generate_content(model=model, contents=prompt, config=settings)

    return call
