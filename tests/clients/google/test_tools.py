"""Function calling through the official client, by hand and by the client itself."""

from __future__ import annotations


import pytest
from google.genai import types

from gateway import calls, stand_in

WEATHER = types.FunctionDeclaration(
    name="get_weather",
    description="The weather of a city",
    parameters={
        "type": "OBJECT",
        "properties": {"city": {"type": "STRING"}, "days": {"type": "INTEGER", "nullable": True}},
        "required": ["city"],
        "property_ordering": ["city", "days"],
    },
)
BY_HAND = types.AutomaticFunctionCallingConfig(disable=True)


def offer(**more: object) -> types.GenerateContentConfig:
    tools = [types.Tool(function_declarations=[WEATHER])]
    return types.GenerateContentConfig(tools=tools, automatic_function_calling=BY_HAND, **more)


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_and_its_result(client, model, stream):
    prompt = calls(("get_weather", {"city": "Köln", "days": 2}), frames=7)
    question = types.Content(role="user", parts=[types.Part(text=prompt)])
    if stream:
        chunks = list(client.models.generate_content_stream(model=model, contents=[question], config=offer()))
        found = [call for chunk in chunks for call in chunk.function_calls or []]
        said = [chunk.candidates[0].content for chunk in chunks]
        assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    else:
        answer = client.models.generate_content(model=model, contents=[question], config=offer())
        found, said = answer.function_calls, [answer.candidates[0].content]
    assert [(call.name, call.args) for call in found] == [("get_weather", {"city": "Köln", "days": 2})]
    assert found[0].id
    result = types.Part.from_function_response(
        name="get_weather", response={"output": "It is sunny. " + stand_in(text="Sunny.")}
    )
    history = [question, *said, types.Content(role="user", parts=[result])]
    answer = client.models.generate_content(model=model, contents=history, config=offer())
    assert (answer.text, answer.function_calls) == ("Sunny.", None)


def test_several_calls_with_text_before_them(client, model):
    prompt = calls(("get_weather", {"city": "Bern"}), ("get_weather", {"city": "Rom"}), before="Let me look.\n\n", frames=7)
    answer = client.models.generate_content(model=model, contents=prompt, config=offer())
    assert [call.args["city"] for call in answer.function_calls] == ["Bern", "Rom"]
    assert len({call.id for call in answer.function_calls}) == 2
    assert answer.candidates[0].content.parts[0].text.startswith("Let me look.")


def test_the_client_calls_a_function_by_itself(client, model):
    asked = []

    def get_weather(city: str) -> str:
        """The weather of a city."""
        asked.append(city)
        return "It is sunny. " + stand_in(text="Sunny in Bern.")

    config = types.GenerateContentConfig(tools=[get_weather])
    prompt = calls(("get_weather", {"city": "Bern"}), frames=7)
    assert client.models.generate_content(model=model, contents=prompt, config=config).text == "Sunny in Bern."
    chat = client.chats.create(model=model, config=config)
    assert chat.send_message(prompt).text == "Sunny in Bern."
    assert "".join(chunk.text or "" for chunk in chat.send_message_stream(prompt)).endswith("Sunny in Bern.")
    assert asked == ["Bern"] * 3


def test_a_function_that_is_forbidden_is_not_called(client, model):
    forbidden = types.ToolConfig(function_calling_config=types.FunctionCallingConfig(mode="NONE"))
    prompt = calls(("get_weather", {"city": "Bern"}), frames=7)
    answer = client.models.generate_content(model=model, contents=prompt, config=offer(tool_config=forbidden))
    assert answer.function_calls is None and "get_weather" in answer.text


def test_a_function_that_is_demanded_is_asked_for(client, model):
    demanded = types.ToolConfig(
        function_calling_config=types.FunctionCallingConfig(mode="ANY", allowed_function_names=["get_weather"])
    )
    prompt = calls(("get_weather", {"city": "Bern"}), frames=7)
    answer = client.models.generate_content(model=model, contents=prompt, config=offer(tool_config=demanded))
    assert [call.name for call in answer.function_calls] == ["get_weather"]
