"""Three clients that ask one question: curl, and OpenAI's own packages for Python and Node. Each returns the status it
got, None if it got none, and the text of the answer or of the refusal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import openai

MODEL = "gemini-flash"
# Seconds. The longest silence that a test here sits out is half of it.
LIMIT = 60


@dataclass(frozen=True)
class Question:
    """What to send where. `bearer` goes out as the API key; without one, no `Authorization` at all."""

    base_url: str
    prompt: str
    bearer: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    stream: bool = False
    retries: int = 0


Told = tuple[int | None, str]


def curl(question: Question) -> Told:
    headers = question.headers | ({"Authorization": f"Bearer {question.bearer}"} if question.bearer else {})
    body = {"model": MODEL, "stream": question.stream, "messages": [{"role": "user", "content": question.prompt}]}
    # By way of a file on standard input, so that no list of processes shows a key.
    lines = [f'header = "{name}: {value}"' for name, value in (headers | {"Content-Type": "application/json"}).items()]
    lines += [f"data-raw = {json.dumps(json.dumps(body))}", f'url = "{question.base_url}/chat/completions"']
    command = ["curl", "-sN", "--max-time", str(LIMIT), "--write-out", "\n%{http_code}", "--config", "-"]
    ran = subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=LIMIT + 5)
    said, _, code = ran.stdout.rpartition("\n")
    status = int(code) or None
    if status != 200:
        return status, said
    if not question.stream:
        return status, json.loads(said)["choices"][0]["message"]["content"]
    events = [line[6:] for line in said.splitlines() if line.startswith("data: ")]
    if ran.returncode != 0 or events.pop() != "[DONE]":
        return None, said
    return status, "".join(json.loads(event)["choices"][0]["delta"].get("content") or "" for event in events)


def python(question: Question) -> Told:
    without = {} if question.bearer else {"Authorization": openai.Omit()}
    client = openai.OpenAI(
        base_url=question.base_url,
        api_key=question.bearer or "not sent",
        default_headers=question.headers,
        max_retries=question.retries,
        timeout=LIMIT,
    )
    with client:
        try:
            answer = client.chat.completions.create(
                model=MODEL,
                stream=question.stream,
                messages=[{"role": "user", "content": question.prompt}],
                extra_headers=without,
            )
            if not question.stream:
                return 200, answer.choices[0].message.content
            return 200, "".join(chunk.choices[0].delta.content or "" for chunk in answer if chunk.choices)
        except openai.APIStatusError as error:
            return error.status_code, str(error)
        except openai.APIConnectionError as error:
            return None, str(error)


def node(question: Question) -> Told:
    asked = {
        "baseURL": question.base_url,
        "apiKey": question.bearer or "not sent",
        "headers": question.headers | ({} if question.bearer else {"Authorization": None}),
        "retries": question.retries,
        "model": MODEL,
        "prompt": question.prompt,
        "stream": question.stream,
    }
    packages = Path(os.environ["NODE_PACKAGES"])
    # Run from beside its packages: there is where Node looks for them.
    script = shutil.copy(Path(__file__).with_name("ask.mjs"), packages)
    command = [os.environ["NODE_BIN"], str(script)]
    ran = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, timeout=LIMIT + 5)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    return told["status"], told["said"]


CLIENTS: list[Callable[[Question], Told]] = [curl, python, node]
