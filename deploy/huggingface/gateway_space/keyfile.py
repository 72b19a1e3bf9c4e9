"""Where `rotate-keys` leaves a new key: a file that only its owner can read.

A terminal would be worse: it keeps what it shows, and so do those who record it. The key is on disk before the Space
gets it, so that no interruption can lose it; until the Space was seen to take it, the file's name ends in `.new`.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from .console import Secret
from .failure import Exit, Failure


class KeyFile:
    """The file, and its forerunner."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pending = path.with_name(path.name + ".new")

    @classmethod
    def usual(cls, space: str) -> KeyFile:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
        return cls(base / "gemini-gateway" / f"{space.replace('/', '--')}.api-key")

    def current(self) -> Secret | None:
        return _read(self.path)

    def unfinished(self) -> Secret | None:
        """The key of a rotation that was interrupted."""
        return _read(self.pending)

    def new(self) -> Secret:
        """Makes a key and writes it down."""
        key = secrets.token_hex(32)
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self.pending, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{key}\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise Failure(
                Exit.USAGE,
                f"the new key cannot be written to {self.pending}: {error.strerror}. Nothing was changed.",
                "name another place with --key-file.",
            ) from None
        return Secret(key)

    def keep(self) -> None:
        """The rotation is done."""
        os.replace(self.pending, self.path)


def _read(path: Path) -> Secret | None:
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise Failure(Exit.USAGE, f"{path} cannot be read.", "move it away, or name another with --key-file.") from None
    return Secret(text) if text else None
