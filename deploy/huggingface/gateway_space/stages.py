"""What a Space is doing, and the wait until it runs or has failed."""

from __future__ import annotations

import time
from dataclasses import dataclass

from .console import Console
from .failure import Exit, Failure
from .hub import Hub, Runtime

RUNNING = "RUNNING"
BUSY = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
WORDS = {
    "BUILDING": "the image is being built",
    "RUNNING_BUILDING": "the new image is being built while the earlier one runs",
    "APP_STARTING": "the program is starting",
    "RUNNING_APP_STARTING": "the new version is starting while the earlier one runs",
    "RUNNING": "it runs",
    "NO_APP_FILE": "there is nothing to run in it yet",
    "CONFIG_ERROR": "the Hub does not accept its settings",
    "BUILD_ERROR": "the build failed",
    "RUNTIME_ERROR": "the program ended or did not start",
    "STOPPED": "it sleeps",
    "PAUSED": "it is paused",
    "DELETING": "it is being deleted",
}
_CODES = {
    "NO_APP_FILE": Exit.CONFIG_ERROR,
    "CONFIG_ERROR": Exit.CONFIG_ERROR,
    "BUILD_ERROR": Exit.BUILD_ERROR,
    "RUNTIME_ERROR": Exit.RUNTIME_ERROR,
    "STOPPED": Exit.STOPPED,
    "DELETING": Exit.STOPPED,
    "PAUSED": Exit.PAUSED,
}
_CURES = {
    "NO_APP_FILE": "run `push`.",
    "CONFIG_ERROR": "read the message above; the settings are the lines at the head of deploy/huggingface/README.md.",
    "BUILD_ERROR": "read the end of the log above. If it was a network fault on the Hub's side, run `up` again: it "
    "starts a new build.",
    "RUNTIME_ERROR": "read the end of the log above, mend what it says (usually a secret), and run `up` again.",
    "STOPPED": "run `up`: it wakes the Space.",
    "DELETING": "wait until it is gone, then run `up`.",
    "PAUSED": "run `up`: it starts the Space again.",
}
_LOG_LINES = 30
# After a change the Hub goes on reporting the stage from before for a moment. So many polls it is not believed, unless
# the Hub says which commit it speaks of.
_DOUBT_POLLS = 4
# So many polls with an earlier version running and no build in sight: then a build is asked for.
_PATIENCE_POLLS = 24
# So many polls in a row may fail before the wait is given up.
_MOST_MISSED = 5
# Seconds between signs of life while nothing changes.
_SIGN_OF_LIFE = 20.0


@dataclass(frozen=True)
class Expected:
    """What a change should lead to. None: nothing was changed, so what the Hub says holds."""

    # The commit that has to run.
    commit: str | None = None
    # The stage before the change.
    before: str | None = None


def wait_until_running(hub: Hub, console: Console, name: str, expected: Expected, limit: float, poll: float) -> Runtime:
    """Follows the Space to RUNNING. Everything else it may end in is a failure with a code of its own."""
    watch = _Watch(hub, console, name, expected)
    while True:
        runtime = watch.look()
        if runtime is not None and watch.is_over(runtime):
            if runtime.stage == RUNNING:
                return runtime
            raise failed(hub, console, name, runtime)
        if watch.seconds() > limit:
            raise Failure(
                Exit.DEADLINE,
                f"the Space did not run within {limit / 60:g} minutes. Last heard: {watch.shown or 'nothing'}.",
                "look with `status` and `logs --build`, and run `up` again: it goes on waiting. `--timeout` gives it "
                "more minutes.",
            )
        time.sleep(poll)


class _Watch:
    """One wait: what was seen so far."""

    def __init__(self, hub: Hub, console: Console, name: str, expected: Expected) -> None:
        self._hub = hub
        self._console = console
        self._name = name
        self._expected = expected
        self._began = time.monotonic()
        # The stage that was told last, and when.
        self.shown = ""
        self._shown_at = self._began
        self._looks = self._missed = self._idle = 0
        # Whether the Hub speaks of the time after the change.
        self._moved = expected.before is None
        self._asked = False

    def seconds(self) -> float:
        return time.monotonic() - self._began

    def look(self) -> Runtime | None:
        """The runtime, told if it is news. None when the Hub could not be reached, which may happen a few times."""
        try:
            runtime = self._hub.runtime(self._name)
        except Failure as failure:
            self._missed += 1
            if failure.code is not Exit.UNREACHABLE or self._missed > _MOST_MISSED:
                raise
            return None
        self._missed = 0
        self._looks += 1
        now = time.monotonic()
        if runtime.stage != self.shown or now - self._shown_at > _SIGN_OF_LIFE:
            words = WORDS.get(runtime.stage, "a stage this tool does not know")
            self._console.point(f"{runtime.stage} after {now - self._began:.0f} s: {words}")
            self.shown, self._shown_at = runtime.stage, now
        return runtime

    def is_over(self, runtime: Runtime) -> bool:
        """Whether the stage is an end, and that of the version in question."""
        stage, wanted = runtime.stage, self._expected
        self._moved = self._moved or stage != wanted.before or self._looks > _DOUBT_POLLS
        if stage in BUSY or stage not in WORDS:
            self._idle = 0
            return False
        if stage != RUNNING or wanted.commit is None or runtime.commit is None:
            return self._moved
        self._idle += 1
        if runtime.commit != wanted.commit and self._idle >= _PATIENCE_POLLS and not self._asked:
            self._asked = True
            self._console.point("The Hub runs an earlier version and builds nothing. Asking it for a build.")
            self._hub.restart(self._name, rebuild=True)
        return runtime.commit == wanted.commit


def failed(hub: Hub, console: Console, name: str, runtime: Runtime) -> Failure:
    """The failure that a stage is, after showing the end of the log that explains it."""
    stage = runtime.stage
    if stage in ("BUILD_ERROR", "CONFIG_ERROR", "RUNTIME_ERROR"):
        _show_log(hub, console, name, build=stage != "RUNTIME_ERROR")
    message = console.quote(runtime.error)
    said = f' The Hub says: "{message}"' if message else ""
    if stage == "PAUSED" and message:
        return Failure(
            Exit.PAUSED,
            f"Hugging Face has paused the Space {name}.{said}",
            "this is a decision of the platform's, and the tool does not work around it. Its support "
            "(website@huggingface.co) can explain and lift it. Describe the program as what it is: an unofficial "
            "client of your own Gemini session, for your own use.",
        )
    return Failure(
        _CODES.get(stage, Exit.STOPPED),
        f"the Space {name} is in the stage {stage}: {WORDS.get(stage, 'unknown to this tool')}.{said}",
        _CURES.get(stage, ""),
    )


def _show_log(hub: Hub, console: Console, name: str, *, build: bool) -> None:
    which = "build log" if build else "log of the program"
    try:
        lines = hub.log_tail(name, build=build, lines=_LOG_LINES)
    except Failure as failure:
        console.say(f"The {which} could not be read: {failure.cause}")
        return
    if not lines:
        console.say(f"The {which} is empty.")
        return
    console.say(f"The end of the {which}:")
    for line in lines:
        console.line(f"    | {line}")
