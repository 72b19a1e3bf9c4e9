"""A new API_KEY, seen to work, and the old one seen to be dead."""

from __future__ import annotations

import shlex
import time

from . import stages, vault
from .console import Secret
from .credentials import API_KEY, each_key
from .failure import Exit, Failure
from .ground import Ground
from .keyfile import KeyFile
from .making import Making
from .stages import Expected
from .verify import Checks

# Seconds for a restarted program to take the new key.
_LIMIT = 180.0


def rotate(ground: Ground) -> None:
    """Replaces API_KEY by a new one, and proves that the old one is dead."""
    name, space = ground.there()
    before = ground.hub.runtime(name)
    if before.stage != stages.RUNNING:
        raise stages.failed(ground.hub, ground.console, name, before)
    file = KeyFile(ground.wishes.key_file) if ground.wishes.key_file else KeyFile.usual(name)
    known = ground.given.get(API_KEY) or file.current()
    new = file.unfinished()
    if new:
        ground.console.point(f"An earlier rotation was interrupted: going on with its key in {file.pending}.")
    else:
        new = file.new()
        ground.console.point(f"A new key was written to {file.pending}, which only you can read.")
    ground.console.hide(new)
    ground.hub.set_secret(name, API_KEY, new, vault.describe(new, vault.Origin.ROTATED))
    Making(ground).read_back_secrets(name, {API_KEY: new})
    ground.console.point("The Space has it as its secret API_KEY. Restarting, so that the program takes it.")
    ground.hub.restart(name)
    stages.wait_until_running(
        ground.hub, ground.console, name, Expected(before=before.stage), ground.wishes.limit, ground.wishes.poll
    )
    old = [key for key in (each_key(known) if known else []) if key != new]
    _prove(ground, ground.checks(space, new), old, file)
    file.keep()
    ground.console.say(
        f"Done. The new key is in {file.path}; only you can read that file. For your clients, and for "
        "the next run of this command:"
    )
    ground.console.line(f'    export API_KEY="$(cat {shlex.quote(str(file.path))})"')


def _prove(ground: Ground, checks: Checks, old: list[Secret], file: KeyFile) -> None:
    """Waits until the new key is taken and the old one is not."""
    deadline = time.monotonic() + min(_LIMIT, ground.wishes.limit)
    while True:
        accepted = checks.accepts()
        refused = all(checks.refuses(key) for key in old)
        if accepted and refused:
            break
        if time.monotonic() > deadline:
            why = "the old key is still accepted" if accepted else "the new key is not accepted"
            raise Failure(
                Exit.KEY,
                f"{why} after {_LIMIT:.0f} s. The Space's secret is the new key, in {file.pending}.",
                "run `rotate-keys` again: it goes on with the same key.",
            )
        time.sleep(ground.wishes.poll)
    ground.console.point(f"The new key opens {checks.models_url}.")
    if len(old) > 1:
        ground.console.point(f"The {len(old)} old keys are refused there (401): the new one replaces them all.")
    elif old:
        ground.console.point("The old key is refused there (401).")
    else:
        ground.console.point("Whether the old key is dead could not be checked: it was not in API_KEY.")
