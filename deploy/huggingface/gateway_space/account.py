"""Whose token it is, and what it may do, as far as the Hub tells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any


class May(Enum):
    """Whether a token may do something. The Hub does not always tell beforehand."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Account:
    """The owner of the token."""

    name: str
    # `read`, `write`, `fineGrained`, or whatever else the Hub says; empty when it says nothing.
    role: str
    # Of the person. None when the Hub does not say.
    pro: bool | None
    # Organisations by name, and whether they have a plan; None when the Hub does not say.
    organisations: dict[str, bool | None]
    # Permissions of a fine-grained token: (kind of thing, its name, permission). Global ones name no thing.
    permissions: frozenset[tuple[str, str, str]]

    @classmethod
    def read(cls, answer: Any) -> Account:
        """Of the Hub's whoami, whose every part may be missing."""
        answer = _table(answer)
        token = _table(_table(answer.get("auth")).get("accessToken"))
        organisations = {str(org["name"]): _plan(org) for org in _tables(answer.get("orgs")) if org.get("name")}
        pro = answer.get("isPro")
        return cls(
            name=str(answer.get("name") or ""),
            role=str(token.get("role") or ""),
            pro=pro if isinstance(pro, bool) else None,
            organisations=organisations,
            permissions=frozenset(_permissions(_table(token.get("fineGrained")))),
        )

    def may_create(self, namespace: str) -> May:
        """Whether the token may make a new Space in this namespace."""
        if namespace != self.name and namespace not in self.organisations:
            return May.UNKNOWN if not self.organisations else May.NO
        return self._may_write({("user", namespace), ("org", namespace), ("", "")})

    def may_write(self, space: str) -> May:
        """Whether the token may change this Space."""
        namespace = space.partition("/")[0]
        whole = {("user", namespace), ("org", namespace), ("", "")}
        return self._may_write(whole | {("space", space), ("space", space.partition("/")[2])})

    def has_plan(self, namespace: str) -> bool | None:
        """Whether the namespace has the plan that creating a Docker Space takes."""
        return self.pro if namespace == self.name else self.organisations.get(namespace)

    def _may_write(self, things: set[tuple[str, str]]) -> May:
        if self.role == "write":
            return May.YES
        if self.role == "read":
            return May.NO
        if self.role == "fineGrained" and self.permissions:
            found = any((kind, name) in things and what == "repo.write" for kind, name, what in self.permissions)
            return May.YES if found else May.NO
        return May.UNKNOWN

    def described(self) -> str:
        """The token, in words."""
        roles = {"write": "write token", "read": "read token", "fineGrained": "fine-grained token"}
        return roles.get(self.role, "token of a kind the Hub does not name")


def _permissions(fine: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for permission in fine.get("global") or []:
        yield "", "", str(permission)
    for scope in _tables(fine.get("scoped")):
        thing = _table(scope.get("entity"))
        for permission in scope.get("permissions") or []:
            yield str(thing.get("type") or ""), str(thing.get("name") or ""), str(permission)


def _plan(organisation: dict[str, Any]) -> bool | None:
    if organisation.get("isEnterprise") is True or organisation.get("plan") in ("team", "enterprise"):
        return True
    return None


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tables(value: Any) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
