"""What the tests are given: a running gateway, Google's official client, a model that exists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google import genai
from google.genai import types

# The gateway is run the same way for all clients in Python.
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
