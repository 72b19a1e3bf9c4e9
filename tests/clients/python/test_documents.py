"""Structured answers through the official client: JSON mode, and `.parse()` with a model of pydantic."""

from __future__ import annotations

import json

import openai
import pytest
from pydantic import BaseModel

from gateway import stand_in


class Step(BaseModel):
    text: str
    done: bool


class Plan(BaseModel):
    title: str
    steps: list[Step]
    weight: float | None


PLAN = {"title": "Tea `now`\n", "steps": [{"text": "boil \"water\"", "done": True}], "weight": None}
# As models like to answer.
FENCED = f"Here you are:\n\n```json\n{json.dumps(PLAN, indent=2)}\n```\n"


@pytest.mark.parametrize("said", [json.dumps(PLAN), FENCED], ids=["bare", "fenced"])
@pytest.mark.parametrize("stream", [False, True])
def test_json_mode_is_json_and_nothing_else(ask, said, stream):
    answer = ask(stand_in(text=said, frames=9), response_format={"type": "json_object"}, stream=stream)
    if stream:
        text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
    else:
        assert answer.choices[0].finish_reason == "stop"
        text = answer.choices[0].message.content
    assert json.loads(text) == PLAN


@pytest.mark.parametrize("said", [json.dumps(PLAN), FENCED], ids=["bare", "fenced"])
def test_parse_returns_the_model(client, model, said):
    completion = client.chat.completions.parse(
        model=model, messages=[{"role": "user", "content": stand_in(text=said)}], response_format=Plan
    )
    assert completion.choices[0].message.parsed == Plan(**PLAN)


def test_the_stream_helper_returns_the_model(client, model):
    with client.chat.completions.stream(
        model=model, messages=[{"role": "user", "content": stand_in(text=FENCED, frames=9)}], response_format=Plan
    ) as stream:
        kinds = {event.type for event in stream}
        final = stream.get_final_completion()
    assert {"content.delta", "content.done"} <= kinds
    assert final.choices[0].message.parsed == Plan(**PLAN)


def test_an_answer_that_does_not_conform_is_an_error_that_says_why(ask):
    form = {"type": "json_schema", "json_schema": {"name": "Plan", "strict": True, "schema": Plan.model_json_schema()}}
    with pytest.raises(openai.APIStatusError) as caught:
        ask(stand_in(text='{"title": 7, "steps": []}'), response_format=form)
    assert caught.value.status_code >= 500
    assert caught.value.code
    assert "title" in caught.value.message or "weight" in caught.value.message
