"""Answers that are long in coming, through an edge that cuts what stays silent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from clients import CLIENTS, Question, curl, node, python
from gateway import Gateway, stand_in
from hfedge import edge_before

# Seconds. Longer than the gateway's own pauses between two signs of life (12), and far shorter than the real edge's.
SILENCE = 16
# Milliseconds in which the upstream says nothing at all, at first or in the middle of an answer.
LATE = stand_in(text="Here at last", first=25_000)
HALTING = stand_in(text="Here, and at last there", frames=6, stall_at=3, stall=25_000)


def test_a_streamed_answer_outlasts_the_edge_and_a_whole_one_does_not(gateway: Gateway):
    with edge_before(gateway.origin, "private", [gateway.hub_token], SILENCE) as edge, ThreadPoolExecutor(8) as at_once:

        def ask(client, prompt, stream):
            return at_once.submit(client, Question(edge.base_url, prompt, gateway.hub_token, stream=stream))

        late = [ask(client, LATE, True) for client in CLIENTS]
        halting = [ask(client, HALTING, True) for client in (curl, node)]
        whole = [ask(client, LATE, False) for client in (curl, python, node)]
        assert [answer.result() for answer in late] == [(200, "Here at last")] * 3
        assert [answer.result() for answer in halting] == [(200, "Here, and at last there")] * 2
        assert [answer.result()[0] for answer in whole] == [504] * 3
    # Whoever is cut off leaves nothing behind: the generation ended with the connection.
    assert gateway.settles()


def test_the_clients_ask_again_for_what_was_cut_off(gateway: Gateway):
    """Two times more, unless told otherwise: each asks the account anew, and is cut off anew."""
    with edge_before(gateway.origin, "protected", [], 1) as edge:
        for client in (python, node):
            before = len(edge.seen)
            told, _ = client(Question(edge.base_url, LATE, gateway.key, retries=2))
            assert told == 504
            assert [passed.status for passed in edge.seen[before:]] == [504] * 3
    assert gateway.settles()


def test_a_head_that_waits_longer_than_the_edge_is_cut_too(tmp_path):
    """FIRST_EVENT_WAIT holds the head of a stream back: behind an edge it has to stay below the edge's patience."""
    late = stand_in(text="too late", first=6_000)
    gateway = Gateway(tmp_path, FIRST_EVENT_WAIT="30")
    try:
        with edge_before(gateway.origin, "protected", [], 2) as edge:
            assert curl(Question(edge.base_url, late, gateway.key, stream=True))[0] == 504
        assert curl(Question(gateway.base_url, late, gateway.key, stream=True)) == (200, "too late")
    finally:
        assert gateway.stop() == 0, gateway.tail()
