"""The list of models: the engine's beside the others, and whose each is."""

from __future__ import annotations

import time

import openai
import pytest

from conftest import LOCAL, OTHER, local, other

HELLO = [{"role": "user", "content": "Hello"}]
# Seconds. The lists are asked for when the gateway starts.
LIST_LIMIT = 20


def owners(client: openai.OpenAI) -> dict[str, str]:
    """Who owns which model, as soon as both upstreams have told theirs."""
    deadline = time.monotonic() + LIST_LIMIT
    while True:
        listed = {model.id: model.owned_by for model in client.models.list()}
        if LOCAL in listed and OTHER in listed:
            return listed
        assert time.monotonic() < deadline, listed
        time.sleep(0.02)


def test_the_list_has_the_models_of_all_upstreams(client):
    listed = owners(client)
    assert listed[LOCAL] == "local"
    assert listed[OTHER] == "other"
    # Gemini's own, for which this gateway has no account, are not offered.
    assert all(name.startswith(("local:", "other:")) for name in listed)


def test_one_model(client):
    owners(client)
    assert client.models.retrieve(LOCAL) == next(model for model in client.models.list() if model.id == LOCAL)


def test_a_model_the_engine_does_not_have(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("local:nonesuch")


def test_an_alias(engine, start_gateway, connect):
    client = connect(start_gateway(**local(engine), MODEL_ALIASES=f"gpt-4o={LOCAL}"))
    answer = client.chat.completions.create(model="gpt-4o", messages=HELLO, max_tokens=2)
    assert answer.model_extra["timings"]["predicted_n"] == 2


def test_the_list_outlives_the_engine(start_engine, demo, start_gateway, connect, model_file):
    engine = start_engine(model_file)
    client = connect(start_gateway(**local(engine), **other(demo)))
    before = owners(client)
    engine.kill()
    assert owners(client) == before
