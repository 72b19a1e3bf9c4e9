"""A Hub on loopback, as far as the official client needs one to deploy a Space.

It has the shapes that the client sends and reads, the Hub's rules about who may do what, and a Space that goes through
the stages. Time does not pass in it: each look at the runtime is one step further.
"""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

from container import Container
from edge import Edge
from wiring import Request, Response, Server, json_response

NOW = "2026-11-27T02:00:00.000Z"
HUB_README = b"---\ntitle: Space\nemoji: x\ncolorFrom: blue\ncolorTo: blue\nsdk: docker\n---\n"


@dataclass
class Token:
    """A token and its owner."""

    owner: str
    role: str = "write"
    pro: bool = True
    orgs: list[dict[str, Any]] = field(default_factory=list)
    # For a fine-grained one: entity type, entity name, permissions.
    scopes: list[tuple[str, str, list[str]]] = field(default_factory=list)

    def whoami(self) -> dict[str, Any]:
        token: dict[str, Any] = {"displayName": "a token", "role": self.role, "createdAt": NOW}
        if self.role == "fineGrained":
            token["fineGrained"] = {
                "canReadGatedRepos": False,
                "global": [],
                "scoped": [
                    {"entity": {"_id": "1", "type": kind, "name": name}, "permissions": what}
                    for kind, name, what in self.scopes
                ],
            }
        return {
            "type": "user",
            "id": "1",
            "name": self.owner,
            "isPro": self.pro,
            "orgs": self.orgs,
            "auth": {"type": "access_token", "accessToken": token},
        }

    def names(self) -> set[str]:
        return {self.owner, *(org["name"] for org in self.orgs)}

    def can_read(self, space: str) -> bool:
        if self.role == "fineGrained":
            return any(name in (space, space.split("/")[0]) for _, name, _ in self.scopes)
        return space.split("/")[0] in self.names()

    def can_write(self, space: str) -> bool:
        if self.role == "fineGrained":
            near = (space, space.split("/")[0])
            return any(name in near and "repo.write" in what for _, name, what in self.scopes)
        return self.role == "write" and space.split("/")[0] in self.names()


@dataclass
class FakeSpace:
    """A Space."""

    name: str
    visibility: str
    sdk: str = "docker"
    files: dict[str, bytes] = field(default_factory=lambda: {".gitattributes": b"*.bin lfs\n", "README.md": HUB_README})
    commits: list[str] = field(default_factory=lambda: ["0" * 40])
    secrets: dict[str, dict[str, str]] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    volumes: list[dict[str, Any]] = field(default_factory=list)
    stage: str = "NO_APP_FILE"
    error: str = ""
    # The stages still to come.
    ahead: list[str] = field(default_factory=list)
    running_commit: str | None = None
    container: Container | None = None
    # The secrets that the container was started with.
    started_with: dict[str, str] = field(default_factory=dict)
    starts: int = 0
    build_log: list[str] = field(default_factory=lambda: ["--> RUN cargo build --release", "Compiling hyper"])
    run_log: list[str] = field(default_factory=lambda: ["gateway: listening"])

    @property
    def head(self) -> str:
        return self.commits[-1]


class FakeHub(Server):
    """The Hub. `outcome` is where the next builds end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = itertools.count(1)
        self.tokens: dict[str, Token] = {}
        self.spaces: dict[str, FakeSpace] = {}
        self.buckets: dict[str, str] = {}
        self.edges: dict[str, Edge] = {}
        self.outcome = "RUNNING"
        # Whether a changed secret restarts the Space by itself, which the Hub does not document.
        self.secrets_restart = True
        # Whether the Hub says which commit runs, and how visible a Space is beyond `private`.
        self.tells_commit = True
        self.tells_visibility = True
        # Whether a commit starts a build.
        self.commits_build = True
        # What a gateway in a Space is started as.
        self.verb = "demo"
        self.settings: dict[str, str] = {}
        super().__init__()

    def can_read(self, token: str, space: str) -> bool:
        return token in self.tokens and self.tokens[token].can_read(space)

    def go_on(self, name: str) -> None:
        """One step of what is ahead of a Space."""
        with self._lock:
            self._step(self.spaces[name])

    def edge(self, space: str) -> Edge:
        if space not in self.edges:
            self.edges[space] = Edge(self, space)
        return self.edges[space]

    def stop(self) -> None:
        super().stop()
        for space in self.spaces.values():
            self._end(space)
        for edge in self.edges.values():
            edge.stop()

    # --- answers -------------------------------------------------------------------------------------------------

    def respond(self, request: Request, reply: Callable[[Response], None], handler: Any) -> None:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        account = self.tokens.get(token) if kind == "Bearer" else None
        with self._lock:
            reply(self._route(request, account))

    def _route(self, request: Request, account: Token | None) -> Response:
        if account is None:
            return refusal(401, "Invalid credentials in Authorization header")
        route = f"{request.method} {request.path}"
        if route == "GET /api/whoami-v2":
            return json_response(account.whoami())
        if route == "POST /api/validate-yaml":
            return _validated(request.json()["content"])
        if route == "POST /api/repos/create":
            return self._create(request.json(), account)
        if route == "DELETE /api/repos/delete":
            return self._delete(request.json(), account)
        if found := re.fullmatch(r"/api/buckets/([^/]+/[^/]+)", request.path):
            return self._bucket(request, account, found[1])
        if found := re.fullmatch(r"/api/spaces/([^/]+/[^/]+)(/.*)?", request.path):
            return self._space(request, account, found[1], found[2] or "")
        return refusal(404, "Sorry, we can't find the page you are looking for.")

    def _create(self, asked: dict[str, Any], account: Token) -> Response:
        owner = asked.get("organization") or account.owner
        name = f"{owner}/{asked['name']}"
        if not account.can_write(name):
            return refusal(403, "You don't have the rights to create a space under the namespace " + owner)
        if name in self.spaces:
            return json_response(
                {"error": "You already created this space repo", "url": f"{self.origin}/spaces/{name}"}, 409
            )
        if asked.get("sdk") != "static" and asked.get("hardware") in (None, "cpu-basic") and not account.pro:
            return refusal(402, "Creating a Docker Space requires a PRO subscription.")
        assert asked["type"] == "space" and asked["visibility"] in ("private", "protected", "public"), asked
        self.spaces[name] = FakeSpace(name, asked["visibility"], asked["sdk"])
        return json_response({"url": f"{self.origin}/spaces/{name}", "name": name, "id": "1"})

    def _delete(self, asked: dict[str, Any], account: Token) -> Response:
        name = f"{asked.get('organization') or account.owner}/{asked['name']}"
        if name not in self.spaces:
            return not_found()
        if not account.can_write(name):
            return refusal(403, "You don't have the rights to delete this space")
        self._end(self.spaces.pop(name))
        return json_response({})

    def _bucket(self, request: Request, account: Token, name: str) -> Response:
        if request.method == "POST":
            if not account.can_write(name):
                return refusal(403, "You don't have the rights to create a bucket there")
            if name in self.buckets:
                return json_response({"error": "This bucket exists", "url": f"{self.origin}/buckets/{name}"}, 409)
            self.buckets[name] = request.json().get("visibility", "public")
            return json_response({"url": f"{self.origin}/buckets/{name}"})
        if name not in self.buckets:
            return not_found()
        private = self.buckets[name] == "private"
        return json_response({"id": name, "private": private, "createdAt": NOW, "size": 0, "totalFiles": 0})

    def _space(self, request: Request, account: Token, name: str, rest: str) -> Response:
        space = self.spaces.get(name)
        if space is None or (space.visibility != "public" and not account.can_read(name)):
            return not_found()
        route = f"{request.method} {rest}"
        if route == "GET ":
            return json_response(self._info(space))
        if route == "GET /tree/main":
            return json_response([_entry(path, content) for path, content in sorted(space.files.items())])
        if route == "GET /runtime":
            self._step(space)
            return json_response(self._runtime(space))
        if not account.can_write(name):
            return refusal(403, "This action needs write access to the space")
        actions: dict[str, Callable[[FakeSpace, Request], Response]] = {
            "GET /auth-check/write": lambda *_: json_response({}),
            "PUT /settings": self._settings,
            "POST /preupload/main": self._preupload,
            "POST /commit/main": self._commit,
            "GET /secrets": self._list_secrets,
            "POST /secrets": self._set_secret,
            "GET /variables": lambda space, _: json_response({k: {"value": v} for k, v in space.variables.items()}),
            "DELETE /variables": self._delete_variable,
            "PUT /volumes": self._volumes,
            "POST /restart": self._restart,
            "POST /pause": self._pause,
            "GET /logs/build": lambda space, _: _sse(space.build_log),
            "GET /logs/run": lambda space, _: _sse(space.run_log),
        }
        action = actions.get(route)
        return action(space, request) if action else refusal(404, f"no such page: {route}")

    def _info(self, space: FakeSpace) -> dict[str, Any]:
        head = space.files.get("README.md", b"")
        card = yaml.safe_load(head.split(b"---\n")[1]) if head.startswith(b"---\n") else {}
        info: dict[str, Any] = {
            "_id": "1",
            "id": space.name,
            "author": space.name.split("/")[0],
            "private": space.visibility != "public",
            "sha": space.head,
            "sdk": space.sdk,
            "subdomain": space.name.replace("/", "-").lower(),
            "host": self.edge(space.name).origin,
            "tags": ["docker", *card.get("tags", [])],
            "cardData": card,
            "runtime": self._runtime(space),
            "siblings": [{"rfilename": path} for path in space.files],
        }
        if self.tells_visibility:
            info["visibility"] = space.visibility
        return info

    def _runtime(self, space: FakeSpace) -> dict[str, Any]:
        runtime: dict[str, Any] = {
            "stage": space.stage,
            "hardware": {"current": "cpu-basic" if space.container else None, "requested": "cpu-basic"},
            "storage": None,
            "gcTimeout": 172800,
            "replicas": {"requested": 1, "current": 1 if space.container else 0},
            "volumes": space.volumes or None,
        }
        if self.tells_commit and space.running_commit:
            runtime["sha"] = space.running_commit
        if space.error:
            runtime["errorMessage"] = space.error
        return runtime

    # --- changes -------------------------------------------------------------------------------------------------

    def _settings(self, space: FakeSpace, request: Request) -> Response:
        space.visibility = request.json().get("visibility", space.visibility)
        return json_response({})

    def _preupload(self, space: FakeSpace, request: Request) -> Response:
        files = []
        for asked in request.json()["files"]:
            present = space.files.get(asked["path"])
            files.append(
                {
                    "path": asked["path"],
                    "uploadMode": "regular" if asked["size"] < 10_000_000 else "lfs",
                    "shouldIgnore": False,
                    "oid": None if present is None else git_hash(present),
                }
            )
        return json_response({"files": files})

    def _commit(self, space: FakeSpace, request: Request) -> Response:
        assert request.headers["content-type"] == "application/x-ndjson"
        lines = [json.loads(line) for line in request.body.splitlines()]
        header = next(line["value"] for line in lines if line["key"] == "header")
        if header.get("parentCommit") not in (None, space.head):
            return refusal(412, "A commit has happened since. Please refresh and try again.")
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                space.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "deletedFile":
                if value["path"] not in space.files:
                    return refusal(400, "A file with this name doesn't exist")
                del space.files[value["path"]]
        space.commits.append(hashlib.sha1(f"{space.name} {next(self._count)}".encode()).hexdigest())
        if space.stage not in ("PAUSED", "STOPPED") and self.commits_build:
            self._begin(space, build=True)
        url = f"{self.origin}/spaces/{space.name}/commit/{space.head}"
        return json_response({"success": True, "commitOid": space.head, "commitUrl": url, "hookOutput": ""})

    def _list_secrets(self, space: FakeSpace, _: Request) -> Response:
        return json_response(
            {
                key: {"key": key, "description": secret["description"], "updatedAt": NOW}
                for key, secret in space.secrets.items()
            }
        )

    def _set_secret(self, space: FakeSpace, request: Request) -> Response:
        asked = request.json()
        space.secrets[asked["key"]] = {"value": asked["value"], "description": asked.get("description", "")}
        if self.secrets_restart and space.container:
            self._begin(space, build=False)
        return json_response({})

    def _delete_variable(self, space: FakeSpace, request: Request) -> Response:
        space.variables.pop(request.json()["key"], None)
        return json_response({k: {"value": v} for k, v in space.variables.items()})

    def _volumes(self, space: FakeSpace, request: Request) -> Response:
        volumes = request.json()["volumes"]
        for volume in volumes:
            if volume["type"] == "bucket" and volume["source"] not in self.buckets:
                return refusal(400, "no such bucket")
        space.volumes = volumes
        if space.container:
            self._begin(space, build=False)
        return json_response({})

    def _restart(self, space: FakeSpace, request: Request) -> Response:
        if space.error and space.stage == "PAUSED":
            return refusal(403, "This space was paused by Hugging Face")
        self._begin(space, build="factory=true" in request.query or space.running_commit != space.head)
        return json_response(self._runtime(space))

    def _pause(self, space: FakeSpace, _: Request) -> Response:
        # It takes a look until it shows.
        space.ahead = [space.stage, "PAUSED"]
        return json_response(self._runtime(space))

    # --- stages --------------------------------------------------------------------------------------------------

    def _begin(self, space: FakeSpace, *, build: bool) -> None:
        """What is ahead now. The stage of before is still seen for a while, as on the Hub."""
        running = space.stage == "RUNNING"
        building = ["RUNNING_BUILDING" if running else "BUILDING"] * 2 if build else []
        starting = ["RUNNING_APP_STARTING" if running and build else "APP_STARTING"]
        if build and self.outcome in ("BUILD_ERROR", "CONFIG_ERROR"):
            space.ahead = [space.stage, *building, self.outcome]
        else:
            space.ahead = [space.stage, *building, *starting, self.outcome]

    def _step(self, space: FakeSpace) -> None:
        if not space.ahead:
            return
        space.stage = space.ahead.pop(0)
        if space.stage in ("APP_STARTING", "RUNTIME_ERROR", "PAUSED", "STOPPED", "BUILD_ERROR", "CONFIG_ERROR"):
            self._end(space)
        if space.stage == "RUNNING" and not space.ahead:
            self._end(space)
            space.running_commit = space.head
            space.started_with = {key: secret["value"] for key, secret in space.secrets.items()}
            space.container = Container(
                self._folder / f"start-{next(self._count)}", space.started_with, self.verb, **self.settings
            )
            space.starts += 1

    def _end(self, space: FakeSpace) -> None:
        if space.container:
            space.container.stop()
            space.container = None


def git_hash(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def refusal(status: int, message: str, **headers: str) -> Response:
    return json_response({"error": message}, status, X_Error_Message=message, **headers)


def not_found() -> Response:
    return refusal(404, "Repository not found", X_Error_Code="RepoNotFound")


def _entry(path: str, content: bytes) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": git_hash(content)}


def _sse(lines: list[str]) -> Response:
    stamp = datetime(2026, 1, 1, tzinfo=timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    events = [f"data: {json.dumps({'data': line + chr(10), 'timestamp': stamp})}\n\n" for line in lines]
    return Response(200, "".join(events).encode(), {"Content-Type": "text/event-stream"})


def _validated(content: str) -> Response:
    """The rules of a Space's front matter that concern us."""
    parts = content.split("---\n")
    try:
        card = yaml.safe_load(parts[1]) if content.startswith("---\n") and len(parts) > 2 else None
    except yaml.YAMLError:
        card = None
    errors = []
    if not isinstance(card, dict):
        errors.append("no front matter")
    else:
        colours = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
        if card.get("sdk") not in ("docker", "gradio", "static"):
            errors.append('"sdk" must be one of docker, gradio, static')
        errors += [f'"{key}" is no colour' for key in ("colorFrom", "colorTo") if card.get(key) not in colours]
        if len(str(card.get("short_description", ""))) > 60:
            errors.append('"short_description" length must be less than or equal to 60 characters long')
        if card.get("app_port") != 7860:
            errors.append("the image listens on 7860")
    if errors:
        return json_response({"errors": [{"message": error} for error in errors], "warnings": []}, 400)
    return json_response({"errors": [], "warnings": []})
