"""The verbs. Each can be repeated."""

from __future__ import annotations

import time

from . import stages, upload, words
from .console import Console
from .credentials import SPACE_TOKEN, Given
from .failure import Exit, Failure
from .ground import Ground, Wishes
from .hub import DATA
from .making import SPACE_SECRETS, Making
from .rotation import rotate

# Seconds for the Hub to report that a Space is paused.
_PAUSE_LIMIT = 60.0


class Steps:
    """The verbs of one run."""

    def __init__(self, console: Console, wishes: Wishes, given: Given) -> None:
        self._ground = Ground(console, wishes, given)
        self._making = Making(self._ground)
        self._console = console
        self._wishes = wishes
        self._given = given
        self._hub = self._ground.hub

    def up(self) -> None:
        """All of it, in order."""
        console = self._console
        console.step("Token and files")
        account, name = self._ground.who()
        space = self._hub.find(name)
        if problems := self._making.judge_rights(account, name, space):
            raise problems[0]
        self._ground.sources(told=True)
        if space is not None:
            self._making.refuse_if_flagged(name)
        visibility = self._making.agree(name, space)
        console.step("Space")
        space = self._making.create(name, space, visibility)
        # What it did before anything that restarts it.
        before = self._hub.runtime(name)
        changed = self._making.bucket(name)
        console.step("Secrets")
        changed = self._making.set_secrets(name) or changed
        console.step("Upload")
        commit = self._making.upload(name, space)
        console.step("Build and start")
        restarted = self._making.get_going(name, space, before, changed=changed, commit=commit)
        console.step("Proof")
        self._making.prove(name, space, visibility, fresh=restarted)
        console.step("Done")
        for line in words.closing(self._ground.door(space).origin, visibility):
            console.line(line)

    def doctor(self) -> None:
        """Looks at everything that a deployment needs, and changes nothing."""
        account, name = self._ground.who()
        space = self._hub.find(name)
        problems = self._making.judge_rights(account, name, space)
        self._ground.sources(told=True)
        for variable in SPACE_SECRETS:
            if self._given.get(variable):
                self._console.point(f"{variable} is set.")
            else:
                problems.append(Failure(Exit.USAGE, f"{variable} is not set.", "export it before `up`."))
        self._console.point(
            f"{SPACE_TOKEN} is set." if self._given.get(SPACE_TOKEN) else f"{SPACE_TOKEN} is not set: it is optional."
        )
        if space is None:
            self._console.point(f"The Space {name} does not exist yet.")
        else:
            runtime = self._hub.runtime(name)
            self._console.point(f"The Space {name} exists and is in the stage {runtime.stage}.")
        for problem in problems[1:]:
            self._console.point(f"PROBLEM: {problem.cause} {problem.cure}")
        if problems:
            raise problems[0]
        self._console.say("Nothing stands in the way of `up`.")

    def create(self) -> None:
        """Makes the Space, or sets the visibility of one that is there."""
        _, name = self._ground.who()
        space = self._hub.find(name)
        self._making.create(name, space, self._making.agree(name, space))
        self._making.bucket(name)

    def push(self) -> None:
        """Uploads what the image needs."""
        name, space = self._ground.there()
        self._making.upload(name, space)
        self._console.say("The Hub builds it now: `status` shows how far it is, `up` waits for it.")

    def secrets(self) -> None:
        """Sets the secrets that are missing or differ."""
        name, _ = self._ground.there()
        before = self._hub.runtime(name)
        if self._making.set_secrets(name) and before.stage not in ("NO_APP_FILE", "PAUSED"):
            self._hub.restart(name)
            self._console.say("The Space restarts with them.")

    def status(self) -> None:
        """What the Space is doing. Its stage decides the exit code."""
        name, space = self._ground.there()
        runtime = self._hub.runtime(name)
        self._console.point(
            f"{name} is {space.visibility or 'not public'} and runs on {runtime.hardware or 'nothing'}."
        )
        self._console.point(f"Stage {runtime.stage}: {stages.WORDS.get(runtime.stage, 'unknown to this tool')}.")
        change = upload.difference(self._ground.sources(), self._hub.files(name))
        self._console.point(
            f"Its files differ from this checkout: {len(change.add)} to upload, {len(change.remove)} to remove."
            if change
            else "Its files are those of this checkout."
        )
        if runtime.commit and space.head:
            same = runtime.commit == space.head
            self._console.point(f"It runs its last commit, {space.head[:8]}." if same else "It runs an earlier commit.")
        present = self._hub.secrets(name)
        for key in SPACE_SECRETS:
            self._console.point(f"The secret {key} is {'set' if key in present else 'MISSING'}.")
        self._console.point(f"At {DATA}: {runtime.volumes.get(DATA, 'nothing that survives a restart')}.")
        if runtime.stage != stages.RUNNING and runtime.stage not in stages.BUSY:
            raise stages.failed(self._hub, self._console, name, runtime)

    def logs(self) -> None:
        """The last lines of the program's log, or of the build's."""
        name, _ = self._ground.there()
        if self._wishes.follow:
            lines = self._hub.log(name, build=self._wishes.build, follow=True)
        else:
            lines = iter(self._hub.log_tail(name, build=self._wishes.build, lines=self._wishes.lines))
        for line in lines:
            self._console.line(line)

    def verify(self) -> None:
        """Proves what the running Space does."""
        name, space = self._ground.there()
        runtime = self._hub.runtime(name)
        if runtime.stage != stages.RUNNING and runtime.stage not in stages.BUSY:
            raise stages.failed(self._hub, self._console, name, runtime)
        self._making.verify(space)

    def rotate_keys(self) -> None:
        """Replaces API_KEY by a new one, and proves that the old one is dead."""
        rotate(self._ground)

    def pause(self) -> None:
        """Stops the Space until `up` starts it again."""
        name, _ = self._ground.there()
        self._hub.pause(name)
        deadline = time.monotonic() + _PAUSE_LIMIT
        while (runtime := self._hub.runtime(name)).stage != "PAUSED":
            if time.monotonic() > deadline:
                raise Failure(Exit.DEADLINE, f"the Space is still in the stage {runtime.stage}.", "run `pause` again.")
            time.sleep(self._wishes.poll)
        self._console.say(f"{name} is paused. Nothing runs, nothing is reachable; `up` starts it again.")

    def delete(self) -> None:
        """Deletes the Space. It asks."""
        _, name = self._ground.who()
        if self._hub.find(name) is None:
            self._console.say(f"There is no Space {name}.")
            return
        if not self._wishes.yes:
            self._console.say(
                f"This deletes the Space {name} for good: its files, its secrets and its address. A bucket stays; "
                "delete it on the Hub's page if you want to lose the kept cookie as well."
            )
            if self._console.ask("Type the Space's name (OWNER/NAME) to delete it:") != name:
                raise Failure(Exit.DECLINED, "that was not its name. Nothing was deleted.")
        self._hub.delete(name)
        if self._hub.find(name) is not None:
            raise Failure(Exit.REFUSED, f"the Hub still knows {name}.", "run `delete` again.")
        self._console.say(
            f"{name} is deleted. Your Google session still lives: you can end it under "
            "https://myaccount.google.com/device-activity."
        )
