"""The entry of a library's system in `ailyus.toml`, and what only the owner of the workspace can fill in there."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from contracts.errors import AilyusError
from server.workspace.settings.settings import Settings

_GAP: Final = re.compile(r"YOUR-[A-Z-]+")
_ENVIRONMENT: Final = "env:"
_FILE: Final = "file:"


@dataclass(frozen=True, slots=True)
class ConnectionText:
    """The text of one new connection, and a sentence for each thing in it that is still to be filled in."""

    kind: str
    text: str
    to_do: tuple[str, ...]


def connection_text(kind: str, settings: Settings, said: Mapping[str, str]) -> ConnectionText:
    """The entry of a system in this workspace's tenant and first environment; `said` are values of its keys."""
    try:
        text = files("server.workspace.library").joinpath("connections", f"{kind}.toml").read_text()
    except FileNotFoundError:
        hint = f"write [connections.{kind}] into ailyus.toml yourself"
        raise AilyusError("not_found", f"the library has no connection of the kind `{kind}`", hint=hint) from None
    values = {"tenant": tenant_of(settings), "environment": settings.environments[0], **said}
    for key, value in values.items():
        found = re.search(rf"(?m)^{key} = .*$", text)
        if found is None:
            raise AilyusError("bad_settings", f"[connections.{kind}] has no `{key}` to be given", hint="leave it out")
        # as text: a TOML writer would lose the comments
        text = f"{text[: found.start()]}{key} = {json.dumps(value)}{text[found.end() :]}"
    # read again, so that what is to do is what will stand there
    part = tomllib.loads(text)["connections"][kind]
    return ConnectionText(kind, text, tuple(_to_do(kind, part)))


def tenant_of(settings: Settings) -> str:
    """The tenant of a new connection: the only one that people have, else the first."""
    # a connection in another tenant than its people's would be denied at the wall between tenants
    people = sorted({person.tenant for person in settings.people})
    tenants = sorted({*people, *(connection.tenant for connection in settings.connections.values())})
    return people[0] if len(people) == 1 else tenants[0] if tenants else "main"


def _to_do(name: str, part: Mapping[str, object]) -> Iterator[str]:
    for key, value in part.items():
        # a table in it, such as that of its sign-in, has gaps of its own
        if isinstance(value, dict):
            yield from _to_do(f"{name}.{key}", value)
        elif isinstance(value, str) and _GAP.search(value):
            yield f"write `{key}` of [connections.{name}] in ailyus.toml (now `{value}`)"
        elif isinstance(value, str) and value.startswith(_ENVIRONMENT):
            what = {"read": "which may only read", "write": "which writes"}.get(key, f"as `{key}`")
            yield f"set {value.removeprefix(_ENVIRONMENT)}, the credential of `{name}` {what}"
        elif isinstance(value, str) and value.startswith(_FILE):
            yield f"write the file {value.removeprefix(_FILE)}, `{key}` of [connections.{name}]"
