"""People stop things, and let them go on: everything, a connection, a contract or an agent."""

from pydantic import BaseModel, ConfigDict, Field

from contracts.errors import AilyusError
from contracts.text.nearest import did_you_mean
from receipts.journal.halt import Scope, halt_statement, new_halt
from server.actions.runner import ActionRunner
from server.identity.agents import Agents


class NewHalt(BaseModel):
    """What `halt` sends; `name` is empty for everything."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scope: Scope
    name: str = ""
    allow_undo: bool = False
    by: str
    reason: str = Field(min_length=1, max_length=300)  # `P1` will do: in an incident nobody counts letters


async def halt(runner: ActionRunner, agents: Agents, new: NewHalt) -> None:
    """Stop from now on; raises `not_found` for a name that there is not, `unknown_person` for who says so."""
    release, journal = runner.release, runner.journal
    known = {
        "all": {""},
        "connection": set(release.targets),
        "contract": set(release.catalog.programs) | set(release.catalog.plans),
        "agent": {agent.name for agent in await agents.list()},
    }.get(new.scope, set())
    if new.name not in known:
        hint = did_you_mean(
            new.name, known, where="`ailyus connection list`, `contract list` and `agent list` name them"
        )
        raise AilyusError("not_found", f"there is no {new.scope} `{new.name}`", hint=hint)
    if release.people.get(new.by) is None:
        raise AilyusError("unknown_person", f"`{new.by}` is no declared person")
    # the epoch moves with it: an order that was made before does not leave any more (INVARIANT 3)
    made = new_halt(new.scope, new.name, new.allow_undo, new.by, new.reason, journal.store.now_ms())
    await journal.controls.halt(made, halt_statement(journal.notary, made, "halted"))


async def lift(runner: ActionRunner, scope: str, name: str, by: str) -> None:
    """Lift a halt; what waited goes on where it stopped."""
    journal = runner.journal
    found = next((h for h in journal.controls.halts if (h.scope, h.name) == (scope, name)), None)
    if found is None:
        raise AilyusError("not_found", f"`{scope} {name}`".strip() + " is not halted", hint="`ailyus halt list`")
    if runner.release.people.get(by) is None:
        raise AilyusError("unknown_person", f"`{by}` is no declared person")
    await journal.controls.unhalt(found.scope, found.name, halt_statement(journal.notary, found, "lifted", by))
