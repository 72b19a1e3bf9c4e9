"""Parts on their own."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from conftest import TOOL
from gateway_space import upload, vault
from gateway_space.account import Account, May
from gateway_space.address import is_safe
from gateway_space.cli import VERBS
from gateway_space.console import Console, Secret
from gateway_space.failure import Exit, Failure


def test_what_a_dockerfile_copies() -> None:
    text = "FROM x AS build\nCOPY a.toml ./b.lock \\\n  ./\ncopy --chown=1:1 src/ src\n"
    text += "COPY --from=build /x /y\nADD LICENSE /z\n"
    assert list(upload.copied(text)) == ["a.toml", "b.lock", "src", "LICENSE"]
    with pytest.raises(Failure):
        list(upload.copied("COPY *.toml ./"))


def test_without_git_clutter_is_left_out(tmp_path: Path) -> None:
    files = {
        "Dockerfile": "COPY src src\n",
        "deploy/huggingface/README.md": "---\nsdk: docker\n---\n",
        "src/main.rs": "fn main() {}",
        "src/.env": "API_KEY=x",
        "src/main.rs~": "",
    }
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    sources = upload.collect(tmp_path)
    assert set(sources.files) == {"Dockerfile", "README.md", "src/main.rs"}
    assert set(sources.left_out) == {"src/.env", "src/main.rs~"}
    with pytest.raises(Failure, match="holds one of your secrets"):
        upload.refuse_secrets(sources, [Secret("fn main()")])
    (tmp_path / ".dockerignore").write_text("*\n!Dockerfile\n")
    with pytest.raises(Failure, match="dockerignore"):
        upload.collect(tmp_path)


def test_with_git_what_it_does_not_know_is_left_out(tmp_path: Path) -> None:
    for path, text in {"Dockerfile": "COPY src src\n", "deploy/huggingface/README.md": "---\n", "src/a.rs": ""}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "."], cwd=tmp_path, check=True)
    (tmp_path / "src" / "notes.txt").write_text("mine")
    sources = upload.collect(tmp_path)
    assert set(sources.files) == {"Dockerfile", "README.md", "src/a.rs"}
    assert sources.left_out == ("src/notes.txt",)


def test_git_hashes() -> None:
    assert upload.git_hash(b"") == "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"


def test_fingerprints() -> None:
    value, other = Secret("a" * 30), Secret("b" * 30)
    text = vault.describe(value, vault.Origin.SECRETS)
    assert vault.match(value, text) is vault.Match.SAME
    assert vault.match(other, text) is vault.Match.OTHER
    assert vault.match(other, vault.describe(value, vault.Origin.ROTATED)) is vault.Match.ROTATED_SINCE
    assert vault.match(value, None) is vault.Match.ABSENT
    for unknown in ("", "set by hand", "gemini-gateway set short short", text[:-1]):
        assert vault.match(value, unknown) is vault.Match.OTHER
    assert vault.describe(value, vault.Origin.SECRETS) != text


def test_a_console_shows_no_secret() -> None:
    console = Console(interactive=False)
    secret = "Zq8-abcdefghijklmnopqrstuvwxyz-0123456789"
    console.hide(Secret(secret))
    assert console.clean(f"<{secret}>") == "<[hidden]>"
    assert console.clean("hf_abcdefghijklmnopqrst sidts-abcdefgh g.a000abcdef") == "[hidden] [hidden] [hidden]"
    assert console.clean("\x1b[31mred\x1b[0m\x07 \u202eback") == "red back"
    for cut in range(10, len(secret)):
        assert secret[:10] not in console.quote(f"x{secret[:cut]}y")
        assert secret[-10:] not in console.quote(f"x{secret[-cut:]}y")
    assert console.quote(f"{'w' * 390} {secret}", 400).count("Zq8") == 0
    assert repr(Secret(secret)) == "[hidden]" and f"{Secret(secret)}" == "[hidden]"


@pytest.mark.parametrize(
    "answer", [None, [], "x", {}, {"auth": None}, {"auth": {"accessToken": []}}, {"orgs": [None, 3]}]
)
def test_an_account_of_any_shape(answer: object) -> None:
    account = Account.read(answer)
    assert account.may_write("a/b") is May.UNKNOWN
    assert account.has_plan("a") is None


def test_safe_addresses() -> None:
    assert all(map(is_safe, ("https://a.hf.space", "http://127.0.0.1:80", "http://localhost", "http://[::1]:1")))
    assert not any(
        map(is_safe, ("http://a", "ftp://127.0.0.1", "https://", "", "http://127.0.0.1.example", "http://[x"))
    )


def test_the_readme_lists_every_exit_code_and_verb() -> None:
    text = (TOOL / "README.md").read_text()
    codes = text.split("## Exit codes")[1].split("\n## ")[0]
    numbers = [line.split("|")[1] for line in codes.splitlines() if line.startswith("|")]
    listed = {int(number) for cell in numbers for number in re.findall(r"\d+", cell)}
    assert listed == {int(code) for code in Exit}
    verbs = text.split("## The verbs")[1].split("\n## ")[0]
    assert all(f"`{verb}" in verbs for verb in VERBS)
