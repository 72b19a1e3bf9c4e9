"""What the tests are given: an engine, a gateway that has it as an upstream, and clients of both.

The gateways run in their real mode, since the demo has no upstream but the stand-in. The demo is in turn an upstream of
theirs: a second server of this kind, one that fails when told to.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import openai
import pytest

import make_model
from engine import MODEL, Engine
from gateway import Gateway

# How clients of the gateway name the engine's model, and one of the demo's.
LOCAL = f"local:{MODEL}"
OTHER = "other:gemini-flash"


def local(engine: Engine) -> dict[str, str]:
    """The gateway's settings for this engine."""
    return {"LOCAL_BASE_URL": engine.base_url} | ({"LOCAL_API_KEY": engine.key} if engine.key else {})


def other(demo: Gateway) -> dict[str, str]:
    """The gateway's settings for the demo behind it."""
    return {"UPSTREAMS": "other", "OTHER_BASE_URL": demo.base_url, "OTHER_API_KEY": demo.key}


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "babble.gguf"
    make_model.write(path)
    return path


@pytest.fixture(scope="session")
def eager_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that makes one call and ends, where a call is required."""
    path = tmp_path_factory.mktemp("model") / "eager.gguf"
    make_model.write(path, "eager")
    return path


@pytest.fixture(scope="session")
def thinking_model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose answers begin with thoughts."""
    path = tmp_path_factory.mktemp("model") / "thinking.gguf"
    make_model.write(path, "thinking")
    return path


@pytest.fixture(scope="session")
def start_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Engine]]:
    """Starts engines, which end with the tests."""
    started: list[Engine] = []

    def start(model: Path, **options: object) -> Engine:
        started.append(Engine(model, tmp_path_factory.mktemp("engine"), **options))
        return started[-1]

    yield start
    for engine in started:
        engine.stop()


@pytest.fixture(scope="session")
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Gateway]]:
    """Starts gateways, which end with the tests, and end well."""
    started: list[Gateway] = []

    def start(**options: str) -> Gateway:
        started.append(Gateway(tmp_path_factory.mktemp("gateway"), verb="", **options))
        return started[-1]

    yield start
    for gateway in started:
        assert gateway.stop() == 0, gateway.tail()


@pytest.fixture(scope="session")
def engine(start_engine: Callable[..., Engine], model_file: Path) -> Engine:
    """One engine for all tests that leave it as it was. It has a key, which no client of the gateway knows."""
    return start_engine(model_file, key=f"engine-key-{secrets.token_hex(16)}")


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    running = Gateway(tmp_path_factory.mktemp("demo"), verb="demo")
    yield running
    assert running.stop() == 0, running.tail()


@pytest.fixture(scope="session")
def gateway(engine: Engine, demo: Gateway, start_gateway: Callable[..., Gateway]) -> Gateway:
    return start_gateway(**local(engine), **other(demo))


@pytest.fixture(scope="session")
def connect() -> Iterator[Callable[..., openai.OpenAI]]:
    """Makes clients of either. Without retries: a test that passes at the second attempt hides a failure."""
    clients: list[openai.OpenAI] = []

    def make(server: Gateway | Engine, **options: object) -> openai.OpenAI:
        given = {"base_url": server.base_url, "api_key": server.key or "none", "max_retries": 0, "timeout": 30}
        clients.append(openai.OpenAI(**given | options))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture(scope="session")
def client(gateway: Gateway, connect: Callable[..., openai.OpenAI]) -> openai.OpenAI:
    return connect(gateway)


@pytest.fixture(scope="session")
def direct(engine: Engine, connect: Callable[..., openai.OpenAI]) -> openai.OpenAI:
    """The same client, without the gateway in between."""
    return connect(engine)


@pytest.fixture(scope="session")
def claude(gateway: Gateway) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=gateway.origin, api_key=gateway.key, max_retries=0, timeout=30) as client:
        yield client
