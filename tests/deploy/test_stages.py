"""A Space that does not come to run: the truth, the end of the log, a code of its own, and a way back."""

from __future__ import annotations

from conftest import Owner
from fakehub import FakeHub, refusal
from wiring import Cut, Response


def test_a_build_error(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "BUILD_ERROR"
    run = owner.up()
    space = owner.space
    assert run.code == 20
    assert "BUILD_ERROR after" in run.out and "    | Compiling hyper\n" in run.out
    assert "== Proof" not in run.out and "== Done" not in run.out
    assert owner.run("status").code == 20
    assert owner.run("verify").code == 20
    # The fault was on the Hub's side and has passed: the same files are built anew.
    hub.outcome = "RUNNING"
    run = owner.up()
    assert run.code == 0, run.text
    assert "Asking the Hub for a new build." in run.out
    assert len(space.commits) == 2


def test_a_build_log_that_is_long_and_hostile(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "BUILD_ERROR"
    assert owner.run("create", "--visibility", "private", "--yes").code == 0
    key = owner.variables["API_KEY"]
    owner.space.build_log = [f"step {number}" for number in range(500)] + [f"\x1b[31merror\x1b[0m: \x08{key}\u202e"]
    run = owner.up()
    assert run.code == 20
    assert "    | error: [hidden]\n" in run.out
    assert "step 471" in run.out and "step 470" not in run.out


def test_a_log_that_cannot_be_read(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "BUILD_ERROR"
    hub.faults.answer("GET", "/logs/build", refusal(500, "no log"))
    run = owner.up()
    assert run.code == 20
    assert "The build log could not be read" in run.out


def test_a_runtime_error(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "RUNTIME_ERROR"
    run = owner.up()
    assert run.code == 21
    assert "    | gateway: listening\n" in run.out
    assert "== Done" not in run.out
    hub.outcome = "RUNNING"
    run = owner.up()
    assert run.code == 0, run.text
    assert "Asking the Hub for a restart." in run.out


def test_a_config_error(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "CONFIG_ERROR"
    run = owner.up()
    assert run.code == 22
    hub.outcome = "RUNNING"
    assert owner.up().code == 0


def test_a_readme_that_the_hub_does_not_accept(owner: Owner, hub: FakeHub) -> None:
    bad = refusal(400, "bad").body
    hub.faults.answer("POST", "validate-yaml", Response(400, bad, {"Content-Type": "application/json"}))
    run = owner.up()
    assert run.code == 10 and "while uploading" in run.err
    assert len(owner.space.commits) == 1
    hub.faults.clear()
    assert owner.up().code == 0


def test_flagged_as_abusive_is_told_and_not_worked_around(owner: Owner, hub: FakeHub) -> None:
    assert owner.up().code == 0
    owner.space.ahead, owner.space.error = ["PAUSED"], "Flagged as abusive"
    for verb in ("status", "verify", "rotate-keys"):
        run = owner.run(verb)
        assert run.code == 23, (verb, run.text)
        assert (
            'Hugging Face has paused the Space ada/gemini-gateway. The Hub says: "Flagged as abusive"'
            in run.err.replace("\n", " ")
        )
    before = len(hub.seen)
    run = owner.up()
    assert run.code == 23
    assert {each.method for each in hub.seen[before:]} == {"GET"}
    assert "== Done" not in run.text


def test_flagged_during_the_build(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "PAUSED"
    assert owner.run("create", "--visibility", "private", "--yes").code == 0
    assert owner.run("secrets").code == 0
    assert owner.run("push").code == 0
    owner.space.error = "Flagged as abusive"
    run = owner.up()
    assert run.code == 23
    assert "Flagged as abusive" in run.err


def test_a_build_that_does_not_end(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "BUILDING"
    run = owner.up("--timeout", "0.01")
    assert run.code == 25
    assert "did not run within 0.01 minutes. Last heard: BUILDING" in run.err.replace("\n", " ")
    hub.outcome = "RUNNING"
    owner.space.ahead = ["BUILDING", "APP_STARTING", "RUNNING"]
    run = owner.up()
    assert run.code == 0, run.text
    assert len(owner.space.commits) == 2


def test_a_stage_that_nobody_knows(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "DREAMING"
    run = owner.up("--timeout", "0.01")
    assert run.code == 25
    assert "DREAMING after" in run.out


def test_a_space_that_is_being_deleted(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "DELETING"
    assert owner.up().code == 24


def test_the_stage_of_before_is_not_taken_for_a_new_failure(owner: Owner, hub: FakeHub) -> None:
    hub.outcome = "BUILD_ERROR"
    assert owner.up().code == 20
    hub.outcome = "RUNNING"
    owner.space.files["LICENSE"] = b"changed"
    run = owner.up()
    assert run.code == 0, run.text


def test_the_wait_bears_some_lost_looks(owner: Owner, hub: FakeHub) -> None:
    """A build takes minutes: a short outage in between must not end the run."""
    looks = 0
    real = hub.respond

    def flaky(request, reply, handler) -> None:
        nonlocal looks
        if request.path.endswith("/runtime"):
            looks += 1
            # Four tries make one look; these are two looks, in the midst of the wait.
            if 4 <= looks < 12:
                raise Cut
        real(request, reply, handler)

    hub.respond = flaky
    run = owner.up()
    assert looks > 12
    assert run.code == 0, run.text


def test_a_commit_that_starts_no_build(owner: Owner, hub: FakeHub) -> None:
    assert owner.up().code == 0
    hub.commits_build = False
    owner.space.files["LICENSE"] = b"changed"
    run = owner.up()
    assert run.code == 0, run.text
    assert "Asking it for a build." in run.out
    assert owner.space.running_commit == owner.space.head
