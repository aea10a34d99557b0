"""The flows of a contract: those that it reads by, then those that it acts by, and none of other ways."""

from contracts.compiler.flow_use import flows_of
from tests.contracts.making import WRITE, program

ROUTES = [*WRITE["execute"], {"browser": {"flow": "press"}}]
EVIDENCE = {"http": ["before", "after"], "browser": ["before", "after"]}
OBSERVE = {"record": {"get": "/records/${inputs.record}"}, "page": {"browser": "look"}}


def test_the_flows_of_reads_come_before_those_of_routes() -> None:
    made = program(observe=OBSERVE, execute=ROUTES, evidence=EVIDENCE)
    assert [found.flow.flow for found in flows_of(made.reads, made.routes)] == ["look", "press"]
    assert [found.flow.flow for found in flows_of((), made.routes)] == ["press"]
    assert [found.flow.flow for found in flows_of(made.reads, ())] == ["look"]


def test_a_contract_without_pages_uses_no_flow() -> None:
    made = program()
    assert made.reads
    assert made.routes
    assert not list(flows_of(made.reads, made.routes))
