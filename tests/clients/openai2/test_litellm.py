"""litellm: completions, streams, tools, and the classes of its errors, which it tells by status and wording."""

from __future__ import annotations

import asyncio
import json
import os
from functools import partial

import openai
import pytest

# Before the import, which would otherwise fetch a list of prices.
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
import litellm  # noqa: E402

from gateway import Gateway, calls, stand_in  # noqa: E402

litellm.suppress_debug_info = True
litellm.telemetry = False

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city", "days"],
            },
        },
    }
]
OSLO = ("weather", {"city": "Oslo", "days": 2})
ROME = ("weather", {"city": "Rome", "days": 1})


def user(content: str) -> list:
    return [{"role": "user", "content": content}]


@pytest.fixture(scope="module")
def complete(gateway: Gateway, model: str):
    options = {"api_base": gateway.base_url, "api_key": gateway.key, "num_retries": 0, "timeout": 30}
    return partial(litellm.completion, **({"model": f"openai/{model}"} | options))


def test_a_completion(complete):
    answer = complete(messages=user(stand_in(text="Hello there", thoughts=50)))
    (choice,) = answer.choices
    assert (choice.message.content, choice.finish_reason) == ("Hello there", "stop")
    assert len(choice.message.reasoning_content) > 20
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0


def test_a_stream(complete):
    prompt = stand_in(len=200, alphabet="mixed", frames=8)
    chunks = list(complete(messages=user(prompt), stream=True, stream_options={"include_usage": True}))
    pieces = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert len(pieces) > 1
    assert "".join(pieces) == complete(messages=user(prompt)).choices[0].message.content
    whole = litellm.stream_chunk_builder(chunks)
    assert whole.choices[0].finish_reason == "stop"
    assert whole.usage.total_tokens > 0


def test_a_stream_that_is_waited_for(gateway: Gateway, model):
    async def scenario():
        stream = await litellm.acompletion(
            model=f"openai/{model}",
            api_base=gateway.base_url,
            api_key=gateway.key,
            messages=user(stand_in(text="Hello there", frames=5)),
            stream=True,
        )
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    assert asyncio.run(asyncio.wait_for(scenario(), timeout=60)) == "Hello there"


@pytest.mark.parametrize("stream", [False, True])
def test_two_turns_with_tools(complete, stream):
    messages = user(calls(OSLO, ROME, frames=6))
    first = complete(messages=messages, tools=TOOLS, stream=stream)
    if stream:
        first = litellm.stream_chunk_builder(list(first))
    choice = first.choices[0]
    assert choice.finish_reason == "tool_calls"
    found = choice.message.tool_calls
    assert [(call.function.name, json.loads(call.function.arguments)) for call in found] == [OSLO, ROME]
    messages.append(choice.message.model_dump())
    for call in found:
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"4 degrees {stand_in(text='Cold.')}"})
    last = complete(messages=messages, tools=TOOLS).choices[0]
    assert (last.finish_reason, last.message.content) == ("stop", "Cold.")


def test_json_mode(complete):
    said = stand_in(text='```json\n{"a": 1}\n```')
    answer = complete(messages=user(said), response_format={"type": "json_object"})
    assert json.loads(answer.choices[0].message.content) == {"a": 1}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"api_key": "sk-this-is-not-the-key"}, litellm.AuthenticationError),
        ({"model": "openai/nonesuch"}, litellm.NotFoundError),
        ({"messages": []}, litellm.BadRequestError),
        ({"n": 2}, litellm.BadRequestError),
    ],
    ids=["key", "model", "messages", "n"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_has_its_class(complete, changed, expected, stream):
    with pytest.raises(expected) as caught:
        complete(**({"messages": user("x"), "stream": stream} | changed))
    assert type(caught.value) is expected


def test_a_used_up_account_is_a_rate_limit(fresh: Gateway, model):
    with pytest.raises(litellm.RateLimitError):
        litellm.completion(
            model=f"openai/{model}",
            api_base=fresh.base_url,
            api_key=fresh.key,
            num_retries=0,
            max_retries=0,
            messages=user(stand_in(error=1037)),
        )


def test_a_failure_in_the_middle_of_a_stream_is_raised(fresh: Gateway, model):
    stream = litellm.completion(
        model=f"openai/{model}",
        api_base=fresh.base_url,
        api_key=fresh.key,
        num_retries=0,
        messages=user(stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)),
        stream=True,
    )
    text = ""
    with pytest.raises(openai.APIError):
        for chunk in stream:
            assert chunk.choices[0].finish_reason is None
            text += chunk.choices[0].delta.content or ""
    assert text and "abcdefghijklmnopqrst".startswith(text)
