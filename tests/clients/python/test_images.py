"""Generated images through the official client."""

from __future__ import annotations

import base64
import urllib.request

import openai
import pytest

from gateway import stand_in

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("options", [{}, {"response_format": "b64_json"}], ids=["default", "asked"])
def test_an_image_as_base64(client, model, options):
    answer = client.images.generate(model=model, prompt=f"A boat {stand_in(images=1)}", **options)
    (image,) = answer.data
    assert isinstance(answer.created, int)
    assert base64.b64decode(image.b64_json, validate=True).startswith(PNG)
    assert image.url is None


def test_an_image_as_a_link_anybody_can_open_who_has_it(client, model, gateway):
    answer = client.images.generate(model=model, prompt=f"A boat {stand_in(images=1)}", response_format="url")
    (image,) = answer.data
    assert image.b64_json is None
    assert image.url.startswith(f"{gateway.origin}/")
    with urllib.request.urlopen(image.url, timeout=10) as fetched:
        assert fetched.headers["content-type"] == "image/png"
        assert fetched.read().startswith(PNG)


def test_an_answer_without_an_image_is_no_success(client, model):
    with pytest.raises(openai.APIStatusError) as caught:
        client.images.generate(model=model, prompt=f"A boat {stand_in(text='I would rather not.')}")
    assert caught.value.code


def test_a_bad_body_names_the_field(client, model):
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model=model, prompt="A boat", n=3)
    assert caught.value.param == "n"


def test_an_image_in_a_chat(ask):
    message = ask(stand_in(text="Here:", images=1)).choices[0].message
    assert message.content.startswith("Here:")
    (image,) = message.images
    assert image["image_url"]["url"] in message.content


def test_sources_are_annotations(ask):
    message = ask(stand_in(text="Water is wet.", citations=2)).choices[0].message
    assert [(note.type, note.url_citation.url) for note in message.annotations] == [
        ("url_citation", "https://example.org/1"),
        ("url_citation", "https://example.org/2"),
    ]
    for note in message.annotations:
        cited = note.url_citation
        assert 0 <= cited.start_index < cited.end_index <= len(message.content)
        assert cited.title
