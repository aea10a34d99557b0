"""The tools of the gateway itself: they read what became of actions, or run several of them as one plan."""

from typing import get_args

import mcp_types as types

from policies.run_plan_schema import RUN_PLAN, RUN_PLAN_SCHEMA
from receipts.action.status import Status
from server.results.output_schema import OUTPUT_SCHEMA, PLAN_OUTPUT_SCHEMA, RECEIPTS_OUTPUT_SCHEMA

GET_ACTION = types.Tool(
    name="get_action",
    title="Get an action",
    description=(
        "Read what became of an action that you asked for: its result, as soon as it ends or wait_seconds are over. "
        "Use when: a result was approval_required or running, and you need to know whether it was approved or done by "
        "now. Not for: asking for anything to be done. Needs: action_id of that result. Risk: none; it only reads."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "action_id": {"type": "string", "pattern": "^act_[0-9A-Z]{26}$"},
            "wait_seconds": {"type": "integer", "minimum": 0, "maximum": 45, "default": 0},
        },
        "required": ["action_id"],
        "additionalProperties": False,
    },
    # the one tool whose schema is the whole form of a result; that of every other tool has what is its own
    output_schema=dict(OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(title="Get an action", read_only_hint=True, open_world_hint=False),
)
FIND_RECEIPTS = types.Tool(
    name="find_receipts",
    title="Find receipts",
    description=(
        "List the receipts of the actions that you asked for, newest first. "
        "Use when: somebody asks what you have done, whether it was done, or for a receipt. "
        "Not for: waiting (get_action). Risk: none; it only reads."
    ),
    input_schema={
        "type": "object",
        "properties": {
            "contract": {"type": "string", "maxLength": 64, "description": "Only receipts of this tool."},
            "status": {"type": "string", "enum": list(get_args(Status))},
            "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
        },
        "required": [],
        "additionalProperties": False,
    },
    output_schema=dict(RECEIPTS_OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(title="Find receipts", read_only_hint=True, open_world_hint=False),
)
RUN_PLAN_TOOL = types.Tool(
    name=RUN_PLAN,
    title="Run several steps as one",
    description=(
        "Run several steps together as one plan: decided whole before the first, approved once, carried out in order, "
        "undone in reverse when one fails. Use when: several actions belong together, or one goes over many items "
        "(for_each, in waves). Not for: a single action. Needs: the ids that each step's tool needs. "
        "Risk: that of its riskiest step; the steps decide who approves. Confirmed when every step is."
    ),
    input_schema=dict(RUN_PLAN_SCHEMA),
    output_schema=dict(PLAN_OUTPUT_SCHEMA),
    annotations=types.ToolAnnotations(
        title="Run several steps as one", read_only_hint=False, destructive_hint=True, idempotent_hint=True
    ),
)
