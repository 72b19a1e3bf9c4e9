"""The Space's secrets.

The Hub never gives a secret back, so it cannot be asked whether one is still the same; and writing one restarts the
Space, which costs the cookie that was renewed since. So each secret's description carries a short fingerprint of it:
a salted scrypt hash, cut to 64 bits. It tells that two values are equal. It does not tell the value: that would have
to be guessed, each guess being slow, and these values are too long to be guessed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
from enum import Enum
from functools import lru_cache

from .console import Secret

_DESCRIPTION = re.compile(r"gemini-gateway (?P<origin>\w+) (?P<salt>[A-Za-z0-9_-]{11}) (?P<print>[A-Za-z0-9_-]{11})\b")


class Origin(Enum):
    """Which verb set a secret."""

    SECRETS = "set"
    ROTATED = "rotated"


class Match(Enum):
    """What the description of a secret says of a value."""

    SAME = "same"
    OTHER = "other"
    # A newer key: `rotate-keys` replaced what is at hand.
    ROTATED_SINCE = "rotated since"
    ABSENT = "absent"


def describe(value: Secret, origin: Origin) -> str:
    """A description by which the value is known again."""
    salt = os.urandom(8)
    return f"gemini-gateway {origin.value} {_text(salt)} {_text(_fingerprint(value, salt))}"


def match(value: Secret, description: str | None) -> Match:
    """How the secret with this description compares with the value; None where there is no such secret."""
    if description is None:
        return Match.ABSENT
    found = _DESCRIPTION.search(description)
    if found is None:
        return Match.OTHER
    salt = base64.urlsafe_b64decode(f"{found['salt']}=")
    if hmac.compare_digest(_text(_fingerprint(value, salt)), found["print"]):
        return Match.SAME
    return Match.ROTATED_SINCE if found["origin"] == Origin.ROTATED.value else Match.OTHER


# It is slow on purpose, and each is asked for twice: to write it, and to see that it was written.
@lru_cache(maxsize=16)
def _fingerprint(value: Secret, salt: bytes) -> bytes:
    return hashlib.scrypt(value.reveal().encode(), salt=salt, n=1 << 14, r=8, p=1, dklen=8)


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
