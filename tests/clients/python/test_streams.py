"""Streamed answers: the chunks, the helper, cancellation, and that a stream says what the whole answer says."""

from __future__ import annotations

import pytest

from gateway import Gateway, stand_in

# Every character class that a chunk border, an escape or a clean-up could damage.
HOSTILE = "a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 \"q\" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]"


def text_of(chunks) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def test_the_chunks_of_a_stream(ask):
    chunks = list(ask(stand_in(len=300, alphabet="ascii", frames=10), stream=True))
    first, *middle, last = chunks
    assert len({(chunk.id, chunk.created, chunk.model, chunk.object) for chunk in chunks}) == 1
    assert first.object == "chat.completion.chunk"
    assert (first.choices[0].delta.role, first.choices[0].delta.content) == ("assistant", "")
    assert len(middle) > 1
    assert all(chunk.choices[0].delta.role is None for chunk in [*middle, last])
    assert all(chunk.choices[0].finish_reason is None for chunk in [first, *middle])
    assert last.choices[0].finish_reason == "stop"
    assert all(len(chunk.choices) == 1 and chunk.usage is None for chunk in chunks)


def test_usage_comes_once_and_last_when_asked_for(ask):
    chunks = list(ask(stand_in(text="Hello there"), stream=True, stream_options={"include_usage": True}))
    *others, last = chunks
    assert last.choices == []
    assert last.usage.total_tokens == last.usage.prompt_tokens + last.usage.completion_tokens > 0
    assert all(chunk.usage is None and len(chunk.choices) == 1 for chunk in others)
    assert others[-1].choices[0].finish_reason == "stop"


def test_pieces_arrive_while_the_answer_is_being_made(gateway: Gateway, ask):
    with ask(stand_in(len=200, alphabet="ascii", frames=5, delay=200), stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].delta.content:
                assert gateway.in_flight() >= 1
                break
        assert text_of(stream)


def test_stop_works_across_pieces(ask):
    chunks = list(ask(stand_in(text="one two HALT three", frames=18), stream=True, stop="HALT"))
    assert text_of(chunks) == "one two "
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_token_limit_cuts_a_stream(ask):
    chunks = list(ask(stand_in(len=2000, alphabet="ascii", frames=50), stream=True, max_tokens=10))
    whole = ask(stand_in(len=2000, alphabet="ascii"), max_tokens=10).choices[0].message.content
    assert text_of(chunks) == whole
    assert chunks[-1].choices[0].finish_reason == "length"


@pytest.mark.parametrize("cut", ["1", "random"])
@pytest.mark.parametrize("alphabet", ["ascii", "cjk", "emoji", "astral", "mixed", "md", "html", "escapes"])
def test_a_stream_says_what_the_whole_answer_says(ask, alphabet, cut):
    prompt = stand_in(len=600, alphabet=alphabet, frames=15, split=cut)
    whole = ask(prompt).choices[0].message.content
    assert len(whole) > 100
    assert text_of(ask(prompt, stream=True)) == whole


@pytest.mark.parametrize("stream", [False, True])
def test_hostile_text_comes_through_unchanged(ask, stream):
    answer = ask(stand_in(text=HOSTILE, frames=20), stream=stream)
    assert (text_of(answer) if stream else answer.choices[0].message.content) == HOSTILE


def test_thoughts_are_kept_apart(ask):
    prompt = stand_in(text="visible", thoughts=200)
    chunks = list(ask(prompt, stream=True))
    thoughts = "".join(getattr(chunk.choices[0].delta, "reasoning_content", None) or "" for chunk in chunks)
    message = ask(prompt).choices[0].message
    assert text_of(chunks) == message.content == "visible"
    assert thoughts == message.reasoning_content
    assert len(thoughts) > 100


def test_the_stream_helper(client, model):
    kinds = []
    with client.chat.completions.stream(
        model=model,
        messages=[{"role": "user", "content": stand_in(len=120, alphabet="mixed", frames=6)}],
        stream_options={"include_usage": True},
    ) as stream:
        for event in stream:
            kinds.append(event.type)
        final = stream.get_final_completion()
    assert kinds.count("content.delta") > 1
    assert kinds.count("content.done") == 1
    assert len(final.choices[0].message.content) == 120
    assert final.choices[0].finish_reason == "stop"
    assert final.usage.total_tokens > 0


def test_a_client_that_leaves_takes_its_generation_with_it(gateway: Gateway, ask):
    stream = ask(stand_in(len=6000, alphabet="ascii", frames=300, delay=200), stream=True)
    for chunk in stream:
        if chunk.choices[0].delta.content:
            break
    assert gateway.in_flight() >= 1
    stream.close()
    assert gateway.settles()
    assert ask(stand_in(text="still here")).choices[0].message.content == "still here"


def test_more_clients_leave_than_there_are_places(gateway: Gateway, ask):
    for _ in range(20):
        stream = ask(stand_in(len=6000, alphabet="ascii", frames=300, delay=200), stream=True)
        next(iter(stream))
        stream.close()
    assert ask(stand_in(text="still here")).choices[0].message.content == "still here"
    assert gateway.settles()


def test_headers_of_a_stream(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": stand_in(text="x")}], stream=True
    )
    assert raw.headers["content-type"].startswith("text/event-stream")
    assert raw.headers["cache-control"] == "no-cache"
    assert raw.headers["x-request-id"]
    assert "content-length" not in raw.headers
    assert text_of(raw.parse()) == "x"
