"""The sources of audit events: for each, the request of a page, how pages follow, and how an item is read. Pure.

Okta's System Log follows the vendor's API description (`GET /api/v1/logs`); CloudTrail the service description that
botocore publishes (2013-11-01, `LookupEvents`). GitHub's is no part of the description that the library is checked
against: it follows the page "REST API endpoints for enterprise and organization audit logs" as it is known.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol
from urllib.parse import urlencode

import orjson
from pydantic import JsonValue

from adapters.audit_log.fields import field_at, instant_ms, names
from contracts.action.http_request import HttpRequest
from contracts.action.target_event import TargetEvent
from contracts.compiler.page_rule import PageRule, PageWay

MAX_PAGES: Final = 1_000
_OKTA: Final = PageRule("link", "next", (), 0, (), None, None, "uuid", MAX_PAGES, True)
_TRAIL: Final = PageRule("cursor", "", ("NextToken",), 0, ("Events",), None, None, "EventId", MAX_PAGES, True)
_GITHUB: Final = PageRule("link", "next", (), 0, (), None, None, "_document_id", MAX_PAGES, True)
_ACCEPT: Final = (("accept", "application/json"),)


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """From `since_ms` to `until_ms`, both in it, in milliseconds since the epoch."""

    since_ms: int
    until_ms: int


class AuditLog(Protocol):
    """One kind of audit log."""

    @property
    def rule(self) -> PageRule:
        """How its pages follow each other."""
        ...

    def request(self, base_url: str, window: TimeWindow, cursor: str) -> HttpRequest:
        """The request of the page at a cursor; of the first one, where that is empty."""
        ...

    def event(self, item: JsonValue) -> TargetEvent | None:
        """One item of a page; None where it lacks an id, a time or an action."""
        ...


@dataclass(frozen=True, slots=True)
class OktaLog:
    """Okta's System Log. Its request ids are those of the header `X-Okta-Request-Id`."""

    rule: PageRule = _OKTA

    def request(self, base_url: str, window: TimeWindow, cursor: str) -> HttpRequest:
        """`since` and `until` bound it, so that the last page has no next one."""
        asked = {"since": _stamp(window.since_ms), "until": _stamp(window.until_ms + 1)}
        return _get(f"{base_url}/api/v1/logs", {**asked, "sortOrder": "ASCENDING", "limit": "1000"})

    def event(self, item: JsonValue) -> TargetEvent | None:
        """A `LogEvent`; only an outcome of `SUCCESS` changed anything."""
        targets = field_at(item, "target")
        objects = [field_at(one, "id") for one in targets] if isinstance(targets, list) else []
        asked = field_at(item, "debugContext.debugData.requestId") or field_at(item, "transaction.id")
        return _event(
            (field_at(item, "uuid"), instant_ms(field_at(item, "published")), field_at(item, "eventType")),
            names(field_at(item, "actor.id"), field_at(item, "actor.alternateId")),
            names(*objects),
            asked,
            field_at(item, "outcome.result") == "SUCCESS",
        )


@dataclass(frozen=True, slots=True)
class CloudTrail:
    """AWS CloudTrail's management events, which `LookupEvents` keeps for 90 days; those that only read are left out."""

    rule: PageRule = _TRAIL

    def request(self, base_url: str, window: TimeWindow, cursor: str) -> HttpRequest:
        """JSON 1.1; times are whole seconds, so the window is a little wider."""
        asked: dict[str, JsonValue] = {"StartTime": window.since_ms // 1000, "EndTime": window.until_ms // 1000 + 1}
        only: JsonValue = [{"AttributeKey": "ReadOnly", "AttributeValue": "false"}]
        body = asked | {"MaxResults": 50, "LookupAttributes": only} | ({"NextToken": cursor} if cursor else {})
        target = "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents"
        headers = (*_ACCEPT, ("content-type", "application/x-amz-json-1.1"), ("x-amz-target", target))
        return HttpRequest("POST", f"{base_url.rstrip('/')}/", headers, orjson.dumps(body))

    def event(self, item: JsonValue) -> TargetEvent | None:
        """An `Event`; the record in its `CloudTrailEvent` has the request id, and an `errorCode` where it failed."""
        text = field_at(item, "CloudTrailEvent")
        try:
            record: JsonValue = orjson.loads(text) if isinstance(text, str) else None
        except orjson.JSONDecodeError:
            return None
        resources = field_at(item, "Resources")
        objects = [field_at(one, "ResourceName") for one in resources] if isinstance(resources, list) else []
        return _event(
            (field_at(item, "EventId"), instant_ms(field_at(item, "EventTime")), field_at(item, "EventName")),
            names(field_at(item, "AccessKeyId"), field_at(item, "Username"), field_at(record, "userIdentity.arn")),
            names(*objects),
            field_at(record, "requestID"),
            field_at(item, "ReadOnly") != "true" and field_at(record, "errorCode") is None,
        )


@dataclass(frozen=True, slots=True)
class GitHubLog:
    """The audit log of a GitHub organization. `hashed_token` tells a token apart; request ids are not compared."""

    organization: str
    rule: PageRule = _GITHUB

    def request(self, base_url: str, window: TimeWindow, cursor: str) -> HttpRequest:
        """`phrase` bounds the times; `include=all` has Git events too, which are no changes of records."""
        phrase = f"created:{_stamp(window.since_ms)}..{_stamp(window.until_ms + 1)}"
        asked = {"phrase": phrase, "include": "web", "order": "asc", "per_page": "100"}
        return _get(f"{base_url}/orgs/{self.organization}/audit-log", asked)

    def event(self, item: JsonValue) -> TargetEvent | None:
        """What was acted on are the repository, the person and the team that it names."""
        at = field_at(item, "@timestamp")
        # contracts take the parts of `owner/name` one by one
        parts = [part for name in names(field_at(item, "repo"), field_at(item, "team")) for part in name.split("/")]
        return _event(
            (field_at(item, "_document_id"), at if isinstance(at, int) else None, field_at(item, "action")),
            names(field_at(item, "hashed_token"), field_at(item, "actor"), field_at(item, "actor_id")),
            names(field_at(item, "user"), *parts),
            None,
            field_at(item, "operation_type") not in ("access", "authentication"),
        )


@dataclass(frozen=True, slots=True)
class JsonFeed:
    """Any list of events in JSON. Each of the words is a path of keys with dots; times go along as `since`, `until`."""

    path: str
    items: str
    next: str
    id: str
    time: str
    actor: str
    action: str
    object: str
    request_id: str

    @property
    def rule(self) -> PageRule:
        """A cursor in the answer, sent back as `cursor`."""
        way: PageWay = "cursor"
        items = tuple(self.items.split(".")) if self.items else ()
        following = tuple(self.next.split(".")) if self.next else ()
        # `id` may be a path, which the rule does not know: `read_events` looks for the same event twice
        return PageRule(way, "", following, 0, items, None, None, None, MAX_PAGES, True)

    def request(self, base_url: str, window: TimeWindow, cursor: str) -> HttpRequest:
        """The declared path with the window in RFC 3339, and the cursor after the first page."""
        asked = {"since": _stamp(window.since_ms), "until": _stamp(window.until_ms + 1)}
        return _get(f"{base_url}{self.path}", {**asked, "cursor": cursor} if cursor else asked)

    def event(self, item: JsonValue) -> TargetEvent | None:
        """An item by the declared paths."""
        return _event(
            (field_at(item, self.id), instant_ms(field_at(item, self.time)), field_at(item, self.action)),
            names(field_at(item, self.actor)),
            names(field_at(item, self.object)),
            field_at(item, self.request_id) if self.request_id else None,
            True,
        )


def _event(
    frame: tuple[JsonValue, int | None, JsonValue],
    actors: tuple[str, ...],
    objects: tuple[str, ...],
    request_id: JsonValue,
    is_change: bool,
) -> TargetEvent | None:
    ids, at_ms, actions = names(frame[0]), frame[1], names(frame[2])
    if not ids or at_ms is None or not actions or not actors:
        return None
    asked = request_id if isinstance(request_id, str) and request_id else None
    return TargetEvent(ids[0], at_ms, actors, actions[0], objects, asked, is_change)


def _get(url: str, query: dict[str, str]) -> HttpRequest:
    return HttpRequest("GET", f"{url}?{urlencode(query)}", _ACCEPT, b"")


def _stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
