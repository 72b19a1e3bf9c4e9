"""Whole and streamed messages, and counted tokens, through the official client."""

from __future__ import annotations

import asyncio
import time

import anthropic
import pytest

from gateway import Gateway, stand_in

# Every character class that a chunk border, an escape or a clean-up could damage.
HOSTILE = "a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 \"q\" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]"


def text_of(message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")


def test_a_message(ask, model):
    message = ask(stand_in(text="Hello there"), metadata={"user_id": "u"})
    assert (message.type, message.role, message.model, message.stop_reason) == ("message", "assistant", model, "end_turn")
    assert [block.type for block in message.content] == ["text"]
    assert text_of(message) == "Hello there"
    assert message.id.startswith("msg_")
    assert message.usage.input_tokens > 0 and message.usage.output_tokens > 0
    assert message._request_id


def test_what_has_no_effect_is_named(client, model):
    raw = client.messages.with_raw_response.create(
        model=model,
        max_tokens=99,
        extra_body={"temperature": 0.2},
        system=[{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": "Hi"}],
    )
    named = raw.headers["x-gateway-ignored-params"].split(", ")
    assert sorted(named) == ["system.cache_control", "temperature"]
    assert text_of(raw.parse())


def test_a_conversation_reaches_the_model_as_it_is(ask, client, model):
    first = ask(stand_in(text="Hello there"))
    message = client.messages.create(
        model=model,
        max_tokens=10_000,
        system="Answer in French.",
        messages=[
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": first.content},
            {"role": "user", "content": [{"type": "text", "text": "Again. " + stand_in("echo")}]},
        ],
    )
    said = text_of(message)
    assert said.index("Answer in French.") < said.index("Hello there") < said.index("Again.")


@pytest.mark.parametrize("stream", [False, True])
def test_hostile_text_comes_as_it_was_said(client, ask, model, stream):
    prompt = stand_in(text=HOSTILE, split="random", frames=7)
    if not stream:
        assert text_of(ask(prompt)) == HOSTILE
        return
    with client.messages.stream(
        model=model, max_tokens=10_000, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        assert "".join(stream.text_stream) == HOSTILE


def test_the_events_of_a_stream(ask):
    events = list(ask(stand_in(len=300, alphabet="ascii", frames=10), stream=True))
    kinds = [event.type for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"} and len(kinds) > 7
    assert events[0].message.usage.input_tokens > 0
    assert events[-2].delta.stop_reason == "end_turn"
    assert events[-2].usage.output_tokens > 0


def test_the_stream_helper_gives_what_the_whole_message_gives(client, ask, model):
    prompt = stand_in(len=500, alphabet="mixed", frames=9)
    whole = ask(prompt)
    with client.messages.stream(
        model=model, max_tokens=10_000, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == stream.get_final_text() == text_of(whole) == text_of(final)
    assert (final.stop_reason, final.model, final.role) == (whole.stop_reason, whole.model, whole.role)
    assert final.usage.output_tokens == whole.usage.output_tokens
    assert final.usage.input_tokens == whole.usage.input_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_are_blocks_for_those_who_ask(client, ask, model, stream):
    prompt = stand_in(text="Yes.", thoughts=60)
    assert [block.type for block in ask(prompt).content] == ["text"]
    asked = {
        "model": model,
        "max_tokens": 10_000,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "messages": [{"role": "user", "content": prompt}],
    }
    if stream:
        with client.messages.stream(**asked) as events:
            kinds = {event.type for event in events}
            message = events.get_final_message()
        assert {"thinking", "signature", "text"} <= kinds
    else:
        message = client.messages.create(**asked)
    thinking, text = message.content
    assert (thinking.type, text.type, text.text) == ("thinking", "text", "Yes.")
    assert len(thinking.thinking) >= 60 and thinking.signature
    # What came can be sent back as it is.
    again = [*asked["messages"], {"role": "assistant", "content": message.content}, {"role": "user", "content": "And?"}]
    assert text_of(client.messages.create(**asked | {"messages": again}))


def test_the_stop_sequence_that_was_met_is_told(ask):
    message = ask(stand_in(text="one END two"), stop_sequences=["STOP", "END"])
    assert (text_of(message), message.stop_reason, message.stop_sequence) == ("one ", "stop_sequence", "END")


def test_a_limit_on_tokens_is_told(ask):
    message = ask(stand_in(text="one two three four five six"), max_tokens=2)
    assert (text_of(message), message.stop_reason) == ("one two ", "max_tokens")


def test_tokens_are_counted(client, ask, model):
    messages = [{"role": "user", "content": stand_in(text="Hello")}]
    plain = client.messages.count_tokens(model=model, messages=messages).input_tokens
    assert plain == ask(stand_in(text="Hello")).usage.input_tokens > 0
    tools = [{"name": "f", "description": "what it does", "input_schema": {"type": "object"}}]
    assert client.messages.count_tokens(model=model, messages=messages, tools=tools).input_tokens > plain
    assert client.messages.count_tokens(model=model, messages=messages, system="Be brief.").input_tokens > plain


def test_the_beta_client_and_a_bearer_token_work(gateway: Gateway, connect, model):
    client = connect(gateway, api_key=None, auth_token=gateway.key)
    message = client.beta.messages.create(
        model=model,
        max_tokens=99,
        betas=["context-management-2025-06-27"],
        context_management={"edits": []},
        messages=[{"role": "user", "content": stand_in(text="Hello")}],
    )
    assert text_of(message) == "Hello"
    assert client.beta.messages.count_tokens(
        model=model, messages=[{"role": "user", "content": "Hi"}]
    ).input_tokens


def test_a_base_url_with_the_version_works_too(gateway: Gateway, connect, model):
    client = connect(gateway, base_url=gateway.base_url)
    message = client.messages.create(model=model, max_tokens=99, messages=[{"role": "user", "content": "Hi"}])
    assert text_of(message)


def test_a_stream_that_is_left_ends_at_the_upstream(fresh: Gateway, connect, model):
    prompt = stand_in(len=6000, alphabet="ascii", frames=300, delay=200)
    client = connect(fresh)
    with client.messages.stream(
        model=model, max_tokens=10_000, messages=[{"role": "user", "content": prompt}]
    ) as stream:
        assert next(iter(stream.text_stream))
    assert fresh.settles()


def test_many_at_once(gateway: Gateway, model):
    async def all_of_them() -> list[str]:
        async with anthropic.AsyncAnthropic(
            base_url=gateway.origin, api_key=gateway.key, max_retries=0, timeout=30
        ) as client:

            async def one(number: int) -> str:
                prompt = stand_in(text=f"answer {number}", frames=3, delay=20)
                async with client.messages.stream(
                    model=model, max_tokens=99, messages=[{"role": "user", "content": prompt}]
                ) as stream:
                    return await stream.get_final_text()

            return await asyncio.gather(*(one(number) for number in range(8)))

    began = time.monotonic()
    assert asyncio.run(all_of_them()) == [f"answer {number}" for number in range(8)]
    assert time.monotonic() - began < 20
