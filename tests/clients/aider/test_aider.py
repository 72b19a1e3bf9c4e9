"""aider edits files with the gateway as its model. One changed character in an answer, and its edit would not apply."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway import Gateway, stand_in
from hfedge import edge_before
from recipebook import ANSWER, path_with, run

# Seconds. Most of it is aider's own start.
LIMIT = 120
BEFORE = (
    "import re\n\n"
    "PATTERN = re.compile(r'^\\s*\\*\\*(\\w+)\\*\\*_\\d{1,3}\\_$')  # **bold**_1\\_\n"
    "PATH = 'C:\\\\new\\\\table'\n\n\n"
    "def area(r):\n\treturn 3 * r ** 2\n"
)
OLD = BEFORE[BEFORE.index("PATTERN") :]
NEW = OLD.replace("3 *", "math.pi *").replace("{1,3}", "{1,4}") + "\n\n# <b>&amp;</b> \u00e9 😀 [x](y) `z`\n"


def edit(name: str, old: str, new: str) -> str:
    return f"I change it.\n\n{name}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def aider(gateway: Gateway, folder: Path, message: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIDER_", "OPENAI_"))}
    environment |= {
        "OPENAI_API_BASE": gateway.base_url,
        "OPENAI_API_KEY": gateway.key,
        "HOME": str(folder / "home"),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NO_COLOR": "1",
    }
    (folder / "home").mkdir(exist_ok=True)
    command = [
        *(sys.executable, "-m", "aider", "--no-git", "--yes-always", "--message", message),
        *("--model", f"openai/{model(gateway)}", "--weak-model", f"openai/{model(gateway)}", "--edit-format", "diff"),
        *("--map-tokens", "0", "--no-check-update", "--analytics-disable", "--no-show-model-warnings"),
        *("--no-show-release-notes", "--no-suggest-shell-commands", "--no-auto-lint", "--no-pretty"),
        *options,
    ]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT
    )


def model(gateway: Gateway) -> str:
    request = urllib.request.Request(
        f"{gateway.base_url}/models", headers={"Authorization": f"Bearer {gateway.key}"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["data"][0]["id"]


@pytest.mark.parametrize("option", ["--stream", "--no-stream"])
def test_an_edit_changes_the_file_to_the_byte(gateway: Gateway, tmp_path: Path, option):
    file = tmp_path / "circle.py"
    file.write_text(BEFORE, encoding="utf-8", newline="")
    said = stand_in(text=edit("circle.py", OLD, NEW), frames=15, split="random")
    ran = aider(gateway, tmp_path, f"Use pi. {said}", option, "circle.py")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert file.read_bytes() == BEFORE.replace(OLD, NEW).encode(), ran.stdout


def test_a_new_file(gateway: Gateway, tmp_path: Path):
    text = "# Notes\n\n- a `b`\n\n\t```\n\tcode_1 \\_\n\t```\n"
    ran = aider(gateway, tmp_path, f"Write notes. {stand_in(text=edit('notes.md', '', text))}")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (tmp_path / "notes.md").read_bytes() == text.encode(), ran.stdout


# The recipes of docs/clients.md, as printed.

SEARCH_PATH = path_with(Path(sys.executable).parent)


@pytest.mark.parametrize("place", ["local", "protected"])
def test_the_recipe(gateway: Gateway, tmp_path: Path, place: str):
    with edge_before(gateway.origin, "protected", []) as edge:
        origin = gateway.origin if place == "local" else edge.origin
        ran = run("aider", origin, tmp_path, SEARCH_PATH, API_KEY=gateway.key)
    assert (ran.returncode, ANSWER in ran.stdout) == (0, True), ran.stdout + ran.stderr


def test_the_recipe_for_a_private_space(gateway: Gateway, tmp_path: Path):
    token = f"hf_{secrets.token_hex(17)}"
    with edge_before(gateway.origin, "private", [token]) as edge:
        ran = run("aider-private", edge.origin, tmp_path, SEARCH_PATH, API_KEY=gateway.key, HF_TOKEN=token)
    assert (ran.returncode, ANSWER in ran.stdout) == (0, True), ran.stdout + ran.stderr
    assert {passed.by for passed in edge.seen} == {"app"}
    assert token not in gateway.log.read_text()
