"""From nothing to a Space that works, and what further runs change."""

from __future__ import annotations

import stat
import subprocess
from pathlib import Path

import pytest

from conftest import NAME, OWNER, TOOL, Owner
from fakehub import FakeSpace, Token
from wiring import Request

REPOSITORY = TOOL.parents[1]
CHANGES = ("POST", "PUT", "DELETE")
SECRETS = {"API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS"}


def changes(requests: list[Request]) -> list[str]:
    """What was changed, in order. The Hub's checks of a README change nothing."""
    made = [
        f"{each.method} {each.path.removeprefix(f'/api/spaces/{NAME}')}" for each in requests if each.method in CHANGES
    ]
    return [change for change in made if "validate-yaml" not in change and "preupload" not in change]


def test_a_newcomer_needs_one_command(owner: Owner) -> None:
    run = owner.up()
    assert run.code == 0, run.text
    space = owner.space
    assert (space.visibility, space.sdk, space.stage) == ("private", "docker", "RUNNING")
    # The program was started once, with these secrets and no other: the token that deploys is not among them.
    assert space.started_with == {name: owner.variables[name] for name in SECRETS}
    assert space.starts == 1
    assert space.variables == {}
    assert "- GET " in run.out and "404: only who may see the Space" in run.out
    assert "to [DONE]" in run.out and "== Done" in run.out


def test_exactly_the_files_of_the_image_are_uploaded(owner: Owner) -> None:
    run = owner.up()
    assert run.code == 0, run.text
    files = owner.space.files
    assert {path.split("/")[0] for path in files} == {
        ".gitattributes", "Cargo.lock", "Cargo.toml", "Dockerfile", "LICENSE", "README.md", "deploy", "src",
    }  # fmt: skip
    bill = {"deploy/bill/licences.txt", "deploy/bill/sbom.cdx.json"}
    assert {path for path in files if path.startswith("deploy/")} == bill
    assert files["README.md"] == (TOOL / "README.md").read_bytes()
    assert files["Dockerfile"] == (REPOSITORY / "Dockerfile").read_bytes()
    listed = subprocess.run(["git", "ls-files", "src"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert {path for path in files if path.startswith("src/")} == set(listed.stdout.split())


def test_a_second_run_changes_nothing(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    before = len(hub.seen)
    run = owner.up()
    assert run.code == 0, run.text
    assert changes(hub.seen[before:]) == []
    # A restart would have cost the cookie that was renewed since.
    assert owner.space.starts == 1
    assert "Nothing to upload" in run.out and "API_KEY: set already." in run.out
    assert "to [DONE]" in run.out


def test_secrets_are_there_before_the_program(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    made = changes(hub.seen)
    assert made == ["POST /api/repos/create", *["POST /secrets"] * 3, "POST /commit/main"]


@pytest.mark.parametrize("by_itself", [True, False], ids=["hub restarts", "hub does not"])
def test_new_cookies_are_set_and_the_program_started_anew(owner: Owner, hub, by_itself: bool) -> None:
    hub.secrets_restart = by_itself
    assert owner.up().code == 0
    owner.variables["SECURE_1PSIDTS"] = "sidts-" + "b" * 40
    before = len(hub.seen)
    run = owner.up()
    assert run.code == 0, run.text
    assert changes(hub.seen[before:]) == ["POST /secrets", "POST /restart"]
    assert "SECURE_1PSIDTS: replaced." in run.out and "API_KEY: set already." in run.out
    assert owner.space.started_with["SECURE_1PSIDTS"] == owner.variables["SECURE_1PSIDTS"]


def test_stale_files_go_and_changed_ones_come(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    owner.space.files["src/gone.rs"] = b"fn gone() {}"
    owner.space.files["LICENSE"] = b"another"
    run = owner.up()
    assert run.code == 0, run.text
    assert "- LICENSE: 1083 bytes\n- src/gone.rs: removed\n" in run.out
    assert "src/gone.rs" not in owner.space.files
    assert owner.space.files["LICENSE"] == (REPOSITORY / "LICENSE").read_bytes()
    assert ".gitattributes" in owner.space.files


@pytest.mark.parametrize("tells", [True, False], ids=["commit told", "commit not told"])
def test_the_earlier_version_is_not_taken_for_the_new_one(owner: Owner, hub, tells: bool) -> None:
    """After a commit the Hub goes on saying RUNNING for a while: of what ran before."""
    hub.tells_commit = tells
    assert owner.up().code == 0
    owner.space.files["LICENSE"] = b"another"
    run = owner.up()
    assert run.code == 0, run.text
    assert owner.space.starts == 2
    assert owner.space.running_commit == owner.space.head
    assert "RUNNING_BUILDING after" in run.out


def test_protected(owner: Owner, hub) -> None:
    run = owner.run("up", "--visibility", "protected", "--yes")
    assert run.code == 0, run.text
    assert owner.space.visibility == "protected"
    assert "with no credentials: 401: anybody reaches the program" in run.out
    # The token is not sent where it is not needed.
    assert not any("x-hf-authorization" in each.headers for each in hub.edge(NAME).seen)
    assert "X-HF-Authorization" not in run.out.split("== Done")[1]


def test_a_hub_that_does_not_tell_the_visibility(owner: Owner, hub) -> None:
    hub.tells_visibility = False
    assert owner.run("up", "--visibility", "protected", "--yes").code == 0
    run = owner.run("verify")
    assert run.code == 0, run.text
    assert "by its answers it is protected" in run.out
    # Which of the two it is cannot be read off, so the choice is made sure of.
    assert owner.up().code == 0
    assert owner.space.visibility == "private"


def test_the_visibility_can_be_changed_later(owner: Owner) -> None:
    assert owner.up().code == 0
    run = owner.run("create", "--visibility", "protected", "--yes")
    assert run.code == 0, run.text
    assert owner.space.visibility == "protected"
    assert owner.run("verify").code == 0
    # One that is known need not be chosen again.
    assert owner.run("up", "--yes").code == 0
    assert owner.space.visibility == "protected"


def test_a_bucket_is_private_and_mounted(owner: Owner, hub) -> None:
    run = owner.up("--bucket", "cookies")
    assert run.code == 0, run.text
    assert hub.buckets == {f"{OWNER}/cookies": "private"}
    assert owner.space.volumes == [{"type": "bucket", "source": f"{OWNER}/cookies", "mountPath": "/data"}]
    before = len(hub.seen)
    assert owner.up("--bucket", f"{OWNER}/cookies").code == 0
    assert changes(hub.seen[before:]) == [f"POST /api/buckets/{OWNER}/cookies"]
    assert owner.space.starts == 1
    assert "bucket ada/cookies is mounted" in owner.up().out


def test_other_volumes_stay(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    model = {"type": "model", "source": "ada/model", "mountPath": "/model"}
    owner.space.volumes = [model]
    assert owner.up("--bucket", "cookies").code == 0
    assert owner.space.volumes[0] == model and owner.space.volumes[1]["source"] == f"{OWNER}/cookies"


def test_a_public_bucket_is_refused(owner: Owner, hub) -> None:
    hub.buckets[f"{OWNER}/cookies"] = "public"
    run = owner.up("--bucket", "cookies")
    assert run.code == 10
    assert "readable by everybody" in run.err
    assert owner.space.volumes == []


def test_a_read_token_for_the_space(owner: Owner, hub) -> None:
    token = "hf_" + "R" * 34
    hub.tokens[token] = Token(OWNER, "fineGrained", scopes=[("space", NAME, ["repo.content.read"])])
    owner.variables["SPACE_HF_TOKEN"] = token
    run = owner.up()
    assert run.code == 0, run.text
    assert owner.space.secrets["HF_TOKEN"]["value"] == token
    assert "SPACE_HF_TOKEN alone: 200" in run.out
    # What the edge is shown is then the weaker token.
    shown = {each.headers.get("x-hf-authorization") for each in hub.edge(NAME).seen}
    assert shown == {None, f"Bearer {token}"}


def test_a_token_that_can_write_is_kept_out_of_the_space(owner: Owner, hub) -> None:
    token = "hf_" + "W" * 34
    hub.tokens[token] = Token(OWNER, "write")
    owner.variables["SPACE_HF_TOKEN"] = token
    run = owner.up()
    assert run.code == 2
    assert "can change your Spaces" in run.err
    assert owner.space.secrets == {}
    owner.variables["SPACE_HF_TOKEN"] = owner.variables["HF_TOKEN"]
    run = owner.up()
    assert run.code == 2 and "the same token" in run.err


def test_a_foreign_hub_token_in_the_space_stays(owner: Owner) -> None:
    assert owner.up().code == 0
    owner.space.secrets["HF_TOKEN"] = {"value": "hf_by_hand", "description": ""}
    run = owner.up()
    assert run.code == 0 and "HF_TOKEN: the Space has one from elsewhere." in run.out


def test_a_secret_among_the_variables_is_taken_out(owner: Owner) -> None:
    assert owner.up().code == 0
    owner.space.variables = {"API_KEY": owner.variables["API_KEY"], "DEBUG": "true"}
    run = owner.up()
    assert run.code == 0 and "API_KEY was a variable of the Space, which others can read" in run.out
    assert owner.space.variables == {"DEBUG": "true"}


def test_pause_and_up_again(owner: Owner) -> None:
    assert owner.up().code == 0
    assert owner.run("pause").code == 0
    assert owner.space.container is None
    status = owner.run("status")
    assert status.code == 23 and "PAUSED" in status.out
    assert owner.run("verify").code == 23
    assert owner.up().code == 0
    assert owner.space.stage == "RUNNING"


def test_a_sleeping_space_is_woken(owner: Owner) -> None:
    assert owner.up().code == 0
    owner.space.ahead = ["STOPPED"]
    assert owner.run("status").code == 24
    assert owner.up().code == 0


def test_single_verbs_lead_to_the_same(owner: Owner, hub) -> None:
    assert owner.run("doctor").code == 0
    assert hub.spaces == {}
    for verb in ("push", "secrets", "status", "verify", "logs", "pause", "rotate-keys"):
        run = owner.run(verb)
        assert run.code == 11, (verb, run.text)
    assert owner.run("create", "--visibility", "private", "--yes").code == 0
    assert owner.run("secrets").code == 0
    assert owner.run("push").code == 0
    assert owner.up().code == 0
    assert owner.run("verify").code == 0
    assert owner.run("status").code == 0
    assert owner.run("doctor").code == 0


def test_logs(owner: Owner) -> None:
    assert owner.up().code == 0
    owner.space.run_log = [f"line {number}" for number in range(300)]
    owner.space.run_log.append(
        f"\x1b[2J\x1b]0;title\x07key={owner.variables['API_KEY']} cookie={owner.variables['SECURE_1PSIDTS']}"
    )
    run = owner.run("logs", "--lines", "2")
    assert run.code == 0
    assert run.out.endswith("line 299\nkey=[hidden] cookie=[hidden]\n"), run.out
    assert "line 298" not in run.out
    for arguments in (("--build",), ("--build", "--follow")):
        run = owner.run("logs", *arguments)
        assert run.code == 0 and "Compiling hyper" in run.out


def test_delete(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    run = owner.run("delete")
    assert run.code == 2 and NAME in hub.spaces
    run = owner.at_terminal("delete", answers=[("to delete it:", "something else")])
    assert run.code == 3 and NAME in hub.spaces
    run = owner.at_terminal("delete", answers=[("to delete it:", NAME)])
    assert run.code == 0 and NAME not in hub.spaces
    assert owner.run("delete", "--yes").code == 0
    # And from nothing again.
    assert owner.up().code == 0


def test_rotation(owner: Owner) -> None:
    assert owner.up().code == 0
    old = owner.variables["API_KEY"]
    run = owner.run("rotate-keys")
    assert run.code == 0, run.text
    file = owner.home / ".config" / "gemini-gateway" / "ada--gemini-gateway.api-key"
    new = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not Path(f"{file}.new").exists()
    assert len(new) == 64 and owner.space.started_with["API_KEY"] == new
    assert "The old key is refused there (401)." in run.out and str(file) in run.out
    # The old key in the environment does not come back by accident.
    run = owner.up()
    assert run.code == 2 and "replaced by `rotate-keys`" in run.err
    assert owner.run("verify").code == 32
    owner.variables["API_KEY"] = new
    assert owner.up().code == 0
    owner.variables["API_KEY"] = old
    assert owner.up("--replace-api-key").code == 0
    assert owner.space.started_with["API_KEY"] == old
    owner.variables["the new key"] = new


def test_a_rotation_kills_all_keys(owner: Owner) -> None:
    owner.variables["API_KEY"] = "a-first-key-of-this-test,a-second-key-of-this-test"
    assert owner.up().code == 0
    run = owner.run("rotate-keys")
    assert run.code == 0 and "The 2 old keys are refused there (401)" in run.out, run.text


def test_a_rotation_without_the_old_key_says_so(owner: Owner) -> None:
    assert owner.up().code == 0
    key_file = owner.home / "key"
    run = owner.run("rotate-keys", "--key-file", str(key_file), API_KEY=None)
    assert run.code == 0 and "could not be checked" in run.out
    # Now the old one is in the file.
    run = owner.run("rotate-keys", "--key-file", str(key_file), API_KEY=None)
    assert run.code == 0 and "The old key is refused" in run.out


def test_a_space_of_an_organisation(owner: Owner, hub) -> None:
    token = hub.tokens[owner.variables["HF_TOKEN"]]
    token.orgs = [{"name": "lovelace", "isEnterprise": True}]
    run = owner.up("--space", "lovelace/gate")
    assert run.code == 0, run.text
    assert isinstance(hub.spaces["lovelace/gate"], FakeSpace)


def test_space_url_replaces_what_the_hub_says(owner: Owner, hub) -> None:
    assert owner.up().code == 0
    other = hub.edge("nobody/nothing")
    run = owner.run("verify", SPACE_URL=other.origin)
    assert run.code == 30
    assert other.seen and hub.edge(NAME).origin not in run.text.split("Waiting")[1]
    for address in ("http://203.0.113.7", "ftp://x", "https://", "nonsense"):
        assert owner.run("verify", SPACE_URL=address).code == 2


def test_an_invalid_token_for_the_space(owner: Owner) -> None:
    owner.variables["SPACE_HF_TOKEN"] = "hf_" + "X" * 34
    run = owner.up()
    assert run.code == 4 and "SPACE_HF_TOKEN is not a valid token" in run.err
