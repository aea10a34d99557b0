"""Commands about people: their keys and passkeys."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from server.cli.answer import Answer, group, verb
from server.cli.choice import require_person
from server.cli.output import table
from server.cli.owner import asked, told
from server.cli.passphrase import ask_passphrase
from server.cli.workspace_option import WorkspaceOption, open_workspace

if TYPE_CHECKING:
    from server.workspace.settings.person import PersonPart

person = group("People, and the keys and passkeys that they sign with.")
MIN_PASSPHRASE = 12


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key that is linked to a person: kind `file`, `development`, or `passkey`, which has a name and a last use."""

    keyid: str
    person: str
    kind: str
    revoked: bool
    # a gateway of the version before says neither
    name: str = ""
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class PersonRow:
    """A person with one of their keys; without a key, `keyid` and `kind` are empty."""

    person: str
    tenant: str = ""
    roles: list[str] = field(default_factory=list)
    keyid: str = ""
    kind: str = ""
    revoked: bool = False
    name: str = ""
    used_ms: int | None = None


@dataclass(frozen=True, slots=True)
class EnrolledKey:
    """The key file that was made for a person; `linked`: does it count already?"""

    person: str
    file: str
    linked: bool


@dataclass(frozen=True, slots=True)
class RevokedKey:
    """A key that signs nothing any more."""

    keyid: str
    person: str


@dataclass(frozen=True, slots=True)
class Invitation:
    """A link by which a person brings a passkey, once."""

    person: str
    link: str


@verb(person, "list")
def people(workspace: WorkspaceOption = ".") -> Answer[list[PersonRow]]:
    """List the declared people and every key that is linked to them."""
    space = open_workspace(workspace)
    keys = asked(space, "GET", "/keys", list[KeyRow])
    declared = {part.name: part for part in space.settings.people}
    names = [*declared, *sorted({key.person for key in keys} - declared.keys())]
    rows = [row for name in names for row in _rows_of(name, declared.get(name), keys)]
    return Answer(rows, table(rows, ("person", "tenant", "roles", "kind", "name", "keyid", "revoked")))


@verb(person, "enrol")
def enrol(
    as_: Annotated[str, typer.Option("--as", help="The declared person whose key it is.")],
    workspace: WorkspaceOption = ".",
) -> Answer[EnrolledKey]:
    """Make a key with a passphrase and link it to a declared person: at once, or by their first release."""
    from receipts.log.signing import create_key
    from server.workspace.releases import has_signed_release

    space = open_workspace(workspace)
    require_person(space, as_)
    path = space.key_file(as_)
    if path.exists():
        raise AilyusError("bad_settings", f"there is a key for `{as_}` already", hint=f"it is `{path}`")
    passphrase = ask_passphrase("new passphrase: ")
    # the file may be copied and tried offline, without anybody who counts
    if len(passphrase) < MIN_PASSPHRASE or passphrase != ask_passphrase("again: "):
        sentence = f"the passphrases differ or have fewer than {MIN_PASSPHRASE} characters"
        raise AilyusError("bad_settings", sentence, hint="try again")
    key = create_key(path, passphrase.encode())
    public = key.public_key().public_bytes_raw().hex()
    try:
        told(space, "POST", "/keys", {"public": public, "person": as_, "kind": "file"})
    except AilyusError as error:
        if error.code == "no_owner" and not has_signed_release(space):
            # nobody can link it yet: the key waits for a gateway, and a first release links it without one
            following = f"the first release that {as_} signs links it: ailyus release sign --as {as_}"
            return Answer(EnrolledKey(as_, str(path), linked=False), says=[f"made {path}; {following}"])
        path.unlink()  # a key that nobody linked would stand in the way of the next try
        raise
    return Answer(EnrolledKey(as_, str(path), linked=True), says=[f"linked a key to {as_}: {path}"])


@verb(person, "invite")
def invite(
    name: Annotated[str, typer.Argument(metavar="PERSON", help="The declared person who brings a passkey.")],
    workspace: WorkspaceOption = ".",
) -> Answer[Invitation]:
    """Print the link by which a person brings a passkey: once, within ten minutes, while few admins have one."""
    space = open_workspace(workspace)
    require_person(space, name)
    link = asked(space, "POST", "/introductions", dict[str, str], {"person": name})["link"]
    return Answer(Invitation(name, link), [link])


@verb(person, "revoke-key")
def revoke_key(
    keyid: Annotated[str, typer.Argument(help="The key's id, as `person list` shows it.")],
    workspace: WorkspaceOption = ".",
) -> Answer[RevokedKey]:
    """Revoke a person's key: it signs nothing any more, and what it approved and was not done yet does not count."""
    space = open_workspace(workspace)
    whose = {key.keyid: key.person for key in asked(space, "GET", "/keys", list[KeyRow])}
    if keyid not in whose:
        hint = did_you_mean(keyid, whose, where="`ailyus person list` shows the keys")
        raise AilyusError("not_found", f"no key `{keyid}` is linked", hint=hint)
    told(space, "DELETE", f"/keys/{keyid}")
    return Answer(RevokedKey(keyid, whose[keyid]), says=[f"revoked the key {keyid} of {whose[keyid]}"])


def _rows_of(name: str, declared: "PersonPart | None", keys: list[KeyRow]) -> list[PersonRow]:
    tenant, roles = (declared.tenant, list(declared.roles)) if declared else ("", [])
    own = [key for key in keys if key.person == name]
    rows = [PersonRow(name, tenant, roles, key.keyid, key.kind, key.revoked, key.name, key.used_ms) for key in own]
    return rows or [PersonRow(name, tenant, roles)]
