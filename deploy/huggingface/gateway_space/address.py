"""Where secrets may be sent."""

from __future__ import annotations

from urllib.parse import urlsplit


def is_safe(address: str) -> bool:
    """Whether nobody on the way can read what is sent there: encrypted, or not leaving this machine."""
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    if not host:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "::1", "localhost"))
