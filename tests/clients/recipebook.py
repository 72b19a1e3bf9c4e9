"""The recipes of docs/clients.md: each block as it stands on the page, with the two addresses put in, and run.

A comment before a block says what it is: `<!-- recipe: NAME... -->` for a block that is run, with a path among the
names for one that is written to that file first. `not run` stands for a block that is for reading only.
"""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from gateway import REPOSITORY

PAGE = REPOSITORY / "docs" / "clients.md"
LOCAL = "http://127.0.0.1:7860"
SPACE = "https://OWNER-NAME.hf.space"
NOT_RUN = "not run"
# What the demo says of itself in every answer to a message that asks it for nothing special.
ANSWER = "no model has read your message"
FENCED = re.compile(
    r"(?:^<!-- recipe: (?P<names>[^>]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
# Seconds. Most of it is the start of the larger programs.
LIMIT = 90
RUNNERS = {"sh": ("recipe.sh", "bash -euo pipefail"), "python": ("recipe.py", "python3"), "js": ("recipe.mjs", "node")}
# Besides the address, the tests add nothing but this: what keeps the programs from reporting home or updating.
QUIET = {
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "CONTINUE_METRICS_ENABLED": "0",
    "CONTINUE_CLI_ENABLE_TELEMETRY": "0",
    "AIDER_ANALYTICS_DISABLE": "true",
    "AIDER_CHECK_UPDATE": "false",
    "AIDER_SHOW_RELEASE_NOTES": "false",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    "NO_COLOR": "1",
}


@dataclass(frozen=True)
class Block:
    """A fenced block: the recipes it belongs to, its language, and the file it is for, if it is for one."""

    recipes: tuple[str, ...]
    language: str
    text: str
    file: str | None

    def at(self, origin: str) -> str:
        """Its text, with this in place of the two addresses."""
        return self.text.replace(LOCAL, origin).replace(SPACE, origin)


def blocks(page: Path = PAGE) -> list[Block]:
    """All blocks of the page. Each must say what it is."""
    found = []
    for match in FENCED.finditer(page.read_text(encoding="utf-8")):
        if match["names"] is None:
            raise ValueError(f"a block without a comment that says what it is:\n{match[0]}")
        names = [name.strip() for name in match["names"].split(",")]
        files = [name for name in names if "/" in name or "." in name]
        recipes = tuple(name for name in names if name not in files)
        found.append(Block(recipes, match["language"], match["text"], files[0] if files else None))
    return found


def recipe(name: str) -> list[Block]:
    """The blocks of one recipe, in the order of the page."""
    found = [block for block in blocks() if name in block.recipes]
    if not found:
        raise KeyError(f"{PAGE.name} has no recipe {name}")
    return found


def names() -> set[str]:
    """Of all recipes that are run."""
    return {name for block in blocks() for name in block.recipes} - {NOT_RUN}


def run(name: str, origin: str, folder: Path, path: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Writes the recipe's files below a home of its own, then runs its other blocks one after the other. Returns the
    first that fails, else the last with the output of all."""
    home, place = folder / "home", folder / "home" / "work"
    place.mkdir(parents=True)
    subprocess.run(["git", "init", "--quiet"], cwd=place, check=True, timeout=LIMIT)
    # As on a computer where the programs have been started before.
    for used in (".continue", ".cline", ".codex", ".gemini"):
        (home / used).mkdir()
    todo = recipe(name)
    for block in todo:
        if block.file:
            where = home / block.file.removeprefix("~/") if block.file.startswith("~/") else place / block.file
            where.write_text(block.at(origin), encoding="utf-8")
    environment = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8"} | QUIET | variables
    output = errors = ""
    for block in todo:
        if block.file:
            continue
        script, runner = RUNNERS[block.language]
        (place / script).write_text(block.at(origin), encoding="utf-8")
        ran = subprocess.run(
            [*runner.split(), script],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
        )
        output, errors = output + ran.stdout, errors + ran.stderr
        if ran.returncode != 0:
            break
    return subprocess.CompletedProcess(ran.args, ran.returncode, output, errors)


def path_with(*folders: Path | str) -> str:
    """A search path with these first."""
    return os.pathsep.join([*map(str, folders), os.environ["PATH"]])
