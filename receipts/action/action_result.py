"""What an agent is told about one action: a value with names and types. The journal stores the document of it.

A document holds only what was set, in the order of the fields here. What a stored document holds beyond these fields,
or in another form (another version wrote it), stands in `extra`, so that nothing is lost when it is written again.
"""

from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field, fields
from enum import Enum
from typing import Annotated, Literal, TypeVar, get_args

import orjson
from pydantic import JsonValue, TypeAdapter, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from contracts.canonical import sha256
from contracts.errors import AilyusError

Status = Literal[
    "confirmed",
    "approval_required",
    "running",
    "not_applied",
    "diverged",
    "unknown",
    "compensated",
    "partial",
    "denied",
    "unavailable",
    "refused",
    "expired",
    "cancelled",
    "invalid",
    "previewed",
]
"""The one public vocabulary, everywhere."""
_STATUSES: Mapping[str, Status] = {status: status for status in get_args(Status)}
_STATUS: TypeAdapter[Status] = TypeAdapter(Status)


def status_of(value: object) -> Status:
    """A stored status; anything else means that the store was tampered with."""
    return _STATUS.validate_python(value)


class Unset(Enum):
    """The value of a field that is not written although `None` would be written as null."""

    UNSET = "unset"


UNSET = Unset.UNSET
"""Nothing is said of it."""
Changed = Annotated[bool | Literal[Unset.UNSET] | None, WithJsonSchema({"type": ["boolean", "null"]})]
"""Whether anything is different from before; `None`: it cannot be known."""


_WRITTEN: dict[type["Part"], tuple[tuple[str, object], ...]] = {}


def _written(kind: type["Part"]) -> tuple[tuple[str, object], ...]:
    """The fields of a document, each with the default that is not written (a field without one always is)."""
    found = _WRITTEN.get(kind)
    if found is None:
        found = _WRITTEN[kind] = tuple((f.name, f.default) for f in fields(kind) if f.name != "extra")
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A part of a result. Its document holds each field that has not its default."""

    extra: SkipJsonSchema[Mapping[str, JsonValue]] = field(default_factory=dict)

    def document(self) -> dict[str, JsonValue]:
        """As JSON: what was set, in the order of the fields, and nothing else."""
        said: dict[str, JsonValue] = {}
        for name, unless in _written(type(self)):
            value = getattr(self, name)
            if value is not unless:
                said[name] = value if value is None or isinstance(value, str) else _plain(value)
        if self.extra:
            said.update(self.extra)
        return said


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultCheck(Part):
    """One expectation as a sentence, and whether it was met; `None`: it could not be read."""

    that: str
    met: bool | None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultCheck | None":
        """From its document; None for another form."""
        rest = dict(value)
        that, met = rest.pop("that", None), rest.pop("met", "")
        if isinstance(that, str) and (met is None or isinstance(met, bool)):
            return cls(that=that, met=met, extra=rest)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultApproval(Part):
    """Whose approval is waited for, until when, and the page where they give it."""

    needs: str
    expires_at: str
    url: str | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultApproval | None":
        """From its document; None for another form."""
        rest = dict(value)
        needs, expires_at = _text(rest, "needs"), _text(rest, "expires_at")
        if needs is None or expires_at is None:
            return None
        return cls(needs=needs, expires_at=expires_at, url=_text(rest, "url"), extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultProgress(Part):
    """How many steps of a plan have ended, of how many, and which one is out."""

    done: int
    total: int
    current: str | None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultProgress | None":
        """From its document; None for another form."""
        rest = dict(value)
        done, total, current = rest.pop("done", None), rest.pop("total", None), rest.pop("current", 0)
        if isinstance(done, int) and isinstance(total, int) and (current is None or isinstance(current, str)):
            return cls(done=done, total=total, current=current, extra=rest)
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultStep(Part):
    """What became of one step of a plan. `kept`: why it was not undone; `because`: why it was left out."""

    id: str
    tool: str
    state: str
    action_id: str | None = None
    receipt_id: str | None = None
    kept: str | None = None
    item: str | None = None
    because: str | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultStep | None":
        """From its document; None for another form."""
        rest = dict(value)
        key, tool, state = _text(rest, "id"), _text(rest, "tool"), _text(rest, "state")
        if key is None or tool is None or state is None:
            return None
        return cls(
            id=key,
            tool=tool,
            state=state,
            action_id=_text(rest, "action_id"),
            receipt_id=_text(rest, "receipt_id"),
            kept=_text(rest, "kept"),
            item=_text(rest, "item"),
            because=_text(rest, "because"),
            extra=rest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldStep(Part):
    """What one step of a plan would do."""

    id: str
    tool: str | None = None
    says: str
    shows: Mapping[str, JsonValue] | None = None
    needs: str | None = None
    undo: str | None = None
    checks: tuple[str, ...] | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "WouldStep | None":
        """From its document; None for another form."""
        rest = dict(value)
        key, says = _text(rest, "id"), _text(rest, "says")
        if key is None or says is None:
            return None
        return cls(
            id=key,
            tool=_text(rest, "tool"),
            says=says,
            shows=_object(rest, "shows"),
            needs=_text(rest, "needs"),
            undo=_text(rest, "undo"),
            checks=_texts(rest, "checks"),
            extra=rest,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Would(Part):
    """What an action would do: what it changes, what the record is now, whom it needs, and what is read back."""

    says: str
    shows: Mapping[str, JsonValue] | None = None
    needs: str
    undo: str
    checks: tuple[str, ...]
    steps: tuple[WouldStep, ...] | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "Would | None":
        """From its document; None for another form."""
        rest = dict(value)
        says, needs, undo = _text(rest, "says"), _text(rest, "needs"), _text(rest, "undo")
        checks, shows = _texts(rest, "checks"), _object(rest, "shows")
        if says is None or needs is None or undo is None or checks is None:
            return None
        steps = _each(rest, "steps", WouldStep.of)
        return cls(says=says, shows=shows, needs=needs, undo=undo, checks=checks, steps=steps, extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultError(Part):
    """Why nothing was sent: a code, the field that it is about ('' for none), and what to do next."""

    code: str
    field: str
    hint: str

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultError | None":
        """From its document; None for another form."""
        rest = dict(value)
        code, about, hint = _text(rest, "code"), _text(rest, "field"), _text(rest, "hint")
        if code is None or about is None or hint is None:
            return None
        return cls(code=code, field=about, hint=hint, extra=rest)


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
        status = _STATUSES.get(_text(rest, "status") or "")
        summary, following = _text(rest, "summary"), _text(rest, "next")
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
            approval=_one(rest, "approval", ResultApproval.of),
            progress=_one(rest, "progress", ResultProgress.of),
            steps=_each(rest, "steps", ResultStep.of),
            would=_one(rest, "would", Would.of),
            checks=_each(rest, "checks", ResultCheck.of),
            escalated_to=_text(rest, "escalated_to"),
            outputs=_object(rest, "outputs"),
            data=_object(rest, "data"),
            from_outside=_texts(rest, "from_outside"),
            error=_one(rest, "error", ResultError.of),
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


# -- parts of documents: what has the expected form is taken out of `rest`, and all else stays there -------------------

T = TypeVar("T")
Rest = MutableMapping[str, JsonValue]


def _plain(value: object) -> JsonValue:
    if isinstance(value, int):
        return value
    if isinstance(value, tuple):
        return [item if isinstance(item, str) else _plain(item) for item in value]
    if isinstance(value, Part):
        return value.document()
    if isinstance(value, dict | Mapping):  # nearly always a dict, which costs less to find out
        return dict(value)
    raise TypeError(f"a result holds no {type(value).__name__}")


def _one(rest: Rest, name: str, of: Callable[[Mapping[str, JsonValue]], T | None]) -> T | None:
    value = rest.get(name)
    found = of(value) if isinstance(value, dict) else None
    if found is not None:
        del rest[name]
    return found


def _each(rest: Rest, name: str, of: Callable[[Mapping[str, JsonValue]], T | None]) -> tuple[T, ...] | None:
    values = rest.get(name)
    if not isinstance(values, list):
        return None
    found = tuple(one for value in values if isinstance(value, dict) and (one := of(value)) is not None)
    if len(found) != len(values):
        return None
    del rest[name]
    return found


def _texts(rest: Rest, name: str) -> tuple[str, ...] | None:
    values = rest.get(name)
    if not isinstance(values, list):
        return None
    found = tuple(value for value in values if isinstance(value, str))
    if len(found) != len(values):
        return None
    del rest[name]
    return found


def _text(rest: Rest, name: str) -> str | None:
    value = rest.get(name)
    if not isinstance(value, str):
        return None
    del rest[name]
    return value


def _object(rest: Rest, name: str) -> Mapping[str, JsonValue] | None:
    value = rest.get(name)
    if not isinstance(value, dict):
        return None
    del rest[name]
    return value


def _changed(rest: Rest) -> bool | Literal[Unset.UNSET] | None:
    value = rest.get("changed", UNSET)
    if not (value is None or isinstance(value, bool)):
        return UNSET
    del rest["changed"]
    return value
