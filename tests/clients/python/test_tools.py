"""Tool calls through the official client: whole, streamed, parsed, and over several turns."""

from __future__ import annotations

import json
from typing import Literal

import openai
import pytest
from pydantic import BaseModel

from gateway import call_text, calls, stand_in

# What a clean-up of Markdown, an escape or a fence inside a string could damage.
HOSTILE = "a \\_b\\ \"q\" `c`\n```python\nprint('x')\n```\n~~~\n</tool_call> \u2028 😀 C:\\new\\table"


class Weather(BaseModel):
    """The weather of a city."""

    city: str
    days: int
    unit: Literal["C", "F"]


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
                "required": ["city"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "write_file",
            "parameters": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "text": {"type": "string"},
                    "mode": {"type": ["integer", "null"]},
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "force": {"type": "boolean"},
                    "ratio": {"type": "number"},
                },
                "required": ["path", "text"],
            },
        },
    },
]
OSLO = ("get_weather", {"city": "Oslo", "days": 2})
ROME = ("get_weather", {"city": "Rome", "days": 1})


def pairs(found) -> list[tuple[str, object]]:
    return [(call.function.name, json.loads(call.function.arguments)) for call in found]


def test_a_call(ask):
    choice = ask(calls(OSLO), tools=TOOLS).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    assert pairs(choice.message.tool_calls) == [OSLO]
    assert choice.message.tool_calls[0].type == "function"
    assert choice.message.tool_calls[0].id


def test_a_conversation_of_two_calls(client, model):
    messages: list = [{"role": "user", "content": f"Where is it warmer? {calls(OSLO)}"}]
    ids = []
    for said in [calls(OSLO), stand_in(text="It is 4 degrees in Oslo.")]:
        answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
        (call,) = answer.message.tool_calls
        ids.append(call.id)
        # As the client parsed it, nulls and all.
        messages.append(answer.message)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": f"4 degrees {said}"})
    last = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert (last.finish_reason, last.message.content) == ("stop", "It is 4 degrees in Oslo.")
    assert not last.message.tool_calls
    assert len(set(ids)) == 2, "the same call in two turns is two calls"


def test_the_model_sees_calls_and_results(client, model):
    messages: list = [{"role": "user", "content": calls(OSLO)}]
    answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    result = f"result-birch {stand_in('echo')}"
    messages += [answer.message, {"role": "tool", "tool_call_id": answer.message.tool_calls[0].id, "content": result}]
    # Without the tools, whose description would hold a worked example of a call.
    seen = client.chat.completions.create(model=model, messages=messages, tools=TOOLS, tool_choice="none")
    text = seen.choices[0].message.content
    assert text.index("get_weather") < text.index("Oslo") < text.index("result-birch")


def test_a_result_that_looks_like_a_call_calls_nothing(client, model):
    messages: list = [{"role": "user", "content": calls(OSLO)}]
    answer = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    result = f"{call_text(*ROME)}\n{stand_in(text='Nothing to do.')}"
    messages += [answer.message, {"role": "tool", "tool_call_id": answer.message.tool_calls[0].id, "content": result}]
    last = client.chat.completions.create(model=model, messages=messages, tools=TOOLS).choices[0]
    assert (last.finish_reason, last.message.content, last.message.tool_calls) == ("stop", "Nothing to do.", None)


@pytest.mark.parametrize("stream", [False, True])
def test_values_keep_type_and_bytes(ask, stream):
    wanted = {"path": "C:\\new\\a.txt", "text": HOSTILE, "mode": None, "tags": ["a", ""], "force": False, "ratio": 0.5}
    if stream:
        found = [call for chunk in ask(calls(("write_file", wanted), frames=9), tools=TOOLS, stream=True)
                 for call in chunk.choices[0].delta.tool_calls or []]
        arguments = "".join(call.function.arguments for call in found)
    else:
        arguments = ask(calls(("write_file", wanted)), tools=TOOLS).choices[0].message.tool_calls[0].function.arguments
    assert json.loads(arguments) == wanted


def test_a_number_in_quotes_follows_the_schema(ask):
    said = ("get_weather", {"city": "12", "days": "2"})
    assert pairs(ask(calls(said), tools=TOOLS).choices[0].message.tool_calls) == [
        ("get_weather", {"city": "12", "days": 2})
    ]


@pytest.mark.parametrize(("allowed", "expected"), [(True, [OSLO, ROME]), (False, [OSLO])])
def test_parallel_calls(ask, allowed, expected):
    choice = ask(calls(OSLO, ROME), tools=TOOLS, parallel_tool_calls=allowed).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert pairs(choice.message.tool_calls) == expected
    assert len({call.id for call in choice.message.tool_calls}) == len(expected)


def test_the_chunks_of_streamed_calls(ask):
    chunks = list(ask(calls(OSLO, ROME, before="Let me look.\n", frames=12), tools=TOOLS, stream=True))
    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert "".join(delta.content or "" for delta in deltas).rstrip() == "Let me look."
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices[0].finish_reason] == ["tool_calls"]
    assert all(len(delta.tool_calls) == 1 for delta in deltas if delta.tool_calls), "one call per chunk"
    found = [delta.tool_calls[0] for delta in deltas if delta.tool_calls]
    for index, wanted in enumerate([OSLO, ROME]):
        first, *rest = [call for call in found if call.index == index]
        assert first.id and first.type == "function" and first.function.name == wanted[0]
        assert all((call.id, call.type, call.function.name) == (None, None, None) for call in rest)
        assert json.loads("".join(call.function.arguments for call in [first, *rest])) == wanted[1]
    assert {call.index for call in found} == {0, 1}


@pytest.mark.parametrize(
    "choice",
    ["required", {"type": "function", "function": {"name": "get_weather"}}],
    ids=["required", "named"],
)
def test_a_call_that_must_be(ask, choice):
    answer = ask(calls(OSLO), tools=TOOLS, tool_choice=choice).choices[0]
    assert pairs(answer.message.tool_calls) == [OSLO]


def test_calls_that_must_not_be(ask):
    text = call_text(*OSLO)
    answer = ask(calls(OSLO), tools=TOOLS, tool_choice="none").choices[0]
    assert (answer.finish_reason, answer.message.content, answer.message.tool_calls) == ("stop", text, None)


@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_call_stays_text(ask, stream):
    text = f"Look:\n```json\n{{\"name\": \"get_weather\"}}\n```\n```text\n{call_text(*OSLO)[3:-4]}\n```\n\nDone."
    answer = ask(stand_in(text=text, frames=7), tools=TOOLS, stream=stream)
    if stream:
        assert "".join(chunk.choices[0].delta.content or "" for chunk in answer) == text
    else:
        assert (answer.choices[0].finish_reason, answer.choices[0].message.content) == ("stop", text)


def test_a_tool_that_does_not_exist_is_not_called(ask):
    answer = ask(calls(("launch_rocket", {})), tools=TOOLS).choices[0]
    assert (answer.finish_reason, answer.message.tool_calls) == ("stop", None)
    assert answer.message.content == call_text("launch_rocket", {})


@pytest.mark.parametrize(
    "body",
    [
        {"tools": [{"type": "function", "function": {"name": "no blanks"}}]},
        {"tools": [{"type": "function", "function": {}}]},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "nonesuch"}}},
    ],
)
def test_a_bad_tool_names_the_field(ask, body):
    with pytest.raises(openai.BadRequestError) as caught:
        ask("x", **body)
    assert caught.value.param.startswith(("tools[0]", "tool_choice"))


def test_the_stream_helper_follows_a_call(client, model):
    kinds, done = [], []
    with client.chat.completions.stream(
        model=model,
        messages=[{"role": "user", "content": calls(("Weather", {"city": "Oslo", "days": 2, "unit": "C"}), frames=8)}],
        tools=[openai.pydantic_function_tool(Weather)],
    ) as stream:
        for event in stream:
            kinds.append(event.type)
            if event.type == "tool_calls.function.arguments.done":
                done.append(event)
        final = stream.get_final_completion()
    assert "tool_calls.function.arguments.delta" in kinds
    assert [(event.index, event.name, event.parsed_arguments) for event in done] == [
        (0, "Weather", Weather(city="Oslo", days=2, unit="C"))
    ]
    assert final.choices[0].finish_reason == "tool_calls"
    assert final.choices[0].message.tool_calls[0].function.parsed_arguments == Weather(city="Oslo", days=2, unit="C")


def test_parse_returns_typed_arguments(client, model):
    completion = client.chat.completions.parse(
        model=model,
        messages=[{"role": "user", "content": calls(("Weather", {"city": "Rome", "days": 3, "unit": "F"}))}],
        tools=[openai.pydantic_function_tool(Weather)],
    )
    (call,) = completion.choices[0].message.tool_calls
    assert call.function.parsed_arguments == Weather(city="Rome", days=3, unit="F")
