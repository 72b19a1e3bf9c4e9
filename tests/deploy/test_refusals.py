"""What the Hub may refuse, told truly, with an exit code of its own, and nothing half done."""

from __future__ import annotations

import time

import pytest

from conftest import NAME, OWNER, Owner
from fakehub import FakeHub, FakeSpace, Token, refusal
from wiring import Response, json_response


def assert_no_success(run) -> None:
    assert "== Done" not in run.text
    assert run.err.startswith("\nFailed: ")
    assert "Traceback" not in run.text


def test_401_a_token_that_is_not_valid(owner: Owner, hub: FakeHub) -> None:
    known = hub.tokens.pop(owner.variables["HF_TOKEN"])
    run = owner.up()
    assert run.code == 4
    assert "refused with 401" in run.err and "settings/tokens" in run.err
    assert_no_success(run)
    assert hub.spaces == {}
    hub.tokens[owner.variables["HF_TOKEN"]] = known
    assert owner.up().code == 0


def test_402_no_plan(owner: Owner, hub: FakeHub) -> None:
    hub.tokens[owner.variables["HF_TOKEN"]].pro = False
    run = owner.up()
    assert run.code == 6
    assert "has no PRO plan" in run.out
    assert 'It says: "Creating a Docker Space requires a PRO subscription."' in run.err.replace("\n", " ")
    assert "PRO for a person, Team or Enterprise" in run.err.replace("\n", " ")
    assert_no_success(run)
    assert hub.spaces == {}
    hub.tokens[owner.variables["HF_TOKEN"]].pro = True
    assert owner.up().code == 0


def test_a_space_that_is_there_needs_no_plan_any_more(owner: Owner, hub: FakeHub) -> None:
    assert owner.up().code == 0
    hub.tokens[owner.variables["HF_TOKEN"]].pro = False
    assert owner.up().code == 0


def test_a_read_token_is_told_before_anything_is_done(owner: Owner, hub: FakeHub) -> None:
    hub.tokens[owner.variables["HF_TOKEN"]].role = "read"
    run = owner.up()
    assert run.code == 5
    assert "this read token may not create a Space for ada" in run.err
    assert "Before anything" not in run.out
    assert_no_success(run)
    assert all(each.method == "GET" for each in hub.seen)
    assert owner.run("doctor").code == 5


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        ([("user", OWNER, ["repo.content.read", "repo.write"])], 0),
        ([("user", OWNER, ["repo.content.read"])], 5),
        ([("user", "somebody", ["repo.write"])], 5),
    ],
)
def test_a_fine_grained_token(owner: Owner, hub: FakeHub, scopes: list, code: int) -> None:
    token = hub.tokens[owner.variables["HF_TOKEN"]]
    token.role, token.scopes = "fineGrained", scopes
    run = owner.up()
    assert run.code == code, run.text
    assert "with a fine-grained token" in run.out


def test_403_on_creating(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("POST", "/repos/create", refusal(403, "You cannot do that"))
    run = owner.up()
    assert run.code == 5
    assert "refused with 403 while creating the Space" in run.err
    assert_no_success(run)
    hub.faults.clear()
    assert owner.up().code == 0


@pytest.mark.parametrize("step", ["/secrets$", "/commit/main$", "/variables$", "/tree/main$", "/runtime$"])
def test_403_later_leaves_what_the_next_run_finishes(owner: Owner, hub: FakeHub, step: str) -> None:
    hub.faults.answer("*", step, refusal(403, "You cannot do that"))
    run = owner.up()
    assert run.code == 5, run.text
    assert_no_success(run)
    hub.faults.clear()
    assert owner.up().code == 0


def test_409_the_owners_own_space_is_gone_on_with(owner: Owner, hub: FakeHub) -> None:
    hub.spaces[NAME] = FakeSpace(NAME, "protected")
    # The Hub did not find it a moment ago.
    hub.faults.answer("GET", f"/api/spaces/{NAME}$", refusal(404, "no", X_Error_Code="RepoNotFound"), times=1)
    run = owner.up()
    assert run.code == 0, run.text
    assert "is there, private" in run.out
    assert owner.space.visibility == "private"


def test_409_somebody_elses(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("POST", "/repos/create", json_response({"error": "exists", "url": "http://x/spaces/a/b"}, 409))
    run = owner.up()
    assert run.code == 7
    assert "is taken, and this token cannot see what is there" in run.err
    assert_no_success(run)


def test_a_public_space_of_somebody_else(owner: Owner, hub: FakeHub) -> None:
    hub.spaces["somebody/gate"] = FakeSpace("somebody/gate", "public")
    run = owner.up("--space", "somebody/gate")
    assert run.code == 7 and "may not change it" in run.err
    assert_no_success(run)


def test_a_space_with_something_else_in_it_is_left_alone(owner: Owner, hub: FakeHub) -> None:
    hub.spaces[NAME] = FakeSpace(
        NAME, "private", files={"app.py": b"import gradio", "README.md": b"---\nsdk: gradio\n---\n"}
    )
    run = owner.up()
    assert run.code == 7
    assert "holds something else, for example app.py" in run.err
    assert owner.space.files["app.py"] == b"import gradio"
    assert_no_success(run)
    assert owner.up("--replace-files").code == 0
    assert "app.py" not in owner.space.files


def test_429_is_waited_for_as_long_as_asked(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("POST", "/secrets$", refusal(429, "slow down", Retry_After="2"), times=1)
    hub.faults.answer("GET", "/runtime$", refusal(429, "slow down", Retry_After="1"), times=1)
    began = time.monotonic()
    run = owner.up()
    assert run.code == 0, run.text
    assert time.monotonic() - began >= 3
    assert "The Hub asks for a pause of 2 s" in run.out


@pytest.mark.parametrize("step", ["whoami", "/preupload/", "/runtime$", "/secrets$"])
def test_429_is_not_waited_for_without_bounds(owner: Owner, hub: FakeHub, step: str) -> None:
    hub.faults.answer("*", step, refusal(429, "slow down", Retry_After="3600"))
    run = owner.up()
    assert run.code == 9
    assert "wants a pause of 3600 s" in run.err.replace("\n", " ")
    assert_no_success(run)
    hub.faults.clear()
    assert owner.up().code == 0


def test_many_429_end_as_well(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("GET", "whoami", refusal(429, "slow down", Retry_After="1"), times=2)
    hub.faults.answer("GET", "whoami", refusal(429, "slow down", Retry_After="179"))
    run = owner.up()
    assert run.code == 9
    assert run.out.count("pause of 1 s") == 2


def test_an_error_of_the_hub_that_passes_is_tried_again(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("GET", "/runtime$", Response(503, b"<html>busy</html>", {"Content-Type": "text/html"}), times=2)
    assert owner.up().code == 0


def test_an_error_of_the_hub_that_stays(owner: Owner, hub: FakeHub) -> None:
    hub.faults.answer("POST", "/secrets$", Response(500, b"<html>oops</html>", {"Content-Type": "text/html"}))
    run = owner.up()
    assert run.code == 10
    assert_no_success(run)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"stage": 5}'])
@pytest.mark.parametrize("step", ["whoami", f"/api/spaces/{NAME}$", "/runtime$", "/secrets$"])
def test_answers_that_make_no_sense(owner: Owner, hub: FakeHub, step: str, body: bytes) -> None:
    if step != "whoami":
        hub.spaces[NAME] = FakeSpace(NAME, "private")
    hub.faults.answer("GET", step, Response(200, body, {"Content-Type": "application/json"}))
    run = owner.up("--timeout", "0.02")
    assert run.code in (10, 25), run.text
    assert_no_success(run)


def test_a_change_is_not_sent_on_to_another_address(owner: Owner, hub: FakeHub, tmp_path) -> None:
    other = FakeHub(tmp_path / "other")
    elsewhere = Response(307, b"", {"Location": f"{other.origin}/api/spaces/{NAME}/secrets"})
    hub.faults.answer("POST", "/secrets$", elsewhere)
    run = owner.up()
    other.stop()
    assert run.code == 10
    assert other.seen == []
    assert_no_success(run)


def test_secrets_that_the_hub_repeats_are_not_shown(owner: Owner, hub: FakeHub) -> None:
    """The fixture searches everything that was said."""
    for name in ("API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS"):
        value = owner.variables[name]
        for step in ("/secrets$", "/repos/create", "/commit/main$", "whoami"):
            hub.faults.clear()
            echo = refusal(400, f"bad value {value} (also {value[:20]}) " + "x" * 250 + value, X_Request_Id=value)
            hub.faults.answer("*", step, echo)
            run = owner.up(HF_DEBUG="1", HF_HUB_VERBOSITY="debug")
            assert run.code == 10, run.text
            hub.spaces.pop(NAME, None)


def test_a_token_of_somebody_else_without_rights(owner: Owner, hub: FakeHub) -> None:
    assert owner.up().code == 0
    hub.tokens[owner.variables["HF_TOKEN"]] = Token("eve", "write")
    run = owner.up("--space", NAME)
    assert run.code == 5
    assert_no_success(run)
    for verb in ("pause", "status", "logs"):
        assert owner.run(verb, "--space", NAME).code == 11
    assert owner.run("delete", "--space", NAME, "--yes").code == 0
    assert NAME in hub.spaces
