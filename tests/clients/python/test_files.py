"""Images, sound and documents that a message brings along: what the upstream was given, and what is refused."""

from __future__ import annotations

import base64
import hashlib
import json

import openai
import pytest

from gateway import PIXEL, stand_in

SOUND = b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data\0\0\0\0"
PAPER = b"%PDF-1.4\n%%EOF\n"


def data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def image(url: str) -> dict:
    return {"type": "image_url", "image_url": {"url": url, "detail": "auto"}}


PARTS = {
    "image": (image(data_url("image/png", PIXEL)), "image/png", PIXEL),
    "wrongly labelled image": (image(data_url("image/jpeg", PIXEL)), "image/png", PIXEL),
    "sound": (
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(SOUND).decode(), "format": "wav"}},
        "audio/wav",
        SOUND,
    ),
    "document": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": data_url("application/pdf", PAPER)}},
        "application/pdf",
        PAPER,
    ),
}


@pytest.fixture
def send(client: openai.OpenAI, model: str):
    """Sends these parts; the stand-in says what it was given."""

    def call(*parts: dict) -> list[dict]:
        content = [{"type": "text", "text": stand_in("files")}, *parts]
        answer = client.chat.completions.create(model=model, messages=[{"role": "user", "content": content}])
        return json.loads(answer.choices[0].message.content)

    return call


@pytest.mark.parametrize(("part", "mime", "data"), PARTS.values(), ids=PARTS.keys())
def test_a_file_arrives_to_the_byte(send, part, mime, data):
    (seen,) = send(part)
    assert (seen["mime"], seen["bytes"]) == (mime, len(data))
    assert seen["sha256"] == hashlib.sha256(data).hexdigest()


def test_several_files_arrive_in_order(send):
    parts = [PARTS[name] for name in ("document", "image", "sound")]
    assert [seen["mime"] for seen in send(*(part for part, *_ in parts))] == [mime for _, mime, _ in parts]


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (image("data:image/png;base64,####"), "invalid_base64_image"),
        (image(data_url("image/png", b"hello")), "unsupported_image_media_type"),
        (image("http://127.0.0.1:8000/a.png"), "invalid_image_url"),
        (image("http://169.254.169.254/latest/meta-data"), "invalid_image_url"),
        (image("file:///etc/passwd"), "invalid_image_url"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "unsupported_parameter"),
    ],
    ids=["base64", "no image", "loopback", "metadata", "file", "file id"],
)
def test_what_cannot_be_taken_is_refused_by_its_place(send, part, code):
    with pytest.raises(openai.BadRequestError) as caught:
        send(part)
    assert caught.value.code == code
    assert caught.value.param.startswith("messages[0].content[1].")
