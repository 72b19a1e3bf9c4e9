"""llama-index's client for compatible servers: chat, streams, tools, and legacy completions, which it asks for unless told otherwise."""

from __future__ import annotations

import json

import openai
import pytest
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel

from gateway import Gateway, calls, stand_in


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


OSLO = {"name": "Oslo", "inhabitants": 700000}


def weather(city: str, days: int) -> str:
    """The weather of a city."""
    return f"4 degrees in {city} for {days} days {stand_in(text='Cold.')}"


WEATHER = FunctionTool.from_defaults(weather)


@pytest.fixture(scope="module")
def llm(gateway: Gateway, model: str) -> OpenAILike:
    return OpenAILike(
        model=model,
        api_base=gateway.base_url,
        api_key=gateway.key,
        is_chat_model=True,
        is_function_calling_model=True,
        max_retries=0,
        timeout=30,
    )


def test_a_chat(llm):
    answer = llm.chat([ChatMessage(role="system", content="Be brief."), ChatMessage(content=stand_in(text="Hello there"))])
    assert answer.message.content == "Hello there"
    assert answer.raw.usage.total_tokens > 0


def test_a_stream(llm):
    prompt = ChatMessage(content=stand_in(len=200, alphabet="mixed", frames=8))
    pieces = list(llm.stream_chat([prompt]))
    assert sum(bool(piece.delta) for piece in pieces) > 1
    assert "".join(piece.delta for piece in pieces) == pieces[-1].message.content == llm.chat([prompt]).message.content


def test_a_completion_by_way_of_a_chat(llm):
    assert llm.complete(stand_in(text="Hello there")).text == "Hello there"
    assert "".join(piece.delta for piece in llm.stream_complete(stand_in(text="Hello there", frames=4))) == "Hello there"


@pytest.mark.parametrize("streamed", [False, True])
def test_two_turns_with_tools(llm, streamed):
    wanted = [("weather", {"city": "Oslo", "days": 2}), ("weather", {"city": "Rome", "days": 1})]
    history = [ChatMessage(role="user", content=calls(*wanted, frames=6))]
    options = {"chat_history": history, "allow_parallel_tool_calls": True}
    if streamed:
        *_, first = llm.stream_chat_with_tools([WEATHER], **options)
    else:
        first = llm.chat_with_tools([WEATHER], **options)
    found = llm.get_tool_calls_from_response(first)
    assert [(call.tool_name, call.tool_kwargs) for call in found] == wanted
    history.append(first.message)
    for call in found:
        said = {"tool_call_id": call.tool_id, "name": call.tool_name}
        history.append(ChatMessage(role="tool", content=str(WEATHER(**call.tool_kwargs)), additional_kwargs=said))
    last = llm.chat_with_tools([WEATHER], chat_history=history)
    assert last.message.content == "Cold."
    assert not llm.get_tool_calls_from_response(last, error_on_no_tool_call=False)


def test_predict_and_call(llm):
    answer = llm.predict_and_call([WEATHER], calls(("weather", {"city": "Oslo", "days": 2})))
    assert answer.response.startswith("4 degrees in Oslo for 2 days")


def test_structured_output(llm):
    assert llm.as_structured_llm(City).complete(calls(("City", OSLO))).raw == City(**OSLO)


def test_json_mode(llm):
    answer = llm.complete(stand_in(text=json.dumps(OSLO)), response_format={"type": "json_object"})
    assert City.model_validate_json(answer.text) == City(**OSLO)


def test_an_unknown_model(gateway: Gateway):
    lost = OpenAILike(
        model="nonesuch", api_base=gateway.base_url, api_key=gateway.key, is_chat_model=True, max_retries=0
    )
    with pytest.raises(openai.NotFoundError):
        lost.complete("x")


def test_completions_as_it_asks_for_them_by_default(gateway: Gateway, model: str):
    llm = OpenAILike(model=model, api_base=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=30)
    assert llm.complete(stand_in(text="Hello there")).text == "Hello there"
    pieces = list(llm.stream_complete(stand_in(len=200, alphabet="mixed", frames=8)))
    assert sum(bool(piece.delta) for piece in pieces) > 1
    assert "".join(piece.delta for piece in pieces) == pieces[-1].text
