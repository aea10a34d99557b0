"""What one order sends, whatever the route: an HTTP request, a flow through pages, or a call of a tool or adapter."""

from contracts.action.http_request import HttpRequest, render_read, render_route
from contracts.action.mcp_request import McpRequest, render_mcp
from contracts.action.python_request import PythonRequest, render_python
from contracts.action.target import Target
from contracts.compiler.expressions import Fault, Scope
from contracts.compiler.flow_program import FlowRequest, render_flow
from contracts.compiler.read_program import AnyRead, FlowRead, McpRead, PythonRead
from contracts.compiler.route_program import BrowserProgram, McpProgram, PythonProgram, RouteProgram

Rendered = HttpRequest | FlowRequest | McpRequest | PythonRequest


def render(
    route: RouteProgram, target: Target, scope: Scope, absent: frozenset[str], handles: tuple[tuple[str, str], ...]
) -> Rendered | Fault:
    """What this route would send to this target, or why it cannot be built."""
    if isinstance(route, McpProgram):
        return render_mcp(route, target.name, scope, absent, handles)
    if isinstance(route, PythonProgram):
        return render_python(route, target.name, scope, absent, handles)
    if not isinstance(route, BrowserProgram):
        return render_route(route, target.base_url, scope, absent, handles)
    # a release allows such a connection, since a contract may have another route
    if target.ui is None:
        return Fault(f"the connection `{target.name}` has no account for the browser")
    return render_flow(route.flow, target.ui.base_url, scope, absent, handles)


def place_read(read: AnyRead, target: Target, scope: Scope) -> str | None:
    """Where a read looks, so that two reads of one place are known as such; None when it cannot be built."""
    if isinstance(read, FlowRead):
        flow = render_flow(read.flow, target.ui.base_url, scope) if target.ui else None
        return None if flow is None or isinstance(flow, Fault) else f"{flow.url} {flow.digest}"
    if isinstance(read, McpRead | PythonRead):
        call = (
            render_mcp(read, target.name, scope)
            if isinstance(read, McpRead)
            else render_python(read, target.name, scope)
        )
        return None if isinstance(call, Fault) else f"{call.url} {call.digest}"
    http = render_read(read, target.base_url, scope)
    return None if isinstance(http, Fault) else f"{http.url} {http.body.hex()}"
