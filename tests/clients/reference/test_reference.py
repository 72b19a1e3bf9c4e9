"""Drives the unmodified reference client against the project's stand-in for the Gemini web app.

The stand-in is only worth what this client accepts. Run from the repository's root:

    python3 -m venv .venv
    .venv/bin/pip install -r tests/clients/reference/requirements.txt
    .venv/bin/python -m pytest tests/clients/reference

The client is pointed at the stand-in by two of its own settings, a proxy and a trusted certificate. One timing constant
of it is changed from outside, the pause between its retries, because some of these tests make it retry.
"""

import asyncio
import html
import itertools
import json
import os
import pathlib
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[3]
FIRST_TS = "sidts-first"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def standin():
    """The stand-in behind its proxy: port and certificate. It ends when its standard input does."""
    command = ["cargo", "run", "--quiet", "--example", "standin"]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    line = process.stdout.readline()
    assert line, "the stand-in did not start"
    yield json.loads(line)
    process.stdin.close()
    assert process.wait(timeout=10) == 0


@pytest.fixture(autouse=True)
def cookie_folder(tmp_path, monkeypatch):
    """A folder of its own for the cookies the client stores, and no pause between its retries."""
    from gemini_webapi import set_log_level
    from gemini_webapi.utils import decorators

    monkeypatch.setenv("GEMINI_COOKIE_PATH", str(tmp_path))
    monkeypatch.setattr(decorators, "_DELAY_FACTOR", 0)
    set_log_level("CRITICAL")
    return tmp_path


class Session:
    """`async with Session(standin) as client`: a started client with an account of its own."""

    def __init__(self, standin, psid=None, psidts=FIRST_TS):
        from gemini_webapi import GeminiClient

        self.psid = psid or f"g.a000reference{os.getpid()}x{next(_numbers)}"
        proxy = f"http://127.0.0.1:{standin['port']}"
        self.client = GeminiClient(self.psid, psidts, proxy=proxy, verify=standin["ca"])

    async def __aenter__(self):
        await self.client.init(timeout=20, watchdog_timeout=15, auto_refresh=False)
        return self.client

    async def __aexit__(self, *_):
        await self.client.close()


def run(scenario):
    """Runs one scenario with a limit, so that a client that waits for ever is a failure."""
    return asyncio.run(asyncio.wait_for(scenario, timeout=60))


async def stream(client, prompt):
    """The deltas of a streamed answer, the thought deltas, and the last output."""
    deltas, thoughts, last = [], [], None
    async for output in client.generate_content_stream(prompt):
        deltas.append(output.text_delta)
        thoughts.append(output.thoughts_delta)
        last = output
    return deltas, thoughts, last


def test_init_reads_the_page_and_the_account(standin):
    from gemini_webapi.constants import AccountStatus

    async def scenario():
        async with Session(standin) as client:
            assert client.account_status == AccountStatus.AVAILABLE
            assert client.access_token.startswith("AStandIn")
            assert client.build_label.startswith("boq_assistant-bard-web-server_")
            assert int(client.session_id) < 0
            assert client.push_id.startswith("feeds/")
            assert client.language == "en"

    run(scenario())


def test_guest_without_cookies(standin):
    from gemini_webapi.constants import AccountStatus

    async def scenario():
        session = Session(standin, psid=None)
        session.client = type(session.client)(proxy=session.client.proxy, verify=standin["ca"])
        async with session as client:
            assert client.account_status == AccountStatus.UNAUTHENTICATED
            assert client.access_token is None
            answer = await client.generate_content("hello guest")
            assert "hello guest" in answer.text

    run(scenario())


def test_models_and_their_aliases(standin):
    async def scenario():
        async with Session(standin) as client:
            names = [model.model_name for model in client.list_models()]
            assert names == ["gemini-flash", "gemini-flash-lite", "gemini-pro"]
            for alias in ("gemini-3-pro", "Pro", "9d8ca3786ebdfbea", "gemini-3.1-pro"):
                assert client.resolve_model(alias).model_number == 3
            answer = await client.generate_content("[[stand-in: text=chosen]]", model="gemini-pro")
            assert answer.text == "chosen"

    run(scenario())


def test_default_answer_says_what_it_is(standin):
    async def scenario():
        async with Session(standin) as client:
            answer = await client.generate_content("Who are you, really?")
            assert "stand-in, not Gemini" in answer.text
            assert answer.text.endswith("Who are you, really?")

    run(scenario())


TEXTS = {
    "ascii": "The quick brown fox jumps over the lazy dog. " * 30,
    "cjk": "天地玄黄，宇宙洪荒。日月盈昃，辰宿列张。" * 30,
    "emoji": "1😀2🚀3👩\u200d💻4🇻🇳5👍🏽6🏳️\u200d🌈7e\u0301" * 30,
    "astral": "".join(chr(0x1F300 + i % 500) for i in range(600)),
    "entities": "&lt;b&gt;5 &amp;&amp; 6&lt;/b&gt; " * 40,
    "escapes": '"q" back\\slash tab\there\n\u2028sep <i>&</i> k=v \'w\' [[1,2]] )]}\' 189 ' * 20 + "end",
}


@pytest.mark.parametrize("name", TEXTS)
def test_streamed_text_arrives_whole(standin, name):
    async def scenario():
        async with Session(standin) as client:
            prompt = TEXTS[name] + "[[stand-in: echo frames=12 split=random]]"
            deltas, _, last = await stream(client, prompt)
            assert last.text == html.unescape(TEXTS[name].strip())
            if name not in ("entities", "escapes"):  # its deltas are lossy there, whoever sends
                assert "".join(deltas) == last.text
            assert len([delta for delta in deltas if delta]) > 2

    run(scenario())


def test_every_byte_its_own_write(standin):
    async def scenario():
        async with Session(standin) as client:
            deltas, _, last = await stream(client, "a😀中b [[stand-in: echo frames=4 split=1]]")
            assert "".join(deltas) == last.text == "a😀中b"

    run(scenario())


def test_thoughts_come_before_the_text(standin):
    async def scenario():
        async with Session(standin) as client:
            deltas, thoughts, last = await stream(client, "[[stand-in: len=600 thoughts=400 frames=6]]")
            assert len(last.thoughts) == 400 and "".join(thoughts) == last.thoughts
            assert len(last.text) == 600 and "".join(deltas) == last.text

    run(scenario())


@pytest.mark.parametrize("words", ["shrink=4", "rewrite=4", "dup=3", "flicker", "queue=3", "noprefix notrailer", "malformed=2"])
def test_uneven_streams_end_in_the_right_text(standin, words):
    async def scenario():
        async with Session(standin) as client:
            _, _, last = await stream(client, f"{TEXTS['ascii']}[[stand-in: echo frames=8 {words}]]")
            assert last.text == TEXTS["ascii"].strip()

    run(scenario())


def test_chat_over_three_turns(standin):
    async def scenario():
        async with Session(standin) as client:
            chat = client.start_chat()
            await chat.send_message("first question")
            assert chat.cid.startswith("c_") and chat.rid.startswith("r_") and chat.rcid.startswith("rc_")
            first = chat.cid
            await chat.send_message("second question")
            answer = await chat.send_message("[[stand-in: recall]]")
            assert json.loads(answer.text) == ["first question", "second question"]
            assert chat.cid == first

    run(scenario())


def test_chat_is_listed_read_and_deleted(standin):
    async def scenario():
        async with Session(standin) as client:
            chat = client.start_chat()
            await chat.send_message("question one")
            await chat.send_message("question two")
            assert client.list_chats()[0].cid == chat.cid
            history = await client.read_chat(chat.cid)
            assert [turn.role for turn in history.turns] == ["model", "user", "model", "user"]
            assert history.turns[1].text == "question two"
            await client.delete_chat(chat.cid)
            assert await client.read_chat(chat.cid) is None

    run(scenario())


def test_temporary_chat_is_not_listed(standin):
    async def scenario():
        async with Session(standin) as client:
            chat = client.start_chat()
            await chat.send_message("unseen", temporary=True)
            assert await client.read_chat(chat.cid) is None

    run(scenario())


def test_answer_that_never_came_is_recovered_from_history(standin):
    async def scenario():
        async with Session(standin) as client:
            answer = await client.generate_content("[[stand-in: empty text=from%20history]]")
            assert answer.text == "from history"

    run(scenario())


def test_rotation_renews_the_cookie(standin, cookie_folder):
    from gemini_webapi.constants import AccountStatus
    from gemini_webapi.utils import rotate_1psidts

    async def scenario():
        session = Session(standin)
        async with session as client:
            new = await rotate_1psidts(client.client)
            assert new.startswith("sidts-") and new != FIRST_TS
            assert (await client.generate_content("after the rotation")).text
        for stored in cookie_folder.iterdir():
            stored.unlink()
        async with Session(standin, session.psid, new) as client:
            assert client.account_status == AccountStatus.AVAILABLE
        for stored in cookie_folder.iterdir():
            stored.unlink()
        async with Session(standin, session.psid, FIRST_TS) as client:
            assert client.account_status == AccountStatus.UNAUTHENTICATED

    run(scenario())


@pytest.mark.parametrize(
    ("words", "exception"),
    [
        ("error=1037", "UsageLimitExceededError"),
        ("error=1052", "ModelInvalidError"),
        ("error=1060", "TemporarilyBlockedError"),
        ("error=1013", "APIError"),
        ("len=300 frames=5 disconnect=2 persist=0", "APIError"),
    ],
)
def test_errors_inside_a_good_answer(standin, words, exception):
    from gemini_webapi import exceptions

    async def scenario():
        async with Session(standin) as client:
            with pytest.raises(getattr(exceptions, exception)):
                await client.generate_content(f"[[stand-in: {words}]]")

    run(scenario())
