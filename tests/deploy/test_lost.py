"""The connection to the Hub is lost, at every request in turn. No false success, and the next run finishes."""

from __future__ import annotations

from pathlib import Path

import pytest

from conftest import NAME, OWNER, Owner, make_owner
from fakehub import FakeHub
from wiring import Cut, Request

# How many requests a first `up` with a bucket makes; a test below holds the number.
REQUESTS = 28


def up(owner: Owner) -> int:
    return owner.up("--bucket", "cookies").code


def assert_finished(owner: Owner) -> None:
    """The Space is as an undisturbed run would have left it."""
    space = owner.space
    assert space.visibility == "private" and space.stage == "RUNNING"
    assert space.started_with == {name: owner.variables[name] for name in ("API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS")}
    assert space.volumes == [{"type": "bucket", "source": f"{OWNER}/cookies", "mountPath": "/data"}]
    assert space.running_commit == space.head and len(space.commits) == 2
    assert set(owner.hub.spaces) == {NAME}


def test_the_number_of_requests(owner: Owner, hub: FakeHub) -> None:
    assert up(owner) == 0
    assert_finished(owner)
    assert len(hub.seen) == REQUESTS, [f"{each.method} {each.path}" for each in hub.seen]


@pytest.mark.parametrize("number", range(REQUESTS))
def test_the_hub_goes_away(owner: Owner, hub: FakeHub, number: int) -> None:
    """From this request on nothing is answered."""
    hub.faults.down_from = number
    run = owner.up("--bucket", "cookies")
    assert run.code == 8, run.text
    assert "the connection to the Hub at" in run.err and "run the same command again" in run.err.replace("\n", " ")
    assert "== Proof" not in run.out and "== Done" not in run.out
    hub.faults.clear()
    assert up(owner) == 0, owner.said[-2:]
    assert_finished(owner)


@pytest.mark.parametrize("number", range(REQUESTS))
def test_one_answer_is_lost(owner: Owner, hub: FakeHub, number: int) -> None:
    """The Hub carries the request out, but its answer does not arrive."""
    hub.faults.cut_after = number
    run = owner.up("--bucket", "cookies")
    read = hub.seen[number].method == "GET"
    # What only reads is simply asked again.
    assert run.code == (0 if read else 8), run.text
    assert ("== Done" in run.out) == read
    if not read:
        hub.faults.clear()
        assert up(owner) == 0, owner.said[-2:]
    assert_finished(owner)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", ["rotate-keys", "pause", "delete"])
def test_other_verbs(tmp_path: Path, verb: str, after: bool) -> None:
    """The same for the verbs that change something, at each of their changes."""
    hub = FakeHub(tmp_path / "hub")
    try:
        owner = make_owner(hub, tmp_path / "home")
        assert owner.up().code == 0
        arguments = (verb, "--yes") if verb == "delete" else (verb,)
        for place in range(3):
            first = len(hub.seen)
            watch_changes(hub, place, after=after)
            run = owner.run(*arguments)
            made = [each for each in hub.seen[first:] if each.method != "GET"]
            unwatch(hub)
            if len(made) <= place:
                assert run.code == 0, run.text
                break
            assert run.code == 8, run.text
            again = owner.run(*arguments)
            assert again.code == 0, again.text
            if verb == "rotate-keys":
                key = (owner.home / ".config" / "gemini-gateway" / "ada--gemini-gateway.api-key").read_text().strip()
                owner.variables["API_KEY"] = key
                assert owner.run("verify").code == 0
            else:
                assert (verb == "delete") == (NAME not in hub.spaces)
                assert owner.up().code == 0
        owner.assert_discreet()
    finally:
        hub.stop()


def watch_changes(hub: FakeHub, place: int, *, after: bool) -> None:
    """Cuts the connection at the n-th request that changes something."""
    seen = 0
    real = type(hub).respond

    def respond(request: Request, reply, handler) -> None:
        nonlocal seen
        if request.method == "GET":
            real(hub, request, reply, handler)
            return
        seen += 1
        if seen - 1 != place:
            real(hub, request, reply, handler)
            return
        if after:
            real(hub, request, lambda _: None, handler)
        raise Cut

    hub.respond = respond


def unwatch(hub: FakeHub) -> None:
    del hub.respond
