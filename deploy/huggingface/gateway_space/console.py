"""Everything the tool says goes through here, so that what must never be said is stopped in one place."""

from __future__ import annotations

import getpass
import re
import sys
from collections.abc import Iterator
from textwrap import wrap

from .failure import Exit, Failure

WIDTH = 100
HIDDEN = "[hidden]"
# So many characters of a secret are recognised in the words of others.
_PIECE = 10
_SHORTEST = 8
# What is a secret by its looks, whoever it belongs to: tokens of the Hub, and the cookies.
_LOOKS_SECRET = re.compile(r"hf_[A-Za-z0-9]{16,}|sidts-[\w-]{6,}|g\.a0[\w-]{6,}")
# Control characters, and those that turn the direction of text: a log must not be able to move the cursor.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class Secret:
    """A value that does not print: only `reveal` gives it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


class Console:
    """Says and asks. `interactive` is whether somebody is there to answer."""

    def __init__(self, *, interactive: bool | None = None) -> None:
        self.interactive = sys.stdin.isatty() and sys.stdout.isatty() if interactive is None else interactive
        self._secrets: list[str] = []

    def hide(self, secret: Secret) -> None:
        """From now on this value is never shown, whoever says it."""
        # Hiding a short word would only make the text unreadable; nothing so short is accepted as a secret.
        if len(value := secret.reveal()) >= _SHORTEST and value not in self._secrets:
            self._secrets.append(value)
            # The longest first: one may be a part of another.
            self._secrets.sort(key=len, reverse=True)

    def clean(self, text: str) -> str:
        """The text as it may be shown: no secret, nothing that moves the cursor."""
        text = _UNPRINTABLE.sub("", _ESCAPES.sub("", text.replace("\r\n", "\n")))
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        return _LOOKS_SECRET.sub(HIDDEN, text)

    def quote(self, text: str, limit: int = 400, *, spaced: bool = False) -> str:
        """The words of others as they may be shown: on one line, without secrets or their beginnings and ends.

        Cut only after that, so that no cut can make a secret unknowable. `spaced`: blanks stay as they are.
        """
        text = self.clean(text.expandtabs().rstrip() if spaced else " ".join(text.split()))
        for secret in self._secrets:
            text = _without_pieces(text, secret)
        return text if len(text) <= limit else f"{text[:limit].rstrip()} […]"

    def line(self, text: str = "") -> None:
        """One line, as it is."""
        print(self.clean(text), flush=True)

    def say(self, text: str, indent: str = "") -> None:
        """A paragraph, wrapped."""
        for line in _wrapped(self.clean(text), indent):
            print(line, flush=True)

    def step(self, title: str) -> None:
        """The head of a step."""
        self.line()
        self.line(f"== {title}")

    def point(self, text: str) -> None:
        """A line in a list."""
        first, *rest = _wrapped(self.clean(text), "  ", first="- ")
        print("\n".join([first, *rest]), flush=True)

    def wrong(self, failure: Failure) -> None:
        """How a run that failed ends."""
        sys.stdout.flush()
        paragraphs = [f"Failed: {failure.cause}"]
        if failure.cure:
            paragraphs.append(f"What to do: {failure.cure}")
        lines = [line for text in paragraphs for line in _wrapped(self.clean(text), "")]
        print("\n".join(["", *lines]), file=sys.stderr, flush=True)

    def ask(self, question: str) -> str:
        """An answer that may be seen. Fails when nobody is there."""
        self._somebody(question)
        try:
            return input(f"{self.clean(question)} ").strip()
        except EOFError:
            raise Failure(Exit.DECLINED, "the input ended before the question was answered.") from None

    def ask_secret(self, question: str) -> str:
        """An answer that is not shown while it is typed."""
        self._somebody(question)
        try:
            return getpass.getpass(f"{self.clean(question)} ").strip()
        except EOFError:
            raise Failure(Exit.DECLINED, "the input ended before the question was answered.") from None

    def _somebody(self, question: str) -> None:
        if not self.interactive:
            raise Failure(Exit.USAGE, f"nobody is there to answer: {question}")


def _without_pieces(text: str, secret: str) -> str:
    """The text without whatever begins or ends the secret, from a length on that is no chance."""
    if len(secret) < 2 * _PIECE:
        return text
    for piece, step in ((secret[:_PIECE], 1), (secret[-_PIECE:], -1)):
        while (at := text.find(piece)) >= 0:
            length = _PIECE
            while length < len(secret):
                longer = secret[: length + 1] if step > 0 else secret[-length - 1 :]
                start = at if step > 0 else at + _PIECE - length - 1
                if start < 0 or text[start : start + length + 1] != longer:
                    break
                length += 1
            start = at if step > 0 else at + _PIECE - length
            text = text[:start] + HIDDEN + text[start + length :]
    return text


def _wrapped(text: str, indent: str, first: str = "") -> Iterator[str]:
    for paragraph in text.split("\n"):
        # Addresses and commands stay whole, so that they can be copied.
        yield from wrap(
            paragraph,
            WIDTH,
            initial_indent=first or indent,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [""]
        first = ""
