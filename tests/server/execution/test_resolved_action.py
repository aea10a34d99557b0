"""An action with what its request names in one release: the contract, the connection, leave to read."""

from dataclasses import replace

from contracts.action.observation import Observation, Reading
from policies.decision import Denied
from receipts.action.action import Action
from server.execution.resolved_action import ResolvedAction, base_scope, resolve
from tests.server.engine import BOT, Engine


def resolved_of(made: Engine, action: Action) -> ResolvedAction:
    resolved = resolve(made.release, action)
    assert isinstance(resolved, ResolvedAction)
    return resolved


async def test_it_names_contract_connection_and_request(permissive: Engine) -> None:
    action = permissive.action()
    resolved = resolved_of(permissive, action)
    assert resolved.request is action.request
    assert resolved.program is permissive.release.catalog.programs["set_value"]
    assert resolved.target is permissive.release.targets["records"]
    assert resolved.permit.request is action.request


async def test_a_connection_of_another_tenant_is_none(permissive: Engine) -> None:
    action = permissive.action()
    other = replace(action, request=replace(action.request, tenant="globex"))
    denied = resolve(permissive.release, other)
    assert isinstance(denied, Denied)
    assert "no such connection" in denied.reason


async def test_what_no_policy_permits_gets_no_leave_to_read(permissive: Engine) -> None:
    alone = replace(BOT, delegated=False)
    assert isinstance(resolve(permissive.release, permissive.action(caller=alone)), Denied)
    assert permissive.sandbox.log == []


async def test_expressions_see_inputs_and_connection_and_then_the_record(permissive: Engine) -> None:
    resolved = resolved_of(permissive, permissive.action())
    assert resolved.base["inputs.record"] == "r1"
    assert (resolved.base["connection.tenant"], resolved.base["connection.environment"]) == ("acme", "prod")
    seen = Observation({"record": Reading("record", 200, {"value": "old"}, b"", 1)}, 1, "same_channel")
    assert resolved.scope(seen) == {**resolved.base, "before.record": {"value": "old"}}
    assert "before.record" not in resolved.base


async def test_without_a_connection_there_is_no_environment(permissive: Engine) -> None:
    program, request = permissive.release.catalog.programs["set_value"], permissive.action().request
    assert base_scope(program, request, None)["connection.environment"] == ""
