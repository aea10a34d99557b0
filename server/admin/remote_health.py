"""The health of a gateway as others see it: over the network, by its public address, without a workspace."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

import httpx2
import orjson
from pydantic import ValidationError

from adapters.tls import trusted
from contracts.errors import AilyusError
from server.admin.finding import Finding
from server.admin.health.report import HealthReport

SECONDS: Final = 5.0
"""How long one answer may take."""
MAX_ANSWER: Final = 64 * 1024
"""Bytes of one answer that are read."""
_NEXT: Final = {
    "store": "free disk space, or bring the database back; then: ailyus doctor",
    "log": "ailyus audit",
    "release": "give this replica the files of the live release",
    "clock": "correct the clock of the machine, or of the database",
    "lease": "see that no other process owns the store; then: ailyus doctor",
    "browser": "ailyus doctor --fix",
    "certificate": "write a valid certificate and its key to the files that [server] names",
}


def examine_url(url: str) -> list[Finding]:
    """Look at the gateway behind a public address, with its base path. Raises `bad_settings` for what is no URL."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        hint = "give what stands before `/mcp`: https://ailyus.example.com, or https://example.com/ailyus"
        raise AilyusError("bad_settings", f"`{url[:200]}` is no address of a gateway", hint=hint)
    base = url.rstrip("/").removesuffix("/mcp")
    with httpx2.Client(timeout=SECONDS, trust_env=False, verify=trusted()) as client:
        return list(_findings(client, base))


def _findings(client: httpx2.Client, base: str) -> Iterator[Finding]:
    for path in ("/livez", "/readyz"):
        try:
            status, content = _asked(client, base + path)
        except httpx2.HTTPError as fault:
            yield Finding("reach", False, f"{base} does not answer: {_why(fault)}", _repair(fault))
            return
        yield from _report(path, status, content)
    yield from _endpoint(client, base)
    status, _ = _asked(client, f"{base}/sign-in")
    well = status == 200
    says = "people sign in there" if well else f"{base}/sign-in answers {status}"
    yield Finding(
        "console", well, says, "" if well else "let `[console] url` be this address; see `hosts` under [server]"
    )


def _report(path: str, status: int, content: bytes) -> Iterator[Finding]:
    layer = path.removeprefix("/")
    try:
        report = HealthReport.model_validate_json(content)
    except ValidationError:
        says = f"{path} answers {status}, and not as a gateway does"
        yield Finding(layer, False, says, "give the address with its base path; does the proxy pass the path on?")
        return
    yield Finding(layer, report.ok, "yes" if report.ok else "no", "")
    for line in report.checks:
        yield Finding(f"{layer} {line.check}", line.ok, line.says, "" if line.ok else _NEXT.get(line.check, ""))


def _endpoint(client: httpx2.Client, base: str) -> Iterator[Finding]:
    """Does the name that clients ask for lead to the MCP endpoint, and its challenge to metadata of the same name?"""
    try:
        answer = client.post(f"{base}/mcp", json={})
        status, challenge = answer.status_code, answer.headers.get("www-authenticate", "")
    except httpx2.HTTPError as fault:
        yield Finding("mcp", False, f"{base}/mcp does not answer: {_why(fault)}", _repair(fault))
        return
    if status != 401:
        following = (
            "name the host of this address under `hosts` of [server]" if status == 421 else "see the proxy's log"
        )
        yield Finding("mcp", False, f"{base}/mcp answers {status} to a call without a token, and not 401", following)
        return
    yield Finding("mcp", True, f"{base}/mcp asks for a token")
    _, mark, rest = challenge.partition('resource_metadata="')
    if not mark:
        return
    location = rest.partition('"')[0]
    try:
        status, content = _asked(client, location)
        said = orjson.loads(content) if status == 200 else {}
    except (httpx2.HTTPError, httpx2.InvalidURL, orjson.JSONDecodeError):
        status, said = 0, {}
    resource = said.get("resource") if isinstance(said, dict) else None
    well = resource == f"{base}/mcp"
    says = f"{location} names {resource}" if resource else f"{location} answers no metadata ({status})"
    following = "" if well else "let `resource` under [oauth] be this address with `/mcp`, or leave it out"
    yield Finding("oauth", well, says, following)


def _asked(client: httpx2.Client, url: str) -> tuple[int, bytes]:
    with client.stream("GET", url) as answer:
        content = b""
        for chunk in answer.iter_bytes():
            content += chunk
            if len(content) > MAX_ANSWER:
                break
        return answer.status_code, content


def _why(fault: httpx2.HTTPError) -> str:
    text = str(fault).lower()
    return "its certificate is not trusted" if "certificate" in text else (type(fault).__name__.lower())


def _repair(fault: httpx2.HTTPError) -> str:
    if "certificate" in str(fault).lower():
        return "serve one of an authority that clients trust, or name it: SSL_CERT_FILE=ca.pem ailyus doctor …"
    return "is it started, and do the name and the port lead to it?"
