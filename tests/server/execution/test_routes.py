"""Which route is taken: the first that is open, and the next only where that is provably safe."""

from dataclasses import replace

import pytest

from contracts.action.observation import Execution
from contracts.action.target import Ui
from receipts.statement.attempt_facts import SkippedRouteFact
from server.execution.routes import Choice, Routes, RouteSkip, skipped_facts, timeout_of
from tests.adapters.requests import release_for
from tests.policies.making import PROGRAMS
from tests.server.engine import Engine

ARGUMENTS = {"record": "r1", "value": "new"}


def execution(delivery: str, route: int = 0, attempt: int = 1) -> Execution:
    return Execution(route, attempt, delivery, 0, 0, "POST", "", "")  # type: ignore[arg-type]


async def test_a_breaker_knows_a_route_only_where_there_are_several(permissive: Engine) -> None:
    routes, catalog = Routes(permissive.journal), permissive.release.catalog
    two = permissive.action("two_routes", **ARGUMENTS).request
    assert routes.name(two, catalog.programs["two_routes"], 1) == "records/two_routes/http:PUT"
    assert routes.name(permissive.action().request, catalog.programs["set_value"], 0) == ""
    assert routes.trip(permissive.action().request, catalog.programs["set_value"], 0) is None
    trip = routes.trip(two, catalog.programs["two_routes"], 1)
    assert trip is not None
    assert (trip.halt.scope, trip.halt.name, trip.halt.by) == ("route", "records/two_routes/http:PUT", "breaker")


async def test_a_route_whose_breaker_is_open_is_passed_over_and_named(permissive: Engine) -> None:
    routes, target = Routes(permissive.journal), permissive.release.targets["records"]
    request, program = (
        permissive.action("two_routes", **ARGUMENTS).request,
        permissive.release.catalog.programs["two_routes"],
    )
    assert routes.choose(request, program, target) == Choice(0, ())
    await permissive.halt("route", "records/two_routes/http:POST", by="breaker")
    assert routes.choose(request, program, target) == Choice(1, (RouteSkip(0, "breaker"),))
    await permissive.halt("route", "records/two_routes/http:PUT", by="breaker")
    assert routes.choose(request, program, target) == Choice(None, (RouteSkip(0, "breaker"), RouteSkip(1, "breaker")))


@pytest.mark.parametrize(
    ("delivery", "attempt", "verdict", "route"),
    [
        ("not_sent", 1, "again", 0),  # a lost connection is tried twice
        ("not_sent", 2, "again", 1),
        ("in_doubt", 1, "again", 1),
        ("no_effect", 1, "next_route", 1),
    ],
)
async def test_the_route_of_the_next_attempt(
    permissive: Engine, delivery: str, attempt: int, verdict: str, route: int
) -> None:
    routes, target = Routes(permissive.journal), permissive.release.targets["records"]
    request, program = (
        permissive.action("two_routes", **ARGUMENTS).request,
        permissive.release.catalog.programs["two_routes"],
    )
    sent = execution(delivery, 0, attempt)
    assert routes.after(request, program, target, sent, verdict) == route  # type: ignore[arg-type]


async def test_after_the_last_route_only_the_same_one_is_left(permissive: Engine) -> None:
    routes, target = Routes(permissive.journal), permissive.release.targets["records"]
    request, program = (
        permissive.action("two_routes", **ARGUMENTS).request,
        permissive.release.catalog.programs["two_routes"],
    )
    assert routes.after(request, program, target, execution("no_effect", 1), "next_route") is None
    assert routes.after(request, program, target, execution("in_doubt", 1), "again") == 1


async def test_a_route_for_which_the_connection_has_no_way_is_closed(permissive: Engine) -> None:
    """`resolve_ticket` acts by HTTP first, by pages else; a connection without an account has no pages."""
    program, bare = PROGRAMS["resolve_ticket"], permissive.release.targets["records"]
    request = permissive.action().request
    pages = [n for n, route in enumerate(program.routes) if not route.said.startswith("http")]
    assert pages == [1]
    routes = Routes(permissive.journal)
    assert routes.choose(request, program, bare, 1) == Choice(None, (RouteSkip(1, "no account for the browser"),))
    with_pages = replace(bare, ui=Ui("http://127.0.0.1:1", "none", "p"))
    assert routes.choose(request, program, with_pages, 1) == Choice(1, ())


def test_a_connection_only_shortens_how_long_a_route_may_take() -> None:
    http, pages = PROGRAMS["resolve_ticket"].routes
    ui = Ui("http://127.0.0.1:1", "none", "p", max_timeout_ms=7)
    target = release_for(1).targets["records"]
    assert timeout_of(http, replace(target, max_timeout_ms=3)) == 3
    assert timeout_of(http, replace(target, max_timeout_ms=10**9)) == http.timeout_ms
    assert timeout_of(pages, replace(target, max_timeout_ms=3, ui=ui)) == 7
    assert timeout_of(pages, replace(target, max_timeout_ms=3)) == pages.timeout_ms


def test_a_statement_names_the_routes_that_were_passed_over() -> None:
    assert skipped_facts(()) == {}
    assert skipped_facts((RouteSkip(0, "breaker"),)) == {"skipped": (SkippedRouteFact(route=0, why="breaker"),)}
