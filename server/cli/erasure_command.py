"""The command that erases what actions hold about somebody, for good; every proof about them still holds."""

from dataclasses import dataclass
from typing import Annotated

import typer

from contracts.errors import AilyusError
from server.cli.answer import Answer, verb
from server.cli.choice import person_of
from server.cli.progress import working
from server.cli.workspace_option import WorkspaceOption, open_workspace


@dataclass(frozen=True, slots=True)
class ErasedSubject:
    """The actions of which everything personal was erased, and the receipts that say so."""

    tenant: str
    actions: list[str]
    receipts: list[str]


def register(single: typer.Typer) -> None:
    """Add the command to those of one word."""
    verb(single, "erase")(erase)


def erase(
    subject: Annotated[str, typer.Argument(help="Whom or what it is about: an e-mail address, an id, a name, whole.")],
    reason: Annotated[str, typer.Option(help="Why, without the name: it stands in the log for ever.")],
    tenant: Annotated[str | None, typer.Option(help="The tenant; that of the person who erases, if left out.")] = None,
    as_: Annotated[str | None, typer.Option("--as", help="The person who erases; else the only one.")] = None,
    workspace: WorkspaceOption = ".",
) -> Answer[ErasedSubject]:
    """Delete the keys and the values of every action about somebody; end the gateway of a store file first."""
    import asyncio

    from server.admin.client import find_owner
    from server.workspace.erasures import erase_here

    space = open_workspace(workspace)
    by = person_of(space, as_)
    if subject.lower() in reason.lower():
        hint = "say it without: a statement is never erased"
        raise AilyusError("bad_settings", "the reason names the subject", hint=hint)
    if not space.settings.has_database and find_owner(space) is not None:
        hint = "end it, say this again, and start it anew"
        raise AilyusError("owner_elsewhere", "a gateway has this store open", hint=hint)
    of = tenant or next(one.tenant for one in space.settings.people if one.name == by)
    with working("looking for the subject and erasing it"):
        done = asyncio.run(erase_here(space, of, subject, by, reason))
    says = [f"erased what {len(done.actions)} actions held; {', '.join(done.receipts) or 'nothing'} says so"]
    if done.actions:
        says.append("renew the `.keys` files of your backups: take a new backup, and delete the older `.keys` files")
    if done.was_open and space.settings.has_database:
        says.append("some stood unsealed, from a version before: run VACUUM FULL, and let WAL and base backups expire")
    return Answer(ErasedSubject(of, list(done.actions), list(done.receipts)), says=says)
