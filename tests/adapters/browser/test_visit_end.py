"""Ends of visits: what became of an order, by how far what was sent got."""

from typing import Any

import pytest

from adapters.browser.visit_end import VisitResult, execution_of, stopped, unsent
from contracts.compiler.program import Program
from tests.adapters.orders import order
from tests.contracts.making import WRITE, program
from tests.contracts.targets import UI, target

BOTH = ["before", "after"]
PRESS: Program = program(execute=[{"browser": {"flow": "press"}}], evidence={"browser": BOTH})


def test_an_answered_visit_has_what_the_page_said() -> None:
    dispatch = order(PRESS, target(ui=UI))
    seen = VisitResult("answered", {"value": "new"}, 302, None, False, {"after.png": b"x"}, ("a popup was closed",))
    ended = execution_of(dispatch, 10, 20, "robot", seen)
    assert (ended.delivery, ended.started_ms, ended.ended_ms, ended.identity) == ("answered", 10, 20, "robot")
    assert ended.response is not None
    assert (ended.response.status, ended.response.body, ended.response.raw) == (
        302,
        {"value": "new"},
        b'{"value":"new"}',
    )
    assert (ended.method, ended.url) == ("POST", "https://pages.example/base/records/r1")
    assert (ended.via, ended.request_digest) == ("browser:press", dispatch.rendered.digest)
    assert (ended.evidence, ended.notes) == ({"after.png": b"x"}, ("a popup was closed",))
    assert (ended.route, ended.attempt) == (0, 2)


@pytest.mark.parametrize(("make", "delivery"), [(unsent, "not_sent"), (stopped, "stopped")])
def test_a_visit_before_its_commit_has_no_response(make: Any, delivery: str) -> None:
    ended = execution_of(order(PRESS, target(ui=UI)), 10, 20, "robot", make("why"))
    assert (ended.delivery, ended.fault, ended.response, ended.evidence) == (delivery, "why", None, {})


def test_an_order_that_is_for_no_browser_names_no_flow() -> None:
    made = program(execute=WRITE["execute"])
    assert execution_of(order(made, target()), 1, 2, "", unsent("x")).via == "browser"
