"""Plain chat with nothing but Python's own library, as the scripts that were written for it do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from gateway import Gateway, stand_in


def call(gateway: Gateway, path: str, body: object = None, *, session: str | None = None, key: str | None = None) -> dict:
    headers = {"Authorization": f"Bearer {key or gateway.key}", "Content-Type": "application/json"}
    if session:
        headers["X-Session-Id"] = session
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(gateway.origin + path, data=data, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def test_a_conversation_from_its_first_message_to_its_reset(gateway: Gateway) -> None:
    message = stand_in(text="Bern")
    answer = call(gateway, "/chat", {"message": message, "max_tokens": 512, "temperature": 0.7}, session="python")
    assert answer == {"message": message, "response": "Bern", "status": "success"}
    call(gateway, "/chat", {"message": stand_in(text="Yes")}, session="python")
    status = call(gateway, "/status", session="python")
    assert set(status) == {"model_name", "device", "conversation_length", "memory_allocated", "history"}
    assert (status["conversation_length"], status["device"]) == (2, "gemini-web")
    assert status["memory_allocated"] > 1_000_000
    # Neither another session nor another key sees any of it.
    assert call(gateway, "/status")["conversation_length"] == 0
    assert call(gateway, "/status", session="python", key=gateway.hub_token)["conversation_length"] == 0
    assert call(gateway, "/reset", {}, session="python")["status"] == "success"
    assert call(gateway, "/status", session="python")["conversation_length"] == 0


@pytest.mark.parametrize(
    ("body", "key", "status", "word"),
    [
        ({}, None, 400, "'message'"),
        ({"message": "Hi", "temperature": 9}, None, 400, "'temperature'"),
        ({"message": "Hi"}, "wrong", 401, "key"),
        ({"message": stand_in(error=1037)}, None, 503, "quota"),
    ],
)
def test_an_error_is_one_text(gateway: Gateway, body: object, key: str | None, status: int, word: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        call(gateway, "/chat", body, session="errors", key=key)
    assert caught.value.code == status
    error = json.load(caught.value)
    assert set(error) == {"error"}
    assert word in error["error"]


def test_a_restart_forgets_and_says_so(tmp_path: Path) -> None:
    lengths = []
    for number in range(2):
        gateway = Gateway(tmp_path)
        try:
            if number == 0:
                call(gateway, "/chat", {"message": stand_in(text="Bern")})
            status = call(gateway, "/status")
        finally:
            assert gateway.stop() == 0, gateway.tail()
        lengths.append(status["conversation_length"])
        assert status["history"].startswith("in memory since ")
    assert lengths == [1, 0]
