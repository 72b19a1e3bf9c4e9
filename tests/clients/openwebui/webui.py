"""Runs the backend of Open WebUI, and speaks to it as its own page does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from gateway import Gateway

# Seconds. It imports some thousand modules before it answers.
START_LIMIT = 180
STOP_LIMIT = 30
ANSWER_LIMIT = 60


class Refused(Exception):
    """An answer that is no success: its status, and the body as text."""

    def __init__(self, status: int, body: str) -> None:
        super().__init__(f"{status}: {body}")
        self.status, self.body = status, body


class WebUi:
    """A running Open WebUI whose one connection is the gateway, and whose one user is the administrator. `connection` is
    what its environment says of the gateway."""

    def __init__(self, folder: Path, gateway: Gateway, connection: dict[str, str]) -> None:
        self.port = _free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.token = ""
        self.log = folder / "open-webui.log"
        environment = os.environ | {
            # The variant without models of its own, for which the heavy libraries are left out.
            "USE_SLIM_DOCKER": "true",
            "OFFLINE_MODE": "true",
            "DATA_DIR": str(folder),
            "WEBUI_SECRET_KEY": uuid.uuid4().hex,
            "ENABLE_IMAGE_GENERATION": "true",
            "IMAGE_GENERATION_ENGINE": "openai",
            "IMAGE_GENERATION_MODEL": "gemini-flash",
            "IMAGES_OPENAI_API_BASE_URL": gateway.base_url,
            "IMAGES_OPENAI_API_KEY": gateway.key,
            **connection,
        }
        command = [str(Path(sys.executable).with_name("open-webui")), "serve", "--host", "127.0.0.1"]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)], cwd=folder, env=environment, stdout=log, stderr=log
            )
        self._wait_until_alive()
        account = {"name": "Owner", "email": "owner@example.org", "password": uuid.uuid4().hex}
        self.token = self.post("/api/v1/auths/signup", account)["token"]

    def _wait_until_alive(self) -> None:
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"Open WebUI ended with {self.process.returncode}: {self.tail()}")
            try:
                self.get("/health")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"Open WebUI was not alive within {START_LIMIT} s: {self.tail()}")

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(timeout=STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def get(self, path: str):
        return self._send(path, None, "application/json")

    def post(self, path: str, body: object):
        return self._send(path, json.dumps(body).encode(), "application/json")

    def upload(self, name: str, kind: str, data: bytes) -> str:
        """A file into its store; the id of it."""
        border = uuid.uuid4().hex
        head = f'Content-Disposition: form-data; name="file"; filename="{name}"\r\nContent-Type: {kind}\r\n\r\n'
        body = f"--{border}\r\n{head}".encode() + data + f"\r\n--{border}--\r\n".encode()
        return self._send("/api/v1/files/?process=false", body, f"multipart/form-data; boundary={border}")["id"]

    def _send(self, path: str, body: bytes | None, kind: str):
        headers = {"Content-Type": kind} | ({"Authorization": f"Bearer {self.token}"} if self.token else {})
        request = urllib.request.Request(self.origin + path, data=body, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_LIMIT) as answer:
                text = answer.read().decode()
                return json.loads(text) if "json" in answer.headers["content-type"] else text
        except urllib.error.HTTPError as refusal:
            raise Refused(refusal.code, refusal.read().decode()) from None

    def converse(self, model: str, prompt: str, **more: object) -> tuple[dict, dict]:
        """A new chat, begun as the page begins it: the answer is streamed into the store, and read from there. Returns
        the chat and its answer."""
        asked, answered = str(uuid.uuid4()), str(uuid.uuid4())
        message = {"id": asked, "parentId": None, "role": "user", "content": prompt, "models": [model]}
        body = {
            "model": model,
            "stream": True,
            "messages": [{"role": "user", "content": prompt}],
            "parent_id": None,
            "id": answered,
            "session_id": "a page",
            "user_message": message | {"timestamp": int(time.time())},
        }
        path = f"/api/v1/chats/{self.post('/api/chat/completions', body | more)['chat_id']}"
        deadline = time.monotonic() + ANSWER_LIMIT
        while time.monotonic() < deadline:
            chat = self.get(path)
            answer = chat["chat"]["history"]["messages"][answered]
            if answer.get("done"):
                return chat, answer
            time.sleep(0.05)
        raise AssertionError(f"no answer within {ANSWER_LIMIT} s: {answer}\n{self.tail()}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
