"""What `verify` proves, and that it does not take anything else for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import NAME, Owner
from container import Container
from fakehub import FakeHub
from wiring import Cut, Request, Response, json_response


def start_anew(owner: Owner, verb: str, secrets: dict[str, str] | None = None, **settings: str) -> None:
    """Replaces the program in the Space, without the Hub's knowing."""
    space = owner.space
    assert space.container
    space.container.stop()
    folder = Path(owner.home) / "anew"
    space.container = Container(folder, space.started_with if secrets is None else secrets, verb, **settings)


def test_missing_cookies(deployed: Owner) -> None:
    start_anew(deployed, "", {"API_KEY": deployed.variables["API_KEY"]})
    run = deployed.run("verify")
    assert run.code == 33
    words = run.err.replace("\n", " ")
    assert "upstream_not_configured" in words and "No Gemini cookies are configured." in words
    assert "private Firefox window" in words
    # What does not need the session was proved all the same.
    assert "a made-up key: 401" in run.out and "200: gemini-flash" in run.out
    assert "[DONE]" not in run.out


def test_a_session_that_cannot_be_used(deployed: Owner) -> None:
    # Nothing listens there.
    start_anew(deployed, "", OUTBOUND_PROXY="http://127.0.0.1:9")
    run = deployed.run("verify")
    assert run.code == 33
    assert "upstream_unreachable" in run.err and "could not reach Google" in run.err.replace("\n", " ")


def test_up_with_a_dead_session_is_no_success(owner: Owner, hub: FakeHub) -> None:
    hub.verb, hub.settings = "", {"OUTBOUND_PROXY": "http://127.0.0.1:9"}
    run = owner.up()
    assert run.code == 33
    assert "== Done" not in run.out
    # The next one finds a program that may have older secrets, and starts it anew before it gives up.
    run = owner.up()
    assert run.code == 33 and "It may run with earlier secrets." in run.out.replace("\n", " ")
    hub.verb, hub.settings = "demo", {}
    assert owner.up().code == 0


def test_a_program_with_secrets_of_before_is_started_anew(deployed: Owner) -> None:
    start_anew(deployed, "demo", {"API_KEY": "an-older-key-of-before"})
    run = deployed.up()
    assert run.code == 0, run.text
    assert "Not yet:" in run.out and deployed.space.starts == 2


def test_a_wrong_key(deployed: Owner) -> None:
    run = deployed.run("verify", API_KEY="wrong-but-long-enough-key")
    assert run.code == 32
    assert "refuses the key in API_KEY (401)" in run.err


def test_a_program_without_a_key(deployed: Owner) -> None:
    start_anew(deployed, "", {"SECURE_1PSID": "g.a000x", "SECURE_1PSIDTS": "sidts-x"})
    run = deployed.run("verify")
    assert run.code == 32, run.text
    assert "[DONE]" not in run.out


@pytest.mark.parametrize("visibility", ["private", "protected"])
def test_an_open_gateway(owner: Owner, hub: FakeHub, visibility: str) -> None:
    assert owner.run("up", "--visibility", visibility, "--yes").code == 0
    hub.edge(NAME).open_to_all = json_response({"object": "list", "data": []})
    run = owner.run("verify")
    assert run.code == 31
    assert "open to the world" in run.err and "`pause`" in run.err.replace("\n", " ")


def test_a_gateway_that_takes_any_key(deployed: Owner, hub: FakeHub) -> None:
    real = hub.edge(NAME).respond

    def respond(request: Request, reply: Callable[[Response], None], handler: object) -> None:
        if request.headers.get("authorization", "").startswith("Bearer made-up"):
            reply(json_response({"object": "list", "data": []}))
        else:
            real(request, reply, handler)

    hub.edge(NAME).respond = respond
    run = deployed.run("verify")
    assert run.code == 31 and "just made up" in run.err


def test_a_space_that_is_less_private_than_chosen(deployed: Owner) -> None:
    deployed.space.visibility = "protected"
    run = deployed.run("verify", "--visibility", "private")
    assert run.code == 30
    assert "can be reached without a Hugging Face identity" in run.err.replace("\n", " ")


def test_a_space_that_is_more_private_than_chosen(owner: Owner) -> None:
    assert owner.run("up", "--visibility", "protected", "--yes").code == 0
    owner.space.visibility = "private"
    run = owner.run("verify", "--visibility", "protected")
    assert run.code == 30


def test_a_token_that_does_not_open_the_edge(deployed: Owner, hub: FakeHub) -> None:
    run = deployed.run("verify", SPACE_HF_TOKEN="hf_" + "N" * 34)
    assert run.code == 30
    assert "404 although a Hub token was sent" in run.err.replace("\n", " ")


def test_an_edge_that_opens_late_is_waited_for(deployed: Owner, hub: FakeHub) -> None:
    busy = Response(503, b"<html>starting</html>", {"Content-Type": "text/html"})
    hub.edge(NAME).faults.answer("GET", "/health", busy, times=4)
    run = deployed.run("verify")
    assert run.code == 0 and "Waiting for" in run.out


def test_nobody_there(deployed: Owner, hub: FakeHub) -> None:
    edge = hub.edge(NAME)
    edge.faults.down_from = len(edge.seen)
    run = deployed.run("verify")
    assert run.code == 30
    assert "no connection" in run.err


def chat(*events: object) -> Response:
    lines = [f"data: {event if isinstance(event, str) else json.dumps(event)}\n\n" for event in events]
    return Response(200, "".join(lines).encode(), {"Content-Type": "text/event-stream"})


def piece(text: str = "", finish: str | None = None) -> dict[str, object]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (chat(piece("Hello"), piece(finish="stop")), "broke off after 5 characters"),
        (chat(piece("  "), piece(finish="stop"), "[DONE]"), "without any visible text"),
        (chat(piece("Hello"), piece(finish="length"), "[DONE]"), "ended with length instead of `stop`"),
        (chat(piece("Hello"), "[DONE]"), "ended with no reason instead of `stop`"),
        (chat(piece("Hello"), {"error": {"message": "The session ended."}}), "The session ended."),
        (chat("{nonsense"), "an event that is not JSON"),
        (chat(), "broke off after 0 characters"),
        (json_response({"choices": []}), "the answer is no stream"),
        (json_response({"error": {"code": "overloaded", "message": "Too busy."}}, 503), "503 overloaded: Too busy."),
        (Response(504, b"<html>timeout</html>", {"Content-Type": "text/html"}), "504"),
    ],
)
def test_chats_that_are_none(deployed: Owner, hub: FakeHub, answer: Response, why: str) -> None:
    hub.edge(NAME).faults.answer("POST", "/v1/chat/completions", answer)
    run = deployed.run("verify")
    assert run.code == 34, run.text
    assert why in run.err.replace("\n", " ")
    assert "[DONE]" not in run.out


def test_a_chat_that_is_cut(deployed: Owner, hub: FakeHub) -> None:
    real = hub.edge(NAME).respond

    def respond(request: Request, reply: Callable[[Response], None], handler: object) -> None:
        if request.method == "POST":
            raise Cut
        real(request, reply, handler)

    hub.edge(NAME).respond = respond
    run = deployed.run("verify")
    assert run.code == 34 and "no connection" in run.err


def test_every_address_it_names_was_read(deployed: Owner, hub: FakeHub) -> None:
    edge = hub.edge(NAME)
    before = len(edge.seen)
    run = deployed.run("verify")
    assert run.code == 0
    told = {line.split()[2].rstrip(":") for line in run.out.splitlines() if line.startswith(("- GET ", "- POST "))}
    assert told == {edge.origin + each.path for each in edge.seen[before:]}
    addresses = {word.rstrip(":,.") for word in run.out.split() if word.startswith("http")}
    assert addresses - told == {hub.origin}
