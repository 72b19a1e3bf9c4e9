"""Tools, schemas and images through the official client: what the gateway has to do for an upstream that only chats."""

from __future__ import annotations

import base64
import json

import pytest

from gateway import PIXEL, calls, stand_in

WEATHER = {
    "name": "get_weather",
    "description": "The weather of a city",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city"],
    },
}


def offer(model: str, prompt: str, **options: object) -> dict:
    messages = [{"role": "user", "content": prompt}]
    return {"model": model, "max_tokens": 10_000, "tools": [WEATHER], "messages": messages} | options


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_and_its_result(client, model, stream):
    asked = offer(model, "Weather? " + calls(("get_weather", {"city": "Köln", "days": 2})))
    if stream:
        with client.messages.stream(**asked) as events:
            message = events.get_final_message()
    else:
        message = client.messages.create(**asked)
    assert message.stop_reason == "tool_use"
    call = message.content[-1]
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"city": "Köln", "days": 2})
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "It is sunny. " + stand_in(text="Sunny.")}
    again = [
        *asked["messages"],
        {"role": "assistant", "content": message.content},
        {"role": "user", "content": [result]},
    ]
    answer = client.messages.create(**asked | {"messages": again})
    assert (answer.content[0].text, answer.stop_reason) == ("Sunny.", "end_turn")


def test_a_tool_that_is_forbidden_is_not_called(client, model):
    said = calls(("get_weather", {"city": "Köln"}))
    message = client.messages.create(**offer(model, said, tool_choice={"type": "none"}))
    assert [block.type for block in message.content] == ["text"]


def test_an_answer_by_a_schema(client, model):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    message = client.messages.create(
        model=model,
        max_tokens=10_000,
        output_config={"format": {"type": "json_schema", "schema": schema}},
        messages=[{"role": "user", "content": stand_in(text='```json\n{"n": 1}\n```')}],
    )
    assert json.loads(message.content[0].text) == {"n": 1}


def test_an_image_is_taken(client, model):
    source = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PIXEL).decode()}
    content = [{"type": "image", "source": source}, {"type": "text", "text": stand_in(text="Grey.")}]
    message = client.messages.create(model=model, max_tokens=99, messages=[{"role": "user", "content": content}])
    assert message.content[0].text == "Grey."
