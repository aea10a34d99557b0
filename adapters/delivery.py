"""How a send ended, said in one way for every route: the `Execution`, and the `Delivery` that the contract reads."""

from collections.abc import Callable
from dataclasses import dataclass

from contracts.action.dispatch import Dispatch
from contracts.action.observation import Delivery, Execution, Response
from contracts.action.target import Target
from contracts.compiler.program import Program
from contracts.compiler.route_program import HttpProgram, McpProgram, PythonProgram
from contracts.schema.route import Way

STALE = "the application refused it: the version that was sent is old"
"""What a receipt notes of such an attempt."""
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
        stale: bool = False,
        renewable: bool = False,
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
            stale=stale,
            renewable=renewable,
            notes=(STALE,) if stale else (),
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
    scope = _scope(program, target, dispatch, response)
    if route.ok.holds(scope):
        return "answered"
    if is_stale(program, route, target, dispatch, response):
        return "no_effect"
    if route.declined and route.declined.holds(scope):
        return "declined"
    # only a body that the application itself writes proves that nothing happened
    if route.no_effect and target.direct and _has_body(response) and route.no_effect.holds(scope):
        return "no_effect"
    # INVARIANT: 401 and 403 are the target's refusal: never another route.
    if response.status in (401, 403):
        return "refused"
    # a tool that answers with an error says no in its own way, whatever it holds beside it
    if isinstance(route, McpProgram) and isinstance(response.body, dict) and response.body.get("is_error"):
        return "rejected"  # guard: a tool's own error
    again = _TRY_AGAIN | ({412} if isinstance(route, HttpProgram) and route.if_match else set())
    return "rejected" if 400 <= response.status < 500 and response.status not in again else "in_doubt"


def is_stale(
    program: Program,
    route: HttpProgram | McpProgram | PythonProgram,
    target: Target,
    dispatch: Dispatch,
    response: Response,
) -> bool:
    """Did the application itself refuse the request, because the version that it sends is old?"""
    if not isinstance(route, HttpProgram) or route.stale is None:
        return False
    # a proxy that sends twice gets this answer to the second one, when the first took effect
    # guard: an old version on a direct way
    return target.direct and _has_body(response) and route.stale.holds(_scope(program, target, dispatch, response))


def _scope(program: Program, target: Target, dispatch: Dispatch, response: Response) -> dict[str, object]:
    return program.scope(dispatch.request.params, target.tenant, target.environment) | {
        "response.status": response.status,
        "response.headers": dict(response.headers),
        "response.body": response.body,
    }


def _has_body(response: Response) -> bool:
    return isinstance(response.body, dict) and bool(response.body)
