"""What the running Space proves by its answers. Nothing is taken for granted, and only what was read is reported."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

from .console import Console, Secret
from .failure import Exit, Failure
from .hub import Visibility
from .probe import NOBODY, Answer, Door, Pass

MODELS = "/v1/models"
HEALTH = "/health"
CHAT = "/v1/chat/completions"
PREFERRED = "gemini-flash"
PROMPT = "Reply with one short friendly sentence."
# Seconds. A gateway that has just started signs in first.
STARTING_LIMIT = 120.0
# So many answers of somebody else than the gateway are waited through: the edge opens a little after the start.
EDGE_POLLS = 12
CHAT_LIMIT = 180.0
COOKIE_STEPS = (
    "sign in to https://gemini.google.com in a private Firefox window, copy the values of the cookies __Secure-1PSID "
    "and __Secure-1PSIDTS (F12, Storage, Cookies), close the window without signing out, export them as SECURE_1PSID "
    "and SECURE_1PSIDTS, and run `up` again."
)
# What cures a session, by the code that the gateway gives. What is not here, its own words explain.
_SESSION_CURES = {
    "upstream_not_configured": f"the cookies did not reach the program. Give new ones: {COOKIE_STEPS}",
    "upstream_auth_expired": f"the session is over. Give new cookies: {COOKIE_STEPS}",
    "upstream_device_bound": "these cookies belong to one device (Chrome on Windows does that) and no server can renew "
    f"them. Take them from Firefox: {COOKIE_STEPS}",
    "upstream_unreachable": "the Space could not reach Google. Look at `logs`, and run `verify` again in some minutes.",
}


class Checks:
    """The checks of one Space, in the order in which they make sense."""

    def __init__(
        self, console: Console, door: Door, visibility: Visibility, key: Secret, edge: Secret | None, poll: float
    ) -> None:
        self._console = console
        self._door = door
        self._visibility = visibility
        # On a protected Space nothing but the key is needed, so nothing else is sent.
        self._edge = edge if visibility == "private" else None
        self._owner = Pass(key, self._edge)
        self._poll = poll

    def all(self, token: Secret | None = None) -> None:
        """Every check. A session that does not work is reported after the checks that do not need it.

        `token` is one that the Space should know as well: on a private Space it alone opens both doors.
        """
        self.health_settles()
        self.strangers_are_refused()
        self.wrong_key_is_refused()
        session = self.session_works()
        models = self.key_opens_models()
        if token is not None:
            self.token_opens_models(token)
        if session is not None:
            raise session
        self.chat_streams(models)

    def health_settles(self) -> None:
        """Waits until the program answers and has made up its mind."""
        deadline = time.monotonic() + STARTING_LIMIT
        closed = 0
        told = False
        while True:
            answer = self._door.get(HEALTH, self._owner)
            state = answer.table().get("status")
            closed += state is None
            if state in ("ready", "failed") or closed > EDGE_POLLS or time.monotonic() > deadline:
                return
            if not told:
                self._console.point(f"Waiting for {self._url(HEALTH)}: {_told(answer)}.")
                told = True
            time.sleep(self._poll)

    def strangers_are_refused(self) -> None:
        """What somebody without any credentials gets."""
        answer = self._door.get(MODELS, NOBODY)
        url, (code, _) = self._url(MODELS), answer.fault()
        gateway = code == "invalid_api_key"
        if 200 <= answer.status < 300:
            raise Failure(
                Exit.OPEN,
                f"{url} answers {answer.status} to anybody, without any key. Your Gemini session is open to the world.",
                "pause the Space now with `pause`, then find out what runs there: the gateway never does this.",
            )
        if self._visibility == "private":
            if gateway:
                raise Failure(
                    Exit.EDGE,
                    f"{url} can be reached without a Hugging Face identity ({answer.status} came from the gateway), so "
                    "this Space is not private. The key still keeps strangers out.",
                    "run `create --visibility private`, or `verify --visibility protected` if that is what you want.",
                )
            if answer.status != 404:
                raise Failure(Exit.EDGE, f"{url} answered {_told(answer)} to a stranger; a private Space answers 404.")
            self._good(url, "no credentials", "404: only who may see the Space reaches the program")
            return
        if answer.status == 404 and not gateway:
            raise Failure(
                Exit.EDGE,
                f"{url} answered 404 to a request without credentials: this Space is private, not protected.",
                "run `create --visibility protected`, or `verify --visibility private` if that is what you want.",
            )
        if answer.status != 401 or not gateway:
            raise Failure(Exit.EDGE, f"{url} answered {_told(answer)} to a stranger; the gateway answers 401.")
        self._good(url, "no credentials", "401: anybody reaches the program, and it asks for the key")

    def wrong_key_is_refused(self) -> None:
        """What a key that nobody has gets, behind the edge."""
        answer = self._door.get(MODELS, Pass(Secret(f"made-up-{secrets.token_hex(16)}"), self._edge))
        url = self._url(MODELS)
        if 200 <= answer.status < 300:
            raise Failure(
                Exit.OPEN,
                f"{url} accepts a key that was just made up. Your Gemini session is open to whoever reaches it.",
                "pause the Space now with `pause`, then find out what runs there: the gateway never does this.",
            )
        if answer.fault()[0] == "no_client_key":
            raise Failure(
                Exit.KEY, f"{url} says that the program has no key at all.", "run `up` with API_KEY exported."
            )
        if answer.fault()[0] != "invalid_api_key":
            raise self._not_the_gateway(url, answer)
        self._good(url, "a made-up key", "401: it is refused")

    def session_works(self) -> Failure | None:
        """What the gateway says of itself; the failure, if it cannot answer."""
        answer = self._door.get(HEALTH, self._owner)
        url, report = self._url(HEALTH), answer.table()
        state = report.get("status")
        if not isinstance(state, str):
            raise self._not_the_gateway(url, answer)
        if answer.status == 200 and state == "ready":
            self._good(url, self._credentials(), "200: the session works")
            if stand_in := report.get("stand_in"):
                self._console.point(f"NOTE, from {url}: {stand_in}")
            return None
        code, reason = _why(report)
        if state == "starting":
            cure = "wait some minutes and run `verify` again."
            return Failure(Exit.SESSION, f"the gateway still signs in to Gemini after {STARTING_LIMIT:.0f} s.", cure)
        self._console.point(f"GET {url} with {self._credentials()}: {answer.status}: no chat is possible yet")
        return Failure(
            Exit.SESSION,
            f"the gateway runs and is guarded, but its Gemini session does not work ({code or 'no code'}). It says: "
            f'"{self._console.quote(reason)}"',
            _SESSION_CURES.get(code, "do what the gateway says above, and run `verify` again."),
        )

    def key_opens_models(self) -> list[str]:
        """The models, with the owner's key."""
        answer = self._door.get(MODELS, self._owner)
        url = self._url(MODELS)
        if answer.fault()[0] == "invalid_api_key":
            raise self.key_refused()
        models = [str(entry.get("id")) for entry in answer.table().get("data") or [] if isinstance(entry, dict)]
        if answer.status != 200 or not models:
            raise self._not_the_gateway(url, answer)
        self._good(url, self._credentials(), f"200: {', '.join(models)}")
        return models

    def token_opens_models(self, token: Secret) -> None:
        """The Hub token alone, for clients that cannot send a second header."""
        answer, url = self._door.get(MODELS, Pass(token)), self._url(MODELS)
        if answer.status != 200:
            raise Failure(
                Exit.KEY,
                f"{url} answered {_told(answer)} to SPACE_HF_TOKEN alone: it does not open both doors.",
                "run `secrets` with SPACE_HF_TOKEN exported; the token needs read access to this Space.",
            )
        self._good(url, "SPACE_HF_TOKEN alone", "200: clients that send one header work with it")

    def key_refused(self) -> Failure:
        return Failure(
            Exit.KEY,
            f"{self._url(MODELS)} refuses the key in API_KEY (401): the Space has another one.",
            "export the key that the Space has (after `rotate-keys` it is in the file that was named then), or "
            "run `rotate-keys` to make a new one.",
        )

    def chat_streams(self, models: list[str]) -> None:
        """One streamed chat, to its last word."""
        model = PREFERRED if PREFERRED in models else models[0]
        url = self._url(CHAT)
        began = time.monotonic()
        asked = {"model": model, "stream": True, "messages": [{"role": "user", "content": PROMPT}]}
        answer, events = self._door.stream(CHAT, self._owner, asked)
        if answer.status != 200:
            if answer.fault()[0] == "invalid_api_key":
                raise self.key_refused()
            raise self._chat_failed(url, _told(answer))
        if not answer.streamed:
            raise self._chat_failed(url, "the answer is no stream")
        text, finish, done, problem = _read_chat(events, began + CHAT_LIMIT)
        seconds = time.monotonic() - began
        if problem:
            raise self._chat_failed(url, f"the stream ended with an error: {self._console.quote(problem)}")
        if not done:
            raise self._chat_failed(url, f"the stream broke off after {len(text)} characters, before its end")
        if not text.strip():
            raise self._chat_failed(url, "the stream ended without any visible text")
        if finish != "stop":
            raise self._chat_failed(url, f"the answer ended with {finish or 'no reason'} instead of `stop`")
        served = f" from {answer.served}" if answer.served else ""
        by = " (the demo's stand-in, NOT Gemini)" if answer.stand_in else ""
        self._good(
            url,
            self._credentials(),
            f"streamed {len(text)} characters{served}{by} in {seconds:.1f} s, to [DONE]",
            "POST",
        )

    @property
    def models_url(self) -> str:
        return self._url(MODELS)

    def accepts(self) -> bool:
        """Whether the owner's key opens the models now."""
        return self._door.get(MODELS, self._owner).status == 200

    def refuses(self, key: Secret) -> bool:
        """Whether the gateway itself refuses this key now."""
        return self._door.get(MODELS, Pass(key, self._edge)).fault()[0] == "invalid_api_key"

    def _url(self, path: str) -> str:
        return self._door.origin + path

    def _credentials(self) -> str:
        return "API_KEY and the Hub token" if self._edge else "API_KEY"

    def _good(self, url: str, who: str, what: str, method: str = "GET") -> None:
        self._console.point(f"{method} {url} with {who}: {what}")

    def _not_the_gateway(self, url: str, answer: Answer) -> Failure:
        if answer.status == 404 and self._edge:
            return Failure(
                Exit.EDGE,
                f"{url} answers 404 although a Hub token was sent: the token does not open this private Space, or the "
                "Space is not up.",
                "check with `status`; the token needs read access to this Space.",
            )
        return Failure(
            Exit.EDGE,
            f"{url} answered {_told(answer)}, which is not the gateway.",
            "look at `status` and `logs`, and run `verify` again in a minute.",
        )

    def _chat_failed(self, url: str, why: str) -> Failure:
        return Failure(
            Exit.CHAT,
            f"the chat at {url} failed: {self._console.quote(why, 600)}.",
            "look at `logs`, and run `verify` again.",
        )


def _read_chat(events: Iterator[str], deadline: float) -> tuple[str, str, bool, str]:
    """Text, reason to finish, whether the end was seen, and an error, of a streamed chat."""
    text, finish, problem = "", "", ""
    for data in events:
        if data == "[DONE]":
            return text, finish, True, problem
        try:
            event: Any = json.loads(data)
        except ValueError:
            return text, finish, False, "an event that is not JSON"
        if not isinstance(event, dict):
            continue
        if isinstance(error := event.get("error"), dict):
            problem = str(error.get("message") or "an error without a message")
        for choice in event.get("choices") or []:
            text += str((choice.get("delta") or {}).get("content") or "")
            finish = str(choice.get("finish_reason") or finish)
        if time.monotonic() > deadline:
            return text, finish, False, f"no end within {CHAT_LIMIT:.0f} s"
    return text, finish, False, problem


def _why(report: dict[str, Any]) -> tuple[str, str]:
    """Code and reason of the first upstream that failed, or of the whole."""
    for upstream in report.get("upstreams") or []:
        if isinstance(upstream, dict) and upstream.get("state") == "failed":
            return str(upstream.get("code") or ""), str(upstream.get("reason") or "")
    return "", str(report.get("reason") or "it gives no reason")


def _told(answer: Answer) -> str:
    """An answer in words."""
    if answer.status == 0:
        return "nothing (no connection)"
    code, message = answer.fault()
    if code or message:
        return f"{answer.status} {code}: {message}".strip()
    return f"{answer.status}"
