"""Requests of visits: which origins a context may reach, and what no picture shows."""

import time

from adapters.browser.visit_request import VisitRequest
from contracts.action.target import Ui
from contracts.compiler.flow_program import FlowProgram, FlowRequest
from tests.contracts.making import flow
from tests.contracts.targets import target

UI = Ui("https://pages.example/base", "env:LOGIN", "robot", origins=("https://cdn.example", "https://sso.example"))


def visit(seconds: float = 60.0, **changes: object) -> VisitRequest:
    program = FlowProgram(flow(**changes), "d", {})
    return VisitRequest(FlowRequest(program, UI.base_url, ()), target(ui=UI), UI, time.monotonic() + seconds)


def test_only_the_pages_and_their_declared_origins_are_reached() -> None:
    assert visit().urls == {"https://pages.example/base", "https://cdn.example", "https://sso.example"}


def test_a_password_field_is_in_no_picture() -> None:
    assert [str(mask) for mask in visit().masks()] == ["css `input[type=password]`"]
    own = visit(mask=[{"label": "E-mail"}]).masks()
    assert [str(mask) for mask in own] == ["label `E-mail`", "css `input[type=password]`"]


def test_what_is_left_until_the_deadline() -> None:
    assert 0 < visit(60).left() <= 60
    assert visit(-1).left() < 0
    # an order that asks no gate lets it pass
    assert visit().enter() is None
