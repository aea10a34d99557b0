"""The audit log of the twin of GitHub: an event for each change, in the shape of the vendor's page about it."""

import base64
import hashlib
import re
from datetime import datetime

from adapters.sandbox.clock import now_ms
from adapters.sandbox.system import Json, Request

_EVENTS = (
    ("PUT", r"/orgs/(?P<org>[^/]+)/memberships/(?P<user>[^/]+)", "org.update_member", "modify"),
    ("DELETE", r"/orgs/(?P<org>[^/]+)/memberships/(?P<user>[^/]+)", "org.remove_member", "remove"),
    ("PUT", r"/orgs/(?P<org>[^/]+)/teams/(?P<team>[^/]+)/memberships/(?P<user>[^/]+)", "team.add_member", "create"),
    (
        "DELETE",
        r"/orgs/(?P<org>[^/]+)/teams/(?P<team>[^/]+)/memberships/(?P<user>[^/]+)",
        "team.remove_member",
        "remove",
    ),
    ("POST", r"/repos/(?P<repo>[^/]+/[^/]+)/keys", "public_key.create", "create"),
    ("DELETE", r"/repos/(?P<repo>[^/]+/[^/]+)/keys/[^/]+", "public_key.delete", "remove"),
    ("PUT", r"/repos/(?P<repo>[^/]+/[^/]+)/actions/secrets/[^/]+", "repo.update_actions_secret", "modify"),
    ("POST", r"/repos/(?P<repo>[^/]+/[^/]+)/actions/runs/[^/]+/rerun", "workflows.rerun_workflow_run", "modify"),
)
_CREATED = re.compile(r"created:(\S+?)\.\.(\S+)")


def hashed(token: str) -> str:
    """A token as the audit log names it: its SHA-256 in base64."""
    return base64.b64encode(hashlib.sha256(token.encode()).digest()).decode()


def record(state: Json, request: Request) -> None:
    """One event about a change, with the token that made it."""
    for method, path, action, operation in _EVENTS:
        match = re.fullmatch(path, request.path)
        if match is None or method != request.method:
            continue
        about = match.groupdict()
        org = about.pop("org", None) or about["repo"].partition("/")[0]
        if "team" in about:
            about["team"] = f"{org}/{about['team']}"
        token = request.headers.get("authorization", "").rpartition(" ")[2]
        lines = state.setdefault("audit", [])
        lines.append(
            {
                "@timestamp": now_ms(),
                "_document_id": f"doc{len(lines):08}",
                "action": action,
                "actor": "ailyus-writer",
                "actor_id": 700,
                "hashed_token": hashed(token),
                "operation_type": operation,
                "org": org,
                **about,
            }
        )


def recorded(state: Json, request: Request, org: str) -> list[Json]:
    """The events of an organization between the times of `phrase`; they come `audit_after_ms` of the state late."""
    between = _CREATED.search(request.query.get("phrase", ""))
    low, high = (_ms(between[1]), _ms(between[2])) if between else (0, 2**62)
    newest = now_ms() - state.get("audit_after_ms", 0)
    found = [e for e in state.get("audit", []) if e["org"] == org and low <= e["@timestamp"] <= min(high, newest)]
    return found if request.query.get("order") == "asc" else found[::-1]


def _ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)
