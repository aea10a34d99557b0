"""What an agent is told about one action: a value with names and types. The journal stores the document of it.

A document holds only what was set, in the order of the fields here. What a stored document holds beyond these fields,
or in another form (another version wrote it), stands in `extra`, so that nothing is lost when it is written again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import orjson
from pydantic import JsonValue, WithJsonSchema

from contracts.canonical import sha256
from contracts.errors import AilyusError
from receipts.action.result_document import (
    UNSET,
    Changed,
    Part,
    Rest,
    Unset,
    take_each,
    take_object,
    take_one,
    take_text,
    take_texts,
)
from receipts.action.result_parts import (
    ResultApproval,
    ResultCheck,
    ResultConnection,
    ResultError,
    ResultProgress,
    ResultStep,
    Would,
)
from receipts.action.status import STATUSES, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionResult(Part):
    """What an agent is told: the world first, then what to do next. Nothing from outside is in `summary` or `next`.

    `from_outside` names the fields that hold words from outside systems.
    """

    status: Status
    summary: str
    next: str
    action_id: str | None
    receipt_id: str | None
    changed: Changed = UNSET
    approval: ResultApproval | None = None
    connect: ResultConnection | None = None
    progress: ResultProgress | None = None
    steps: tuple[ResultStep, ...] | None = None
    would: Would | None = None
    checks: tuple[ResultCheck, ...] | None = None
    escalated_to: Annotated[str | None, WithJsonSchema({"type": ["string", "null"]})] = None
    outputs: Mapping[str, JsonValue] | None = None
    data: Mapping[str, JsonValue] | None = None
    from_outside: tuple[str, ...] | None = None
    error: ResultError | None = None

    @classmethod
    def of(cls, document: Mapping[str, JsonValue]) -> "ActionResult":
        """From its document. Raises `store_corrupt` for one that never was a result."""
        rest = dict(document)
        status = STATUSES.get(take_text(rest, "status") or "")
        summary, following = take_text(rest, "summary"), take_text(rest, "next")
        # 0 is no id and no null: it stands for a field that is not there
        action, receipt = rest.pop("action_id", 0), rest.pop("receipt_id", 0)
        if (
            status is None
            or summary is None
            or following is None
            or not (action is None or isinstance(action, str))
            or not (receipt is None or isinstance(receipt, str))
        ):
            sentence = "a stored result has no status, summary, next, action_id and receipt_id"
            raise AilyusError("store_corrupt", sentence)
        return cls(
            status=status,
            summary=summary,
            next=following,
            action_id=action,
            receipt_id=receipt,
            changed=_changed(rest),
            approval=take_one(rest, "approval", ResultApproval.of),
            connect=take_one(rest, "connect", ResultConnection.of),
            progress=take_one(rest, "progress", ResultProgress.of),
            steps=take_each(rest, "steps", ResultStep.of),
            would=take_one(rest, "would", Would.of),
            checks=take_each(rest, "checks", ResultCheck.of),
            escalated_to=take_text(rest, "escalated_to"),
            outputs=take_object(rest, "outputs"),
            data=take_object(rest, "data"),
            from_outside=take_texts(rest, "from_outside"),
            error=take_one(rest, "error", ResultError.of),
            extra=rest,
        )

    @classmethod
    def unpacked(cls, data: bytes) -> "ActionResult":
        """From its bytes in the store."""
        document = orjson.loads(data)
        return cls.of(document if isinstance(document, dict) else {})

    @property
    def packed(self) -> bytes:
        """As it is stored."""
        return orjson.dumps(self.document())

    @property
    def digest(self) -> str:
        """SHA-256 of it as it is stored: every statement that ends an action says it, so that `audit` compares."""
        return sha256(self.packed)


def _changed(rest: Rest) -> bool | Literal[Unset.UNSET] | None:
    value = rest.get("changed", UNSET)
    if not (value is None or isinstance(value, bool)):
        return UNSET
    del rest["changed"]
    return value
