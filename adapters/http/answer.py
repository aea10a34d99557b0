"""An HTTP answer: decoded within bounds, and read as a reading of a look or as the response to a send."""

import zlib
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping
from contextlib import aclosing

import httpx2
from pydantic import JsonValue

from adapters.credentials.placement import echoes
from adapters.decoding import Undecodable, decode
from adapters.http.page_signs import is_page
from adapters.http.rate_budget import retry_after_seconds
from contracts.action.observation import Reading, ReadOutage, Response, outage_of
from contracts.compiler.expressions import Fault
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram

MAX_ANSWER = 4 * 1024 * 1024
"""Bytes of one answer, counted as they arrive and again as they are decoded."""
MAX_RETRY_AFTER_MS = 30_000
_TRAILER = 8
_SHORTEST = 20
"""Bytes of a gzip stream without content: ten of a header, two of an empty block, and the trailer."""
_REQUEST_IDS = ("x-okta-request-id", "x-zendesk-request-id", "x-amzn-requestid", "request-id", "x-request-id")


class TooLarge(Exception):
    """The answer is larger than we read, or encoded in a way that we did not ask for, or cut short."""


class _Counted(httpx2.AsyncByteStream):
    """Bytes as they arrive, up to the bound.

    The decoder gives nothing for a header that does not end, or for what follows after the end: whoever counts only
    decoded bytes would read on and keep it all.
    """

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream
        self.size = 0
        self.last = b""
        """The last bytes that came: of a gzip stream, its trailer."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks = aiter(self._stream)
        try:
            async for chunk in chunks:
                self.size += len(chunk)
                if self.size > MAX_ANSWER:  # guard: bound of packed bytes
                    raise TooLarge
                self.last = (self.last + chunk)[-_TRAILER:]
                yield chunk
        finally:
            if isinstance(chunks, AsyncGenerator):
                await chunks.aclose()

    async def aclose(self) -> None:
        """Close the answer."""
        await self._stream.aclose()


def fields_of(answer: httpx2.Response) -> dict[str, str]:
    """The header fields by lower-cased name. Several `link` lines are one list (RFC 9110 section 5.3)."""
    fields: dict[str, str] = {}
    for raw_name, raw_value in answer.headers.raw:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        # guard: several links
        fields[name] = f"{fields[name]}, {value}" if name == "link" and name in fields else value
    return fields


async def content_of(answer: httpx2.Response) -> bytes:
    """The decoded body of a streamed answer. More than the bound is never held: the library decodes piece by piece."""
    encoding = answer.headers.get("content-encoding", "")
    # INVARIANT: nothing else is decoded: the library passes over names that it does not know, and undoes several
    if encoding not in ("", "identity", "gzip"):  # guard: encodings that were asked for
        raise TooLarge
    if encoding != "gzip":
        return await _joined(answer.aiter_raw())
    if not isinstance(answer.stream, httpx2.AsyncByteStream):
        raise TooLarge
    answer.stream = counted = _Counted(answer.stream)
    try:
        content = await _joined(answer.aiter_bytes())
    except httpx2.DecodingError:
        raise TooLarge from None
    # the library takes a stream that was cut, or goes on after its end, as far as it goes
    whole = counted.size >= _SHORTEST and counted.last == _trailer(content)
    if counted.size and not whole:  # guard: a gzip stream that was cut
        raise TooLarge
    return content


async def _joined(pieces: AsyncGenerator[bytes]) -> bytes:
    parts, size = [], 0
    async with aclosing(pieces) as chunks:
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_ANSWER:  # guard: bound of decoded bytes
                raise TooLarge
            parts.append(chunk)
    return b"".join(parts)


def _trailer(content: bytes) -> bytes:
    """How a gzip stream of this content ends: its checksum and its size (RFC 1952, section 2.3.1)."""
    return zlib.crc32(content).to_bytes(4, "little") + (len(content) % 2**32).to_bytes(4, "little")


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
    return Reading(read.name, status, value, raw, at_ms, _request_id(headers), whole, retry_after_ms(headers))


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
    """How long the target asks us to wait before another attempt, at most half a minute."""
    seconds = retry_after_seconds(headers)
    return None if seconds is None else min(int(seconds * 1000), MAX_RETRY_AFTER_MS)
