"""The parts of a result: checks, the approval, the progress and steps of a plan, what would be done, an error."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from receipts.action.result_document import Part, take_each, take_object, take_text, take_texts


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
        needs, expires_at = take_text(rest, "needs"), take_text(rest, "expires_at")
        if needs is None or expires_at is None:
            return None
        return cls(needs=needs, expires_at=expires_at, url=take_text(rest, "url"), extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultConnection(Part):
    """The connection where the requester has to connect an account of their own, and the page where they do it."""

    name: str
    url: str | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultConnection | None":
        """From its document; None for another form."""
        rest = dict(value)
        name = take_text(rest, "name")
        return None if name is None else cls(name=name, url=take_text(rest, "url"), extra=rest)


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
        key, tool, state = take_text(rest, "id"), take_text(rest, "tool"), take_text(rest, "state")
        if key is None or tool is None or state is None:
            return None
        return cls(
            id=key,
            tool=tool,
            state=state,
            action_id=take_text(rest, "action_id"),
            receipt_id=take_text(rest, "receipt_id"),
            kept=take_text(rest, "kept"),
            item=take_text(rest, "item"),
            because=take_text(rest, "because"),
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
        key, says = take_text(rest, "id"), take_text(rest, "says")
        if key is None or says is None:
            return None
        return cls(
            id=key,
            tool=take_text(rest, "tool"),
            says=says,
            shows=take_object(rest, "shows"),
            needs=take_text(rest, "needs"),
            undo=take_text(rest, "undo"),
            checks=take_texts(rest, "checks"),
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
        says, needs, undo = take_text(rest, "says"), take_text(rest, "needs"), take_text(rest, "undo")
        checks, shows = take_texts(rest, "checks"), take_object(rest, "shows")
        if says is None or needs is None or undo is None or checks is None:
            return None
        steps = take_each(rest, "steps", WouldStep.of)
        return cls(says=says, shows=shows, needs=needs, undo=undo, checks=checks, steps=steps, extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultFault(Part):
    """One more fault of the same call: a code, the field that it is about ('' for none), and what to do next."""

    code: str
    field: str
    hint: str

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultFault | None":
        """From its document; None for another form."""
        rest = dict(value)
        code, about, hint = take_text(rest, "code"), take_text(rest, "field"), take_text(rest, "hint")
        if code is None or about is None or hint is None:
            return None
        return cls(code=code, field=about, hint=hint, extra=rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultError(Part):
    """Why nothing was sent: code, field ('' for none) and hint of the first fault, and the other faults of the call."""

    code: str
    field: str
    hint: str
    also: tuple[ResultFault, ...] | None = None

    @classmethod
    def of(cls, value: Mapping[str, JsonValue]) -> "ResultError | None":
        """From its document; None for another form."""
        rest = dict(value)
        code, about, hint = take_text(rest, "code"), take_text(rest, "field"), take_text(rest, "hint")
        if code is None or about is None or hint is None:
            return None
        also = take_each(rest, "also", ResultFault.of)
        return cls(code=code, field=about, hint=hint, also=also, extra=rest)
