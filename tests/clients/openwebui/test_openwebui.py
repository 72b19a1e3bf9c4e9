"""Open WebUI's own backend with the gateway as its one connection: what a person at its page makes it do."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from gateway import PIXEL, Gateway, calls, stand_in
from hfedge import Edge, edge_before
from recipebook import recipe
from webui import Refused, WebUi


def connection(name: str, origin: str, **variables: str) -> dict[str, str]:
    """What the compose file of docs/clients.md puts into the environment, with the gateway at `origin`."""
    (block,) = recipe(name)
    services = yaml.safe_load(block.at(origin).replace("http://gateway:7860", origin))["services"]
    told = services["open-webui"]["environment"]
    return {key: string.Template(value).substitute(variables) for key, value in told.items()}


@pytest.fixture(scope="session")
def webui(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebUi]:
    told = connection("open-webui", gateway.origin, API_KEY=gateway.key)
    running = WebUi(tmp_path_factory.mktemp("webui"), gateway, told)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def model(webui: WebUi) -> str:
    return webui.get("/api/models")["data"][0]["id"]


def text_of(stream: str) -> str:
    events = [line[6:] for line in stream.splitlines() if line.startswith("data: ")]
    assert events.pop() == "[DONE]"
    return "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)


def user(content: object) -> list:
    return [{"role": "user", "content": content}]


def test_it_lists_the_models(webui: WebUi):
    models = webui.get("/api/models")["data"]
    assert models
    assert all(model["id"] and model["name"] for model in models)
    assert len({model["name"] for model in models}) == len(models)


def test_it_verifies_a_connection(webui: WebUi, gateway: Gateway):
    assert webui.post("/openai/verify", {"url": gateway.base_url, "key": gateway.key})["data"]
    with pytest.raises(Refused) as caught:
        webui.post("/openai/verify", {"url": gateway.base_url, "key": "sk-this-is-not-the-key"})
    assert caught.value.status == 401
    assert json.loads(caught.value.body)["error"]["code"] == "invalid_api_key"


def test_it_answers_whole(webui: WebUi, model):
    body = {"model": model, "stream": False, "messages": user(stand_in(text="Hello there"))}
    answer = webui.post("/api/chat/completions", body)
    assert answer["choices"][0]["message"]["content"] == "Hello there"


def test_it_streams(webui: WebUi, model):
    said = {"len": 300, "alphabet": "mixed"}
    body = {"model": model, "messages": user(stand_in(**said))}
    whole = webui.post("/api/chat/completions", body | {"stream": False})["choices"][0]["message"]["content"]
    body["messages"] = user(stand_in(**said, frames=12, split="random"))
    assert text_of(webui.post("/api/chat/completions", body | {"stream": True})) == whole


def test_a_chat_is_stored_with_thoughts_and_sources(webui: WebUi, model):
    prompt = stand_in(text="Water is wet.", frames=5, thoughts=40, citations=2)
    _, answer = webui.converse(model, prompt)
    assert answer["content"].startswith("Water is wet.")
    assert "error" not in answer
    assert [shown["source"]["url"] for shown in answer["sources"]] == [f"https://example.org/{n}" for n in (1, 2)]
    reasoning, message = answer["output"]
    assert (reasoning["type"], message["type"]) == ("reasoning", "message")
    assert len(reasoning["content"][0]["text"]) == 40


def test_a_generated_image_is_shown(webui: WebUi, model):
    _, answer = webui.converse(model, stand_in(text="Here:", images=1))
    (image,) = answer["files"]
    assert image["type"] == "image"
    assert image["url"] in answer["content"]


def test_it_names_the_chat(webui: WebUi, model):
    said = stand_in(text='Hello there { "title": "A greeting" }')
    chat, _ = webui.converse(model, said, background_tasks={"title_generation": True})
    deadline = time.monotonic() + 20
    while chat["title"] != "A greeting" and time.monotonic() < deadline:
        time.sleep(0.05)
        chat = webui.get(f"/api/v1/chats/{chat['id']}")
    assert chat["title"] == "A greeting"


def test_it_calls_a_tool_of_its_own(webui: WebUi, model):
    # The call's own argument tells the stand-in what to say once the tool has answered.
    query = f"zebra {stand_in(text='Nothing found.')}"
    _, answer = webui.converse(model, f"Did we speak of zebras? {calls(('search_chats', {'query': query}), frames=4)}")
    call, result, message = answer["output"]
    assert (call["type"], call["name"]) == ("function_call", "search_chats")
    assert json.loads(call["arguments"]) == {"query": query}
    assert (result["type"], result["call_id"]) == ("function_call_output", call["call_id"])
    assert message["content"][0]["text"] == answer["content"] == "Nothing found."


def test_an_error_is_shown_as_the_gateway_words_it(webui: WebUi, model):
    _, answer = webui.converse(model, stand_in(text="abcdef", frames=6, delay=20, error=1013, error_at=3))
    assert answer["error"]["content"]
    assert "1013" in json.dumps(answer["error"])


def test_it_sends_an_uploaded_image(webui: WebUi, model):
    image = {"type": "image_url", "image_url": {"url": webui.upload("pixel.png", "image/png", PIXEL)}}
    body = {"model": model, "stream": True, "messages": user([{"type": "text", "text": stand_in("files")}, image])}
    (seen,) = json.loads(text_of(webui.post("/api/chat/completions", body)))
    assert (seen["mime"], seen["bytes"]) == ("image/png", len(PIXEL))


def test_it_generates_an_image(webui: WebUi):
    made = webui.post("/api/v1/images/generations", {"prompt": f"A boat {stand_in(images=1)}", "n": 1})
    assert len(made) == 1
    assert made[0]["url"]


# Behind the edge of a private Space, whose token the connection sends in a header of its own.


@pytest.fixture
def private(gateway: Gateway, tmp_path: Path) -> Iterator[tuple[WebUi, Edge, str]]:
    token = f"hf_{secrets.token_hex(17)}"
    with edge_before(gateway.origin, "private", [token]) as edge:
        told = connection("open-webui-private", edge.origin, API_KEY=gateway.key, HF_TOKEN=token)
        running = WebUi(tmp_path, gateway, told)
        yield running, edge, token
        running.stop()


def test_it_passes_the_edge_of_a_private_space(gateway: Gateway, private: tuple[WebUi, Edge, str]):
    webui, edge, token = private
    model = webui.get("/api/models")["data"][0]["id"]
    body = {"model": model, "stream": True, "messages": user(stand_in(text="Hello there", frames=4))}
    assert text_of(webui.post("/api/chat/completions", body)) == "Hello there"
    image = {"type": "image_url", "image_url": {"url": webui.upload("pixel.png", "image/png", PIXEL)}}
    body = {"model": model, "stream": False, "messages": user([{"type": "text", "text": stand_in("files")}, image])}
    answer = webui.post("/api/chat/completions", body)["choices"][0]["message"]["content"]
    assert [seen["bytes"] for seen in json.loads(answer)] == [len(PIXEL)]
    assert {passed.by for passed in edge.seen} == {"app"}
    assert {"/v1/models", "/v1/chat/completions"} <= {passed.path for passed in edge.seen}
    assert token not in gateway.log.read_text()
