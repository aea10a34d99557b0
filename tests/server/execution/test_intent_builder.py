"""The intent of one attempt: what is signed and compared before the first byte leaves."""

from dataclasses import replace

import pytest

from contracts.action.http_request import HttpRequest
from contracts.action.observation import Execution
from contracts.compiler.body import Body
from contracts.compiler.expressions import Fault, Names
from contracts.compiler.route_program import HttpProgram
from contracts.compiler.template import Template
from receipts.journal.intent import IntentCommit
from server.execution.attempt import PermittedAction
from server.execution.intent_builder import IntentBuilder
from server.execution.routes import Choice, RouteSkip
from tests.server.engine import PERMIT, Engine, engine, evidence_of, predicate_of

RATED = '@id("rare") forbid (principal, action == Action::"set_value", resource) when { context.rate.lastHour > 9 };'
TWO = {"record": "r1", "value": "new"}


def builder_of(made: Engine) -> IntentBuilder:
    executor = made.executor
    return IntentBuilder(made.journal, made.release, executor.decisions, executor.statements, executor.routes)


def rendered(made: Engine, ready: PermittedAction, route: int = 0) -> HttpRequest:
    request = builder_of(made).rendered(ready, route)
    assert isinstance(request, HttpRequest)
    return request


def intent(
    made: Engine,
    ready: PermittedAction,
    attempts: tuple[Execution, ...] = (),
    choice: Choice = Choice(0, ()),  # noqa: B008  # a frozen value
) -> IntentCommit:
    return builder_of(made).intent(ready, rendered(made, ready, choice.route or 0), attempts, choice)


async def test_the_request_is_rendered_from_what_was_read(permissive: Engine) -> None:
    http = rendered(permissive, await permissive.permitted(permissive.action()))
    assert (http.method, http.body) == ("PUT", b'{"value":"new"}')
    assert http.url.endswith("/acme/records/records/r1")
    assert ("if-match", "1") in http.headers


async def test_what_the_record_does_not_say_is_a_fault_and_no_request(permissive: Engine) -> None:
    del permissive.records["r1"]["version"]
    ready = await permissive.permitted(permissive.action())
    assert isinstance(builder_of(permissive).rendered(ready, 0), Fault)


async def test_the_signed_intent_names_exactly_this_request(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action())
    http, commit = rendered(permissive, ready), intent(permissive, ready)
    said = predicate_of(commit.sealed)
    assert said["requestDigest"] == http.digest == commit.rendered.digest
    assert said["actionDigest"] == ready.action.request.action_digest
    assert (said["fence"], said["attempt"], said["epoch"]) == (1, 1, ready.basis.epoch)
    assert said["deadlineMs"] == commit.deadline_ms
    kept = evidence_of(commit.sealed)
    assert kept["request/body"] == b'{"value":"new"}'
    assert {"before/record", "request", "resource", "params"} <= set(kept)
    assert "reason" not in kept


async def test_the_connection_shortens_what_the_contract_allows(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action())
    commit = intent(permissive, ready)
    target = permissive.release.targets["records"]
    assert (commit.timeout_ms, commit.settle_ms) == (target.max_timeout_ms, target.max_settle_ms)
    assert commit.lock == permissive.executor.decisions.resource(ready.action.request, ready.permitted.facts)


async def test_a_further_attempt_counts_on_and_names_the_route_that_failed(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action("two_routes", **TWO))
    failed = Execution(0, 1, "in_doubt", 0, 0, "POST", "", "")
    commit = intent(permissive, ready, (failed,), Choice(1, (RouteSkip(0, "breaker"),)))
    assert (commit.attempt, commit.route, commit.via) == (2, 1, "records/two_routes/http:PUT")
    assert commit.trip is not None
    assert commit.trip.halt.name == "records/two_routes/http:POST"
    assert commit.former_failed
    assert predicate_of(commit.sealed)["skipped"] == [{"route": 0, "why": "breaker"}]
    harmless = Execution(0, 1, "no_effect", 0, 0, "POST", "", "")
    assert not intent(permissive, ready, (harmless,), Choice(1, ())).former_failed
    assert intent(permissive, ready).trip is None


async def test_a_rate_is_compared_again_only_where_a_policy_reads_it(
    permissive: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert intent(permissive, await permissive.permitted(permissive.action())).rate is None
    async with engine(tmp_path_factory.mktemp("rated"), PERMIT, RATED) as made:
        commit = intent(made, await made.permitted(made.action()))
        assert commit.rate is not None
        assert commit.rate.last_hour == 0


async def test_no_request_is_made_out_of_half_a_list(permissive: Engine) -> None:
    ready = await permissive.permitted(permissive.action())
    (route,) = ready.resolved.program.routes[:1]
    assert isinstance(route, HttpProgram)
    events = Template.compile("${before.record.events}", Names.of({"before.record": "dyn"}))
    body = Body({"events": "${before.record.events}"}, {"${before.record.events}": events})
    program = replace(ready.resolved.program, routes=(replace(route, body=body),))
    ready = replace(ready, resolved=replace(ready.resolved, program=program))
    assert rendered(permissive, ready).body == b'{"events":[]}'
    cut = {name: replace(reading, whole=False) for name, reading in ready.before.readings.items()}
    fault = builder_of(permissive).rendered(replace(ready, before=replace(ready.before, readings=cut)), 0)
    assert fault == Fault("`before.record.events` is one page of several")
