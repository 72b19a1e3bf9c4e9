"""The owner's secrets: from the environment or a hidden prompt, never from arguments."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from .console import Console, Secret
from .failure import Exit, Failure

# The token that deploys. It is never put into the Space.
HUB_TOKEN = "HF_TOKEN"
# The token that the Space may know, as its secret HF_TOKEN.
SPACE_TOKEN = "SPACE_HF_TOKEN"
API_KEY = "API_KEY"
SESSION = "SECURE_1PSID"
SESSION_TS = "SECURE_1PSIDTS"
LEAST_KEY_LENGTH = 20

_QUESTIONS = {
    HUB_TOKEN: "Hugging Face token that may create and write this Space (HF_TOKEN):",
    API_KEY: f"Key your clients will present, at least {LEAST_KEY_LENGTH} random characters (API_KEY):",
    SESSION: "Value of the cookie __Secure-1PSID (SECURE_1PSID):",
    SESSION_TS: "Value of the cookie __Secure-1PSIDTS (SECURE_1PSIDTS):",
}
_SINGLE_WORD = re.compile(r"[!#-+\--:<-\[\]-~]+")
_KEYS = re.compile(r"[!#-:<-\[\]-~]+")


@dataclass(frozen=True)
class Given:
    """What the owner gave. What a verb does not need may be missing."""

    values: dict[str, Secret]

    def need(self, name: str) -> Secret:
        """A value that was asked for before."""
        return self.values[name]

    def get(self, name: str) -> Secret | None:
        return self.values.get(name)


def gather(console: Console, needed: tuple[str, ...], optional: tuple[str, ...] = ()) -> Given:
    """Reads and checks the named values; whatever is needed and missing is asked for, if somebody is there."""
    values: dict[str, Secret] = {}
    missing: list[str] = []
    for name in (*_QUESTIONS, SPACE_TOKEN):
        # Also what this verb has no use for: it may turn up in a log or an answer.
        if text := os.environ.get(name, "").strip():
            console.hide(Secret(text))
    for name in (*needed, *optional):
        text = os.environ.get(name, "").strip()
        if not text and name == HUB_TOKEN:
            text = _logged_in()
        if not text and name in needed:
            if not console.interactive:
                missing.append(name)
                continue
            text = console.ask_secret(_QUESTIONS[name])
            if not text:
                raise Failure(Exit.DECLINED, f"no value for {name} was given.")
        if text:
            values[name] = Secret(text)
            console.hide(values[name])
    if missing:
        raise Failure(
            Exit.USAGE,
            f"{_listed(missing)} not set in the environment, and nobody is there to be asked.",
            "export the variables named above and run the command again. They are never taken from arguments, "
            "because other users of this machine can read those.",
        )
    for name, secret in values.items():
        if problem := _problem(name, secret.reveal()):
            raise Failure(Exit.USAGE, f"{name} {problem}")
    for key in each_key(values[API_KEY]) if API_KEY in values else []:
        console.hide(key)
    _told_apart(values)
    return Given(values)


def each_key(keys: Secret) -> list[Secret]:
    """API_KEY may hold several keys, separated by commas."""
    return [Secret(key) for key in keys.reveal().split(",")]


def _logged_in() -> str:
    """The token that `hf auth login` keeps, which the official client would use as well."""
    from huggingface_hub import get_token

    return (get_token() or "").strip()


def _problem(name: str, value: str) -> str:
    if name == API_KEY:
        if not _KEYS.fullmatch(value):
            return "holds a character that does not belong into a key: letters, digits and - _ . are safe."
        if any(len(key) < LEAST_KEY_LENGTH for key in value.split(",")):
            return (
                f"is too short: on the internet a key needs at least {LEAST_KEY_LENGTH} random characters. "
                'Make one with: export API_KEY="$(openssl rand -hex 32)"'
            )
        return ""
    if name in (SESSION, SESSION_TS) and "1PSID" in value:
        return "holds the cookie's name as well: give only the value behind the equals sign."
    if not _SINGLE_WORD.fullmatch(value):
        return "holds a space, a quotation mark, a comma or a semicolon: copy the one value alone."
    if name in (HUB_TOKEN, SPACE_TOKEN) and not value.startswith("hf_"):
        return "does not look like a token of Hugging Face, which begins with hf_."
    if name in (SESSION, SESSION_TS) and len(value) < 8:
        return "is too short for a cookie: copy the whole value."
    return ""


def _told_apart(values: dict[str, Secret]) -> None:
    """The same text in two places is a slip, and one of them would show more than it should."""
    if SPACE_TOKEN in values and values[SPACE_TOKEN] == values.get(HUB_TOKEN):
        raise Failure(
            Exit.USAGE,
            f"{SPACE_TOKEN} is the same token as {HUB_TOKEN}, which can change your Spaces. Whoever gets into the "
            "Space would get that power too.",
            "make a second, fine-grained token that can only read this one Space at "
            "https://huggingface.co/settings/tokens, or leave the variable away: it is optional.",
        )
    if SESSION in values and values[SESSION] == values.get(SESSION_TS):
        raise Failure(Exit.USAGE, f"{SESSION} and {SESSION_TS} hold the same value: they are two cookies.")
    if API_KEY in values and values[API_KEY] in (values.get(HUB_TOKEN), values.get(SESSION), values.get(SESSION_TS)):
        raise Failure(Exit.USAGE, f"{API_KEY} is the same text as another secret: make a key of its own.")


def _listed(names: list[str]) -> str:
    if len(names) == 1:
        return f"{names[0]} is"
    return f"{', '.join(names[:-1])} and {names[-1]} are"
