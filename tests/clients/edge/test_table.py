"""What a client must send, row by row: the credentials of a request, and who answers it with what."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from clients import CLIENTS, Question, Told
from gateway import Gateway, stand_in
from hfedge import Edge


@dataclass(frozen=True)
class Row:
    """One row of the table. `key`, `hub` and `reader` stand for the gateway's key, for the Hub token that is the
    gateway's secret HF_TOKEN too, and for one that only the edge knows."""

    bearer: str | None
    headers: dict[str, str]
    private: tuple[int, str]
    protected: tuple[int, str]


ROWS = {
    "nothing": Row(None, {}, (404, "edge"), (401, "app")),
    "the key": Row("key", {}, (404, "edge"), (200, "app")),
    "one token for both": Row("hub", {}, (200, "app"), (200, "app")),
    "the key, and a token for the edge": Row("key", {"X-HF-Authorization": "reader"}, (200, "app"), (200, "app")),
    "the key aside, and a token": Row("reader", {"X-API-Key": "key"}, (200, "app"), (200, "app")),
    "a token for the edge alone": Row(None, {"X-HF-Authorization": "reader"}, (401, "app"), (401, "app")),
    # Not of the table: what an edge that looks at the shape alone would let in.
    "a token that is nobody's": Row("key", {"X-HF-Authorization": "unknown"}, (404, "edge"), (200, "app")),
    "a token without access, and the key aside": Row("unknown", {"X-API-Key": "key"}, (404, "edge"), (200, "app")),
}


@pytest.fixture(scope="session")
def credentials(gateway: Gateway, reader: str) -> dict[str, str]:
    return {"key": gateway.key, "hub": gateway.hub_token, "reader": reader, "unknown": f"hf_{'x' * 34}"}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_what_a_client_must_send(
    edge: Edge, credentials: dict[str, str], row: Row, client: Callable[[Question], Told], stream: bool
):
    status, by = row.private if edge.private else row.protected
    headers = {}
    for name, which in row.headers.items():
        scheme = "" if name == "X-API-Key" else "Bearer "
        headers[name] = scheme + credentials[which]
    prompt = stand_in(text="Hello there", frames=4)
    before = len(edge.seen)
    told, said = client(Question(edge.base_url, prompt, row.bearer and credentials[row.bearer], headers, stream))
    (passed,) = edge.seen[before:]
    assert (told, passed.status, passed.by) == (status, status, by), said
    if status == 200:
        assert said == "Hello there"
    elif by == "edge":
        assert "404" in said
    else:
        assert "Incorrect API key provided" in said


def test_the_log_knows_no_token(gateway: Gateway, private: Edge, credentials: dict[str, str]):
    """After a request of every kind: the log names the key that opened, and holds no credential."""
    ask = CLIENTS[1]
    bearer = {"Authorization": f"Bearer {credentials['reader']}"}
    for question in (
        Question(private.base_url, "a", credentials["hub"]),
        Question(private.base_url, "b", credentials["key"], {"X-HF-Authorization": bearer["Authorization"]}),
        Question(private.base_url, "c", credentials["reader"], {"X-API-Key": credentials["key"]}),
        # Straight to the gateway, where no edge takes the header out.
        Question(gateway.base_url, "d", credentials["key"], {"X-HF-Authorization": bearer["Authorization"]}),
        Question(gateway.base_url, "e", credentials["reader"]),
    ):
        ask(question)
    log = gateway.log.read_text()
    access = [line for line in log.splitlines() if " access: " in line and 'route="chat"' in line]
    assert any("key=hf_token" in line for line in access)
    assert any("key=api_key_1" in line for line in access)
    for name, credential in credentials.items():
        assert credential not in log, f"the log holds {name}"
