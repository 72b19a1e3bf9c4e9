"""Failures: the class the client raises, with status, code and parameter; and that none is repeated in vain."""

from __future__ import annotations

import openai
import pytest

from gateway import Gateway, stand_in

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGVsbG8="}}


def test_a_wrong_key(gateway: Gateway, connect):
    stranger = connect(gateway, api_key="sk-this-is-not-the-key")
    with pytest.raises(openai.AuthenticationError) as caught:
        stranger.models.list()
    error = caught.value
    assert (error.status_code, error.code, error.type) == (401, "invalid_api_key", "invalid_request_error")
    assert "this-is-not-the-key" not in str(error)
    assert error.request_id
    assert error.response.headers["www-authenticate"].startswith("Bearer")


def test_a_wrong_key_on_a_stream(gateway: Gateway, connect, model):
    with pytest.raises(openai.AuthenticationError):
        connect(gateway, api_key=gateway.key[:-1]).chat.completions.create(
            model=model, messages=[{"role": "user", "content": "x"}], stream=True
        )


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model(client, stream):
    with pytest.raises(openai.NotFoundError) as caught:
        client.chat.completions.create(
            model="gpt-4o-nonesuch", messages=[{"role": "user", "content": "x"}], stream=stream
        )
    assert caught.value.code == "model_not_found"
    assert caught.value.type == "invalid_request_error"


@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("messages", {"messages": []}),
        ("messages", {"messages": "hello"}),
        ("messages[0]", {"messages": ["hello"]}),
        ("messages[0].role", {"messages": [{"role": "wizard", "content": "x"}]}),
        ("messages[0].content", {"messages": [{"role": "user", "content": 7}]}),
        ("messages[0].content[0].type", {"messages": [{"role": "user", "content": [{"type": "smell"}]}]}),
        ("messages[0].content[0].image_url.url", {"messages": [{"role": "user", "content": [IMAGE]}]}),
        ("n", {"n": 2}),
        ("stream", {"stream": "yes"}),
        ("logprobs", {"logprobs": True}),
        ("stop", {"stop": 5}),
        ("max_tokens", {"max_tokens": 0}),
        ("response_format.type", {"response_format": {"type": "xml"}}),
    ],
)
def test_a_bad_body_names_the_field(client, model, param, body):
    sent = {"model": model, "messages": [{"role": "user", "content": "x"}]} | body
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/chat/completions", body=sent, cast_to=object)
    assert caught.value.param == param
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code


def test_an_unknown_path_and_method(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.get("/nonesuch", cast_to=object)
    assert caught.value.code == "unknown_url"
    with pytest.raises(openai.APIStatusError) as refused:
        client.get("/chat/completions", cast_to=object)
    assert (refused.value.status_code, refused.value.code) == (405, "method_not_allowed")
    assert "POST" in refused.value.response.headers["allow"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_piece_keeps_its_status(fresh: Gateway, connect, model, stream):
    client = connect(fresh)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": stand_in(error=1037)}], stream=stream
        )
    assert (caught.value.status_code, caught.value.code) == (429, "usage_limit_reached")
    assert fresh.settles()


def test_what_waiting_cannot_cure_is_asked_for_once(fresh: Gateway, connect, model):
    attempts = []
    http = openai.DefaultHttpx2Client(event_hooks={"request": [lambda request: attempts.append(request.url.path)]})
    client = connect(fresh, http_client=http, max_retries=2)
    with pytest.raises(openai.RateLimitError) as caught:
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": stand_in(error=1037)}])
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert attempts == ["/v1/chat/completions"]


def test_a_failure_after_the_first_piece_is_raised(fresh: Gateway, connect, model):
    stream = connect(fresh).chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)}],
        stream=True,
    )
    text = ""
    with pytest.raises(openai.APIError) as caught:
        for chunk in stream:
            assert chunk.choices[0].finish_reason is None
            text += chunk.choices[0].delta.content or ""
    assert text and "abcdefghijklmnopqrst".startswith(text)
    assert not isinstance(caught.value, openai.APIConnectionError)
    assert caught.value.code and caught.value.message
    assert fresh.settles()


def test_an_answer_cut_by_the_upstream_never_ends_in_stop(fresh: Gateway, connect, model):
    prompt = stand_in(len=400, alphabet="ascii", frames=20, delay=10, disconnect=8, persist=0)
    client = connect(fresh)
    reasons = []
    with pytest.raises(openai.APIError):
        for chunk in client.chat.completions.create(
            model=model, messages=[{"role": "user", "content": prompt}], stream=True
        ):
            reasons.append(chunk.choices[0].finish_reason)
    assert reasons and set(reasons) == {None}
    with pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])


@pytest.mark.parametrize(
    "call",
    [
        lambda client, model: client.embeddings.create(model=model, input="x"),
        lambda client, model: client.files.list(),
        lambda client, model: client.audio.speech.create(model=model, voice="alloy", input="x"),
        lambda client, model: client.moderations.create(input="x"),
    ],
    ids=["embeddings", "files", "speech", "moderations"],
)
def test_what_is_not_served_is_not_found(client, model, call):
    with pytest.raises(openai.NotFoundError) as caught:
        call(client, model)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.code and caught.value.message
