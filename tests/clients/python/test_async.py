"""The asynchronous client, on the same gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import openai
import pytest

from gateway import Gateway, stand_in


def with_client(gateway: Gateway, use: Callable[[openai.AsyncOpenAI], Awaitable[None]], **options: object) -> None:
    """Runs `use` with a client in an event loop of its own, at most a minute."""

    async def main() -> None:
        settings = {"base_url": gateway.base_url, "api_key": gateway.key, "max_retries": 0} | options
        async with openai.AsyncOpenAI(**settings) as client, asyncio.timeout(60):
            await use(client)

    asyncio.run(main())


def user(prompt: str) -> list:
    return [{"role": "user", "content": prompt}]


def test_whole_answers_side_by_side(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        calls = [
            client.chat.completions.create(model=model, messages=user(stand_in(text=f"answer {i}", frames=3, delay=20)))
            for i in range(30)
        ]
        answers = await asyncio.gather(*calls)
        assert [answer.choices[0].message.content for answer in answers] == [f"answer {i}" for i in range(30)]

    with_client(gateway, use)


def test_a_stream(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        prompt = stand_in(len=300, alphabet="mixed", frames=10)
        text, reason = "", None
        async for chunk in await client.chat.completions.create(model=model, messages=user(prompt), stream=True):
            text += chunk.choices[0].delta.content or ""
            reason = chunk.choices[0].finish_reason
        assert len(text) == 300
        assert reason == "stop"

    with_client(gateway, use)


def test_the_stream_helper(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        async with client.chat.completions.stream(
            model=model, messages=user(stand_in(len=300, alphabet="emoji", frames=10))
        ) as stream:
            pieces = [event.delta async for event in stream if event.type == "content.delta"]
            final = await stream.get_final_completion()
        assert "".join(pieces) == final.choices[0].message.content
        assert len(final.choices[0].message.content) == 300

    with_client(gateway, use)


def test_a_cancelled_call_leaves_nothing_in_flight(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        prompt = user(stand_in(len=6000, alphabet="ascii", frames=300, delay=200))
        call = asyncio.create_task(client.chat.completions.create(model=model, messages=prompt))
        while await asyncio.to_thread(gateway.in_flight) == 0:
            await asyncio.sleep(0.02)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert await asyncio.to_thread(gateway.settles)

    with_client(gateway, use)


def test_a_closed_stream_leaves_nothing_in_flight(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        prompt = user(stand_in(len=6000, alphabet="ascii", frames=300, delay=200))
        stream = await client.chat.completions.create(model=model, messages=prompt, stream=True)
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
        await stream.close()
        assert await asyncio.to_thread(gateway.settles)

    with_client(gateway, use)


def test_a_wrong_key(gateway: Gateway, model):
    async def use(client: openai.AsyncOpenAI) -> None:
        with pytest.raises(openai.AuthenticationError):
            await client.chat.completions.create(model=model, messages=user("x"))

    with_client(gateway, use, api_key="sk-this-is-not-the-key")
