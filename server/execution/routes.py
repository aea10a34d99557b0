"""Which route an action takes: the first whose breaker is closed, and the next only where that is provably safe."""

from dataclasses import dataclass

from contracts.action.observation import Execution
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.compiler.route_program import BrowserProgram, McpProgram, PythonProgram, RouteProgram
from receipts.journal.breaker import BREAKER, Trip
from receipts.journal.halt import halt_statement, new_halt
from receipts.journal.journal import Journal
from receipts.reconciliation.verdict import Verdict
from receipts.statement.attempt_facts import SkippedRouteFact


@dataclass(frozen=True, slots=True)
class RouteSkip:
    """A route that was not taken, and why: its breaker, or no account for the browser at the connection."""

    route: int
    why: str


@dataclass(frozen=True, slots=True)
class Choice:
    """The route to take, None when all are closed, and those that were passed over."""

    route: int | None
    skipped: tuple[RouteSkip, ...]


def skipped_facts(skipped: tuple[RouteSkip, ...]) -> dict[str, tuple[SkippedRouteFact, ...]]:
    """The field of a statement that names the routes that were passed over; none where none was."""
    return {"skipped": tuple(SkippedRouteFact(route=s.route, why=s.why) for s in skipped)} if skipped else {}


class Routes:
    """The routes of every contract and their breakers."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def name(self, request: ActionRequest, program: Program, route: int) -> str:
        """By which a breaker knows a route, for example `helpdesk/set_priority/http:PATCH`; empty for an only one."""
        return f"{request.connection}/{program.name}/{program.routes[route].said}" if len(program.routes) > 1 else ""

    def choose(self, request: ActionRequest, program: Program, target: Target, start: int = 0) -> Choice:
        """The first open route from `start` on."""
        skipped: list[RouteSkip] = []
        for index in range(start, len(program.routes)):
            why = self._closed(request, program, target, index)
            if why is None:
                return Choice(index, tuple(skipped))
            skipped.append(RouteSkip(index, why))
        return Choice(None, tuple(skipped))

    def after(
        self, request: ActionRequest, program: Program, target: Target, execution: Execution, verdict: Verdict
    ) -> int | None:
        """The route of the next attempt: another where there is one, but a lost connection is tried twice.

        What a target refused goes by no other route: only the token is another one.
        """
        following = self.choose(request, program, target, execution.route + 1).route
        if verdict == "next_route":
            return following
        if verdict == "stale":
            return execution.route
        again = execution.delivery == "refused" or (execution.delivery == "not_sent" and execution.attempt == 1)
        return execution.route if again or following is None else following

    def trip(self, request: ActionRequest, program: Program, route: int) -> Trip | None:
        """The halt of a route, if this failure is the third in a row; None where it is the only one."""
        name = self.name(request, program, route)
        if not name:
            return None
        now = self._journal.store.now_ms()
        halt = new_halt("route", name, False, BREAKER, "three failed attempts in a row", now)
        return Trip(halt, halt_statement(self._journal.notary, halt, "halted"))

    def _closed(self, request: ActionRequest, program: Program, target: Target, route: int) -> str | None:
        if isinstance(program.routes[route], BrowserProgram) and target.ui is None:
            return "no account for the browser"
        if isinstance(program.routes[route], McpProgram) and target.mcp is None:
            return "no MCP server"
        if isinstance(program.routes[route], PythonProgram) and target.plugin is None:
            return "no adapter"
        name = self.name(request, program, route)
        return "breaker" if name and self._journal.controls.is_route_halted(name) else None


def timeout_of(route: RouteProgram, target: Target) -> int:
    """How long a route may take at a target, in milliseconds."""
    if isinstance(route, BrowserProgram):
        return min(route.timeout_ms, target.ui.max_timeout_ms if target.ui else route.timeout_ms)
    return min(route.timeout_ms, target.max_timeout_ms)
