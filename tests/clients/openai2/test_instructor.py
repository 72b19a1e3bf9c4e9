"""instructor: typed answers by tools and by JSON, and the question it asks again when an answer does not fit."""

from __future__ import annotations

import json
from collections.abc import Iterable

import instructor
import openai
import pytest
from pydantic import BaseModel, field_validator

from gateway import Gateway, calls, stand_in


class City(BaseModel):
    """A city."""

    name: str
    inhabitants: int

    @field_validator("name")
    @classmethod
    def shout(cls, name: str) -> str:
        """Known to the client alone: no schema says it, so the gateway lets it pass and instructor asks again."""
        if name != name.upper():
            # It goes into the next question, where it makes the stand-in mend its answer.
            raise ValueError(f"in capitals, please {MENDED[cls.how]}")
        return name


OSLO = {"name": "OSLO", "inhabitants": 700000}
WRONG = OSLO | {"name": "Oslo"}
City.how = "tools"
MENDED = {"tools": calls(("City", OSLO)), "json": stand_in(text=json.dumps(OSLO))}


def user(content: str) -> list:
    return [{"role": "user", "content": content}]


@pytest.fixture
def asking(gateway: Gateway, model: str):
    """Makes clients of a mode; counts the requests they send."""
    sent: list[dict] = []

    def make(mode: instructor.Mode, how: str):
        City.how = how
        client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, timeout=30)
        asker = instructor.from_openai(client, mode=mode, model=model)
        asker.on("completion:kwargs", lambda **options: sent.append(options))
        return asker, sent

    return make


MODES = [
    pytest.param(instructor.Mode.TOOLS, "tools", id="tools"),
    pytest.param(instructor.Mode.JSON, "json", id="json"),
    pytest.param(instructor.Mode.JSON_SCHEMA, "json", id="schema"),
    pytest.param(instructor.Mode.MD_JSON, "json", id="markdown"),
]


@pytest.mark.parametrize(("mode", "how"), MODES)
def test_a_typed_answer(asking, mode, how):
    client, sent = asking(mode, how)
    assert client.create(response_model=City, messages=user(MENDED[how]), max_retries=0).model_dump() == OSLO
    assert len(sent) == 1


@pytest.mark.parametrize(("mode", "how"), MODES)
def test_an_answer_that_does_not_fit_is_asked_for_again(asking, mode, how):
    client, sent = asking(mode, how)
    wrong = calls(("City", WRONG)) if how == "tools" else stand_in(text=json.dumps(WRONG))
    assert client.create(response_model=City, messages=user(wrong), max_retries=2).model_dump() == OSLO
    assert len(sent) == 2


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        # The tool has the name of the class that instructor makes of it.
        (instructor.Mode.TOOLS, calls(("PartialCity", OSLO))),
        (instructor.Mode.JSON, stand_in(text=json.dumps(OSLO), frames=6)),
    ],
    ids=["tools", "json"],
)
def test_an_answer_that_grows(asking, mode, said):
    client, _ = asking(mode, "json")
    grown = list(client.create_partial(response_model=City, messages=user(said)))
    assert grown[-1].model_dump() == OSLO


def test_several_answers_at_once(asking):
    client, _ = asking(instructor.Mode.PARALLEL_TOOLS, "tools")
    found = list(client.create(response_model=Iterable[City], messages=user(calls(("City", OSLO), ("City", OSLO)))))
    assert [city.model_dump() for city in found] == [OSLO, OSLO]
