"""An engine that refuses, crashes or is not there: what clients are told, and who answers instead."""

from __future__ import annotations

import re
import time

import anthropic
import httpx2
import openai
import pytest

from conftest import LOCAL, OTHER, local, other
from engine import CONTEXT, MODEL, Engine, free_port
from gateway import stand_in

HELLO = [{"role": "user", "content": "Hello"}]
# Seconds within which a restarted engine is used again.
RECOVERY_LIMIT = 90
# How the SDK fails when an answer breaks off: by an error event, or by a connection that ended early.
BROKEN_OFF = (openai.APIError, httpx2.TransportError)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("key", ["engine-key-of-somebody-else", ""], ids=["wrong", "missing"])
def test_the_engines_key_is_not_the_clients_fault(engine, start_gateway, connect, key, stream):
    gateway = start_gateway(LOCAL_BASE_URL=engine.base_url, LOCAL_API_KEY=key)
    with pytest.raises(openai.APIStatusError) as caught:
        connect(gateway).chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=2, stream=stream)
    error = caught.value
    assert error.status_code >= 500, error
    assert error.code == "upstream_credential_refused"
    assert "LOCAL_API_KEY" in error.message, error
    # Asking again would not help.
    assert error.response.headers["x-should-retry"] == "false"
    for secret in filter(None, (key, engine.key)):
        assert secret not in str(error.body)
        assert secret not in gateway.log.read_text()


def test_no_key_is_ever_told(engine, gateway, client):
    client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=2)
    log = gateway.log.read_text()
    assert engine.key not in log
    # And the engine was not told the client's.
    assert gateway.key not in engine.log.read_text(errors="replace")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_conversation_that_is_too_long(client, stream):
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=LOCAL, messages=[{"role": "user", "content": "the " * (CONTEXT + 100)}], stream=stream
        )
    error = caught.value
    # In the engine's own words: they have the two numbers that matter.
    assert "context size" in error.message
    assert str(CONTEXT) in error.message
    # In OpenAI's shape and words, by which agents know that they have to shorten it.
    assert (error.type, error.code, error.param) == ("invalid_request_error", "context_length_exceeded", "messages")


def test_a_conversation_that_is_too_long_for_a_client_of_anthropics(claude):
    with pytest.raises(anthropic.BadRequestError) as caught:
        claude.messages.create(
            model=LOCAL, messages=[{"role": "user", "content": "the " * (CONTEXT + 100)}], max_tokens=5
        )
    assert caught.value.body["error"]["type"] == "invalid_request_error"
    assert caught.value.body["error"]["message"].startswith("prompt is too long")


def test_a_parameter_that_the_engine_refuses(client, direct):
    broken = {"messages": HELLO, "max_tokens": 2, "extra_body": {"grammar": "root ::= nonesuch ("}}
    with pytest.raises(openai.BadRequestError) as wanted:
        direct.chat.completions.create(model=MODEL, **broken)
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model=LOCAL, **broken)
    assert wanted.value.body["message"] in caught.value.body["message"]


def test_an_engine_that_crashes_in_mid_answer_is_no_end_of_the_answer(
    start_engine, start_gateway, connect, model_file, tmp_path
):
    # More than all buffers on the way hold, so that most is unsaid when the engine dies.
    engine = start_engine(model_file, context=16384)
    client = connect(start_gateway(LOCAL_BASE_URL=engine.base_url))
    long = {"max_tokens": 15_000, "extra_body": {"ignore_eos": True}}
    stream = client.chat.completions.create(model=LOCAL, messages=HELLO, stream=True, **long)
    finished = []
    with pytest.raises(BROKEN_OFF):
        for position, chunk in enumerate(stream):
            finished += [choice.finish_reason for choice in chunk.choices if choice.finish_reason]
            if position == 2:
                engine.kill()
    assert finished == []
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=2)
    assert caught.value.status_code in (502, 503)

    again = Engine(model_file, tmp_path, port=engine.port)
    try:
        assert _answers_again(client)
    finally:
        again.stop()


def _answers_again(client: openai.OpenAI) -> bool:
    deadline = time.monotonic() + RECOVERY_LIMIT
    while time.monotonic() < deadline:
        try:
            return bool(client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=2).id)
        except openai.APIStatusError as error:
            assert error.status_code in (502, 503), error
            time.sleep(0.2)
    return False


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_an_engine_that_is_not_there(start_gateway, connect, stream):
    client = connect(start_gateway(LOCAL_BASE_URL=f"http://127.0.0.1:{free_port()}/v1"))
    with pytest.raises(openai.APIStatusError) as caught:
        client.chat.completions.create(model=LOCAL, messages=HELLO, stream=stream)
    assert caught.value.status_code in (502, 503)
    assert "local" in caught.value.message


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_another_upstream_answers_for_an_engine_that_is_down(demo, start_gateway, connect, stream):
    gateway = start_gateway(
        LOCAL_BASE_URL=f"http://127.0.0.1:{free_port()}/v1", **other(demo), FALLBACK_CHAIN=f"{LOCAL},{OTHER}"
    )
    raw = connect(gateway).chat.completions.with_raw_response.create(
        model=LOCAL, messages=[{"role": "user", "content": stand_in(text="Here I am")}], stream=stream
    )
    text, model = _said(raw.parse(), stream)
    assert text == "Here I am"
    # Disclosed: nothing pretends to be the engine.
    assert model == OTHER.removeprefix("other:")
    assert raw.headers["x-gateway-upstream"] == "other"
    *before, last = _attempts(raw)
    assert set(before) == {(LOCAL, False)}
    assert last == (OTHER, True)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("first", [OTHER, "gemini-pro"], ids=["used up", "not configured"])
def test_the_engine_answers_for_another_upstream(engine, demo, start_gateway, connect, first, stream):
    gateway = start_gateway(**local(engine), **other(demo), FALLBACK_CHAIN=f"{first},{LOCAL}")
    raw = connect(gateway).chat.completions.with_raw_response.create(
        model=first, messages=[{"role": "user", "content": stand_in(error=1037)}], max_tokens=9, stream=stream
    )
    text, model = _said(raw.parse(), stream)
    assert text.split()
    assert model == MODEL
    assert raw.headers["x-gateway-upstream"] == "local"
    assert _attempts(raw) == [(first, False), (LOCAL, True)]


def _attempts(raw: openai.APIResponse) -> list[tuple[str, bool]]:
    """The models that were asked, in order, and whether they answered."""
    attempts = re.findall(r'"([^"]+)"((?:;[a-z]+(?:=[^;,]+)?)+)', raw.headers["x-gateway-attempts"])
    return [(model, ";status=200" in facts) for model, facts in attempts]


def _said(answer: object, stream: bool) -> tuple[str, str]:
    """The text of an answer, and the model that the answer names."""
    if not stream:
        return answer.choices[0].message.content, answer.model
    chunks = list(answer)
    [model] = {chunk.model for chunk in chunks}
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices), model
