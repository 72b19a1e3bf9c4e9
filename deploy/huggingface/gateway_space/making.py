"""How a Space comes about: each part looks at what is there and does what is missing."""

from __future__ import annotations

from collections import Counter
from typing import cast

from . import stages, upload, vault, words
from .account import Account, May
from .console import Secret
from .credentials import API_KEY, SESSION, SESSION_TS, SPACE_TOKEN, each_key
from .failure import Exit, Failure
from .ground import Ground, size
from .hub import DATA, Runtime, Space, Visibility
from .stages import Expected

SPACE_SECRETS = (API_KEY, SESSION, SESSION_TS)
# The name that SPACE_HF_TOKEN has inside the Space.
TOKEN_INSIDE = "HF_TOKEN"
# More changed files than these are told by folder.
_MOST_LISTED = 12


class Making:
    """The parts, in the order of `up`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._console = ground.console
        self._wishes = ground.wishes
        self._given = ground.given
        self._hub = ground.hub

    def judge_rights(self, account: Account, name: str, space: Space | None) -> list[Failure]:
        """What the token cannot do. What the Hub does not tell beforehand is left to its answer."""
        namespace = name.partition("/")[0]
        may = account.may_create(namespace) if space is None else account.may_write(name)
        doing = f"create a Space for {namespace}" if space is None else f"change {name}"
        if may is May.NO:
            return [Failure(Exit.RIGHTS, f"this {account.described()} may not {doing}.", RIGHTS_CURE)]
        self._console.point(
            f"The token may {doing}."
            if may is May.YES
            else f"The Hub does not say whether the token may {doing}: it will when it is asked to."
        )
        if space is None:
            plan = account.has_plan(namespace)
            if plan is False:
                self._console.point(
                    f"NOTE: {namespace} has no PRO plan. The Hub will most likely refuse to create the Space (402)."
                )
            elif plan is None:
                self._console.point(f"The Hub does not say whether {namespace} has the plan that a Docker Space takes.")
            else:
                self._console.point(f"{namespace} has the plan that a Docker Space takes.")
        return []

    def refuse_if_flagged(self, name: str) -> None:
        runtime = self._hub.runtime(name)
        if runtime.stage == "PAUSED" and runtime.error:
            raise stages.failed(self._hub, self._console, name, runtime)

    def agree(self, name: str, space: Space | None) -> Visibility:
        """Tells the owner what this means, and gets the choice and the consent. Nothing was changed before."""
        console, wishes = self._console, self._wishes
        known = space.visibility if space and space.visibility in words.VISIBILITIES else None
        visibility = wishes.visibility or cast(Visibility | None, known)
        if not console.interactive and visibility is None:
            raise Failure(
                Exit.USAGE,
                "the visibility is yours to choose, and nobody is there to be asked.",
                "add --visibility private or --visibility protected. `--help` says what they mean.",
            )
        if not console.interactive and not wishes.yes:
            raise Failure(
                Exit.USAGE, "nobody is there to agree to what this command does.", "add --yes to agree to it."
            )
        if space is None:
            console.step("Before anything is created")
            for risk in words.RISKS:
                console.point(risk)
        else:
            console.step("What will happen")
        if bucket := self._bucket_name(name):
            console.point(words.BUCKET.format(bucket=bucket))
        elif space is None or DATA not in self._hub.runtime(name).volumes:
            console.point(words.NO_BUCKET)
        if visibility is None or visibility != known:
            console.step("Who can reach it")
            for word, text in words.VISIBILITIES.items():
                if visibility in (None, word):
                    console.line(f"{word}:")
                    console.say(text, indent="  ")
        while visibility is None:
            answer = console.ask("Which one, private or protected?").lower()
            if answer in words.VISIBILITIES:
                visibility = cast(Visibility, answer)
        doing = (
            f"Create the {visibility} Space {name}"
            if space is None
            else f"Bring the {visibility} Space {name} up to date"
        )
        if wishes.yes:
            console.line(f"{doing}: agreed with --yes.")
        elif console.ask(f"{doing}? Type yes to go on:").lower() not in ("y", "yes"):
            raise Failure(Exit.DECLINED, "you did not agree. Nothing was changed.")
        return visibility

    def create(self, name: str, space: Space | None, visibility: Visibility) -> Space:
        created = False
        if space is None:
            created = self._hub.create(name, visibility)
            # Taken, or made by a run whose answer was lost: then it can be seen now.
            space = self._hub.find(name)
            if space is None and created:
                raise Failure(Exit.REFUSED, f"the Hub does not show {name} yet.", "run the command again.")
            if space is None:
                raise Failure(
                    Exit.TAKEN,
                    f"the name {name} is taken, and this token cannot see what is there.",
                    "if it is yours, give the token access to it; otherwise choose another name with --space.",
                )
        if not created:
            self._refuse_strangers(name, space)
        if space.visibility != visibility:
            self._hub.set_visibility(name, visibility)
            space = self._hub.find(name) or space
            if space.visibility not in (None, visibility):
                raise Failure(Exit.REFUSED, f"the Hub keeps {name} {space.visibility} instead of {visibility}.")
        self._console.point(f"{name}: {'created' if created else 'is there'}, {space.visibility or visibility}.")
        return space

    def _refuse_strangers(self, name: str, space: Space) -> None:
        """Keeps hands off a Space that is not this owner's, or not this program's."""
        if not self._hub.may_write(name):
            raise Failure(
                Exit.TAKEN,
                f"{name} exists, but this token may not change it.",
                "if it is yours, give the token write access to it; otherwise choose another name with --space.",
            )
        foreign = upload.strangers(self._ground.sources(), self._hub.files(name))
        if foreign and upload.TAG not in space.tags and not self._wishes.replace_files:
            raise Failure(
                Exit.TAKEN,
                f"{name} holds something else, for example {', '.join(foreign[:3])}. An upload would remove it.",
                "choose another name with --space, or add --replace-files if those files may go.",
            )

    def bucket(self, name: str) -> bool:
        """Mounts the bucket, if one is wanted. Whether that changed anything."""
        bucket = self._bucket_name(name)
        mounted = self._hub.runtime(name).volumes.get(DATA)
        if bucket is None:
            if mounted:
                self._console.point(f"The renewed cookie is kept: {mounted} is mounted at {DATA}.")
            return False
        if not self._hub.ensure_bucket(bucket):
            raise Failure(
                Exit.REFUSED,
                f"the bucket {bucket} is public: the cookie in it would be readable by everybody.",
                "make it private on the Hub's page, or name another.",
            )
        wanted = f"bucket {bucket}"
        if mounted == wanted:
            self._console.point(f"The private bucket {bucket} is mounted at {DATA}.")
            return False
        self._hub.mount(name, bucket)
        if self._hub.runtime(name).volumes.get(DATA) != wanted:
            raise Failure(
                Exit.REFUSED, f"the Hub does not show the bucket {bucket} at {DATA}.", "run the command again."
            )
        self._console.point(
            f"The private bucket {bucket} is mounted at {DATA}{f' instead of {mounted}' if mounted else ''}."
        )
        return True

    def _bucket_name(self, name: str) -> str | None:
        """The bucket that is wanted, with its owner: the Space's, unless another is named."""
        bucket = self._wishes.bucket
        return bucket if bucket is None or "/" in bucket else f"{name.partition('/')[0]}/{bucket}"

    def set_secrets(self, name: str) -> bool:
        """Sets what is missing or differs. Whether that changed anything."""
        wanted = {key: self._given.need(key) for key in SPACE_SECRETS}
        if token := self._given.get(SPACE_TOKEN):
            self._judge_space_token(token)
            wanted[TOKEN_INSIDE] = token
        for key in sorted(self._hub.variables(name) & {*SPACE_SECRETS, TOKEN_INSIDE}):
            self._hub.delete_variable(name, key)
            self._console.point(
                f"NOTE: {key} was a variable of the Space, which others can read. It is deleted; treat the value it "
                "had as known to them, and replace it."
            )
        present = self._hub.secrets(name)
        changed = False
        for key, value in wanted.items():
            match = vault.match(value, present.get(key))
            if match is vault.Match.SAME:
                self._console.point(f"{key}: set already.")
                continue
            if match is vault.Match.ROTATED_SINCE and not self._wishes.replace_api_key:
                raise Failure(
                    Exit.USAGE,
                    f"the Space's {key} was replaced by `rotate-keys`, and yours is another one, probably the old one.",
                    "export the new key from the file that `rotate-keys` named, or add --replace-api-key to set yours.",
                )
            self._hub.set_secret(name, key, value, vault.describe(value, vault.Origin.SECRETS))
            self._console.point(f"{key}: {'set' if match is vault.Match.ABSENT else 'replaced'}.")
            changed = True
        if changed:
            self.read_back_secrets(name, wanted)
        if TOKEN_INSIDE not in wanted:
            if TOKEN_INSIDE in present:
                self._console.point(f"{TOKEN_INSIDE}: the Space has one from elsewhere. It stays as it is.")
            elif changed and self._wishes.visibility != "protected":
                self._console.point(words.SPACE_TOKEN)
        return changed

    def read_back_secrets(self, name: str, wanted: dict[str, Secret]) -> None:
        present = self._hub.secrets(name)
        for key, value in wanted.items():
            if vault.match(value, present.get(key)) is not vault.Match.SAME:
                raise Failure(
                    Exit.REFUSED, f"the Hub does not show the secret {key} as it was set.", "run the command again."
                )

    def _judge_space_token(self, token: Secret) -> None:
        account = self._hub.account_of(token)
        _, name = self._ground.who()
        if account.role == "write" or account.may_write(name) is May.YES:
            raise Failure(
                Exit.USAGE,
                f"{SPACE_TOKEN} is a token that can change your Spaces. Whoever breaks into this one could, too.",
                "make a fine-grained token that can only read this Space at https://huggingface.co/settings/tokens.",
            )

    def upload(self, name: str, space: Space) -> str | None:
        """Makes the Space's files those of this checkout. The new commit, or None if they were."""
        sources = self._ground.sources()
        change = upload.difference(sources, self._hub.files(name))
        if not change:
            self._console.point(f"All {len(sources.files)} files are there already. Nothing to upload.")
            return None
        for line in _listed(change):
            self._console.point(line)
        commit = self._hub.commit(name, change.add, change.remove, space.head)
        if upload.difference(sources, self._hub.files(name)):
            raise Failure(Exit.REFUSED, "the Hub does not show the files that were uploaded.", "run the command again.")
        self._console.point(f"Uploaded as commit {commit[:8]}.")
        return commit

    def get_going(self, name: str, space: Space, before: Runtime, *, changed: bool, commit: str | None) -> bool:
        """Starts what does not start by itself, and waits. Whether the program has started anew."""
        rebuild = commit is None and before.stage in ("BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE")
        # A commit starts a build by itself, but does not wake a Space that somebody has put to rest.
        asleep = before.stage in ("PAUSED", "STOPPED")
        restart = asleep or (commit is None and (changed or before.stage == "RUNTIME_ERROR"))
        if rebuild or restart:
            self._console.point("Asking the Hub for a new build." if rebuild else "Asking the Hub for a restart.")
            self._hub.restart(name, rebuild=rebuild)
        fresh = rebuild or restart or commit is not None
        expected = Expected(commit or (None if fresh else space.head), before.stage if fresh else None)
        stages.wait_until_running(self._hub, self._console, name, expected, self._wishes.limit, self._wishes.poll)
        return fresh

    def prove(self, name: str, space: Space, visibility: Visibility, *, fresh: bool) -> None:
        """Verifies. A program that was not started anew may still have the secrets of before an interrupted run."""
        try:
            self.verify(space, visibility)
        except Failure as failure:
            if fresh or failure.code not in (Exit.KEY, Exit.SESSION):
                raise
            self._console.say(f"Not yet: {failure.cause}")
            self._console.point("It may run with earlier secrets. Asking the Hub for a restart.")
            self._hub.restart(name)
            stages.wait_until_running(
                self._hub, self._console, name, Expected(before=stages.RUNNING), self._wishes.limit, self._wishes.poll
            )
            self.verify(space, visibility)

    def verify(self, space: Space, visibility: Visibility | None = None) -> None:
        self._ground.checks(space, each_key(self._given.need(API_KEY))[0], visibility).all(self._given.get(SPACE_TOKEN))


RIGHTS_CURE = (
    "make a token at https://huggingface.co/settings/tokens, either of the kind `write`, or fine-grained with write "
    "access to the repositories of this owner, and export it as HF_TOKEN."
)


def _listed(change: upload.Change) -> list[str]:
    """The files of a change with their sizes; many of them by folder."""
    lines = []
    if len(change.add) <= _MOST_LISTED:
        lines += [f"{path}: {size(len(content))}" for path, content in change.add.items()]
    else:
        counts: Counter[str] = Counter()
        sizes: Counter[str] = Counter()
        for path, content in change.add.items():
            top, slash, _ = path.partition("/")
            counts[top + slash] += 1
            sizes[top + slash] += len(content)
        for top, count in counts.items():
            lines.append(f"{top}: {f'{count} files, ' if top.endswith('/') else ''}{size(sizes[top])}")
    lines += [f"{path}: removed" for path in change.remove[:_MOST_LISTED]]
    if len(change.remove) > _MOST_LISTED:
        lines.append(f"and {len(change.remove) - _MOST_LISTED} more: removed")
    return lines
