"""pydantic-ai, which holds every answer against its own strict models: agents with tools, streams and typed output."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, BinaryContent, ModelHTTPError, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.messages import ToolCallPart
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

from gateway import PIXEL, Gateway, calls, stand_in


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int


OSLO = {"name": "Oslo", "inhabitants": 700000}


@pytest.fixture(scope="module")
def chat(gateway: Gateway, model: str) -> OpenAIChatModel:
    return OpenAIChatModel(model, provider=OpenAIProvider(base_url=gateway.base_url, api_key=gateway.key))


@dataclass
class Weather:
    """A tool that remembers what it was asked, and says what the model is to say next."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def weather(self, city: str, days: int) -> str:
        """The weather of a city."""
        self.asked.append((city, days))
        return f"4 degrees {stand_in(text='Cold.')}"


def run(scenario):
    """With a limit, so that a client that waits for ever is a failure."""
    return asyncio.run(asyncio.wait_for(scenario, timeout=60))


def test_an_agent_answers(chat):
    result = run(Agent(chat, instructions="Be brief.").run(stand_in(text="Hello there")))
    assert result.output == "Hello there"
    assert result.usage.total_tokens > 0


def test_an_agent_continues(chat):
    async def scenario():
        agent = Agent(chat)
        first = await agent.run(f"remembered-question {stand_in(text='remembered-answer')}")
        return await agent.run(stand_in("echo"), message_history=first.all_messages())

    seen = run(scenario()).output
    assert seen.index("remembered-question") < seen.index("remembered-answer")


def test_an_agent_calls_a_tool(chat):
    tools = Weather()
    agent = Agent(chat, tools=[tools.weather])
    result = run(agent.run(calls(("weather", {"city": "Oslo", "days": 2}), ("weather", {"city": "Rome", "days": 1}))))
    assert result.output == "Cold."
    assert sorted(tools.asked) == [("Oslo", 2), ("Rome", 1)]
    parts = [part for message in result.all_messages() for part in message.parts]
    assert len({part.tool_call_id for part in parts if isinstance(part, ToolCallPart)}) == 2


def test_a_streamed_run_with_a_tool(chat):
    tools = Weather()

    async def scenario():
        prompt = calls(("weather", {"city": "Oslo", "days": 2}), frames=6)
        async with Agent(chat, tools=[tools.weather]).run_stream(prompt) as ran:
            return [piece async for piece in ran.stream_text(delta=True, debounce_by=None)], ran.usage

    pieces, usage = run(scenario())
    assert "".join(pieces) == "Cold."
    assert tools.asked == [("Oslo", 2)]
    assert usage.requests == 2 and usage.total_tokens > 0


def test_a_stream_says_what_the_whole_answer_says(chat):
    async def scenario():
        agent = Agent(chat)
        whole = await agent.run(stand_in(len=200, alphabet="astral"))
        async with agent.run_stream(stand_in(len=200, alphabet="astral", frames=9)) as ran:
            return whole.output, [piece async for piece in ran.stream_text(delta=True, debounce_by=None)]

    whole, pieces = run(scenario())
    assert len(pieces) > 1
    assert "".join(pieces) == whole


def test_an_image(chat):
    seen = run(Agent(chat).run([stand_in("files"), BinaryContent(PIXEL, media_type="image/png")])).output
    assert [(file["mime"], file["bytes"]) for file in json.loads(seen)] == [("image/png", len(PIXEL))]


@pytest.mark.parametrize("kind", [NativeOutput, PromptedOutput], ids=["native", "prompted"])
def test_output_as_a_document(chat, kind):
    result = run(Agent(chat, output_type=kind(City)).run(stand_in(text=json.dumps(OSLO))))
    assert result.output == City(**OSLO)


def test_output_as_a_tool(chat):
    result = run(Agent(chat, output_type=ToolOutput(City, name="city")).run(calls(("city", OSLO))))
    assert result.output == City(**OSLO)


def test_streamed_output(chat):
    async def scenario():
        prompt = stand_in(text=json.dumps(OSLO), frames=6)
        async with Agent(chat, output_type=NativeOutput(City)).run_stream(prompt) as ran:
            return await ran.get_output()

    assert run(scenario()) == City(**OSLO)


@pytest.mark.parametrize(("key", "name", "status"), [("sk-this-is-not-the-key", None, 401), (None, "nonesuch", 404)])
def test_failures_keep_their_status(gateway: Gateway, model, key, name, status):
    provider = OpenAIProvider(base_url=gateway.base_url, api_key=key or gateway.key)
    with pytest.raises(ModelHTTPError) as caught:
        run(Agent(OpenAIChatModel(name or model, provider=provider)).run("x"))
    assert caught.value.status_code == status
