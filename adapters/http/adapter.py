"""HTTP through one transport of httpx2: pooled, a total deadline, bounded answers, and honest about what was sent.

`HttpAdapter.read` makes one declared read, `execute` sends one order. `AdapterRouter` calls both for its
release. It does not judge whether an action succeeded: it says how the send ended (`Delivery`), and `reconcile`
judges. A transport is what is below a client of httpx2: it knows no redirects, cookies, proxies of the environment or
retries, so there are none to switch off. Only a read is tried a second time, by us.

- A write MUST leave once, after the gate let the order pass, and before its deadline (invariants 1 and 3).
- The request MUST be the one that the order holds, and MUST go to the target instance that the order names.
- A credential MUST go only to URLs at the connection's base URL or below it; reads use the read credential.
- Where it is not certain that no byte left, the delivery MUST NOT be `not_sent`.
- An exception's text MUST NOT be kept: it can hold URLs, headers and bodies.
"""

import asyncio
import functools
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2

from adapters.credentials.cache import Credentials
from adapters.credentials.placement import placed, revealed
from adapters.delivery import DeliveryReport, delivery_of, is_stale
from adapters.http.address import host_of, origin_of, target_of
from adapters.http.answer import TooLarge, content_of, fields_of, reading_of, response_of, retry_after_ms
from adapters.http.page_reader import PageReader
from adapters.http.rate_budget import RateBudgets, action_keys, read_keys, write_keys
from adapters.http.sigv4 import AccessKey, signed
from adapters.tls import trusted
from contracts.action.dispatch import Dispatch, Gate
from contracts.action.http_request import HttpRequest, keyed, render_read, same_place
from contracts.action.observation import Execution, Outage, Reading, ReadOutage, credential_outage
from contracts.action.resolver import Resolver
from contracts.action.target import Target
from contracts.compiler.expressions import Fault
from contracts.compiler.program import Program
from contracts.compiler.read_program import Read
from contracts.compiler.route_program import HttpProgram
from contracts.errors import AilyusError


class _Closed(Exception):
    """The release was retired, and its transport takes no more requests."""


class _UsedUp(Exception):
    """The target takes no more requests for so many seconds, and the read has to end before."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class _Look:
    """One read of one target for a person, until when it has to end."""

    read: Read
    target: Target
    person: str
    deadline: float


_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.UnsupportedProtocol,
    httpx2.InvalidURL,  # only of the origin, which is read before anything is sent
    _Closed,
)
_FAULTS = (*_NOT_SENT, httpx2.TransportError, TimeoutError, OSError)
_READ_TRIES = 2


class HttpAdapter:
    """Reads and executes over HTTP for one release."""

    def __init__(
        self,
        release: Resolver,
        gate: Gate,
        credentials: Credentials,
        now_ms: Callable[[], int],
        carried: Callable[[], Mapping[str, str]] = dict,
    ) -> None:
        self._carried = carried  # headers of the trace, which are no part of the request that was approved
        self._release = release
        self._gate = gate
        self._credentials = credentials
        self.now_ms = now_ms
        self._transport = httpx2.AsyncHTTPTransport(
            verify=trusted(), trust_env=False, limits=httpx2.Limits(max_connections=100, keepalive_expiry=30.0)
        )
        self._closed = False
        self._budgets = RateBudgets()

    async def close(self) -> None:
        """Close pooled connections; nothing is sent any more."""
        self._closed = True
        await self._transport.aclose()

    async def read(
        self, read: Read, target: Target, scope: Mapping[str, object], deadline: float, person: str = ""
    ) -> Reading | Fault:
        """One read with the read-only credential, before the deadline (seconds of the monotonic clock)."""
        try:
            async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                return await self._reading(_Look(read, target, person, deadline), scope)
        except _UsedUp as used_up:
            return _takes_no_more(target, used_up.seconds)
        except AilyusError as error:
            return ReadOutage(error.sentence, credential_outage(error.code), target.name)
        except (*_FAULTS, TooLarge) as error:
            outage: Outage = "target_failed" if isinstance(error, TooLarge) else "unreachable"
            return ReadOutage(f"`{read.name}` could not be read: {_fault(error)}", outage, target.name)

    async def _reading(self, look: "_Look", scope: Mapping[str, object]) -> Reading | Fault:
        read, target = look.read, look.target
        http = render_read(read, target.base_url, scope)
        if isinstance(http, Fault):
            return http
        if not same_place(http.url, target.base_url):
            return Fault("the path does not stay below the connection's base URL")
        if read.pages is not None:
            ask = functools.partial(self._asked, look)
            return await PageReader(read, read.pages, target, scope, ask, self.now_ms).reading()
        status, answer_headers, raw = await self._asked(look, http)
        return reading_of(read, target.name, status, answer_headers, raw, self.now_ms())

    async def execute(self, dispatch: Dispatch) -> Execution:
        """Send exactly the order's request, once. Whatever is not certain is `in_doubt`."""
        release, request = self._release, dispatch.request
        program = release.catalog.programs[request.contract]
        route = program.routes[dispatch.route]
        target = release.target(request)
        ending = DeliveryReport(dispatch, "http", self.now_ms(), self.now_ms)
        http = dispatch.rendered
        if not isinstance(http, HttpRequest) or not isinstance(route, HttpProgram):
            raise AilyusError("internal", "the order is not for HTTP")
        # guard: place of a credential
        if target is None or target.digest != dispatch.target_digest or not same_place(http.url, target.base_url):
            return ending.unsent("the target instance is not the one that the order names")
        http = keyed(http, route.key, dispatch.idempotency_key)
        try:
            secrets = await revealed(self._gate, dispatch)
            headers, body = placed(dict(target.headers) | dict(http.headers), http.body, secrets)
            since = time.monotonic()
            async with asyncio.timeout(max(0.0, dispatch.deadline_monotonic - since)):
                secret = await self._credentials.value(target.write, request.person)
                headers |= self._credential(target, secret, http, headers, body)
            headers |= self._carried()
        except AilyusError as error:
            return ending.unsent(error.sentence)
        except TimeoutError:
            return ending.unsent("the credential could not be read in time")
        # INVARIANT: the last question before the first byte: used, fence, epoch, deadline.
        if reason := self._gate.enter(dispatch):
            return ending.unsent(reason)
        fault, response, retry_after, stale, renewable = None, None, None, False, False
        left = dispatch.deadline_monotonic - time.monotonic()
        if left <= 0:  # the process may have been frozen right after the last question
            return ending.unsent("the deadline has passed")
        try:
            async with asyncio.timeout(left):
                status, answer_headers, raw = await self._send(http, headers, body)
            self._budgets.note(write_keys(route, target, request.person), status, answer_headers)
            response = response_of(route, status, answer_headers, raw, secrets.values())
            retry_after = retry_after_ms(answer_headers)
            delivery = delivery_of(program, route, target, dispatch, response)
            stale = is_stale(program, route, target, dispatch, response)
            # the next write has it read again; this one is over
            renewable = _refuses(target, status) and self._credentials.doubt(target.write, request.person, since)
        except _NOT_SENT as error:
            delivery, fault = "not_sent", _fault(error)
        except (*_FAULTS, TooLarge) as error:
            delivery, fault = "in_doubt", _fault(error)
        return ending.of(
            delivery,
            identity=target.principal,
            fault=fault,
            response=response,
            retry_after_ms=retry_after,
            keyed=route.key is not None,
            stale=stale,
            renewable=renewable,
        )

    async def ask(
        self, target: Target, http: HttpRequest, seconds: float
    ) -> tuple[int, Mapping[str, str], bytes] | Fault:
        """One read of the target's audit log with the read-only credential, in so many seconds; whatever its status."""
        if not same_place(http.url, target.base_url):  # guard: place of an audit log
            return Fault("the path does not stay below the connection's base URL")
        try:
            async with asyncio.timeout(seconds):
                return await self._accepted(target, http, "")
        except AilyusError as error:
            return ReadOutage(error.sentence, credential_outage(error.code), target.name)
        except (*_FAULTS, TooLarge) as error:
            return ReadOutage(f"`{target.name}` could not be asked: {_fault(error)}", "unreachable", target.name)

    async def lacks(self, target: Target, reference: str, person: str) -> ReadOutage | None:
        """Why this credential of the target cannot be used, or None. One that is old is read again first."""
        lack = await self._credentials.lack(reference, person)
        return ReadOutage(lack.sentence, credential_outage(lack.code), target.name) if lack is not None else None

    def is_used_up(self, program: Program, route: HttpProgram, target: Target, person: str) -> ReadOutage | None:
        """Why the target does not take this write and its read-back now, as far as its answers have told."""
        waits = self._budgets.wait_seconds(action_keys(program, route, target, person))
        return _takes_no_more(target, waits) if waits else None

    async def _asked(self, look: "_Look", http: HttpRequest) -> tuple[int, Mapping[str, str], bytes]:
        """One read, once the target takes one, with the credential that it takes."""
        keys = read_keys(look.read, look.target, look.person)
        if waits := self._budgets.wait_seconds(keys):
            if time.monotonic() + waits >= look.deadline:
                raise _UsedUp(waits)
            await asyncio.sleep(waits)
        answer = await self._accepted(look.target, http, look.person)
        self._budgets.note(keys, answer[0], answer[1])
        return answer

    async def _accepted(self, target: Target, http: HttpRequest, person: str) -> tuple[int, Mapping[str, str], bytes]:
        """One read. A credential that is refused is read again, and where it is another, so is the target."""
        since = time.monotonic()
        answer = await self._get(http, await self._read_headers(target, http, person))
        if not _refuses(target, answer[0]):
            return answer
        if target.oauth2 is None:  # both are often renewed together, and tokens are not
            self._credentials.doubt(target.write, person)
        if not await self._credentials.is_renewed(target.read, since, person):
            return answer
        renewed = await self._read_headers(target, http, person)
        return await self._get(http, renewed)  # guard: a read with the renewed secret

    async def _read_headers(self, target: Target, http: HttpRequest, person: str) -> dict[str, str]:
        headers = dict(target.headers) | dict(http.headers)
        secret = await self._credentials.value(target.read, person)
        return headers | self._credential(target, secret, http, headers, http.body) | dict(self._carried())

    async def _get(self, http: HttpRequest, headers: dict[str, str]) -> tuple[int, Mapping[str, str], bytes]:
        for attempt in range(_READ_TRIES):
            try:
                return await self._send(http, headers, http.body)
            except (*_NOT_SENT, httpx2.NetworkError, httpx2.RemoteProtocolError):
                if attempt == _READ_TRIES - 1:
                    raise
        raise AssertionError  # the loop returns or raises

    async def _send(
        self, http: HttpRequest, headers: dict[str, str], body: bytes
    ) -> tuple[int, Mapping[str, str], bytes]:
        if self._closed:  # the transport would open connections anew
            raise _Closed
        fields = {"host": host_of(http.url), "accept-encoding": "gzip", **headers}
        if body or http.method != "GET":
            fields["content-length"] = str(len(body))
        request = httpx2.Request(
            http.method,
            origin_of(http.url),
            headers=[(name.encode("ascii"), value.encode("ascii")) for name, value in fields.items()],
            stream=httpx2.ByteStream(body),  # `content` would add headers
            extensions={"target": target_of(http.url)},  # no timeout for a phase: the whole has a deadline
        )
        answer = await self._transport.handle_async_request(request)
        try:
            return answer.status_code, fields_of(answer), await content_of(answer)
        finally:
            await answer.aclose()

    def _credential(
        self, target: Target, secret: str | None, http: HttpRequest, headers: Mapping[str, str], body: bytes
    ) -> dict[str, str]:
        if secret is None:
            return {}
        if target.auth == "sigv4":
            scope, now = (target.region, target.service), datetime.fromtimestamp(self.now_ms() / 1000, UTC)
            return signed(http.method, http.url, headers, body, AccessKey.parse(secret), scope, now)
        return {target.header.lower(): f"{target.scheme} {secret}".strip()}


def _takes_no_more(target: Target, seconds: float) -> ReadOutage:
    sentence = f"`{target.name}` takes no more requests for {math.ceil(seconds)} s"
    return ReadOutage(sentence, "target_failed", target.name, seconds)


def _refuses(target: Target, status: int) -> bool:
    # AWS answers 403 to a key that is gone
    return status == 401 or (status == 403 and target.auth == "sigv4")


def _fault(error: Exception) -> str:
    # never the exception's text: it can hold URLs, headers and bodies
    return type(error).__name__.lower().removeprefix("_")
