"""The flows that a contract or a plan uses, by its reads and by its routes."""

from collections.abc import Iterable

from contracts.compiler.flow_program import FlowProgram
from contracts.compiler.read_program import AnyRead, FlowRead
from contracts.compiler.route_program import BrowserProgram, RouteProgram


def flows_of(reads: Iterable[AnyRead], routes: Iterable[RouteProgram]) -> Iterable[FlowProgram]:
    """Every flow that a contract uses."""
    yield from (read.flow for read in reads if isinstance(read, FlowRead))
    yield from (route.flow for route in routes if isinstance(route, BrowserProgram))
