"""Principals, entities, times and requests in Cedar's JSON (https://docs.cedarpolicy.com/auth/entities-syntax.html)."""

from datetime import UTC, datetime
from functools import lru_cache


def principal(kind: str, name: str, tenant: str, roles: frozenset[str]) -> dict[str, object]:
    """An agent or a person with its roles, as an entity."""
    parents = [{"type": "Role", "id": role} for role in sorted(roles)]
    return {"uid": {"type": kind, "id": name}, "attrs": {"tenant": tenant}, "parents": parents}


def entity(kind: str, name: str) -> dict[str, object]:
    """A reference to an entity, as the value of an attribute."""
    return {"__entity": {"type": kind, "id": name}}


@lru_cache(maxsize=8)
def instant(seconds: int) -> dict[str, object]:
    """Cedar's `datetime` of a Unix time in seconds."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"__extn": {"fn": "datetime", "arg": text}}


def quoted(name: str) -> str:
    """A name as a string in Cedar's own syntax."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
