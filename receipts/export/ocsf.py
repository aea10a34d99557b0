"""Statements as events of the Open Cybersecurity Schema Framework (https://schema.ocsf.io, version 1.8.0).

A statement about an action is an API Activity (class 6003), one about the gateway itself an Entity Management (3004).
Both carry the signed envelope as `raw_data`, so that whoever keeps events can still verify them, and in `enrichments`
the place in the log. People and records stand in them as in the statement: by pseudonyms. `security_control` is the
profile under which a decision is told (`action_id`, `disposition_id`).
"""

from collections.abc import Mapping
from typing import Final, Literal

import orjson
from pydantic import JsonValue

from contracts.canonical import sha256
from receipts.export.batch import ExportRecord
from receipts.export.ocsf_words import (
    ACTIVITIES,
    DENIED,
    ENTITIES,
    FAILED,
    GATEWAY_SEVERITIES,
    OPEN,
    SEVERITIES,
    Activity,
)
from receipts.log.merkle import leaf_hash
from receipts.statement.json_value import object_of

VERSION: Final = "1.8.0"
PROFILES: Final = ("security_control",)
Event = dict[str, JsonValue]
_API: Final = (6, "Application Activity", 6003, "API Activity")
_ENTITY: Final = (3, "Identity & Access Management", 3004, "Entity Management")
_SEVERITIES: Final = {1: "Informational", 2: "Low", 3: "Medium", 4: "High", 5: "Critical"}
_STATUSES: Final = {0: "Unknown", 1: "Success", 2: "Failure", 99: "Other"}
_CONTROL: Final = {1: "Allowed", 2: "Denied", 3: "Observed", 99: "Other"}
_SHA256: Final = 3


def event_of(record: ExportRecord, version: str) -> Event:
    """The event that says what a statement says; `version` is that of the gateway."""
    statement = orjson.loads(record.envelope.payload)
    predicate = statement["predicate"]
    is_of_action = isinstance(predicate.get("action"), str)
    own = _of_action(predicate) if is_of_action else _of_gateway(predicate)
    return {**_frame(record, statement, version), **own}


def _frame(record: ExportRecord, statement: Mapping[str, JsonValue], version: str) -> Event:
    predicate = object_of(statement["predicate"])
    raw = record.envelope.encoded().decode()
    metadata: Event = {
        "version": VERSION,
        "product": {"name": "Ailyus", "vendor_name": "Ailyus", "version": version},
        "profiles": list(PROFILES),
        "uid": record.receipt,
        "event_code": str(statement["predicateType"]),
        "log_name": str(predicate["origin"]),
        "log_format": "in-toto Statement v1 in DSSE",
        "sequence": record.leaf_index,
    }
    # the schema takes no empty names
    if predicate["tenant"]:
        metadata["tenant_uid"] = predicate["tenant"]
    if predicate["action"]:
        metadata["correlation_uid"] = predicate["action"]
    place: Event = {
        "leaf_index": record.leaf_index,
        "after": record.after,
        "leaf_hash": leaf_hash(record.envelope.leaf()).hex(),
        "receipt": record.receipt,
        "release": predicate.get("release"),
    }
    return {
        "time": predicate["atMs"],
        "metadata": metadata,
        "raw_data": raw,
        "raw_data_size": len(raw),
        "raw_data_hash": {"algorithm": "SHA-256", "algorithm_id": _SHA256, "value": sha256(raw.encode())},
        "enrichments": [
            {"name": "metadata.sequence", "value": str(record.leaf_index), "type": "log place", "data": place}
        ],
    }


def _of_action(predicate: Mapping[str, JsonValue]) -> Event:
    kind, status = str(predicate["kind"]), str(predicate["status"])
    contract, resource = object_of(predicate["contract"]), predicate.get("resource")
    # a statement names no kind of contract: a read is what has neither an intent nor an attempt
    is_read = kind == "outcome" and not {"attempts", "intent", "planOf"} & predicate.keys()
    activity: Activity = (2, "Read") if is_read else (3, "Update")
    if kind in ("decision", "resolution"):
        activity = (99, kind)
    # what the gateway let pass, kept back, or left to people
    control = 2 if status in DENIED else 99 if status in OPEN else 1
    service: Event = {"name": str(predicate["connection"]) or "plan", "uid": str(predicate["target"]) or "plan"}
    agent, operation = str(predicate["agent"]), str(contract["id"])
    event: Event = {
        **_words(_API, activity, SEVERITIES.get(status, 1), _status_id(status)),
        "status": status,
        "message": f"{agent} called {operation}: {kind} {status}",
        "action_id": control,
        "action": _CONTROL[control],
        "actor": {"app_name": agent, "user": {"uid": str(predicate["person"]), "type_id": 1, "type": "User"}},
        "api": {
            "operation": operation,
            "version": str(contract.get("version", "")),
            "service": service,
            "request": {"uid": str(predicate["action"])},
        },
        "src_endpoint": {"svc_name": agent},
        "dst_endpoint": {"svc_name": str(service["name"])},
        "unmapped": _unmapped(predicate),
    }
    if reason := str(predicate.get("reason") or predicate.get("code") or ""):
        event["status_detail"] = reason
    if isinstance(resource, dict):
        event["resources"] = [{"type": str(resource["type"]), "uid": str(resource["id"])}]
    if authorizations := _authorizations(object_of(predicate.get("decision")), denied=status == "denied"):
        event["authorizations"] = authorizations
    return event


def _of_gateway(predicate: Mapping[str, JsonValue]) -> Event:
    kind, about = str(predicate["kind"]), object_of(predicate.get("about"))
    event = str(about.get("event", ""))
    activity = ACTIVITIES.get((kind, event)) or ACTIVITIES.get((kind, "")) or (99, event or kind)
    key = ENTITIES.get(kind, "")
    named = str(about.get(key) or about.get("scope") or kind)
    words = f"{kind} {event}".strip()
    return {
        **_words(_ENTITY, activity, GATEWAY_SEVERITIES.get(kind, 1), 1),
        "status": "Success",
        "message": f"{words}: {named}",
        "action_id": 3,
        "action": _CONTROL[3],
        "actor": {"app_name": "Ailyus"},
        "entity": {"type_id": 99, "type": kind, "uid": named, "data": dict(about)},
        "comment": str(about.get("reason") or about.get("comment") or words),
    }


def _words(kind: tuple[int, str, int, str], activity: Activity, severity: int, status: int) -> Event:
    category, category_name, uid, name = kind
    number, word = activity
    return {
        "category_uid": category,
        "category_name": category_name,
        "class_uid": uid,
        "class_name": name,
        "activity_id": number,
        "activity_name": word,
        "type_uid": uid * 100 + number,
        "type_name": f"{name}: {word if number != 99 else 'Other'}",
        "severity_id": severity,
        "severity": _SEVERITIES[severity],
        "status_id": status,
        "status": _STATUSES[status],
    }


def _status_id(status: str) -> Literal[0, 1, 2, 99]:
    if status == "unknown":
        return 0
    return 2 if status in FAILED else 99 if status in OPEN else 1


def _authorizations(decision: Mapping[str, JsonValue], *, denied: bool) -> list[JsonValue]:
    """The policies that decided, for the agent and for the person."""
    word = "Denied" if denied else "Allowed"
    found: list[JsonValue] = []
    for who, ids in object_of(decision.get("policies")).items():
        policies = ids if isinstance(ids, list) else []
        found += [{"decision": word, "policy": {"uid": str(one), "group": {"name": who}}} for one in policies]
    return found


def _unmapped(predicate: Mapping[str, JsonValue]) -> Event:
    """What the framework has no place for."""
    names = ("kind", "changed", "governed", "boundary", "attribution", "observer", "plan", "undoes")
    return {name: predicate[name] for name in names if name in predicate}
