"""The only door to the Hub: the official client, with its failures turned into the tool's own.

What the client raises never leaves this room: its messages repeat what the Hub answered, and an answer may repeat what
was sent.
"""

from __future__ import annotations

import time
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .account import Account
from .address import is_safe
from .console import Console, Secret
from .credentials import SPACE_TOKEN
from .failure import Exit, Failure
from .wire import Lost, PatientClient, Redirected, SlowDown

if TYPE_CHECKING:
    from huggingface_hub import HfApi, Volume
    from huggingface_hub.errors import HfHubHTTPError

Visibility = Literal["private", "protected"]
DATA = "/data"
# The most characters of the Hub's own words in a message.
_MOST_WORDS = 300
_LONGEST_LINE = 500


@dataclass(frozen=True)
class Space:
    """What the Hub says of a Space."""

    name: str
    # `private`, `protected` or `public`; None when the Hub only says that it is not public.
    visibility: str | None
    # The last commit.
    head: str | None
    # Where the running program is reached, without a slash at the end.
    origin: str | None
    sdk: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Runtime:
    """What a Space is doing."""

    stage: str
    # The commit that runs, where the Hub says it.
    commit: str | None
    error: str
    hardware: str | None
    # Mounted buckets and repositories, by mount path.
    volumes: dict[str, str]


class Hub:
    """The Hub, as the owner of one token sees it."""

    def __init__(self, token: Secret, console: Console, poll: float) -> None:
        self._console = console
        self._token = token
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import huggingface_hub
            from huggingface_hub.utils import logging
            from huggingface_hub.utils.tqdm import disable_progress_bars

        # It would tell of requests in its own words, on the standard error stream.
        logging.set_verbosity(50)  # CRITICAL
        disable_progress_bars()
        huggingface_hub.set_client_factory(lambda: PatientClient(poll, console.point))
        self._api: HfApi = huggingface_hub.HfApi(token=token.reveal(), library_name="gemini-gateway-deploy")
        self.endpoint: str = self._api.endpoint
        if not is_safe(self.endpoint):
            raise Failure(Exit.USAGE, "HF_ENDPOINT is no address that secrets can be sent to: use https://.")

    def account(self) -> Account:
        """Whose token it is."""
        with self._asking("asking whose token this is"):
            return Account.read(self._api.whoami())

    def account_of(self, token: Secret) -> Account:
        """Whose another token is."""
        try:
            with self._asking(f"asking whose token {SPACE_TOKEN} is"):
                return Account.read(self._api.whoami(token=token.reveal()))
        except Failure as failure:
            if failure.code is Exit.TOKEN:
                raise Failure(Exit.TOKEN, f"{SPACE_TOKEN} is not a valid token (any more).", SPACE_TOKEN_CURE) from None
            raise

    def find(self, name: str) -> Space | None:
        """The Space, or None when there is none that this token can see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        with self._asking("looking for the Space"):
            try:
                info = self._api.space_info(name)
            except RepositoryNotFoundError:
                return None
            visibility = getattr(info, "visibility", None)
            if visibility is None and info.private is False:
                visibility = "public"
            origin = info.host or (f"https://{info.subdomain}.hf.space" if info.subdomain else None)
            return Space(
                name=info.id,
                visibility=visibility,
                head=info.sha,
                origin=origin.rstrip("/") if origin else None,
                sdk=info.sdk,
                tags=tuple(info.tags or ()),
            )

    def may_write(self, name: str) -> bool:
        """Whether this token may change the Space."""
        from huggingface_hub.errors import HfHubHTTPError

        with self._asking("asking whether this token may change the Space"):
            try:
                self._api.auth_check(name, repo_type="space", write=True)
            except HfHubHTTPError as error:
                if error.response.status_code in (401, 403, 404):
                    return False
                raise
            return True

    def create(self, name: str, visibility: Visibility) -> bool:
        """Makes an empty Docker Space. False when the name is taken."""
        from huggingface_hub import SpaceHardware
        from huggingface_hub.errors import HfHubHTTPError

        with self._asking("creating the Space"):
            try:
                self._api.create_repo(
                    name,
                    repo_type="space",
                    space_sdk="docker",
                    visibility=visibility,
                    space_hardware=SpaceHardware.CPU_BASIC,
                )
            except HfHubHTTPError as error:
                if error.response.status_code == 409:
                    return False
                raise
            return True

    def set_visibility(self, name: str, visibility: Visibility) -> None:
        with self._asking("setting the visibility"):
            self._api.update_repo_settings(name, repo_type="space", visibility=visibility)

    def files(self, name: str) -> dict[str, str]:
        """Every file of the Space's repository, with the git hash of its content."""
        with self._asking("listing the Space's files"):
            entries = self._api.list_repo_tree(name, repo_type="space", recursive=True)
            return {entry.path: blob for entry in entries if isinstance(blob := getattr(entry, "blob_id", None), str)}

    def commit(self, name: str, add: dict[str, bytes], remove: Iterable[str], parent: str | None) -> str:
        """Changes the repository in one commit, and gives its hash."""
        from huggingface_hub import CommitOperationAdd, CommitOperationDelete

        changes: list[Any] = [CommitOperationAdd(path, content) for path, content in add.items()]
        changes += [CommitOperationDelete(path) for path in remove]
        with self._asking("uploading"):
            done = self._api.create_commit(
                name, changes, commit_message="Deploy gemini-gateway", repo_type="space", parent_commit=parent
            )
            return str(done.oid)

    def secrets(self, name: str) -> dict[str, str]:
        """The names of the Space's secrets, with their descriptions. Nobody can read the values."""
        with self._asking("listing the Space's secrets"):
            return {key: secret.description or "" for key, secret in self._api.get_space_secrets(name).items()}

    def set_secret(self, name: str, key: str, value: Secret, description: str) -> None:
        # The Hub's own words are not passed on: they may repeat the value, or a part of it.
        with self._asking(f"setting the secret {key}", words=False):
            self._api.add_space_secret(name, key, value.reveal(), description=description)

    def variables(self, name: str) -> set[str]:
        """The names of the Space's variables, which are public."""
        with self._asking("listing the Space's variables"):
            return set(self._api.get_space_variables(name))

    def delete_variable(self, name: str, key: str) -> None:
        with self._asking(f"deleting the variable {key}", words=False):
            self._api.delete_space_variable(name, key)

    def runtime(self, name: str) -> Runtime:
        with self._asking("asking what the Space is doing"):
            runtime = self._api.get_space_runtime(name)
            commit = runtime.raw.get("sha")
            return Runtime(
                stage=str(getattr(runtime.stage, "value", runtime.stage)),
                commit=commit if isinstance(commit, str) else None,
                error=str(runtime.raw.get("errorMessage") or ""),
                hardware=runtime.hardware and str(runtime.hardware),
                volumes={volume.mount_path: f"{volume.type} {volume.source}" for volume in runtime.volumes or []},
            )

    def mount(self, name: str, bucket: str) -> None:
        """Mounts a bucket at /data and leaves every other volume as it is."""
        from huggingface_hub import Volume

        with self._asking("mounting the bucket"):
            mounted: list[Volume] = self._api.get_space_runtime(name).volumes or []
            kept = [volume for volume in mounted if volume.mount_path != DATA]
            self._api.set_space_volumes(name, [*kept, Volume(type="bucket", source=bucket, mount_path=DATA)])

    def ensure_bucket(self, bucket: str) -> bool:
        """Makes a private bucket unless it is there, and tells whether it is private."""
        with self._asking("creating the bucket"):
            self._api.create_bucket(bucket, visibility="private", exist_ok=True)
            return bool(self._api.bucket_info(bucket).private)

    def restart(self, name: str, *, rebuild: bool = False) -> None:
        with self._asking("restarting the Space"):
            self._api.restart_space(name, factory_reboot=rebuild)

    def pause(self, name: str) -> None:
        with self._asking("pausing the Space"):
            self._api.pause_space(name)

    def delete(self, name: str) -> None:
        with self._asking("deleting the Space"):
            self._api.delete_repo(name, repo_type="space", missing_ok=True)

    def log_tail(self, name: str, *, build: bool, lines: int, seconds: float = 20.0) -> list[str]:
        """The last lines of a log, read for so many seconds at most."""
        deadline = time.monotonic() + seconds
        kept: deque[str] = deque(maxlen=lines)
        for line in self.log(name, build=build, follow=False):
            kept.append(line)
            if time.monotonic() > deadline:
                break
        return list(kept)

    def log(self, name: str, *, build: bool, follow: bool) -> Iterator[str]:
        """The lines of a log as they come."""
        with self._asking("reading the log"):
            for text in self._api.fetch_space_logs(name, build=build, follow=follow):
                yield from (
                    self._console.quote(line, _LONGEST_LINE, spaced=True)
                    for line in str(text).splitlines()
                    if line.strip()
                )

    @contextmanager
    def _asking(self, doing: str, *, words: bool = True) -> Iterator[None]:
        from httpx2 import HTTPError, InvalidURL
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
        except Failure:
            raise
        except Lost as lost:
            raise self._lost(doing, sent=lost.sent) from None
        except SlowDown as slow:
            raise Failure(
                Exit.RATE_LIMITED,
                f"the Hub answers that there were too many requests (429) while {doing}, and wants a pause of "
                f"{slow.seconds} s.",
                "wait that long and run the same command again: it goes on where this run ended.",
            ) from None
        except Redirected:
            raise Failure(
                Exit.REFUSED,
                f"the Hub answered with another address while {doing}; nothing was sent there.",
                "check HF_ENDPOINT, and whether the Space or its owner was renamed.",
            ) from None
        except HfHubHTTPError as error:
            raise self._refusal(doing, error, words=words) from None
        except HTTPError:
            raise self._lost(doing, sent=True) from None
        except InvalidURL:
            raise Failure(Exit.USAGE, f"HF_ENDPOINT is not an address: {self.endpoint}") from None
        except HFValidationError:
            raise Failure(Exit.USAGE, f"the Hub's client takes the name for invalid while {doing}.") from None
        except LocalTokenNotFoundError:
            raise Failure(Exit.TOKEN, "there is no token to ask the Hub with.") from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Failure(
                Exit.REFUSED,
                f"the Hub's answer could not be understood while {doing} ({type(error).__name__}).",
                "run the command again; if it stays like this, the Hub and this version of its client do not fit.",
            ) from None

    def _lost(self, doing: str, *, sent: bool) -> Failure:
        perhaps = " It is not known whether the Hub still carried it out; the next run finds out." if sent else ""
        return Failure(
            Exit.UNREACHABLE,
            f"the connection to the Hub at {self.endpoint} was lost while {doing}.{perhaps}",
            "check the network and run the same command again: it goes on where this run ended.",
        )

    def _refusal(self, doing: str, error: HfHubHTTPError, *, words: bool) -> Failure:
        status = error.response.status_code
        said = self._console.quote(error.server_message or "", _MOST_WORDS) if words else ""
        quoted = f' It says: "{said}"' if said else ""
        code, cure = REFUSALS.get(status, (Exit.REFUSED, "run the same command again in a while."))
        return Failure(code, f"the Hub refused with {status} while {doing}.{quoted}", cure)


SPACE_TOKEN_CURE = (
    "make a fine-grained token that can only read this Space at https://huggingface.co/settings/tokens, or leave "
    "the variable away: it is optional."
)

REFUSALS: dict[int, tuple[Exit, str]] = {
    401: (
        Exit.TOKEN,
        "the token is not valid (any more). Make a new one at https://huggingface.co/settings/tokens, either of "
        "the kind `write`, or fine-grained with write access to your Spaces, and export it as HF_TOKEN.",
    ),
    402: (
        Exit.PAYMENT,
        "creating a Docker Space takes a plan: PRO for a person, Team or Enterprise for an organisation. See "
        "https://huggingface.co/pricing. The gateway runs as well on any computer of yours, for nothing.",
    ),
    403: (
        Exit.RIGHTS,
        "the token is valid but may not do this. A fine-grained token needs write access to repositories of this "
        "owner; in an organisation, you need the right to make Spaces.",
    ),
    404: (Exit.MISSING, "check the Space's name; `create` makes it."),
    409: (Exit.REFUSED, "something changed at the same time. Run the same command again."),
    412: (Exit.REFUSED, "something changed at the same time. Run the same command again."),
}
