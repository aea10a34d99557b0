"""What an adapter in Python is made of, and the digest by which the settings name its code.

A distribution offers an entry point of the group `ailyus.adapters`. It names a callable that takes a `Connection` and
gives an object with two methods:

    read(operation: str, arguments: dict) -> what was read, as JSON, or None when there is no such thing
    write(operation: str, arguments: dict, key: str) -> the answer, as JSON

Both are called from several threads at once. `write` sends once and never again: whether to try again is decided by
reading back. `key` is the same for each attempt of one action, for targets that know idempotency keys. What else is
raised than `NotSent` and `Refused` leaves the action in doubt, and nothing of its text is kept.
"""

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Final, Protocol

from pydantic import JsonValue

from adapters.named_code import import_only
from contracts.errors import AilyusError

GROUP: Final = "ailyus.adapters"
_OF_THE_INSTALLER: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")
_HINT: Final = "`ailyus adapter list`"


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection as an adapter sees it; `credential` is that for reading or that for writing, never both."""

    base_url: str
    principal: str
    credential: str = ""


class NotSent(Exception):
    """Not one byte of the request was written: it may be sent again."""


class Refused(Exception):
    """The target refused the credential: no other route is tried."""


class Plugin(Protocol):
    """What an entry point makes of a connection."""

    def read(self, operation: str, arguments: dict[str, JsonValue]) -> JsonValue:
        """Look, and change nothing."""
        ...

    def write(self, operation: str, arguments: dict[str, JsonValue], key: str) -> JsonValue:
        """Send once."""
        ...


def installed(name: str) -> tuple[EntryPoint, Distribution]:
    """The one entry point of this name, and its distribution. Raises `no_adapter`."""
    found = [e for e in entry_points(group=GROUP, name=name) if e.dist is not None]
    if len(found) != 1 or found[0].dist is None:
        sentence = f"`{name}` is offered twice" if found else f"no distribution offers `{name}` in `{GROUP}`"
        raise AilyusError("no_adapter", sentence, hint=_HINT)
    return found[0], found[0].dist


def digest_of(distribution: Distribution) -> str:
    """SHA-256 over every file of an installed distribution: `PATH NUL sha256(CONTENT) LF`, paths sorted.

    What the installer itself wrote (RECORD, byte code, scripts) is left out, so that the same wheel has the same digest
    everywhere. What the distribution depends on is not part of it.
    """
    total = hashlib.sha256()
    for path, place in sorted(code_of(distribution).items()):
        total.update(path.encode() + b"\0" + hashlib.sha256(place.read_bytes()).digest() + b"\n")
    return total.hexdigest()


def code_of(distribution: Distribution) -> dict[str, Path]:
    """The files that the digest covers, by their paths below the site's folder."""
    found: dict[str, Path] = {}
    for file in distribution.files or ():
        path = file.as_posix()
        if not path.startswith("..") and file.suffix != ".pyc" and file.name not in _OF_THE_INSTALLER:
            found[path] = Path(str(distribution.locate_file(file)))
    return found


@dataclass(frozen=True, slots=True)
class PluginOffer:
    """One entry point that an installed distribution offers."""

    entry_point: str
    distribution: str
    version: str
    digest: str


def offered() -> list[PluginOffer]:
    """Every adapter that is installed beside the gateway."""
    found = [(e, e.dist) for e in entry_points(group=GROUP)]
    return sorted(
        (PluginOffer(e.name, d.name, d.version, digest_of(d)) for e, d in found if d is not None),
        key=lambda one: (one.entry_point, one.distribution),
    )


def load(name: str, digest: str, at: Connection) -> Plugin:
    """The adapter, once its code is known to be the one that the settings name. Raises `no_adapter`."""
    entry, distribution = installed(name)
    code = code_of(distribution)
    module = entry.module.replace(".", "/")
    if not {f"{module}.py", f"{module}/__init__.py"} & set(code):
        sentence = f"`{name}` is not installed as a wheel: its code lies elsewhere"
        raise AilyusError("no_adapter", sentence, hint="install it without `--editable`")
    if digest_of(distribution) != digest:  # guard: an adapter's code
        sentence = f"the code of `{name}` is not the one that the settings name"
        raise AilyusError("no_adapter", sentence, hint=f"look at it, then take the digest that {_HINT} shows")
    import_only(code.values())  # guard: no byte code beside an adapter's code
    made: Plugin = entry.load()(at)
    return made
