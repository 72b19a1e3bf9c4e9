"""Streamed answers through the official client, with the chat helper and without."""

from __future__ import annotations

import asyncio

import pytest
from google.genai import errors, types

from gateway import Gateway, stand_in

TEXT = "Grüß dich 😀, so it goes on and on.\n\n```\ncode\n```\n"


def test_the_pieces_add_up(client, model):
    chunks = list(client.models.generate_content_stream(model=model, contents=stand_in(text=TEXT, frames=12, delay=2)))
    assert "".join(chunk.text for chunk in chunks) == TEXT
    assert len(chunks) > 2
    assert [chunk.candidates[0].finish_reason for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1].candidates[0].finish_reason == types.FinishReason.STOP
    usage = chunks[-1].usage_metadata
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count
    assert len({chunk.response_id for chunk in chunks}) == 1


def test_a_silence_breaks_no_stream(tmp_path, connect):
    """The client takes any line but data for JSON, so that an ordinary comment would end it."""
    gateway = Gateway(tmp_path, FIRST_EVENT_WAIT="1")
    try:
        prompt = stand_in(text="late", first=14_000)
        stream = connect(gateway).models.generate_content_stream(model="gemini-flash", contents=prompt)
        assert "".join(chunk.text for chunk in stream) == "late"
    finally:
        assert gateway.stop() == 0


def test_a_streamed_chat_remembers_its_answers(client, model):
    chat = client.chats.create(model=model)
    for turn in range(2):
        prompt = stand_in(text=f"answer-{turn}-in-pieces", frames=6)
        assert "".join(chunk.text for chunk in chat.send_message_stream(prompt)) == f"answer-{turn}-in-pieces"
    curated = chat.get_history(curated=True)
    assert curated == chat.get_history() and len(curated) > 4
    seen = chat.send_message(stand_in("echo")).text
    assert "answer-0-in-pieces" in seen and "answer-1-in-pieces" in seen


def test_thoughts_come_before_the_text(client, model):
    config = types.GenerateContentConfig(thinking_config=types.ThinkingConfig(include_thoughts=True))
    stream = client.models.generate_content_stream(
        model=model, contents=stand_in(text="done", thoughts=40, frames=4), config=config
    )
    parts = [part for chunk in stream for part in chunk.candidates[0].content.parts if part.text]
    thoughts = [bool(part.thought) for part in parts]
    assert thoughts == sorted(thoughts, reverse=True) and True in thoughts
    assert "".join(part.text for part in parts if not part.thought) == "done"
    assert sum(len(part.text) for part in parts if part.thought) == 40


def test_many_streams_at_once(client, model):
    async def one(number: int) -> str:
        stream = await client.aio.models.generate_content_stream(
            model=model, contents=stand_in(text=f"number {number}", frames=5, delay=1)
        )
        return "".join([chunk.text async for chunk in stream])

    async def all_of_them() -> list[str]:
        whole = await client.aio.models.generate_content(model=model, contents=stand_in(text="whole"))
        assert whole.text == "whole"
        return await asyncio.gather(*(one(number) for number in range(8)))

    assert asyncio.run(all_of_them()) == [f"number {number}" for number in range(8)]


def test_a_client_that_leaves_ends_the_answer(gateway: Gateway, client, model):
    stream = client.models.generate_content_stream(
        model=model, contents=stand_in(len=4000, alphabet="ascii", frames=400, delay=20)
    )
    assert next(stream).text
    stream.close()
    assert gateway.settles()


def test_a_failure_after_the_first_piece_is_raised(fresh: Gateway, connect):
    prompt = stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)
    text = ""
    with pytest.raises(errors.ServerError) as caught:
        for chunk in connect(fresh).models.generate_content_stream(model="gemini-flash", contents=prompt):
            assert chunk.candidates[0].finish_reason is None
            text += chunk.text
    assert text and "abcdefghijklmnopqrst".startswith(text)
    assert caught.value.code >= 500 and caught.value.status and caught.value.message
    assert fresh.settles()
