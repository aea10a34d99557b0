"""Principals, entities, times and requests in Cedar's JSON (https://docs.cedarpolicy.com/auth/entities-syntax.html)."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo

NO_ATTRIBUTES: Mapping[str, object] = MappingProxyType({})


def principal(
    kind: str, name: str, tenant: str, roles: frozenset[str], attributes: Mapping[str, object] = NO_ATTRIBUTES
) -> dict[str, object]:
    """An agent or a person with its roles and whatever else is known of it, as an entity."""
    parents = [{"type": "Role", "id": role} for role in sorted(roles)]
    return {"uid": {"type": kind, "id": name}, "attrs": {**attributes, "tenant": tenant}, "parents": parents}


def entity(kind: str, name: str) -> dict[str, object]:
    """A reference to an entity, as the value of an attribute."""
    return {"__entity": {"type": kind, "id": name}}


@lru_cache(maxsize=8)
def instant(seconds: int) -> dict[str, object]:
    """Cedar's `datetime` of a Unix time in seconds."""
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"__extn": {"fn": "datetime", "arg": text}}


@lru_cache(maxsize=8)
def local_time(seconds: int, time_zone: str) -> dict[str, object]:
    """The day of the week (1 is Monday, ISO 8601) and the time since midnight by the clocks of a time zone."""
    local = datetime.fromtimestamp(seconds, ZoneInfo(time_zone))
    past = local.hour * 3600 + local.minute * 60 + local.second
    return {"weekday": local.isoweekday(), "localTime": {"__extn": {"fn": "duration", "arg": f"{past}s"}}}


def quoted(name: str) -> str:
    """A name as a string in Cedar's own syntax."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
