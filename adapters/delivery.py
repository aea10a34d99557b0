"""How a send ended, said in one way for every route: the `Execution`, and the `Delivery` that the contract reads."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.action.dispatch import Dispatch
from contracts.action.observation import Delivery, Execution, Response
from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.compiler.route_program import HttpProgram, McpProgram, PythonProgram
from contracts.schema.route import Way

_TRY_AGAIN = frozenset((408, 409, 425, 429))
"""4xx answers that say nothing about the request itself: too slow, in conflict, too early, too many."""


@dataclass(frozen=True, slots=True)
class DeliveryReport:
    """Begun when the order was taken. Times are integer milliseconds since the epoch."""

    dispatch: Dispatch
    via: Way
    started_ms: int
    now_ms: Callable[[], int]

    def unsent(self, fault: str) -> Execution:
        """Not one byte of the order was sent, and why."""
        return self.of("not_sent", fault=fault)

    def of(
        self,
        delivery: Delivery,
        *,
        identity: str = "",
        fault: str | None = None,
        response: Response | None = None,
        retry_after_ms: int | None = None,
        keyed: bool = False,
    ) -> Execution:
        """It ended so."""
        dispatch, request = self.dispatch, self.dispatch.rendered
        return Execution(
            route=dispatch.route,
            attempt=dispatch.attempt,
            delivery=delivery,
            started_ms=self.started_ms,
            ended_ms=self.now_ms(),
            method=request.method,
            url=request.url,
            request_digest=request.digest,
            response=response,
            fault=fault,
            retry_after_ms=retry_after_ms,
            idempotency_key=dispatch.idempotency_key if keyed else None,
            identity=identity,
            keyed=keyed,
            via=self.via,
        )


def delivery_of(
    program: Program,
    route: HttpProgram | McpProgram | PythonProgram,
    target: Target,
    dispatch: Dispatch,
    response: Response,
) -> Delivery:
    """What the contract makes of a whole answer."""
    scope = program.scope(dispatch.request.params, target.tenant, target.environment)
    scope |= {
        "response.status": response.status,
        "response.headers": dict(response.headers),
        "response.body": response.body,
    }
    if route.ok.holds(scope):
        return "answered"
    if route.declined and route.declined.holds(scope):
        return "declined"
    # only a body that the application itself writes proves that nothing happened
    has_body = isinstance(response.body, dict) and bool(response.body)
    if route.no_effect and target.direct and has_body and route.no_effect.holds(scope):
        return "no_effect"
    # INVARIANT: 401 and 403 are the target's refusal: never another route.
    if response.status in (401, 403):
        return "refused"
    # a tool that answers with an error says no in its own way, whatever it holds beside it
    if isinstance(route, McpProgram) and isinstance(response.body, dict) and response.body.get("is_error"):
        return "rejected"  # guard: a tool's own error
    again = _TRY_AGAIN | ({412} if isinstance(route, HttpProgram) and route.if_match else set())
    return "rejected" if 400 <= response.status < 500 and response.status not in again else "in_doubt"
