"""What the tests behind the edge are given: an edge of each visibility, its tokens, and the three clients."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from gateway import Gateway
from hfedge import VISIBILITIES, Edge, edge_before


@pytest.fixture(scope="session")
def reader() -> str:
    """A Hub token that may read the Space, and which the gateway knows nothing of."""
    return f"hf_{secrets.token_hex(17)}"


@pytest.fixture(scope="session", params=VISIBILITIES)
def edge(request: pytest.FixtureRequest, gateway: Gateway, reader: str) -> Iterator[Edge]:
    with edge_before(gateway.origin, request.param, [gateway.hub_token, reader]) as running:
        yield running


@pytest.fixture(scope="session")
def private(gateway: Gateway, reader: str) -> Iterator[Edge]:
    with edge_before(gateway.origin, "private", [gateway.hub_token, reader]) as running:
        yield running
