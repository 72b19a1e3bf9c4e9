"""Which files the image needs, and what has to change in the Space's repository to have exactly those."""

from __future__ import annotations

import hashlib
import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .console import Secret
from .failure import Exit, Failure

REPOSITORY = Path(__file__).resolve().parents[3]
README = "README.md"
SPACE_README = Path("deploy/huggingface/README.md")
# The mark in the front matter by which a Space is known to be this gateway's.
TAG = "gemini-gateway"
# Made by the Hub in every repository, and its business.
HUB_OWN = frozenset({".gitattributes"})
# Above this the Hub stores files in another way. No source file comes near.
MOST_BYTES = 5_000_000


@dataclass(frozen=True)
class Sources:
    """The files of the Space's repository, by their path there."""

    files: dict[str, bytes]
    # Files below a needed folder that are not part of the project, so that they stay here.
    left_out: tuple[str, ...]

    @property
    def size(self) -> int:
        return sum(map(len, self.files.values()))


@dataclass(frozen=True)
class Change:
    """What makes the Space's repository equal to the sources."""

    add: dict[str, bytes]
    remove: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.add or self.remove)


def collect(root: Path = REPOSITORY) -> Sources:
    """Reads what the Dockerfile copies from its context, the Dockerfile, and the Space's README."""
    dockerfile = _read(root, "Dockerfile")
    files = {"Dockerfile": dockerfile, README: _read(root, SPACE_README.as_posix())}
    if not files[README].startswith(b"---\n"):
        raise Failure(Exit.CONFIG_ERROR, f"{SPACE_README} has no front matter: the Hub would not know what to build.")
    allowed = _allowed(root)
    known = _known_to_git(root)
    left_out: list[str] = []
    for source in copied(dockerfile.decode()):
        if not _within(source, allowed):
            raise Failure(Exit.CONFIG_ERROR, f"the Dockerfile copies {source}, which .dockerignore keeps from it.")
        for path in _files_below(root, source):
            if (known is not None and path not in known) or (known is None and _is_clutter(path)):
                left_out.append(path)
            else:
                files[path] = _read(root, path)
    return Sources(dict(sorted(files.items())), tuple(left_out))


def copied(dockerfile: str) -> Iterator[str]:
    """The paths that COPY and ADD take from the build context."""
    for line in re.sub(r"\\\r?\n", " ", dockerfile).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word.upper() not in ("COPY", "ADD"):
            continue
        words = shlex.split(rest)
        if any(option.startswith("--from=") for option in words):
            continue
        paths = [each for each in words if not each.startswith("--")]
        for path in paths[:-1]:
            if any(letter in path for letter in "*?[$"):
                raise Failure(Exit.CONFIG_ERROR, f"the Dockerfile copies {path}: this tool reads plain paths only.")
            yield path.removeprefix("./").rstrip("/")


def difference(wanted: Sources, present: dict[str, str]) -> Change:
    """What to change where the repository holds these files, given with their git hashes."""
    add = {path: content for path, content in wanted.files.items() if present.get(path) != git_hash(content)}
    remove = tuple(sorted(set(present) - set(wanted.files) - HUB_OWN))
    return Change(add, remove)


def strangers(wanted: Sources, present: dict[str, str]) -> tuple[str, ...]:
    """Files of a repository that no version of this gateway would have put there."""
    tops = {path.partition("/")[0] for path in wanted.files} | HUB_OWN
    return tuple(sorted(path for path in present if path.partition("/")[0] not in tops))


def refuse_secrets(sources: Sources, secrets: list[Secret]) -> None:
    """Fails when a file to be uploaded holds one of these values."""
    for path, content in sources.files.items():
        if any(secret.reveal().encode() in content for secret in secrets):
            raise Failure(
                Exit.CONFIG_ERROR,
                f"{path} holds one of your secrets, so nothing was uploaded.",
                "take it out of the file. Secrets go into the Space as secrets, which this tool does.",
            )


def git_hash(content: bytes) -> str:
    """The name git gives this content."""
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _read(root: Path, path: str) -> bytes:
    try:
        content = (root / path).read_bytes()
    except OSError as error:
        raise Failure(Exit.CONFIG_ERROR, f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > MOST_BYTES:
        raise Failure(Exit.CONFIG_ERROR, f"{path} has {len(content)} bytes: that is no source file of the gateway.")
    return content


def _files_below(root: Path, source: str) -> Iterator[str]:
    start = root / source
    if start.is_file():
        yield source
        return
    if not start.is_dir():
        raise Failure(Exit.CONFIG_ERROR, f"the Dockerfile copies {source}, which is not there.")
    for path in sorted(start.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(root).as_posix()


def _allowed(root: Path) -> set[str] | None:
    """What .dockerignore lets through when it begins with `*`; None when it lets everything through."""
    try:
        lines = (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    rules = [rule for line in lines if (rule := line.strip()) and not rule.startswith("#")]
    if "*" not in rules:
        return None
    return {rule[1:].strip("/") for rule in rules if rule.startswith("!")}


def _within(path: str, allowed: set[str] | None) -> bool:
    return allowed is None or any(path == each or path.startswith(f"{each}/") for each in allowed)


def _known_to_git(root: Path) -> set[str] | None:
    """The project's own files, or None where this is no checkout."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode != 0:
        return None
    return {path for path in done.stdout.decode(errors="replace").split("\0") if path} or None


def _is_clutter(path: str) -> bool:
    parts = path.split("/")
    return any(part.startswith(".") for part in parts) or parts[-1].endswith(("~", ".orig", ".rej", ".swp", ".bak"))
