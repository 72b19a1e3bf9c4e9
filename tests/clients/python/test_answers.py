"""Whole answers: their shape, limits, history, and the text itself."""

from __future__ import annotations

import openai
import pytest

from gateway import Gateway, stand_in


def test_an_answer_has_everything_the_client_declares(ask, model):
    answer = ask(stand_in(text="Hello there"))
    choice = answer.choices[0]
    assert answer.id.startswith("chatcmpl-")
    assert answer.object == "chat.completion"
    assert isinstance(answer.created, int)
    assert isinstance(answer.model, str) and answer.model
    assert len(answer.choices) == 1
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (choice.message.role, choice.message.content, choice.message.refusal) == ("assistant", "Hello there", None)
    assert not choice.message.tool_calls


def test_ids_differ(ask):
    assert ask(stand_in(text="a")).id != ask(stand_in(text="a")).id


def test_usage_is_never_zero_and_adds_up(ask):
    usage = ask(stand_in(text="Hello there")).usage
    assert usage.prompt_tokens > 0
    assert usage.completion_tokens > 0
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens


def test_stop_ends_the_text_before_the_sequence(ask):
    answer = ask(stand_in(text="one two HALT three", frames=18), stop=["NEVER", "HALT"])
    assert answer.choices[0].message.content == "one two "
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_token_limit_cuts_and_says_so(ask, field):
    whole = ask(stand_in(len=2000, alphabet="ascii")).choices[0].message.content
    answer = ask(stand_in(len=2000, alphabet="ascii"), **{field: 10})
    cut = answer.choices[0].message.content
    assert 0 < len(cut) < len(whole)
    assert whole.startswith(cut)
    assert answer.choices[0].finish_reason == "length"
    assert 0 < answer.usage.completion_tokens <= 10


def test_a_limit_that_is_not_reached_changes_nothing(ask):
    answer = ask(stand_in(text="short"), max_tokens=4000)
    assert answer.choices[0].message.content == "short"
    assert answer.choices[0].finish_reason == "stop"


def test_fields_that_cannot_act_are_named(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": stand_in(text="x")}],
        temperature=0.5,
        seed=7,
        extra_body={"top_k": 3},
    )
    ignored = {name.strip() for name in raw.headers["x-gateway-ignored-params"].split(",")}
    assert {"temperature", "seed", "top_k"} <= ignored
    assert raw.parse().choices[0].message.content == "x"


def test_every_role_of_the_history_reaches_the_model(client, model):
    call = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": '{"word":"tern"}'}}
    messages = [
        {"role": "system", "content": "system-says-amber"},
        {"role": "developer", "content": [{"type": "text", "text": "developer-says-birch"}]},
        {"role": "user", "content": "user-says-cedar"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "tool-says-daisy"},
        {"role": "assistant", "content": "assistant-says-elder"},
        {"role": "user", "content": [{"type": "text", "text": "user-says-fern"}, {"type": "text", "text": stand_in("echo")}]},
    ]
    seen = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
    told = ["amber", "birch", "cedar", "look_up", "tern", "daisy", "elder", "fern"]
    places = [seen.index(word) for word in told]
    assert places == sorted(places)


def test_an_answer_can_be_sent_back_as_the_client_parsed_it(client, model):
    messages: list = [{"role": "user", "content": stand_in(text="remembered-answer")}]
    messages.append(client.chat.completions.create(model=model, messages=messages).choices[0].message)
    messages.append({"role": "user", "content": stand_in("echo")})
    seen = client.chat.completions.create(model=model, messages=messages).choices[0].message.content
    assert "remembered-answer" in seen


def test_one_message_goes_up_as_it_is(ask):
    assert ask(f"Ünï 😀 **md** `a\\_b` &{stand_in('echo')}").choices[0].message.content == "Ünï 😀 **md** `a\\_b` &"


@pytest.mark.parametrize("served", ["prefixed", "api key header", "hub token"])
def test_other_ways_to_present_the_key(gateway: Gateway, connect, model, served):
    options = {
        "prefixed": {"base_url": f"{gateway.origin}/v1/"},
        "api key header": {"api_key": "not-the-key", "default_headers": {"x-api-key": gateway.key}},
        "hub token": {"api_key": gateway.hub_token},
    }[served]
    answer = connect(gateway, **options).chat.completions.create(
        model=model, messages=[{"role": "user", "content": stand_in(text="in")}]
    )
    assert answer.choices[0].message.content == "in"


def test_headers_of_an_answer(client, model):
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": stand_in(text="x")}]
    )
    assert raw.status_code == 200
    assert raw.headers["content-type"].split(";")[0] == "application/json"
    assert raw.headers["x-gateway-requested-model"] == model
    assert raw.headers["x-request-id"] == raw.parse()._request_id


def test_a_sane_request_id_of_the_client_is_kept(client):
    raw = client.models.with_raw_response.list(extra_headers={"x-request-id": "from-the.client_1"})
    assert raw.headers["x-request-id"] == "from-the.client_1"


def test_models_can_be_listed_and_retrieved(client):
    models = client.models.list().data
    assert models
    for listed in models:
        assert (listed.object, type(listed.created)) == ("model", int)
        assert client.models.retrieve(listed.id).id == listed.id


def test_retrieving_an_unknown_model(client):
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("no-such/model")
    assert caught.value.code == "model_not_found"
