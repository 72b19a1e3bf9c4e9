"""The Responses API: calls of functions and custom tools, over the emulation."""

from __future__ import annotations

import json

import openai
import pytest

from gateway import call_text, calls, custom_call_text, stand_in

WEATHER = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
        "additionalProperties": False,
    },
    "strict": True,
}
PATCH = {"type": "custom", "name": "apply_patch", "description": "Patches files."}
CALL = calls(("get_weather", {"city": "Bern", "days": 2}), before="I look.\n\n", frames=12)


def test_a_function_is_called_and_its_result_answered(client: openai.OpenAI, model):
    conversation: list = [{"role": "user", "content": CALL}]
    first = client.responses.create(model=model, input=conversation, tools=[WEATHER])
    assert first.status == "completed"
    assert first.output_text.strip() == "I look."
    call = first.output[-1]
    assert (call.type, call.name, json.loads(call.arguments)) == (
        "function_call",
        "get_weather",
        {"city": "Bern", "days": 2},
    )
    conversation += first.output
    result = {"sky": "clear"}
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": json.dumps(result)})
    conversation.append({"role": "user", "content": stand_in("echo")})
    # Without tools: with them, the echo of their instructions would be read for calls.
    seen = client.responses.create(model=model, input=conversation).output_text
    assert call.call_id in seen and '"sky"' in seen and "get_weather" in seen


def test_a_call_is_streamed(client: openai.OpenAI, model):
    with client.responses.stream(model=model, input=CALL, tools=[WEATHER]) as stream:
        pieces = "".join(event.delta for event in stream if event.type == "response.function_call_arguments.delta")
        final = stream.get_final_response()
    call = final.output[-1]
    assert call.type == "function_call"
    assert call.arguments == pieces
    assert call.parsed_arguments == {"city": "Bern", "days": 2}


def test_several_calls_have_ids_of_their_own(client: openai.OpenAI, model):
    text = "\n".join(call_text("get_weather", {"city": city, "days": 1}) for city in ("Bern", "Oslo"))
    answer = client.responses.create(model=model, input=stand_in(text=text), tools=[WEATHER])
    assert [item.type for item in answer.output] == ["function_call", "function_call"]
    assert len({item.call_id for item in answer.output} | {item.id for item in answer.output}) == 4


@pytest.mark.parametrize("stream", [False, True])
def test_a_custom_tool_takes_free_text(client: openai.OpenAI, model, stream):
    patch = '*** Begin Patch\n+a "quoted" \\ line\n*** End Patch'
    text = custom_call_text("apply_patch", patch)
    answer = client.responses.create(model=model, input=stand_in(text=text, frames=5), tools=[PATCH], stream=stream)
    if stream:
        answer = list(answer)[-1].response
    [call] = answer.output
    assert (call.type, call.name, call.input) == ("custom_tool_call", "apply_patch", patch)


def test_a_function_in_a_namespace(client: openai.OpenAI, model):
    tools = [{"type": "namespace", "name": "weather", "description": "Weather.", "tools": [WEATHER]}]
    text = call_text("weather.get_weather", {"city": "Bern", "days": 2})
    [call] = client.responses.parse(model=model, input=stand_in(text=text), tools=tools).output
    assert (call.namespace, call.name) == ("weather", "get_weather")
    assert call.parsed_arguments == {"city": "Bern", "days": 2}


def test_forbidden_tools_are_not_called(client: openai.OpenAI, model):
    text = call_text("get_weather", {"city": "Bern", "days": 2})
    answer = client.responses.create(model=model, input=stand_in(text=text), tools=[WEATHER], tool_choice="none")
    assert answer.output_text == text
