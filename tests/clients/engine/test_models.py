"""The list of models: the engine's beside the others, and whose each is."""

from __future__ import annotations

import openai
import pytest

from conftest import LOCAL, settings


def test_the_list_has_the_engines_models_and_the_others(client):
    owners = {model.id: model.owned_by for model in client.models.list()}
    assert LOCAL in owners
    others = {owner for name, owner in owners.items() if not name.startswith("local:")}
    assert any(name.startswith("gemini") for name in owners)
    assert owners[LOCAL]
    assert owners[LOCAL] not in others


def test_one_model(client):
    listed = {model.id: model for model in client.models.list()}
    assert client.models.retrieve(LOCAL) == listed[LOCAL]


def test_a_model_the_engine_does_not_have(client):
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("local:nonesuch")


def test_an_alias(engine, start_gateway, connect):
    client = connect(start_gateway(**settings(engine), MODEL_ALIASES=f"gpt-4o={LOCAL}"))
    answer = client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}], max_tokens=2)
    assert answer.model_extra["timings"]["predicted_n"] == 2


def test_the_list_outlives_the_engine(start_engine, start_gateway, connect, model_file):
    engine = start_engine(model_file)
    client = connect(start_gateway(LOCAL_BASE_URL=engine.base_url))
    assert LOCAL in {model.id for model in client.models.list()}
    engine.kill()
    assert any(model.id.startswith("gemini") for model in client.models.list())
