"""Audit logs: requests and events in the vendors' own shapes; CloudTrail's against botocore's description."""

import gzip
from pathlib import Path

import botocore  # type: ignore[import-untyped]
import orjson
from botocore.model import ServiceModel  # type: ignore[import-untyped]
from botocore.parsers import create_parser  # type: ignore[import-untyped]
from botocore.validate import validate_parameters  # type: ignore[import-untyped]

from adapters.audit_log.source import CloudTrail, GitHubLog, OktaLog
from contracts.action.http_request import HttpRequest
from contracts.compiler.expressions import Fault
from tests.adapters.audit_log.pages import BASE, answers, read


async def test_okta_and_github_follow_links_below_the_base_only() -> None:
    line = {
        "uuid": "1",
        "published": "1970-01-01T00:20:00.000Z",
        "eventType": "user.account.unlock",
        "actor": {"id": "a"},
    }
    event = {
        "_document_id": "d",
        "@timestamp": 1_200_000,
        "action": "team.add_member",
        "hashed_token": "h",
        "team": "acme/x",
    }
    for log, item, objects in ((OktaLog(), line, ()), (GitHubLog("acme"), event, ("acme", "x"))):
        link = {"link": f'<{BASE}/next?after=1>; rel="next"'}
        asked: list[HttpRequest] = []
        found = await read(log, answers((200, link, []), (200, {}, [item]), asked=asked))
        assert [one.objects for one in found] == [objects]
        assert asked[1].url == f"{BASE}/next?after=1"
        elsewhere = {"link": '<https://b.example/api/next>; rel="next"'}
        assert isinstance(await read(log, answers((200, elsewhere, []))), Fault)


def trail_model() -> ServiceModel:
    path = Path(botocore.__file__).parent / "data" / "cloudtrail" / "2013-11-01" / "service-2.json.gz"
    return ServiceModel(orjson.loads(gzip.decompress(path.read_bytes())))


async def test_cloudtrail_as_botocore_describes_it() -> None:
    operation = trail_model().operation_model("LookupEvents")
    record = {"requestID": "r-1", "userIdentity": {"arn": "arn:aws:iam::1:user/w"}}
    events = [
        {
            "EventId": f"e{n}",
            "EventName": "CreateAccessKey",
            "EventTime": 1200.0 + n,
            "ReadOnly": "false",
            "AccessKeyId": "AKIA1",
            "Username": "w",
            "Resources": [{"ResourceType": "AWS::IAM::User", "ResourceName": "ci"}],
            "CloudTrailEvent": orjson.dumps(record | ({"errorCode": "AccessDenied"} if n else {})).decode(),
        }
        for n in range(2)
    ]
    first, last = {"Events": events[:1], "NextToken": "t"}, {"Events": events[1:]}
    parser = create_parser("json")
    for body in (first, last):  # what the test answers is an answer of the service
        parsed = parser.parse({"status_code": 200, "headers": {}, "body": orjson.dumps(body)}, operation.output_shape)
        assert [one["EventId"] for one in parsed["Events"]] == [one["EventId"] for one in body["Events"]]
        assert set(parsed["Events"][0]) == set(events[0])
    asked: list[HttpRequest] = []
    found = await read(CloudTrail(), answers((200, {}, first), (200, {}, last), asked=asked))
    assert [(one.request_id, one.is_change, one.objects, one.at_ms) for one in found] == [
        ("r-1", True, ("ci",), 1_200_000),
        ("r-1", False, ("ci",), 1_201_000),
    ]
    assert found[0].actors == ("AKIA1", "w", "arn:aws:iam::1:user/w")
    for http, token in zip(asked, (None, "t"), strict=True):
        body = orjson.loads(http.body)
        validate_parameters(body, operation.input_shape)
        assert body.get("NextToken") == token
        prefix, version = operation.service_model.metadata["targetPrefix"], operation.metadata["jsonVersion"]
        assert dict(http.headers)["x-amz-target"] == f"{prefix}.LookupEvents"
        assert dict(http.headers)["content-type"] == f"application/x-amz-json-{version}"
