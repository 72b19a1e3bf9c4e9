"""Structured answers through the official client: its schemas of either kind, and what it parses."""

from __future__ import annotations

import json

import pydantic
import pytest
from google.genai import errors, types

from gateway import stand_in


class City(pydantic.BaseModel):
    name: str
    people: int
    nickname: str | None


BERN = {"name": "Bern", "people": 134000, "nickname": None}


def fenced(document: object) -> str:
    return stand_in(text=f"Here it is:\n```json\n{json.dumps(document)}\n```\n", frames=5)


def test_a_class_is_parsed(ask):
    answer = ask(fenced(BERN), response_mime_type="application/json", response_schema=City)
    assert answer.parsed == City(**BERN)
    many = ask(fenced([BERN, BERN]), response_mime_type="application/json", response_schema=list[City])
    assert many.parsed == [City(**BERN)] * 2


def test_a_json_schema_is_parsed(ask):
    answer = ask(fenced(BERN), response_mime_type="application/json", response_json_schema=City.model_json_schema())
    assert json.loads(answer.text) == BERN


@pytest.mark.parametrize("document", [{"a": [1, "b"]}, [1, 2]])
def test_json_without_a_schema(ask, document):
    assert json.loads(ask(fenced(document), response_mime_type="application/json").text) == document


def test_a_streamed_document_adds_up(client, model):
    config = types.GenerateContentConfig(response_mime_type="application/json", response_schema=City)
    chunks = client.models.generate_content_stream(model=model, contents=fenced(BERN), config=config)
    assert json.loads("".join(chunk.text for chunk in chunks)) == BERN


def test_a_document_that_breaks_the_schema_is_an_honest_error(ask):
    with pytest.raises(errors.ServerError) as caught:
        ask(fenced({"name": "Bern"}), response_mime_type="application/json", response_schema=City)
    assert caught.value.details["error"]["details"][0]["reason"] == "invalid_structured_output"


def test_a_schema_that_is_none_is_refused(ask):
    with pytest.raises(errors.ClientError) as caught:
        ask("x", response_mime_type="application/json", response_json_schema={"type": "nonsense"})
    violation = caught.value.details["error"]["details"][1]["fieldViolations"][0]
    assert violation["field"] == "generationConfig.responseJsonSchema"
