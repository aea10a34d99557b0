"""What `ailyus init` writes for systems of one's own: an empty workspace, one HTTP API, or systems of the library."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from contracts.action.http_request import check_base_url
from contracts.errors import AilyusError
from server.workspace.connection_entry import add_connection
from server.workspace.free_port import free_port
from server.workspace.library.addition import Addition, Wanted, add
from server.workspace.library.policy_statement import BASE
from server.workspace.library.shelf import Shelf
from server.workspace.new_folder import begin, name_of, write_development_keys
from server.workspace.schemas import write_file
from server.workspace.settings.file import FILE
from server.workspace.settings_text import OWN
from server.workspace.workspace import Workspace

_DEVELOPMENT = "development = true                      # development keys count here, receipts say `governed: false`\n"


@dataclass(frozen=True, slots=True)
class OwnApi:
    """An HTTP API of one's own: name, place, the header of its credential, references to what reads and writes."""

    name: str
    base_url: str
    header: str
    scheme: str
    read: str
    write: str


@dataclass(frozen=True, slots=True)
class OwnSystems:
    """Systems of the library by name, with values for their connections, and one API of one's own, if it is named."""

    library: Sequence[str] = ()
    said: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    api: OwnApi | None = None
    development: bool = True


def init_own(folder: Path, systems: OwnSystems) -> Addition | None:
    """Write a workspace; returns what came out of the library."""
    if systems.api is not None:
        check_base_url(systems.api.base_url)
    shelf = Shelf.read() if systems.library else None
    found = [file for name in systems.library for file in shelf.named(name)] if shelf else []
    # what is named wrongly is refused before the folder exists
    begin(folder)
    development = _DEVELOPMENT if systems.development else "development = false\n"
    (folder / FILE).write_text(OWN.format(name=name_of(folder), port=free_port(), development=development))
    for name in ("contracts", "policies"):
        (folder / name).mkdir(exist_ok=True)
    library = files("policies").joinpath("library")
    (folder / "policies" / f"{BASE}.cedar").write_text(library.joinpath(f"{BASE}.cedar").read_text())
    tests = library.joinpath(f"{BASE}.test.yaml").read_text()
    write_file(folder, folder / "policies" / f"{BASE}.test.yaml", tests)
    # elsewhere people bring their own: a key without a passphrase counts in development alone
    if systems.development:
        write_development_keys(folder)
    if systems.api is not None:
        api = systems.api
        lines = [f"{key} = {json.dumps(getattr(api, key))}" for key in ("base_url", "header", "scheme")]
        add_connection(Workspace.open(folder), api.name, api.read, api.write, lines)
    if not found:
        return None
    # only what was named is connected: a half-connected system would answer `unavailable`
    kinds = frozenset(str(file.content["target"]) for file in found if "target" in file.content)
    return add(Workspace.open(folder), Wanted(systems.library, said=systems.said, systems=kinds))


def api_of(name: str, base_url: str, header: str, read: str, write: str) -> OwnApi:
    """An API by what somebody says of it; `header` such as `X-Api-Key` or `Authorization: Bearer`, and variables."""
    for variable in (read, write):
        require_variable(variable)
    word, _, scheme = (part.strip() for part in header.partition(":"))
    return OwnApi(name, base_url, word, scheme, f"env:{read}", f"env:{write}")


def require_variable(name: str) -> None:
    """Refuse what is no name of an environment variable, such as the credential itself."""
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise AilyusError("bad_settings", f"`{name}` is no name of an environment variable", hint="such as OKTA_TOKEN")


def init_okta(folder: Path, base_url: str, read: str, write: str, more: Sequence[str] = ()) -> Addition | None:
    """Write a workspace on an Okta of one's own; `read` and `write` are names of environment variables."""
    check_base_url(base_url)
    for name in (read, write):
        require_variable(name)
    said = {"okta": {"base_url": base_url, "read": f"env:{read}", "write": f"env:{write}"}}
    return init_own(folder, OwnSystems(("okta", *more), said, development=False))
