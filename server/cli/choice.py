"""Who does it, and for which agent: the one whom the command line names, else the only one that there can be."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Final

import typer

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

PLAYED: Final = "lead"
"""Who decides in the demo's workspace, if nobody is named: one person plays all there."""
ASKING: Final = "requester"
"""For whom agents act there."""
SEEDED: Final = "support-bot"
"""The agent that the demo's workspace starts with."""
AsOption = Annotated[str | None, typer.Option("--as", help="The person who does it; may be left out if there is one.")]


def is_demo(space: "Workspace") -> bool:
    """Is it a development workspace, as `init` writes it, whose people and agents are there to play?"""
    return space.settings.development


def person_of(space: "Workspace", named: str | None, *, signs: bool = False) -> str:
    """The declared person who is named with `--as`, else the only one; `signs`: of those who have a key file here."""
    people = {person.name for person in space.settings.people}
    if named is not None:
        return require_person(space, named)
    able = {name for name in people if not signs or space.key_file(name).exists()}
    if is_demo(space) and PLAYED in able:
        return PLAYED
    return _only(able, "person", "--as", "declare one under [[people]]" if not people else "ailyus person enrol")


def require_person(space: "Workspace", name: str) -> str:
    """The same name, if it is a declared person's. Raises `unknown_person`."""
    people = {person.name for person in space.settings.people}
    if name not in people:
        hint = did_you_mean(name, people, where="ailyus.toml names them under [[people]]")
        raise AilyusError("unknown_person", f"`{name}` is no declared person", hint=hint)
    return name


def agent_of(space: "Workspace", named: str | None) -> str:
    """The agent whose token file is here: the one that is named, else the only one."""
    known = {path.stem for path in (space.private / "agents").glob("*.token")}
    if is_demo(space) and SEEDED not in known and not known:
        known = {SEEDED}  # made when the gateway starts for the first time
    if named is None:
        return (
            SEEDED if is_demo(space) and SEEDED in known else _only(known, "agent", "--agent", "ailyus agent add NAME")
        )
    if named not in known:
        hint = did_you_mean(named, known, where=f"`ailyus agent add {named}` makes one")
        raise AilyusError("unknown_agent", f"there is no token of an agent `{named}` here", hint=hint)
    return named


def _only(names: Collection[str], noun: str, option: str, made: str) -> str:
    if len(names) == 1:
        return next(iter(names))
    code = "unknown_person" if noun == "person" else "unknown_agent"
    if not names:
        raise AilyusError(code, f"there is no {noun} here yet", hint=f"`{made}`" if made.startswith("ailyus") else made)
    hint = f"say which {noun} with {option}: {', '.join(sorted(names))}"
    raise AilyusError(code, f"there are {len(names)} of them, and no {noun} is named", hint=hint)
