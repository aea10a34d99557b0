"""Drafts from the tools of an upstream MCP server, pinned to what the tools are now."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from contracts.action.mcp_request import definition_of
from contracts.drafts.draft import Draft, identifier
from contracts.drafts.draft_inputs import Inputs
from contracts.errors import AilyusError

Tool = Mapping[str, JsonValue]


def draft_tool(
    tools: Sequence[Tool], name: str, reads: Sequence[str], target: str, label: str, fixed: Mapping[str, JsonValue]
) -> Draft:
    """A draft of one tool. A tool that only reads, as it says itself, becomes a read; another observes by `reads`."""
    known = {str(tool.get("name")): tool for tool in tools}
    for wanted in (name, *reads):
        if wanted not in known:
            raise AilyusError("not_found", f"the server has no tool `{wanted}`", hint=f"it has {', '.join(known)}")
    tool = known[name]
    inputs = Inputs(fixed)
    draft = Draft(identifier(name), target, label, "mcp", heard=[f"{name}: {tool.get('description') or ''}"])
    annotations = tool.get("annotations")
    only_reads = isinstance(annotations, Mapping) and annotations.get("readOnlyHint") is True
    if only_reads and not reads:
        draft.observe["answer"] = {"mcp": _call(tool, inputs)}
        draft.outputs = {"text": "${before.answer.text}", "data": "${before.answer.data}"}
    else:
        draft.route = {"mcp": _call(tool, inputs)}
        for read in reads:
            draft.observe[identifier(read)] = {"mcp": _call(known[read], inputs, needed_only=True)}
            draft.heard.append(f"{read}: {known[read].get('description') or ''}")
        if not reads:
            draft.observe["state"] = {"mcp": {"tool": "TODO the tool that reads back what this one changes"}}
    inputs.fill(draft)
    return draft


def _call(tool: Tool, inputs: Inputs, *, needed_only: bool = False) -> dict[str, JsonValue]:
    schema = tool.get("inputSchema")
    arguments = inputs.arguments(schema if isinstance(schema, Mapping) else {}, ("arguments",), needed_only=needed_only)
    return {"tool": str(tool["name"]), "definition": definition_of(tool), "arguments": arguments}
