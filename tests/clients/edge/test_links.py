"""Links to generated images lead back to the gateway, and so through the edge."""

from __future__ import annotations

import re
import urllib.error
import urllib.request

from clients import Question, python
from gateway import Gateway, stand_in
from hfedge import Edge


def opened(url: str, **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["content-type"]
    except urllib.error.HTTPError as refusal:
        return refusal.code, refusal.headers["content-type"]


def test_a_private_edge_asks_whoever_opens_a_link(gateway: Gateway, edge: Edge, reader: str):
    """The link needs no key of the gateway's: it is the permission. The edge of a private Space knows nothing of that,
    so a browser that shows the answer sees no image there."""
    question = Question(edge.base_url, stand_in(text="Here:", images=1), gateway.hub_token)
    status, said = python(question)
    assert status == 200
    (link,) = re.findall(r"!\[[^]]*\]\(([^)]+)\)", said)
    assert link.startswith(f"{edge.origin}/media/")
    assert opened(link) == ((404, "text/html; charset=utf-8") if edge.private else (200, "image/png"))
    assert opened(link, X_HF_Authorization=f"Bearer {reader}") == (200, "image/png")
