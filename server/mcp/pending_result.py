"""How a call that waits is answered: by the best rung that its client has. Nobody's call is blocked on a human.

1. a task (SEP-2663); 2. the link to the approval's page, for the client to open: as an `InputRequiredResult` in the
modern era, as error -32042 in 2025-11-25; 3. the plain result, which every client has. None of them is an approval:
whether a person approved is asked of the journal alone.
"""

from dataclasses import replace
from typing import Any

import mcp_types as types
from mcp.shared.exceptions import UrlElicitationRequiredError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import JsonValue

from receipts.action.action import Action
from receipts.action.action_result import ActionResult
from receipts.action.result_parts import ResultApproval
from server.mcp.endpoint import OPENS_LINKS
from server.mcp.tasks import Context, Task, declares_tasks
from server.results import answers
from server.results.text import text_of
from server.results.timestamp import iso

REQUEST = "approval"
"""The key of the one input request."""
LINKS_SINCE = "2025-06-18"
"""The first version of the protocol with resource links."""
Result = types.CallToolResult | types.InputRequiredResult | dict[str, Any]


def result_of(answer: ActionResult, version: str = "") -> types.CallToolResult:
    """One envelope on both channels, and a link to its receipt behind the text."""
    content: list[types.ContentBlock] = [types.TextContent(type="text", text=text_of(answer))]
    receipt = answer.receipt_id
    if receipt is not None and version >= LINKS_SINCE:
        content.append(
            types.ResourceLink(
                type="resource_link", uri=f"receipt://{receipt}", name=receipt, mime_type="application/json"
            )
        )
    return types.CallToolResult(
        content=content,
        structured_content=answer.document(),
        is_error=answer.status not in answers.NOT_ERRORS,
    )


def add_links(answer: ActionResult, console: str) -> ActionResult:
    """With the page of the console where it is decided, or where the requester connects their account."""
    if answer.connect is not None:
        return replace(answer, connect=replace(answer.connect, url=f"{console}/connections/{answer.connect.name}"))
    if answer.status != "approval_required" or answer.approval is None:
        return answer
    return replace(answer, approval=replace(answer.approval, url=f"{console}/approvals/{answer.action_id}"))


def waiting_result(ctx: Context, answer: ActionResult, known: Action | None, *, asked_before: bool) -> Result:
    """An answer that is not the end of its action, on the client's best rung."""
    action = answer.action_id
    if action is None or known is None:
        return result_of(answer, ctx.protocol_version)
    if declares_tasks(ctx):
        return to_task(ctx, answer, known).created()
    approval = answer.approval if answer.status == "approval_required" else None
    if approval is not None and supports_url_elicitation(ctx) and not asked_before:
        request = link_to(approval)
        if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
            raise UrlElicitationRequiredError([request.model_copy(update={"elicitation_id": action})])
        asked = types.ElicitRequest(params=request)
        return types.InputRequiredResult(input_requests={REQUEST: asked}, request_state=action)
    return result_of(answer, ctx.protocol_version)


def supports_url_elicitation(ctx: Context) -> bool:
    """Does the client open links for its user? Said with the request, or when the session began."""
    if ctx.request is not None and ctx.request.scope.get(OPENS_LINKS):
        return True
    capabilities = ctx.session.client_capabilities
    elicitation = capabilities.elicitation if capabilities else None
    return elicitation is not None and elicitation.url is not None


def link_to(approval: ResultApproval) -> types.ElicitRequestURLParams:
    """The page of this approval in the console, for the client to open."""
    message = f"{approval.needs} must decide; open the page, or send it to them"
    return types.ElicitRequestURLParams(message=message, url=str(approval.url))


def to_task(ctx: Context, answer: ActionResult, action: Action) -> Task:
    """An action as a task."""
    base = Task(
        task_id=action.id,
        status="working",
        created_at=iso(action.created_ms),
        last_updated_at=iso(max(action.created_ms, action.updated_ms)),
        status_message=answer.summary,
    )
    approval = answer.approval if answer.status == "approval_required" else None
    if approval is not None and supports_url_elicitation(ctx):
        request = types.ElicitRequest(params=link_to(approval))
        shown: JsonValue = request.model_dump(mode="json", by_alias=True, exclude_none=True)
        return base.model_copy(update={"status": "input_required", "input_requests": {REQUEST: shown}})
    if answer.status in ("approval_required", "running"):
        return base
    if answer.status == "cancelled":
        return base.model_copy(update={"status": "cancelled"})
    result = result_of(answer, ctx.protocol_version).model_dump(mode="json", by_alias=True, exclude_none=True)
    return base.model_copy(update={"status": "completed", "result": result})
