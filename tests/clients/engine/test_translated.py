"""Clients of other formats: the engine gets the conversation as from a client of its own, and so says the same."""

from __future__ import annotations

import json

import anthropic
import pytest

from conftest import LOCAL, local
from engine import MODEL

SYSTEM = "Be brief; say 日本 and 🦀."
TURNS = [
    {"role": "user", "content": "Hello <there> & \"you\""},
    {"role": "assistant", "content": "people and water"},
    {"role": "user", "content": "And more?\n\n  café"},
]
LIMIT = 70
# The SDK has no parameter for it any more.
COLD = {"extra_body": {"temperature": 0}}
PARAMETERS = {
    "type": "object",
    "properties": {"colour": {"enum": ["red", "blue"]}},
    "required": ["colour"],
}


@pytest.fixture(scope="module")
def wanted(direct):
    """What the engine says to this conversation by itself."""
    answer = direct.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": SYSTEM}, *TURNS],
        max_tokens=LIMIT,
        temperature=0,
    )
    assert answer.usage.completion_tokens == LIMIT
    return answer


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_messages(claude, wanted, stream):
    options = {"model": LOCAL, "system": SYSTEM, "messages": TURNS, "max_tokens": LIMIT} | COLD
    if stream:
        with claude.messages.stream(**options) as events:
            pieces = list(events.text_stream)
            answer = events.get_final_message()
        assert len(pieces) > LIMIT // 2
    else:
        answer = claude.messages.create(**options)
    [block] = answer.content
    assert block.text.strip() == wanted.choices[0].message.content.strip()
    assert answer.stop_reason == "max_tokens"
    # The engine's own count, not the gateway's estimate.
    assert answer.usage.input_tokens == wanted.usage.prompt_tokens
    assert answer.usage.output_tokens == LIMIT


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_responses(client, wanted, stream):
    options = {
        "model": LOCAL,
        "instructions": SYSTEM,
        "input": TURNS,
        "max_output_tokens": LIMIT,
        "temperature": 0,
    }
    if stream:
        with client.responses.stream(**options) as events:
            heard = list(events)
        assert sum(event.type == "response.output_text.delta" for event in heard) > LIMIT // 2
        # The SDK's own final response is for answers that were not cut.
        assert heard[-1].type == "response.incomplete"
        answer = heard[-1].response
    else:
        answer = client.responses.create(**options)
    assert answer.output_text.strip() == wanted.choices[0].message.content.strip()
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert answer.usage.input_tokens == wanted.usage.prompt_tokens
    assert answer.usage.output_tokens == LIMIT


@pytest.fixture(scope="module")
def thinker(start_engine, start_gateway, thinking_model_file, connect):
    """A gateway whose engine thinks, a question about which it does and comes to an end, and its thoughts and answer."""
    engine = start_engine(thinking_model_file)
    client = connect(engine)
    for number in range(100):
        question = [{"role": "user", "content": f"Hello {number}"}]
        answer = client.chat.completions.create(model=MODEL, messages=question, max_tokens=1500, temperature=0)
        message = answer.choices[0].message
        thoughts, text = message.model_extra.get("reasoning_content") or "", message.content or ""
        if answer.choices[0].finish_reason == "stop" and len(thoughts.split()) > 5 and len(text.split()) > 5:
            return start_gateway(**local(engine)), question, thoughts.strip(), text.strip()
    raise AssertionError("no question makes it think and answer")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_of_messages(thinker, stream):
    gateway, question, thoughts, text = thinker
    options = {"model": LOCAL, "messages": question, "max_tokens": 1500, "thinking": {"type": "adaptive"}} | COLD
    with anthropic.Anthropic(base_url=gateway.origin, api_key=gateway.key, max_retries=0, timeout=30) as claude:
        if stream:
            with claude.messages.stream(**options) as events:
                answer = events.get_final_message()
        else:
            answer = claude.messages.create(**options)
    assert [block.type for block in answer.content] == ["thinking", "text"]
    assert answer.content[0].thinking.strip() == thoughts
    assert answer.content[1].text.strip() == text
    assert answer.stop_reason == "end_turn"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_thoughts_of_responses(thinker, connect, stream):
    gateway, question, thoughts, text = thinker
    options = {
        "model": LOCAL,
        "input": question,
        "max_output_tokens": 1500,
        "temperature": 0,
        "reasoning": {"summary": "auto"},
    }
    client = connect(gateway)
    if stream:
        with client.responses.stream(**options) as events:
            answer = events.get_final_response()
    else:
        answer = client.responses.create(**options)
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert "".join(part.text for part in answer.output[0].summary).strip() == thoughts
    assert answer.output_text.strip() == text


@pytest.fixture(scope="module")
def painter(start_engine, start_gateway, eager_model_file):
    """A gateway whose engine calls tools."""
    return start_gateway(**local(start_engine(eager_model_file)))


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools_of_messages(painter, stream):
    tool = {"name": "paint", "description": "Paints a wall", "input_schema": PARAMETERS}
    options = {
        "model": LOCAL,
        "messages": TURNS,
        "max_tokens": 1500,
        "tools": [tool],
        "tool_choice": {"type": "any"},
    } | COLD
    with anthropic.Anthropic(base_url=painter.origin, api_key=painter.key, max_retries=0, timeout=30) as claude:
        if stream:
            with claude.messages.stream(**options) as events:
                answer = events.get_final_message()
        else:
            answer = claude.messages.create(**options)
    assert answer.stop_reason == "tool_use"
    calls = [block for block in answer.content if block.type == "tool_use"]
    assert calls
    assert all(call.name == "paint" and call.input["colour"] in ("red", "blue") for call in calls)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_tools_of_responses(painter, connect, stream):
    tool = {"type": "function", "name": "paint", "description": "Paints", "parameters": PARAMETERS, "strict": True}
    options = {
        "model": LOCAL,
        "input": TURNS,
        "max_output_tokens": 1500,
        "temperature": 0,
        "tools": [tool],
        "tool_choice": "required",
    }
    client = connect(painter)
    if stream:
        with client.responses.stream(**options) as events:
            for _ in events:
                pass
            answer = events.get_final_response()
    else:
        answer = client.responses.create(**options)
    calls = [item for item in answer.output if item.type == "function_call"]
    assert calls
    assert all(call.name == "paint" and json.loads(call.arguments)["colour"] in ("red", "blue") for call in calls)
