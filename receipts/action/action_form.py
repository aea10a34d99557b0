"""The form in which the journal stores an action: requests, callers and observations as JSON."""

from typing import Any

import orjson

from contracts.action.observation import Observation, Reading
from contracts.action.request import ActionRequest, Caller
from contracts.errors import AilyusError
from contracts.hiding import Hiding

FORM = 1
"""The form of a stored request and of a stored caller.

Its names are those below, whatever the classes call their fields. A field may be added to it: an older reader leaves
out what it does not know. A change that an older reader would misread needs the next number, which it then refuses.
"""


def pack_request(request: ActionRequest) -> bytes:
    """The request as JSON."""
    return orjson.dumps(
        {
            "form": FORM,
            "contract": request.contract,
            "version": request.version,
            "contract_digest": request.contract_digest,
            "kind": request.kind,
            "risk": request.risk,
            "tenant": request.tenant,
            "agent": request.agent,
            "person": request.person,
            "owner": request.owner,
            "connection": request.connection,
            "target_digest": request.target_digest,
            "params": dict(request.params),
            "reason": request.reason,
            "caller_key": request.caller_key,
            "boundary": request.boundary,
            "late": request.late,
            "trace": request.trace,
            "action_digest": request.action_digest,
            "call_key": request.call_key,
        }
    )


def unpack_request(data: bytes) -> ActionRequest:
    """The request from its JSON; its digests are computed anew."""
    stored = _stored(data)
    return ActionRequest(
        contract=stored["contract"],
        version=stored["version"],
        contract_digest=stored["contract_digest"],
        kind=stored["kind"],
        risk=stored["risk"],
        tenant=stored["tenant"],
        agent=stored["agent"],
        person=stored["person"],
        owner=stored["owner"],
        connection=stored["connection"],
        target_digest=stored["target_digest"],
        params=stored["params"],
        reason=stored["reason"],
        caller_key=stored["caller_key"],
        boundary=stored.get("boundary", "network"),
        late=tuple(stored.get("late", ())),
        trace=stored.get("trace", ""),
    )


def pack_caller(caller: Caller) -> bytes:
    """The caller as JSON."""
    return orjson.dumps(
        {
            "form": FORM,
            "agent": caller.agent,
            "tenant": caller.tenant,
            "person": caller.person,
            "owner": caller.owner,
            "roles": sorted(caller.roles),
            "person_roles": sorted(caller.person_roles),
            "observe_only": caller.observe_only,
            "boundary": caller.boundary,
            "issuer": caller.issuer,
            "delegated": caller.delegated,
        }
    )


def unpack_caller(data: bytes) -> Caller:
    """The caller from its JSON."""
    stored = _stored(data)
    return Caller(
        agent=stored["agent"],
        tenant=stored["tenant"],
        person=stored["person"],
        owner=stored["owner"],
        roles=frozenset(stored["roles"]),
        person_roles=frozenset(stored["person_roles"]),
        observe_only=stored.get("observe_only", False),
        boundary=stored.get("boundary", "network"),
        issuer=stored.get("issuer", ""),
        delegated=stored.get("delegated", True),
    )


def _stored(data: bytes) -> dict[str, Any]:
    """A stored object of a form that this version reads. Rows from before there were forms have none."""
    stored: dict[str, Any] = orjson.loads(data)
    # what a newer version wrote it may have meant otherwise: what cannot be read for certain is not run
    if stored.get("form", FORM) != FORM:
        sentence = f"an action is stored in the form {stored['form']}, and this version reads the form {FORM}"
        raise AilyusError("store_newer", sentence)
    return stored


def pack_observation(observation: Observation) -> bytes:
    """What a probe after a crash needs of the state before: values by name, or their digests where a secret passed."""
    readings = {
        # the mark of a list that is one page stands only where it is: earlier rows have three fields and mean a whole
        # one
        n: [r.status, r.at_ms, r.value] if r.whole else [r.status, r.at_ms, r.value, False]
        for n, r in observation.readings.items()
    }
    fields: dict[str, object] = {"at_ms": observation.at_ms, "channel": observation.channel, "readings": readings}
    if observation.hiding is not None:
        fields["hidden"] = True
    return orjson.dumps(fields)


def unpack_observation(data: bytes, hiding: Hiding | None = None) -> Observation:
    """The state before, from the journal; `hiding` compares what was kept as digests with values that are read now."""
    fields = orjson.loads(data)
    readings = {
        # the raw bytes are evidence and not kept here: a probe compares values alone
        name: Reading(name, status, value, b"", at_ms, whole=not page)
        for name, (status, at_ms, value, *page) in fields["readings"].items()
    }
    hidden = hiding if fields.get("hidden") else None
    return Observation(readings, fields["at_ms"], fields["channel"], hiding=hidden)
