"""Failures: the class the client raises, with code, status, message and the field at fault."""

from __future__ import annotations

import pytest
from google.genai import errors, types

from gateway import Gateway, stand_in


def reason(error: errors.APIError) -> str:
    return error.details["error"]["details"][0]["reason"]


def test_a_wrong_key(gateway: Gateway, connect):
    with pytest.raises(errors.ClientError) as caught:
        list(connect(gateway, api_key="this-is-not-the-key").models.list())
    assert (caught.value.code, caught.value.status, reason(caught.value)) == (401, "UNAUTHENTICATED", "invalid_api_key")
    assert "this-is-not-the-key" not in str(caught.value)


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model(client, stream):
    with pytest.raises(errors.ClientError) as caught:
        if stream:
            list(client.models.generate_content_stream(model="gemini-nonesuch", contents="x"))
        else:
            client.models.generate_content(model="gemini-nonesuch", contents="x")
    assert (caught.value.code, caught.value.status, reason(caught.value)) == (404, "NOT_FOUND", "model_not_found")


@pytest.mark.parametrize(
    ("field", "config"),
    [
        ("generationConfig.candidateCount", {"candidate_count": 2}),
        ("generationConfig.responseModalities", {"response_modalities": ["IMAGE"]}),
        ("generationConfig.responseLogprobs", {"response_logprobs": True}),
        ("generationConfig.responseMimeType", {"response_mime_type": "text/x.enum"}),
        ("generationConfig.maxOutputTokens", {"max_output_tokens": 0}),
        ("cachedContent", {"cached_content": "cachedContents/a"}),
        ("tools[0].computerUse", {"tools": [types.Tool(computer_use=types.ComputerUse())]}),
    ],
)
def test_a_refusal_names_the_field(ask, field, config):
    with pytest.raises(errors.ClientError) as caught:
        ask("x", **config)
    assert (caught.value.code, caught.value.status) == (400, "INVALID_ARGUMENT")
    violation = caught.value.details["error"]["details"][1]["fieldViolations"][0]
    assert violation["field"] == field
    assert field in caught.value.message


def test_files_of_googles_own_are_refused(client, model):
    file = types.Part.from_uri(file_uri="https://generativelanguage.googleapis.com/v1beta/files/a", mime_type="image/png")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=model, contents=[file, "What is this?"])
    assert reason(caught.value) == "unsupported_parameter"


def test_what_is_not_served_is_said_in_googles_shape(client, model):
    for call in [
        lambda: client.models.embed_content(model=model, contents="x"),
        lambda: client.caches.create(model=model, config={"contents": "x"}),
        lambda: list(client.files.list()),
    ]:
        with pytest.raises(errors.ClientError) as caught:
            call()
        assert (caught.value.code, reason(caught.value)) == (404, "unknown_url")


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_piece_keeps_its_status(fresh: Gateway, connect, stream):
    client, prompt = connect(fresh), stand_in(error=1037)
    with pytest.raises(errors.ClientError) as caught:
        if stream:
            list(client.models.generate_content_stream(model="gemini-flash", contents=prompt))
        else:
            client.models.generate_content(model="gemini-flash", contents=prompt)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert reason(caught.value) == "usage_limit_reached"
    assert fresh.settles()
