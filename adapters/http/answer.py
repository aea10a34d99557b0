"""An HTTP answer: unpacked within bounds, and read as a reading of a look or as the response to a send."""

import zlib
from collections.abc import Iterable, Mapping

from pydantic import JsonValue

from adapters.credentials import echoes
from adapters.decoding import Undecodable, decode
from adapters.http.paging import is_page
from contracts.action.observation import Reading, ReadOutage, Response, outage_of
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of one answer, counted after decompression."""
MAX_RETRY_AFTER_MS = 30_000
_REQUEST_IDS = ("x-okta-request-id", "x-zendesk-request-id", "x-amzn-requestid", "x-request-id")


class TooLarge(Exception):
    """The answer is larger than we read, or packed in a way that we do not unpack."""


def unpacked(encoding: str, chunks: Iterable[bytes]) -> bytes:
    """The body, bounded also after decompression."""
    raw = b"".join(chunks)
    if encoding in ("", "identity"):
        return raw
    if encoding != "gzip":
        raise TooLarge
    unpacker = zlib.decompressobj(wbits=31)
    try:
        body = unpacker.decompress(raw, MAX_ANSWER)
    except zlib.error:
        raise TooLarge from None
    if unpacker.unconsumed_tail:
        raise TooLarge
    return body


def reading_of(
    read: Read, connection: str, status: int, headers: Mapping[str, str], raw: bytes, at_ms: int
) -> Reading | Fault:
    """What a look read: a record, that there is none, or why it could not be read."""
    if status == 404:
        return Reading(read.name, status, None, raw, at_ms, _request_id(headers))
    if not 200 <= status < 300:
        sentence = f"`{read.name}` could not be read: the target answered {status}"
        outage = outage_of(status)
        return ReadOutage(sentence, outage, connection) if outage else Fault(sentence)
    try:
        value = decode(raw, read.decode, read.lists)
    except Undecodable:
        sentence = f"`{read.name}` could not be read: the answer is no {read.decode.upper()} without NUL characters"
        return ReadOutage(sentence, "target_failed", connection)
    whole = read.whole.holds({"body": value}) if read.whole else not is_page(headers, value)
    return Reading(read.name, status, value, raw, at_ms, _request_id(headers), whole)


def response_of(
    route: HttpProgram, status: int, headers: Mapping[str, str], raw: bytes, secrets: Iterable[str]
) -> Response:
    """What the target answered to a send; its body is None where it is not what the route declares."""
    body: JsonValue = None
    try:
        body = decode(raw, route.decode, route.lists) if raw else None
    except Undecodable:
        body = None
    request_id = _request_id(headers)
    # INVARIANT 9: a target may answer with what it was sent, and this id stands in a signed statement
    if request_id and any(echoes(secret, request_id.encode()) for secret in secrets):
        request_id = None
    return Response(status, headers, body, raw, request_id)


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name][:200] for name in _REQUEST_IDS if name in headers), None)


def retry_after_ms(headers: Mapping[str, str]) -> int | None:
    """How long the target asks us to wait (RFC 9110 section 10.2.3), as far as it says it in seconds."""
    value = headers.get("retry-after", "")
    return min(int(value) * 1000, MAX_RETRY_AFTER_MS) if value.isdigit() and len(value) < 7 else None
