"""langchain-openai: chat, streams, bound tools, structured output."""

from __future__ import annotations

import base64
import json

import openai
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

from gateway import PIXEL, Gateway, calls, stand_in


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


OSLO = {"name": "Oslo", "inhabitants": 700000}


@tool
def weather(city: str, days: int) -> str:
    """The weather of a city."""
    return f"4 degrees in {city} for {days} days {stand_in(text='Cold.')}"


@pytest.fixture(scope="module")
def chat(gateway: Gateway, model: str) -> ChatOpenAI:
    return ChatOpenAI(base_url=gateway.base_url, api_key=gateway.key, model=model, max_retries=0, timeout=30)


def test_a_chat(chat):
    answer = chat.invoke([("system", "Be brief."), ("human", stand_in(text="Hello there"))])
    assert answer.content == "Hello there"
    assert answer.response_metadata["finish_reason"] == "stop"
    assert answer.usage_metadata["total_tokens"] > 0


def test_a_stream_counts_its_tokens_once(chat):
    pieces = list(chat.stream(stand_in(len=200, alphabet="mixed", frames=8), stream_usage=True))
    assert sum(bool(piece.content) for piece in pieces) > 1
    whole = sum(pieces[1:], pieces[0])
    assert whole.content == chat.invoke(stand_in(len=200, alphabet="mixed")).content
    assert len([piece for piece in pieces if piece.usage_metadata]) == 1
    assert whole.usage_metadata["total_tokens"] > 0


def test_a_batch(chat):
    answers = chat.batch([stand_in(text=f"answer {number}") for number in range(3)])
    assert [answer.content for answer in answers] == ["answer 0", "answer 1", "answer 2"]


@pytest.mark.parametrize("streamed", [False, True])
def test_two_turns_with_a_tool(chat, streamed):
    bound = chat.bind_tools([weather])
    said = HumanMessage(calls(("weather", {"city": "Oslo", "days": 2}), frames=6))
    if streamed:
        first: AIMessageChunk | None = None
        for piece in bound.stream([said]):
            first = piece if first is None else first + piece
    else:
        first = bound.invoke([said])
    (call,) = first.tool_calls
    assert (call["name"], call["args"]) == ("weather", {"city": "Oslo", "days": 2})
    assert first.response_metadata["finish_reason"] == "tool_calls"
    result = weather.invoke(call)
    assert isinstance(result, ToolMessage)
    last = bound.invoke([said, first, result])
    assert (last.content, last.tool_calls) == ("Cold.", [])


def test_an_image(chat):
    image = {"type": "image", "base64": base64.b64encode(PIXEL).decode(), "mime_type": "image/png"}
    message = HumanMessage([{"type": "text", "text": stand_in("files")}, image])
    (seen,) = json.loads(chat.invoke([message]).content)
    assert (seen["mime"], seen["bytes"]) == ("image/png", len(PIXEL))


def test_several_calls_at_once(chat):
    wanted = [("weather", {"city": city, "days": 1}) for city in ("Oslo", "Rome", "Cairo")]
    found = chat.bind_tools([weather], tool_choice="any").invoke(calls(*wanted)).tool_calls
    assert [(call["name"], call["args"]) for call in found] == wanted


def test_structured_output_by_schema(chat):
    structured = chat.with_structured_output(City, method="json_schema")
    assert structured.invoke(stand_in(text=json.dumps(OSLO))) == City(**OSLO)


def test_structured_output_by_function_calling(chat):
    structured = chat.with_structured_output(City, method="function_calling")
    assert structured.invoke(calls(("City", OSLO))) == City(**OSLO)


def test_structured_output_by_json_mode(chat):
    structured = chat.with_structured_output(City, method="json_mode")
    assert structured.invoke(f"As JSON. {stand_in(text=json.dumps(OSLO))}") == City(**OSLO)


def test_structured_output_as_a_stream(chat):
    structured = chat.with_structured_output(City, method="json_schema")
    assert list(structured.stream(stand_in(text=json.dumps(OSLO), frames=6)))[-1] == City(**OSLO)


def test_failures_have_their_class(gateway: Gateway, chat):
    options = {"base_url": gateway.base_url, "api_key": gateway.key, "model": chat.model_name, "max_retries": 0}
    stranger = ChatOpenAI(**options | {"api_key": "sk-this-is-not-the-key"})
    with pytest.raises(openai.AuthenticationError):
        stranger.invoke("x")
    unknown = ChatOpenAI(**options | {"model": "nonesuch"})
    with pytest.raises(openai.NotFoundError):
        list(unknown.stream("x"))


def test_a_failure_in_the_middle_of_a_stream_is_raised(fresh: Gateway, model):
    chat = ChatOpenAI(base_url=fresh.base_url, api_key=fresh.key, model=model, max_retries=0)
    text = ""
    with pytest.raises(openai.APIError):
        for piece in chat.stream(stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)):
            text += piece.content
    assert text and "abcdefghijklmnopqrst".startswith(text)
