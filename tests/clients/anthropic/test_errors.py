"""Failures: the class the client raises, with type, code and request; and that none is repeated in vain."""

from __future__ import annotations

import anthropic
import pytest

from gateway import Gateway, stand_in


def user(content: object) -> list[dict]:
    return [{"role": "user", "content": content}]


def test_a_wrong_key(gateway: Gateway, connect, model):
    stranger = connect(gateway, api_key="sk-ant-this-is-not-the-key")
    with pytest.raises(anthropic.AuthenticationError) as caught:
        stranger.messages.create(model=model, max_tokens=9, messages=user("x"))
    error = caught.value
    assert (error.status_code, error.type, error.error_code) == (401, "authentication_error", "invalid_api_key")
    assert "this-is-not-the-key" not in str(error)
    assert error.request_id and error.request_id == error.body["request_id"]


@pytest.mark.parametrize("stream", [False, True])
def test_an_unknown_model(client, stream):
    with pytest.raises(anthropic.NotFoundError) as caught:
        client.messages.create(model="claude-nonesuch", max_tokens=9, messages=user("x"), stream=stream)
    assert (caught.value.type, caught.value.error_code) == ("not_found_error", "model_not_found")
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="claude-nonesuch", messages=user("x"))


@pytest.mark.parametrize(
    ("param", "body"),
    [
        ("max_tokens", {"max_tokens": None}),
        ("max_tokens", {"max_tokens": 0}),
        ("messages", {"messages": []}),
        ("messages", {"messages": "hello"}),
        ("messages[0].role", {"messages": [{"role": "wizard", "content": "x"}]}),
        ("messages[0].content", {"messages": user(7)}),
        ("messages[0].content[0].type", {"messages": user([{"type": "smell"}])}),
        ("messages[0].content[0].source", {"messages": user([{"type": "image", "source": {"type": "file", "file_id": "f"}}])}),
        ("messages[0].content[0].source.data", {"messages": user([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "?"}}])}),
        ("stream", {"stream": "yes"}),
        ("stop_sequences", {"stop_sequences": 5}),
        ("tools[0].type", {"tools": [{"type": "bash_20250124", "name": "bash"}]}),
        ("tool_choice.name", {"tool_choice": {"type": "tool", "name": "f"}}),
        ("mcp_servers", {"mcp_servers": [{"type": "url", "url": "https://example.com", "name": "n"}]}),
    ],
)
def test_a_bad_body_names_the_field(client, model, param, body):
    sent = {"model": model, "max_tokens": 9, "messages": user("x")} | body
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.post("/v1/messages", body=sent, cast_to=object)
    error = caught.value
    assert error.body["error"]["details"]["param"] == param
    assert error.type == "invalid_request_error"
    assert error.error_code and error.api_message.endswith(".")


def test_a_prompt_over_the_limit_says_so_in_the_words_agents_look_for(client, model):
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(model=model, max_tokens=9, messages=user("x" * 5_000_000))
    assert caught.value.api_message.startswith("prompt is too long: ")
    assert caught.value.error_code == "context_length_exceeded"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_piece_keeps_its_status(fresh: Gateway, connect, model, stream):
    attempts = []
    http = anthropic.DefaultHttpxClient(event_hooks={"request": [lambda request: attempts.append(request.url.path)]})
    client = connect(fresh, http_client=http, max_retries=2)
    with pytest.raises(anthropic.RateLimitError) as caught:
        client.messages.create(model=model, max_tokens=9, messages=user(stand_in(error=1037)), stream=stream)
    assert (caught.value.type, caught.value.error_code) == ("rate_limit_error", "usage_limit_reached")
    # What waiting cannot cure is asked for once.
    assert attempts == ["/v1/messages"]
    assert fresh.settles()


def test_a_failure_after_the_first_piece_is_raised(fresh: Gateway, connect, model):
    prompt = stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)
    text = ""
    with pytest.raises(anthropic.APIError) as caught:
        with connect(fresh).messages.stream(model=model, max_tokens=99, messages=user(prompt)) as stream:
            for piece in stream.text_stream:
                text += piece
    assert text and "abcdefghijklmnopqrst".startswith(text)
    assert not isinstance(caught.value, anthropic.APIConnectionError)
    assert caught.value.error_code
    assert fresh.settles()


def test_an_answer_cut_by_the_upstream_has_no_end(fresh: Gateway, connect, model):
    prompt = stand_in(len=400, alphabet="ascii", frames=20, delay=10, disconnect=8, persist=0)
    client = connect(fresh)
    kinds = []
    with pytest.raises(anthropic.APIError):
        for event in client.messages.create(model=model, max_tokens=999, messages=user(prompt), stream=True):
            kinds.append(event.type)
    assert kinds and "message_delta" not in kinds
    with pytest.raises(anthropic.APIStatusError):
        client.messages.create(model=model, max_tokens=999, messages=user(prompt))
