"""The command line."""

from __future__ import annotations

import argparse
import os
import re
import sys
import traceback
from pathlib import Path
from typing import NoReturn

from . import words
from .console import Console
from .credentials import API_KEY, HUB_TOKEN, SESSION, SESSION_TS, SPACE_TOKEN, gather
from .failure import Exit, Failure
from .ground import NAME, Wishes
from .steps import Steps

ALL = (HUB_TOKEN, API_KEY, SESSION, SESSION_TS)
# Each verb with what it is for, the secrets it needs, and those it can use.
VERBS: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "up": (
        "from nothing to a Space that was seen to work: doctor, create, secrets, push, wait, verify",
        ALL,
        (SPACE_TOKEN,),
    ),
    "doctor": ("look at token, plan, files and variables; change nothing", (HUB_TOKEN,), (*ALL[1:], SPACE_TOKEN)),
    "create": ("make the Space, or set its visibility and bucket", (HUB_TOKEN,), ()),
    "push": ("upload what the image needs, remove what it does not", (HUB_TOKEN,), (*ALL[1:], SPACE_TOKEN)),
    "secrets": ("set the secrets that are missing or differ", ALL, (SPACE_TOKEN,)),
    "status": ("what the Space is doing; the exit code tells it too", (HUB_TOKEN,), ()),
    "logs": ("the program's log, or the build's", (HUB_TOKEN,), ()),
    "verify": ("prove that it works, and that strangers cannot use it", (HUB_TOKEN, API_KEY), (SPACE_TOKEN,)),
    "rotate-keys": ("replace API_KEY by a new random one", (HUB_TOKEN,), (API_KEY, SPACE_TOKEN)),
    "pause": ("stop it; `up` starts it again", (HUB_TOKEN,), ()),
    "delete": ("delete the Space; asks for its name first", (HUB_TOKEN,), ()),
}
_SPACE_NAME = re.compile(r"(?:[\w.-]{1,96}/)?[\w.-]{1,96}")


class _Parser(argparse.ArgumentParser):
    """Does not repeat what was typed: it may have been a secret."""

    def error(self, message: str) -> NoReturn:
        if message.startswith("unrecognized arguments"):
            names = [word.partition("=")[0] for word in message.split() if word.startswith("--")]
            message = f"unknown argument {' '.join(names)}".rstrip()
            message += ". Secrets are never taken from arguments: export them, or let yourself be asked."
        elif "invalid choice" in message:
            message = re.sub(r"invalid choice: .*? \(choose from", "not one of these (choose from", message)
        self.print_usage(sys.stderr)
        print(f"{self.prog}: {message}", file=sys.stderr)
        sys.exit(Exit.USAGE)


def main(arguments: list[str] | None = None) -> int:
    """Runs one verb. The exit code."""
    # Before the client is imported, which is when it reads them.
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    options = _parser().parse_args(arguments)
    console = Console()
    try:
        wishes = _wishes(options)
        _, needed, optional = VERBS[options.verb]
        steps = Steps(console, wishes, gather(console, needed, optional))
        getattr(steps, options.verb.replace("-", "_"))()
    except Failure as failure:
        console.wrong(failure)
        return failure.code
    except KeyboardInterrupt:
        console.wrong(Failure(Exit.INTERRUPTED, "you stopped it.", "run the same command again: it goes on from here."))
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # Nobody reads any more. Not through the console: there is nowhere to say it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.INTERRUPTED
    except Exception as error:
        # The places only: messages and values may hold a secret.
        places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
        console.wrong(
            Failure(
                Exit.INTERNAL,
                f"an error of this tool's ({type(error).__name__} at {', '.join(places[-4:])}).",
                "run the same command again; if it stays, report this line. It holds no secret.",
            )
        )
        return Exit.INTERNAL
    return Exit.OK


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="space",
        description="Takes the gateway to a Space of yours on Hugging Face, and proves that it works there.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=_Parser)
    for verb, (purpose, _, _) in VERBS.items():
        options = verbs.add_parser(verb, help=purpose, description=purpose[0].upper() + purpose[1:] + ".")
        options.add_argument(
            "--space", metavar="[OWNER/]NAME", type=_space, help=f"the Space; default: {NAME} of the token's owner"
        )
        if verb in ("up", "create", "verify"):
            options.add_argument(
                "--visibility",
                choices=list(words.VISIBILITIES),
                help="private: only you reach it; protected: anybody does, and the key guards it",
            )
        if verb in ("up", "create"):
            options.add_argument(
                "--bucket", metavar="[OWNER/]NAME", type=_space, help="keep renewed cookies in this bucket"
            )
            options.add_argument("--replace-files", action="store_true", help="the Space's other files may go")
        if verb in ("up", "create", "delete"):
            options.add_argument("--yes", action="store_true", help="agree beforehand, for scripts")
        if verb in ("up", "secrets"):
            options.add_argument(
                "--replace-api-key", action="store_true", help="even if `rotate-keys` set another since"
            )
        if verb in ("up", "rotate-keys"):
            options.add_argument("--timeout", type=_minutes, default=30.0, metavar="MINUTES", help="default 30")
        if verb == "rotate-keys":
            options.add_argument("--key-file", type=Path, metavar="FILE", help="where the new key goes")
        if verb == "logs":
            options.add_argument("--build", action="store_true", help="the build's log")
            options.add_argument("--follow", action="store_true", help="go on until interrupted")
            options.add_argument("--lines", type=_count, default=100, metavar="N", help="how many; default 100")
    return parser


def _epilog() -> str:
    return f"""environment:
  HF_TOKEN        the token that deploys: write, or fine-grained with write access. Never put into the Space
  API_KEY         what your clients will present; long and random
  SECURE_1PSID, SECURE_1PSIDTS
                  the cookies of your Gemini session
  {SPACE_TOKEN}  optional: a token that can only read this Space; becomes its secret HF_TOKEN
  HF_ENDPOINT     another Hub
  SPACE_URL       where the Space is reached, instead of what the Hub says; for tests and other Hubs
  SPACE_POLL_SECONDS
                  how often to look while waiting; default 5

visibility:
  private         only you and your tokens reach it; clients send two headers
  protected       anybody reaches it; API_KEY is the only lock

Exit codes and everything else: deploy/huggingface/README.md"""


def _wishes(options: argparse.Namespace) -> Wishes:
    given = {name: value for name, value in vars(options).items() if name not in ("verb", "timeout")}
    if "timeout" in options:
        given["limit"] = options.timeout * 60
    return Wishes(**given, poll=_poll(), space_url=os.environ.get("SPACE_URL", "").strip() or None)


def _poll() -> float:
    text = os.environ.get("SPACE_POLL_SECONDS", "5")
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.01 <= seconds <= 600:
        raise Failure(Exit.USAGE, "SPACE_POLL_SECONDS has to be a number of seconds, from 0.01 to 600.")
    return seconds


def _space(text: str) -> str:
    if not _SPACE_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError("not of the form OWNER/NAME or NAME")
    return text


def _minutes(text: str) -> float:
    try:
        minutes = float(text)
    except ValueError:
        minutes = 0.0
    if not 0 < minutes <= 600:
        raise argparse.ArgumentTypeError("not a number of minutes from 0 to 600")
    return minutes


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 100_000):
        raise argparse.ArgumentTypeError("not a number from 1 to 100000")
    return int(text)
