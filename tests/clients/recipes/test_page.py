"""The page itself: every block says what it is and is taken by a suite, the versions are those that were run, and the
files for programs that are not here fit those programs' own schemas."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from recipebook import NOT_RUN, PAGE, blocks, names, recipe
from test_recipes import LOCAL_FORMS, PROGRAMS

SUITES = Path(__file__).resolve().parents[1]
LIBRECHAT = ["librechat", "librechat-private"]
TAKEN_HERE = {*LOCAL_FORMS, *(f"{name}-private" for name in PROGRAMS), "curl-one-token", *LIBRECHAT}


def test_every_recipe_is_run_by_a_suite():
    elsewhere = "".join((SUITES / suite / f"test_{suite}.py").read_text() for suite in ("aider", "openwebui"))
    taken = TAKEN_HERE | set(re.findall(r'"((?:aider|open-webui)(?:-private)?)"', elsewhere))
    assert names() == taken


def test_a_block_is_either_run_or_not():
    for block in blocks():
        assert block.recipes, block.text
        assert (NOT_RUN in block.recipes) == (block.recipes == (NOT_RUN,)), block.recipes


def test_the_versions_are_those_that_are_run():
    manifest = json.loads((SUITES / "recipes" / "package.json").read_text())
    versions = {version for kind in ("dependencies", "optionalDependencies") for version in manifest[kind].values()}
    pinned = [path for suite in ("recipes", "aider", "openwebui") for path in (SUITES / suite).glob("*.txt")]
    for line in "\n".join(path.read_text() for path in pinned).splitlines():
        name, _, version = line.partition("==")
        if name in ("openai", "aider-chat", "open-webui"):
            versions.add(version)
    table = PAGE.read_text().split("## What was run")[1].split("\n## ")[0]
    assert set(re.findall(r"\d+\.\d+\.\d+", table)) == versions
    for image in re.findall(r"open-webui/open-webui:v(\S+)", PAGE.read_text()):
        assert image in versions


@pytest.mark.parametrize("name", LIBRECHAT)
def test_librechats_own_schema_takes_its_file_whole(tmp_path: Path, packages: Path, name: str):
    (block,) = recipe(name)
    (tmp_path / "librechat.yaml").write_text(block.text)
    (tmp_path / "node_modules").symlink_to(packages)
    script = tmp_path / "librechat.mjs"
    script.write_text(Path(__file__).with_name("librechat.mjs").read_text())
    command = [os.environ["NODE_BIN"], str(script), "librechat.yaml"]
    environment = os.environ | {"GATEWAY_KEY": "the-key", "HF_TOKEN": "hf_token"}
    ran = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    read = json.loads(ran.stdout)
    assert read["config"] == yaml.safe_load(block.text)
    assert read["apiKey"] == "the-key"
    assert read["headers"] == ({"X-HF-Authorization": "Bearer hf_token"} if "private" in name else {})


@pytest.mark.parametrize("name", ["open-webui", "open-webui-private"])
def test_a_compose_file_fits_the_compose_specification(tmp_path: Path, name: str):
    (block,) = recipe(name)
    (tmp_path / "compose.yaml").write_text(block.text)
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", "compose.yaml"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stdout + ran.stderr
