"""What every verb stands on: the Hub, the owner's wishes and secrets, and the Space they are about."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import cast

from . import upload, words
from .account import Account
from .console import Console, Secret
from .credentials import HUB_TOKEN, SPACE_TOKEN, Given
from .failure import Exit, Failure
from .hub import Hub, Space, Visibility
from .probe import NOBODY, Door
from .verify import MODELS, Checks

NAME = "gemini-gateway"


@dataclass(frozen=True)
class Wishes:
    """What the owner asked for, secrets aside."""

    space: str | None = None
    visibility: Visibility | None = None
    bucket: str | None = None
    yes: bool = False
    replace_files: bool = False
    replace_api_key: bool = False
    key_file: Path | None = None
    lines: int = 100
    build: bool = False
    follow: bool = False
    # Seconds.
    limit: float = 1800.0
    poll: float = 5.0
    # Where the Space is reached, if the Hub's own answer is not to be used.
    space_url: str | None = None


class Ground:
    """One run's ground."""

    def __init__(self, console: Console, wishes: Wishes, given: Given) -> None:
        self.console = console
        self.wishes = wishes
        self.given = given
        self.hub = Hub(given.need(HUB_TOKEN), console, wishes.poll)
        self._account: Account | None = None
        self._sources: upload.Sources | None = None

    def who(self) -> tuple[Account, str]:
        """The token's owner and the Space's full name. Said once."""
        if self._account is None:
            self._account = self.hub.account()
            if not self._account.name:
                raise Failure(Exit.REFUSED, "the Hub did not say whose token this is.")
            self.console.point(
                f"Signed in at {self.hub.endpoint} as {self._account.name}, with a {self._account.described()}."
            )
        name = self.wishes.space or NAME
        return self._account, name if "/" in name else f"{self._account.name}/{name}"

    def there(self) -> tuple[str, Space]:
        _, name = self.who()
        space = self.hub.find(name)
        if space is None:
            raise Failure(
                Exit.MISSING,
                f"there is no Space {name} that this token can see.",
                "make it with `up` or `create`, or name another with --space OWNER/NAME.",
            )
        return name, space

    def sources(self, *, told: bool = False) -> upload.Sources:
        """What the Space's repository should hold."""
        if self._sources is None:
            self._sources = upload.collect()
            upload.refuse_secrets(self._sources, list(self.given.values.values()))
        sources = self._sources
        if told:
            self.console.point(f"The image needs {len(sources.files)} files, {size(sources.size)}.")
            if sources.left_out:
                shown = ", ".join(sources.left_out[:3])
                more = f" and {len(sources.left_out) - 3} more" if len(sources.left_out) > 3 else ""
                self.console.point(f"Left out, because they are not part of the project: {shown}{more}.")
        return sources

    def checks(self, space: Space, key: Secret, visibility: Visibility | None = None) -> Checks:
        door = self.door(space)
        edge = self.given.get(SPACE_TOKEN) or self.given.need(HUB_TOKEN)
        visibility = visibility or self.wishes.visibility or self._visibility_of(space, door)
        return Checks(self.console, door, visibility, key, edge, self.wishes.poll)

    def door(self, space: Space) -> Door:
        origin = self.wishes.space_url or space.origin
        if origin is None:
            raise Failure(
                Exit.MISSING, "the Hub does not say where the Space is reached.", "set SPACE_URL to its address."
            )
        return Door(origin)

    def _visibility_of(self, space: Space, door: Door) -> Visibility:
        if space.visibility in words.VISIBILITIES:
            return cast(Visibility, space.visibility)
        if space.visibility == "public":
            self.console.point("NOTE: this Space is public: everybody can read its files. `create` changes that.")
            return "protected"
        visibility: Visibility = "private" if door.get(MODELS, NOBODY).status == 404 else "protected"
        self.console.point(f"The Hub does not say how visible the Space is; by its answers it is {visibility}.")
        return visibility


def size(count: int) -> str:
    """So many bytes, for reading."""
    return f"{count} bytes" if count < 10_000 else f"{count / 1000:.0f} kB"
