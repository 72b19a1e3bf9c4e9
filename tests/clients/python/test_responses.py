"""The Responses API: whole answers, streams, structured text, limits, and failures."""

from __future__ import annotations

import asyncio

import openai
import pydantic
import pytest

from gateway import Gateway, stand_in

# Every character class that a chunk border, an escape or a clean-up could damage.
HOSTILE = "a\u00e9\u4e2d😀👩\u200d🔬🇳🇴e\u0301 \"q\" \\b\\ \t|\n\n`code_1`\u2028 \\_ <b>&</b> [x](y) data: [DONE]"


@pytest.fixture
def respond(client: openai.OpenAI, model: str):
    """One prompt to the shared gateway, with any further parameters of the call."""

    def call(prompt: object, **options: object):
        return client.responses.create(model=model, input=prompt, **options)

    return call


def deltas(events) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def test_an_answer_has_everything_the_client_declares(respond, model):
    answer = respond(stand_in(text="Hello there"), metadata={"a": "b"}, instructions="Be brief.")
    assert answer.id.startswith("resp_")
    assert (answer.object, answer.status, answer.error, answer.incomplete_details) == ("response", "completed", None, None)
    assert (answer.output_text, answer.model) == ("Hello there", model)
    assert (answer.metadata, answer.instructions) == ({"a": "b"}, "Be brief.")
    assert (answer.tools, answer.tool_choice, answer.parallel_tool_calls) == ([], "auto", True)
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0
    [message] = answer.output
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    # The client does not validate what it reads; its own types do.
    type(answer).model_validate(answer.model_dump(warnings="error"))


def test_ids_differ(respond):
    assert respond(stand_in(text="a")).id != respond(stand_in(text="a")).id


def test_thoughts_are_an_item_of_their_own(respond):
    thoughts, message = respond(stand_in(text="visible", thoughts=200)).output
    assert (thoughts.type, message.type) == ("reasoning", "message")
    assert len(thoughts.summary[0].text) > 100


def test_a_conversation_can_be_sent_back_as_the_client_parsed_it(respond):
    conversation: list = [{"role": "user", "content": stand_in(text="remembered-answer", thoughts=50)}]
    conversation += respond(conversation).output
    conversation.append({"role": "user", "content": stand_in("echo")})
    assert "remembered-answer" in respond(conversation).output_text


def test_every_kind_of_item_reaches_the_model(respond):
    conversation = [
        {"role": "developer", "content": "developer-says-birch"},
        {"role": "user", "content": [{"type": "input_text", "text": "user-says-cedar"}]},
        {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": '{"word":"tern"}'},
        {"type": "function_call_output", "call_id": "c1", "output": "tool-says-daisy"},
        {"role": "assistant", "content": "assistant-says-elder"},
        {"role": "user", "content": f"user-says-fern {stand_in('echo')}"},
    ]
    seen = respond(conversation, instructions="instructions-say-amber").output_text
    places = [seen.index(word) for word in ["amber", "birch", "cedar", "look_up", "tern", "daisy", "elder", "fern"]]
    assert places == sorted(places)


def test_a_token_limit_cuts_and_says_so(respond):
    answer = respond(stand_in(len=2000, alphabet="ascii"), max_output_tokens=10)
    assert (answer.status, answer.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert 0 < answer.usage.output_tokens <= 10


def test_the_events_of_a_stream(respond):
    events = list(respond(stand_in(len=300, alphabet="ascii", frames=10, thoughts=100), stream=True))
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [events[0].type, events[1].type, events[-1].type] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]
    final = events[-1].response
    assert final.id == events[0].response.id
    assert final.output_text == deltas(events)
    assert len([event for event in events if event.type == "response.output_text.delta"]) > 1
    assert any(event.type == "response.reasoning_summary_text.delta" for event in events)
    assert final.usage.output_tokens_details.reasoning_tokens > 0


def test_the_stream_helper(client, model):
    with client.responses.stream(model=model, input=stand_in(text=HOSTILE, frames=20)) as stream:
        text = deltas(stream)
        final = stream.get_final_response()
    assert final.output_text == text == HOSTILE


@pytest.mark.parametrize("alphabet", ["ascii", "cjk", "emoji", "astral", "mixed", "md", "html", "escapes"])
def test_a_stream_says_what_the_whole_answer_says(respond, alphabet):
    prompt = stand_in(len=600, alphabet=alphabet, frames=15, split="random")
    assert deltas(respond(prompt, stream=True)) == respond(prompt).output_text


def test_structured_text(client, model):
    class Place(pydantic.BaseModel):
        name: str
        people: int

    answer = client.responses.parse(
        model=model, input=stand_in(text='{"name": "Bern", "people": 134000}'), text_format=Place
    )
    assert answer.output_parsed == Place(name="Bern", people=134000)
    with client.responses.stream(
        model=model, input=stand_in(text='{"name": "Bern", "people": 134000}', frames=8), text_format=Place
    ) as stream:
        assert stream.get_final_response().output_parsed == Place(name="Bern", people=134000)


def test_fields_that_cannot_act_are_named(client, model):
    raw = client.responses.with_raw_response.create(
        model=model,
        input=stand_in(text="x"),
        temperature=0.5,
        store=True,
        include=["reasoning.encrypted_content"],
        tools=[{"type": "web_search"}],
    )
    ignored = {name.strip() for name in raw.headers["x-gateway-ignored-params"].split(",")}
    assert ignored == {"temperature", "store", "include", "tools.web_search"}
    assert raw.parse().output_text == "x"


@pytest.mark.parametrize(
    ("param", "code", "body"),
    [
        ("input", "invalid_value", {"input": []}),
        ("input[0].role", "invalid_value", {"input": [{"role": "wizard", "content": "x"}]}),
        ("input[0].content[0].type", "invalid_value", {"input": [{"role": "user", "content": [{"type": "smell"}]}]}),
        ("input[0].id", "unsupported_parameter", {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        ("previous_response_id", "previous_response_not_found", {"previous_response_id": "resp_1"}),
        ("background", "unsupported_parameter", {"background": True}),
        ("tools[0].type", "unsupported_parameter", {"tools": [{"type": "code_interpreter"}]}),
        ("tool_choice", "invalid_value", {"tool_choice": "required"}),
        ("text.format.type", "invalid_value", {"text": {"format": {"type": "xml"}}}),
        ("max_output_tokens", "invalid_value", {"max_output_tokens": 0}),
    ],
)
def test_a_bad_body_names_the_field(client, model, param, code, body):
    with pytest.raises(openai.BadRequestError) as caught:
        client.post("/responses", body={"model": model, "input": "x"} | body, cast_to=object)
    assert (caught.value.param, caught.value.code) == (param, code)
    assert caught.value.type == "invalid_request_error"


def test_nothing_is_kept(client, respond):
    earlier = respond(stand_in(text="x"))
    for attempt in (client.responses.retrieve, client.responses.delete, client.responses.cancel):
        with pytest.raises(openai.NotFoundError) as caught:
            attempt(earlier.id)
        assert caught.value.code == "response_not_found"


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_before_the_first_piece_keeps_its_status(fresh: Gateway, connect, model, stream):
    with pytest.raises(openai.RateLimitError) as caught:
        connect(fresh).responses.create(model=model, input=stand_in(error=1037), stream=stream)
    assert (caught.value.status_code, caught.value.code) == (429, "usage_limit_reached")


def test_a_failure_after_the_first_piece_is_raised(fresh: Gateway, connect, model):
    client = connect(fresh)
    prompt = stand_in(text="abcdefghijklmnopqrst", frames=10, delay=20, error=1013, error_at=5)
    text = ""
    with pytest.raises(openai.APIError) as caught:
        for event in client.responses.create(model=model, input=prompt, stream=True):
            assert event.type not in ("response.completed", "response.incomplete")
            text += getattr(event, "delta", "")
    assert text and "abcdefghijklmnopqrst".startswith(text)
    assert not isinstance(caught.value, openai.APIConnectionError)
    assert caught.value.code and caught.value.message
    with pytest.raises(openai.APIError), client.responses.stream(model=model, input=prompt) as stream:
        stream.until_done()
    assert fresh.settles()


def test_a_client_that_leaves_takes_its_generation_with_it(gateway: Gateway, respond):
    stream = respond(stand_in(len=6000, alphabet="ascii", frames=300, delay=200), stream=True)
    next(event for event in stream if event.type == "response.output_text.delta")
    assert gateway.in_flight() >= 1
    stream.close()
    assert gateway.settles()


def test_the_asynchronous_client(gateway: Gateway, model):
    async def main() -> None:
        async with (
            openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0) as client,
            asyncio.timeout(60),
        ):
            calls = [client.responses.create(model=model, input=stand_in(text=f"answer {i}")) for i in range(10)]
            assert [answer.output_text for answer in await asyncio.gather(*calls)] == [f"answer {i}" for i in range(10)]
            async with client.responses.stream(model=model, input=stand_in(text=HOSTILE, frames=9)) as stream:
                text = "".join([event.delta async for event in stream if event.type == "response.output_text.delta"])
                assert (await stream.get_final_response()).output_text == text == HOSTILE

    asyncio.run(main())
