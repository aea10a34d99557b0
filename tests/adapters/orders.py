"""Orders to act by one route of a small contract, and gates that let them pass or do not."""

import time
from collections.abc import Mapping
from typing import Any

from contracts.action.dispatch import Dispatch
from contracts.action.rendered_request import render
from contracts.action.request import ActionRequest
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program

PARAMS: Mapping[str, str] = {"record": "r1", "value": "new"}


def request(program: Program, target: Target, params: Mapping[str, Any] = PARAMS) -> ActionRequest:
    return ActionRequest(
        program.name, 1, program.digest, program.contract.kind, "low", "acme", "bot", "ann", "ann", target.name,
        target.digest, dict(params), None, None,
    )  # fmt: skip


def order(program: Program, target: Target, seconds: float = 5.0, route: int = 0) -> Dispatch:
    asked = request(program, target)
    rendered = render(program.routes[route], target, program.scope(PARAMS, "acme", "prod"), frozenset(), ())
    assert not isinstance(rendered, Fault)
    return Dispatch(
        "act_1", asked, asked.action_digest, target.digest, 1, 2, route, 1, 1, 0, time.monotonic() + seconds, "key-1", 100,
        rendered,
    )  # fmt: skip
