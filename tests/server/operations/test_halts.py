"""People stop things and let them go on: only what there is, and only people who are declared."""

import pytest
from pydantic import ValidationError

from contracts.errors import AilyusError
from server.identity.agents import Agents
from server.operations.halts import NewHalt, halt, lift
from tests.server.engine import Engine


def new(scope: str, name: str = "", by: str = "lead") -> NewHalt:
    return NewHalt.model_validate({"scope": scope, "name": name, "by": by, "reason": "an incident"})


def agents(made: Engine) -> Agents:
    return Agents(made.journal, lambda: made.release)


@pytest.mark.parametrize(
    ("scope", "name"), [("all", ""), ("connection", "records"), ("contract", "set_value"), ("agent", "bot")]
)
async def test_what_is_halted_is_not_sent_until_it_is_lifted(permissive: Engine, scope: str, name: str) -> None:
    if scope == "agent":
        await agents(permissive).add("bot", "acme", "ann", None, frozenset(), observe_only=False)
    epoch = permissive.journal.epoch
    await halt(permissive.runner, agents(permissive), new(scope, name))
    assert permissive.journal.epoch > epoch  # an order that was made before does not leave any more
    denied = await permissive.live.pipeline.act(permissive.action())
    assert denied.error is not None
    assert denied.error.code == "halted"
    await lift(permissive.runner, scope, name, "lead")
    assert (await permissive.live.pipeline.act(permissive.action())).status == "confirmed"


@pytest.mark.parametrize(
    ("wanted", "code", "sentence"),
    [
        (new("connection", "okta"), "not_found", "there is no connection `okta`"),
        (new("contract", "gone"), "not_found", "there is no contract `gone`"),
        (new("agent", "nobody"), "not_found", "there is no agent `nobody`"),
        (new("all", "records"), "not_found", "there is no all `records`"),
        (new("connection", "records", by="nobody"), "unknown_person", "`nobody` is no declared person"),
    ],
)
async def test_a_name_that_there_is_not_stops_nothing(
    permissive: Engine, wanted: NewHalt, code: str, sentence: str
) -> None:
    with pytest.raises(AilyusError) as fault:
        await halt(permissive.runner, agents(permissive), wanted)
    assert (fault.value.code, fault.value.sentence) == (code, sentence)
    assert permissive.journal.controls.halts == ()


async def test_it_is_halted_once_and_lifted_once(permissive: Engine) -> None:
    await halt(permissive.runner, agents(permissive), new("all"))
    with pytest.raises(AilyusError, match="is halted already"):
        await halt(permissive.runner, agents(permissive), new("all"))
    with pytest.raises(AilyusError, match="`nobody` is no declared person"):
        await lift(permissive.runner, "all", "", "nobody")
    await lift(permissive.runner, "all", "", "lead")
    with pytest.raises(AilyusError, match="is not halted") as fault:
        await lift(permissive.runner, "all", "", "lead")
    assert fault.value.code == "not_found"


@pytest.mark.parametrize("wrong", [{"reason": ""}, {"scope": "planet"}, {"reason": "x" * 301}, {"until": "noon"}])
def test_a_halt_is_asked_for_in_one_form(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        NewHalt.model_validate({"scope": "all", "by": "lead", "reason": "an incident"} | wrong)
