"""Every recipe of the page that this suite has the program for, as printed: at the gateway itself, and behind the edge
of a protected and of a private Space."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from gateway import Gateway
from hfedge import Edge
from recipebook import ANSWER, run

PROGRAMS = ["curl", "openai-python", "openai-node", "continue", "cline", "codex", "claude-code", "gemini-cli"]
LOCAL_FORMS = ["curl-streamed", *PROGRAMS]
# They send the key in a header of their own, where the edge does not look for a token.
NOT_AS_BEARER = ["gemini-cli"]


class Watch:
    """What a gateway has logged and an edge seen since."""

    def __init__(self, gateway: Gateway, edge: Edge | None = None) -> None:
        self.gateway, self.edge = gateway, edge
        self.logged = len(gateway.log.read_text())
        self.seen = len(edge.seen) if edge else 0

    def keys(self) -> set[str]:
        """The keys that opened, by name, of answers that came to their end."""
        lines = self.gateway.log.read_text()[self.logged :].splitlines()
        done = [line for line in lines if " access: " in line and 'served="' in line]
        assert all('status=200 outcome="done"' in line for line in done), done
        return {key for line in done for key in re.findall(r" key=(\w+)", line)}

    def refused_by_the_edge(self) -> bool:
        return any(passed.by == "edge" for passed in self.edge.seen[self.seen :])


def answered(ran: subprocess.CompletedProcess[str]) -> None:
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ANSWER in text_of(ran.stdout), ran.stdout + ran.stderr


def text_of(output: str) -> str:
    """What was printed; of a stream that was printed as it came, the text in it."""
    events = [line[6:] for line in output.splitlines() if line.startswith("data: ")]
    if not events:
        return output
    assert events.pop() == "[DONE]"
    return "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)


@pytest.fixture(autouse=True)
def _packages_beside(packages: Path, tmp_path: Path):
    """Node looks for packages in the folders above a script."""
    (tmp_path / "node_modules").symlink_to(packages)


@pytest.mark.parametrize("name", LOCAL_FORMS)
def test_the_local_form(gateway: Gateway, tmp_path: Path, path: str, name: str):
    watch = Watch(gateway)
    answered(run(name, gateway.origin, tmp_path, path, API_KEY=gateway.key))
    assert watch.keys() == {"api_key_1"}


@pytest.mark.parametrize("name", LOCAL_FORMS)
def test_the_local_form_at_a_protected_space(gateway, edges, tmp_path: Path, path: str, name: str):
    watch = Watch(gateway, edges["protected"])
    answered(run(name, edges["protected"].origin, tmp_path, path, API_KEY=gateway.key))
    assert watch.keys() == {"api_key_1"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_form_for_a_private_space(gateway, edges, reader: str, tmp_path: Path, path: str, name: str):
    watch = Watch(gateway, edges["private"])
    ran = run(f"{name}-private", edges["private"].origin, tmp_path, path, API_KEY=gateway.key, HF_TOKEN=reader)
    answered(ran)
    assert watch.keys() == {"api_key_1"}
    assert not watch.refused_by_the_edge()
    assert reader not in gateway.log.read_text()


@pytest.mark.parametrize("name", [name for name in LOCAL_FORMS if name not in NOT_AS_BEARER])
def test_one_token_for_both(gateway, edges, tmp_path: Path, path: str, name: str):
    watch = Watch(gateway, edges["private"])
    answered(run(name, edges["private"].origin, tmp_path, path, API_KEY=gateway.hub_token))
    assert watch.keys() == {"hf_token"}
    assert not watch.refused_by_the_edge()


def test_one_token_for_both_in_a_variable_of_its_own(gateway, edges, tmp_path: Path, path: str):
    watch = Watch(gateway, edges["private"])
    answered(run("curl-one-token", edges["private"].origin, tmp_path, path, HF_TOKEN=gateway.hub_token))
    assert watch.keys() == {"hf_token"}


@pytest.mark.parametrize("name", NOT_AS_BEARER)
def test_one_token_is_not_enough_for_those_that_send_it_elsewhere(gateway, edges, tmp_path, path: str, name: str):
    watch = Watch(gateway, edges["private"])
    ran = run(name, edges["private"].origin, tmp_path, path, API_KEY=gateway.hub_token)
    assert ANSWER not in ran.stdout
    assert ran.returncode != 0
    assert watch.refused_by_the_edge()
    assert watch.keys() == set()


def test_what_the_page_says_of_a_base_url_without_the_setting(gateway, tmp_path: Path, path: str):
    """If this fails, gemini-cli has changed for the better, and the page may drop its settings file."""
    watch = Watch(gateway)
    folder = tmp_path / "without"
    folder.mkdir()
    command = ["gemini", "--skip-trust", "-m", "gemini-flash", "-p", "Hello there"]
    environment = {"HOME": str(folder), "PATH": path}
    environment |= {"GOOGLE_GEMINI_BASE_URL": gateway.origin, "GEMINI_API_KEY": gateway.key}
    ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "Invalid auth method selected" in ran.stderr
    assert watch.keys() == set()
