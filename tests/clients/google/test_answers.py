"""Whole answers, token counts and models through the official client."""

from __future__ import annotations

import json

import pytest
from google.genai import types

from gateway import stand_in


def test_an_answer_has_everything_the_client_reads(ask, model):
    answer = ask(stand_in(text="Hello there"))
    candidate = answer.candidates[0]
    assert answer.text == "Hello there"
    assert (candidate.finish_reason, candidate.content.role, candidate.index) == (types.FinishReason.STOP, "model", 0)
    assert answer.response_id and answer.model_version
    assert not answer.function_calls
    usage = answer.usage_metadata
    assert usage.prompt_token_count > 0 and usage.candidates_token_count > 0
    assert usage.total_token_count == usage.prompt_token_count + usage.candidates_token_count


def test_text_is_byte_exact(ask):
    text = "Ünï 😀 **md** `a\\_b` & <b>\n\ttab \u2028 end"
    assert ask(stand_in(text=text)).text == text


def test_stop_ends_the_text_before_the_sequence(ask):
    answer = ask(stand_in(text="one two HALT three", frames=18), stop_sequences=["NEVER", "HALT"])
    assert answer.text == "one two "
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP


def test_a_token_limit_cuts_and_says_so(ask):
    whole = ask(stand_in(len=2000, alphabet="ascii")).text
    answer = ask(stand_in(len=2000, alphabet="ascii"), max_output_tokens=10)
    assert answer.text and whole.startswith(answer.text) and len(answer.text) < len(whole)
    assert answer.candidates[0].finish_reason == types.FinishReason.MAX_TOKENS


def test_thoughts_are_parts_of_their_own_for_those_who_ask(ask):
    prompt = stand_in(text="done", thoughts=30)
    assert [part.thought for part in ask(prompt).candidates[0].content.parts] == [None]
    shown = ask(prompt, thinking_config=types.ThinkingConfig(include_thoughts=True))
    thought, said = shown.candidates[0].content.parts
    assert (thought.thought, len(thought.text), said.text) == (True, 30, "done")
    assert shown.text == "done"
    assert shown.usage_metadata.thoughts_token_count > 0


def test_fields_that_cannot_act_are_named(ask):
    answer = ask(
        stand_in(text="x"),
        temperature=0.5,
        top_k=3,
        seed=7,
        safety_settings=[{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}],
        tools=[types.Tool(google_search=types.GoogleSearch())],
    )
    named = answer.sdk_http_response.headers["x-gateway-ignored-params"].split(", ")
    assert set(named) == {
        "generationConfig.temperature",
        "generationConfig.topK",
        "generationConfig.seed",
        "safetySettings",
        "tools.googleSearch",
    }


def test_every_turn_of_the_history_reaches_the_model(client, model):
    contents = [
        types.Content(role="user", parts=[types.Part(text="user-says-cedar")]),
        types.Content(role="model", parts=[types.Part.from_function_call(name="look_up", args={"word": "tern"})]),
        types.Content(role="user", parts=[types.Part.from_function_response(name="look_up", response={"output": "daisy"})]),
        types.Content(role="model", parts=[types.Part(text="model-says-elder")]),
        types.Content(role="user", parts=[types.Part(text="user-says-fern"), types.Part(text=stand_in("echo"))]),
    ]
    config = types.GenerateContentConfig(system_instruction="system-says-amber")
    seen = client.models.generate_content(model=model, contents=contents, config=config).text
    places = [seen.index(word) for word in ["amber", "cedar", "look_up", "tern", "daisy", "elder", "fern"]]
    assert places == sorted(places)


def test_one_prompt_goes_up_as_it_is(ask):
    assert ask(f"Ünï 😀 **md** `a\\_b` &{stand_in('echo')}").text == "Ünï 😀 **md** `a\\_b` &"


def test_tokens_are_counted(client, model):
    few = client.models.count_tokens(model=model, contents="Hello").total_tokens
    many = client.models.count_tokens(model=model, contents="Hello, and all the other words too.").total_tokens
    assert 0 < few < many


def test_models_can_be_listed_and_retrieved(client):
    models = list(client.models.list(config={"page_size": 2}))
    assert models
    for listed in models:
        assert listed.name.startswith("models/") and listed.display_name
        assert "generateContent" in listed.supported_actions
        assert client.models.get(model=listed.name).name == listed.name
        assert client.models.get(model=listed.name.removeprefix("models/")).name == listed.name


@pytest.mark.parametrize("turns", [3])
def test_a_chat_remembers_what_was_said(client, model, turns):
    chat = client.chats.create(model=model)
    for turn in range(turns):
        assert chat.send_message(stand_in(text=f"answer-{turn}")).text == f"answer-{turn}"
    assert len(chat.get_history(curated=True)) == 2 * turns
    seen = chat.send_message(stand_in("echo")).text
    assert all(f"answer-{turn}" in seen for turn in range(turns))


def test_an_answer_can_be_sent_back_as_the_client_parsed_it(client, model):
    first = client.models.generate_content(model=model, contents=stand_in(text="remembered", thoughts=9))
    sent = [types.Content(role="user", parts=[types.Part(text="Hi")]), first.candidates[0].content, stand_in("echo")]
    assert "remembered" in client.models.generate_content(model=model, contents=sent).text


def test_the_raw_answer_is_json(ask):
    assert json.loads(ask(stand_in(text='{"a": [1]}')).text) == {"a": [1]}
