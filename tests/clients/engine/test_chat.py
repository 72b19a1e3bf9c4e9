"""Chats: what the engine says arrives as it said it, whole and streamed, down to the bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import openai
import pydantic
import pytest

from conftest import LOCAL
from engine import MODEL
from make_model import END_OF_TURN, TOOL_CALL

HELLO = [{"role": "user", "content": "Hello there, tell me of 日本 and the 🦀!\n<tag> & \"quotes\" \\n"}]
PAINT = {
    "type": "function",
    "function": {
        "name": "paint",
        "description": "Paints a wall",
        "parameters": {
            "type": "object",
            "properties": {"colour": {"enum": ["red", "blue"]}, "coats": {"enum": [1, 2, 3]}},
            "required": ["colour", "coats"],
        },
    },
}
# Makes this model, which would rather babble, call a tool where it must, and end where it may.
CALLING = {
    "tools": [PAINT],
    "tool_choice": "required",
    "logit_bias": {str(TOOL_CALL): 50, str(END_OF_TURN): 100},
    "max_tokens": 1500,
}
WORDS_AND_THOUGHTS = r'root ::= "<think>\n" (" the" | " sound") " mir" "\n</think>\n\n people and 🦀"'
THINKING = {"extra_body": {"grammar": WORDS_AND_THOUGHTS}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "wall", "strict": True, "schema": PAINT["function"]["parameters"]},
}
HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Paint it."},
    {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "paint", "arguments": '{"colour":"red","coats":1}'}}
        ],
    },
    {"role": "tool", "tool_call_id": "1", "content": "painted \u2028 café"},
    {"role": "user", "content": "And?"},
]

# What differs from one answer to the next, whoever passes it on: ids, the clock, and how long things took.
RANDOM = re.compile(r'"id":"(?:chatcmpl-)?[A-Za-z0-9]{32}"|"created":\d+')
TIMINGS = re.compile(r'"timings":\{[^}]*\}')


def comparable(payload: str) -> str:
    payload = RANDOM.sub(lambda found: re.sub(r"[A-Za-z0-9]{32}|\d+", "_", found[0]), payload)
    return TIMINGS.sub(lambda found: re.sub(r"(?<=:)[-0-9.e]+", "0", found[0]), payload)


def payloads(client: openai.OpenAI, model: str, **options: object) -> list[str]:
    """The JSON texts of one answer as they came over the wire: one, or one for each event of a stream."""
    given = {"model": model, "messages": HELLO, "max_tokens": 60, "temperature": 0} | options
    with client.chat.completions.with_streaming_response.create(**given) as answer:
        if not options.get("stream"):
            return [answer.text()]
        return [line.removeprefix("data:").strip() for line in answer.iter_lines() if line.startswith("data:")]


def events(texts: list[str]) -> Iterator[dict]:
    return (json.loads(text) for text in texts if text != "[DONE]")


def merged(texts: list[str]) -> dict:
    """What all payloads say together, enough to tell that a case is what its name says."""
    told: dict = {"content": "", "reasoning": "", "arguments": "", "finish": [], "keys": set(), "logprobs": 0}
    for event in events(texts):
        told["keys"] |= event.keys()
        for choice in event["choices"]:
            part = choice.get("delta") or choice.get("message") or {}
            told["content"] += part.get("content") or ""
            told["reasoning"] += part.get("reasoning_content") or ""
            for call in part.get("tool_calls") or []:
                told["arguments"] += call["function"].get("arguments", "")
            if choice["finish_reason"]:
                told["finish"].append(choice["finish_reason"])
            told["logprobs"] += len((choice.get("logprobs") or {}).get("content") or [])
    return told


CASES: dict[str, tuple[dict[str, object], Callable[[dict], bool]]] = {
    "plain": ({}, lambda told: told["finish"] == ["length"] and len(told["content"].split()) > 40),
    "seed": ({"temperature": 1.3, "seed": 7}, lambda told: told["content"] != ""),
    "stop": ({"stop": [" "], "seed": 3}, lambda told: told["finish"] == ["stop"]),
    "logprobs": ({"logprobs": True, "top_logprobs": 3}, lambda told: told["logprobs"] == 60),
    "usage": ({"stream_options": {"include_usage": True}}, lambda told: "usage" in told["keys"]),
    "tools": (CALLING, lambda told: told["finish"] == ["tool_calls"] and '"colour"' in told["arguments"]),
    "history": ({"messages": HISTORY, "tools": [PAINT]}, lambda told: told["content"] != ""),
    "schema": ({"response_format": SCHEMA, "max_tokens": 900}, lambda told: "colour" in json.loads(told["content"])),
    "reasoning": (THINKING, lambda told: told["reasoning"].strip() and told["content"] == " people and 🦀"),
    "unknown fields": (
        {"extra_body": {"ignore_eos": True, "top_k": 7, "timings_per_token": True, "n_probs": 2}, "max_tokens": 300},
        lambda told: told["finish"] == ["length"] and "timings" in told["keys"],
    ),
}


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("case", CASES)
def test_every_byte_is_the_engines(client, direct, case, stream):
    options, is_what_it_says = CASES[case]
    if not stream:
        options = {name: value for name, value in options.items() if name != "stream_options"}
    wanted = payloads(direct, MODEL, stream=stream, **options)
    assert is_what_it_says(merged(wanted)), wanted
    assert [comparable(text) for text in wanted] != wanted
    passed = payloads(client, LOCAL, stream=stream, **options)
    assert [comparable(text) for text in passed] == [comparable(text) for text in wanted]


def test_a_stream_says_what_the_whole_answer_says(client):
    whole = client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=80, temperature=0)
    chunks = list(
        client.chat.completions.create(
            model=LOCAL,
            messages=HELLO,
            max_tokens=80,
            temperature=0,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    pieces = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert len(pieces) > 40
    assert "".join(pieces) == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert whole.usage.completion_tokens == 80
    assert whole.usage.total_tokens == whole.usage.prompt_tokens + 80


def test_fields_that_openai_does_not_know_arrive(client):
    whole = client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=5)
    assert whole.model == MODEL
    assert whole.system_fingerprint
    assert whole.model_extra["timings"]["predicted_n"] == 5
    *_, last = client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=5, stream=True)
    assert last.model_extra["timings"]["predicted_n"] == 5


def test_log_probabilities_are_numbers_and_not_emulated(client):
    answer = client.chat.completions.create(model=LOCAL, messages=HELLO, max_tokens=5, logprobs=True, top_logprobs=4)
    tokens = answer.choices[0].logprobs.content
    assert "".join(token.token for token in tokens).strip() == answer.choices[0].message.content.strip()
    for token in tokens:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 4
        assert bytes(token.bytes).decode() == token.token


def test_who_answered_is_told(client):
    raw = client.chat.completions.with_raw_response.create(model=LOCAL, messages=HELLO, max_tokens=2)
    assert raw.headers["x-gateway-upstream"] == "local"


class Wall(pydantic.BaseModel):
    colour: str
    coats: int


def test_the_clients_own_parser_reads_structured_answers(client):
    answer = client.chat.completions.parse(
        model=LOCAL,
        messages=HELLO,
        temperature=0,
        max_tokens=900,
        response_format=Wall,
        extra_body={"response_format": SCHEMA},
    )
    wall = answer.choices[0].message.parsed
    assert wall.colour in ("red", "blue")
    assert wall.coats in (1, 2, 3)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_the_engines_own_tool_calls_arrive(client, stream):
    options = {"model": LOCAL, "messages": HELLO, "temperature": 0} | CALLING
    if stream:
        with client.chat.completions.stream(**options) as answer:
            final = answer.get_final_completion()
    else:
        final = client.chat.completions.create(**options)
    assert final.choices[0].finish_reason == "tool_calls"
    calls = final.choices[0].message.tool_calls
    assert calls
    for call in calls:
        assert call.id
        assert call.function.name == "paint"
        assert Wall.model_validate_json(call.function.arguments)


def test_a_client_that_leaves_ends_the_work(start_engine, start_gateway, connect, model_file):
    # Some seconds of babble, were it not broken off.
    engine = start_engine(model_file, context=16384)
    client = connect(start_gateway(LOCAL_BASE_URL=engine.base_url))
    stream = client.chat.completions.create(
        model=LOCAL, messages=HELLO, stream=True, max_tokens=15_000, extra_body={"ignore_eos": True}
    )
    next(iter(stream))
    assert engine.becomes(busy=True)
    stream.close()
    assert engine.becomes(busy=False)
