"""The input schema of `run_plan`, by which an agent writes a plan of its own."""

from pydantic import JsonValue

from contracts.compiler.agent_arguments import PREVIEW, REASON
from contracts.schema.plan import MAX_ITEMS, MAX_STEPS

RUN_PLAN = "run_plan"
# as small as agents need: everything else of a plan is for people who write files
_STEP: dict[str, JsonValue] = {
    "id": {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,63}$", "description": "A name for the step."},
    "contract": {"type": "string", "maxLength": 64, "description": "The tool that the step calls."},
    "connection": {"type": "string", "maxLength": 64, "description": "Which system, where the tool asks for it."},
    "optional": {"type": "boolean", "description": "The plan goes on when nothing changed by it."},
    "inputs": {
        "type": "object",
        "description": "The tool's arguments, without reason. `${item}` or `${item.field}` in a list; "
        "`${steps.ID.outputs.NAME}` passes an earlier output on, to inputs that allow it.",
    },
}
_STEPS: dict[str, JsonValue] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_STEPS,
    "items": {
        "type": "object",
        "properties": {
            **_STEP,
            "for_each": {"type": "array", "maxItems": MAX_ITEMS, "description": "The items to go through."},
            "waves": {"type": "array", "maxItems": 10, "description": 'How many at a time, such as [1, 10, "rest"].'},
            "skip_missing": {"type": "boolean", "description": "Leave out items that do not exist."},
            "skip_unmet": {"type": "boolean", "description": "Leave out items whose conditions do not hold."},
            "steps": {
                "type": "array",
                "maxItems": MAX_STEPS,
                "items": {
                    "type": "object",
                    "properties": _STEP,
                    "required": ["id", "contract"],
                    "additionalProperties": False,
                },
                "description": "With for_each: what each item goes through.",
            },
        },
        "required": ["id"],
        "additionalProperties": False,
    },
}
RUN_PLAN_SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "minLength": 1, "maxLength": 80, "description": "What the plan is for."},
        "steps": _STEPS,
        "on_failure": {
            "type": "string",
            "enum": ["undo", "undo_wave", "continue", "stop", "escalate"],
            # the strict one: what is half done is taken back
            "default": "undo",
            "description": "When a step is not confirmed; continue: a list goes on with its other items.",
        },
        "reason": dict(REASON),
        "preview": dict(PREVIEW),
    },
    "required": ["steps", "reason"],
    "additionalProperties": False,
}
