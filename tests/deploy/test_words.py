"""What the owner reads. The whole text of a first run is kept beside this file, so that changes to it are seen."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import NAME, TOOL, Owner, Run
from fakehub import FakeHub

GOLDEN = Path(__file__).parent / "golden"


def told(run: Run, owner: Owner) -> str:
    """The text without what differs from run to run."""
    text = run.text.replace(owner.hub.origin, "https://hub").replace(owner.hub.edge(NAME).origin, "https://space")
    text = text.replace(str(owner.home), "/home/ada")
    # Where a line of a list was broken depends on the addresses.
    text = re.sub(r"^- .*(\n  \S.*)+", lambda found: found[0].replace("\n  ", " "), text, flags=re.MULTILINE)
    text = re.sub(r"after \d+ s", "after N s", text)
    text = re.sub(r"in \d+\.\d s", "in N s", text)
    text = re.sub(r"\d+ (files|kB|bytes|characters)", r"N \1", text)
    return re.sub(r"commit [0-9a-f]{8}", "commit ABC", text)


def assert_golden(name: str, text: str) -> None:
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text(), f"read the difference; UPDATE_GOLDEN=1 accepts it into {file}"


def test_the_whole_first_run_at_a_terminal(owner: Owner) -> None:
    answers = [
        ("Which one, private or protected?", "what?"),
        ("Which one, private or protected?", "private"),
        ("Type yes to go on:", "yes"),
    ]
    run = owner.at_terminal("up", answers=answers)
    assert run.code == 0, run.text
    assert_golden("up", told(run, owner))


def test_the_second_run_at_a_terminal(owner: Owner) -> None:
    assert owner.up("--bucket", "cookies").code == 0
    run = owner.at_terminal("up", "--bucket", "cookies", answers=[("Type yes to go on:", "yes")])
    assert run.code == 0, run.text
    assert_golden("up-again", told(run, owner))


def test_help() -> None:
    texts = []
    for verb in ([], ["up"], ["rotate-keys"]):
        command = [sys.executable, "-m", "gateway_space", *verb, "--help"]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(TOOL), "COLUMNS": "120"}
        texts.append(subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout)
    # Python's own wording of usage differs between versions: the words are what matters.
    assert_golden("help", re.sub(r"\s+", " ", "\n".join(texts)).replace(" environment:", "\nenvironment:") + "\n")


def test_values_are_asked_for_and_not_shown(owner: Owner) -> None:
    answers = [
        ("(API_KEY):", owner.variables["API_KEY"]),
        ("(SECURE_1PSID):", owner.variables["SECURE_1PSID"]),
        ("(SECURE_1PSIDTS):", owner.variables["SECURE_1PSIDTS"]),
        ("Type yes to go on:", "yes"),
    ]
    missing = dict.fromkeys(("API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS"))
    run = owner.at_terminal("up", "--visibility", "private", answers=answers, **missing)
    assert run.code == 0, run.text
    assert owner.space.started_with["API_KEY"] == owner.variables["API_KEY"]


def test_no_is_no(owner: Owner, hub: FakeHub) -> None:
    run = owner.at_terminal("up", "--visibility", "private", answers=[("Type yes to go on:", "")])
    assert run.code == 3 and "Nothing was changed." in run.text
    assert hub.spaces == {}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("up", "--yes"), "the visibility is yours to choose"),
        (("up", "--visibility", "private"), "add --yes"),
        (("create", "--yes"), "the visibility is yours to choose"),
        (("delete",), "nobody is there"),
    ],
)
def test_a_script_has_to_say_what_it_wants(owner: Owner, hub: FakeHub, arguments: tuple[str, ...], why: str) -> None:
    if arguments[0] == "delete":
        assert owner.up().code == 0
    before = dict(hub.spaces)
    run = owner.run(*arguments)
    assert run.code == 2
    assert why in run.err.replace("\n", " ")
    assert hub.spaces == before


@pytest.mark.parametrize("missing", ["HF_TOKEN", "API_KEY", "SECURE_1PSID", "SECURE_1PSIDTS"])
def test_a_missing_variable_is_named(owner: Owner, hub: FakeHub, missing: str) -> None:
    run = owner.up(**{missing: None})
    assert run.code == 2
    assert f"{missing} is not set" in run.err
    assert hub.seen == []


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("API_KEY", "short", "too short"),
        ("API_KEY", "a-good-key-of-some-length,short", "too short"),
        ("API_KEY", "a key with spaces in it, and long", "does not belong into a key"),
        ("SECURE_1PSID", "__Secure-1PSID=g.a000something", "cookie's name as well"),
        ("SECURE_1PSIDTS", '"sidts-quoted-value"', "quotation mark"),
        ("SECURE_1PSIDTS", "sidts-a; other=b", "semicolon"),
        ("SECURE_1PSID", "x", "too short"),
        ("HF_TOKEN", "not-a-token", "begins with hf_"),
    ],
)
def test_slips_are_found_before_anything_is_sent(owner: Owner, hub: FakeHub, name: str, value: str, why: str) -> None:
    run = owner.up(**{name: value})
    assert run.code == 2
    assert why in run.err.replace("\n", " ")
    assert len(value) < 6 or value not in run.text
    assert hub.seen == []


def test_secrets_typed_as_arguments_are_not_repeated(owner: Owner) -> None:
    for arguments in (
        ("up", "--api-key", "a-secret-typed-here"),
        ("up", "--api-key=a-secret-typed-here"),
        ("a-secret-typed-here",),
    ):
        run = owner.run(*arguments)
        assert run.code == 2
        assert "a-secret-typed-here" not in run.text


def test_a_plain_address_for_the_hub_is_refused(owner: Owner) -> None:
    run = owner.up(HF_ENDPOINT="http://203.0.113.5")
    assert run.code == 2 and "https://" in run.err


def test_an_error_of_the_tool_shows_places_only(owner: Owner, tmp_path: Path) -> None:
    """A client that breaks in a way nobody thought of."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nimport huggingface_hub\n"
        "def broken(self, *a, **k): raise RuntimeError(os.environ['API_KEY'])\n"
        "huggingface_hub.HfApi.whoami = broken\n"
    )
    path = owner.environment()["PYTHONPATH"]
    run = owner.up(PYTHONPATH=f"{tmp_path}:{path}")
    assert run.code == 1
    assert "RuntimeError at" in run.err and "Traceback" not in run.err
