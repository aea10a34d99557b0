"""The names by which an expression reads what was observed, with digests in place of what is hidden."""

from collections.abc import Iterable, Mapping

from contracts.action.observation import Execution, Observation
from contracts.compiler.check import ABSENT, lookup
from contracts.compiler.program import Program
from contracts.hiding import Hiding


def scope_of(
    program: Program, base: Mapping[str, object], before: Observation, after: Observation, execution: Execution | None
) -> dict[str, object]:
    """The names of the phase after: inputs, connection, before, after and the response, if one came."""
    scope = {**base, **before.scope("before"), **after.scope("after")}
    if execution and execution.response:
        response = execution.response
        scope["response.status"] = response.status
        scope["response.headers"] = dict(response.headers)
        scope["response.body"] = response.body
    hide_compared(scope, program.compared, before.hiding)
    return scope


def hide_compared(scope: dict[str, object], paths: Iterable[str], hiding: Hiding | None) -> None:
    """Where digests of the state before were kept, put digests on both sides of what is compared with itself."""
    for path in paths if hiding is not None else ():
        _hide(scope, f"before.{path}", hiding)
        _hide(scope, f"after.{path}", hiding)


def _hide(scope: dict[str, object], path: str, hiding: Hiding | None) -> None:
    value = lookup(path, scope)
    if value is ABSENT or hiding is None:
        return
    phase, name, *names = path.split(".")
    node: object = hiding.all(value)  # type: ignore[arg-type]  # what stands in a scope is JSON
    for depth in range(len(names) - 1, -1, -1):
        owner = lookup(".".join((phase, name, *names[:depth])), scope)
        node = {**owner, names[depth]: node} if isinstance(owner, Mapping) else owner
    scope[f"{phase}.{name}"] = node
