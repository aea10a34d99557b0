"""Access tokens that a client fetches by itself: kept in memory, and fetched anew before they end.

A replica has its own: nobody signed in for them, so nothing is lost with them. All who ask at one time wait for one
fetch. A token that a target refused is fetched anew once; a server that gives none is not asked again at each call.
Tokens that are got in exchange are each person's own, under the reference with that person's name.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from adapters.oauth.authorization_servers import AuthorizationServers
from adapters.oauth.subject_tokens import SubjectTokens
from adapters.oauth.token_answer import TokenAnswer, TokenFault
from contracts.action.oauth_client import OAuthClient, Side
from contracts.action.target import Target
from contracts.errors import AilyusError

AGAIN_SECONDS: Final = 5.0
"""How often a server is asked that gives no token, or one that is refused all the same."""
UNSAID_SECONDS: Final = 300
"""How long a token is used whose server does not say when it ends."""
_LONGEST_AHEAD: Final = 60.0
_SOONEST_END: Final = 5.0


@dataclass(frozen=True, slots=True)
class DeclaredTokens:
    """What a reference stands for: the tokens of one side of a connection, and the client that gets them."""

    connection: str
    client: OAuthClient
    side: Side


def declared(targets: Iterable[Target]) -> Mapping[str, DeclaredTokens]:
    """The references of the connections that sign in."""
    found: dict[str, DeclaredTokens] = {}
    for target in targets:
        if target.oauth2 is not None:
            found[target.read] = DeclaredTokens(target.name, target.oauth2, target.oauth2.side("read"))
            found[target.write] = DeclaredTokens(target.name, target.oauth2, target.oauth2.side("write"))
    return found


@dataclass(frozen=True, slots=True)
class TokenTimes:
    """When a token was fetched and when it ends, in ms since 1970; None where its server does not say."""

    fetched_ms: int
    expires_ms: int | None


@dataclass(slots=True)
class _Fetched:
    """One token; times are those of the monotonic clock. `ends` is what the server said, and not how long we use it."""

    token: str
    at: float
    renew: float
    until: float
    ends: float | None
    doubted_at: float = float("-inf")
    is_doubted: bool = False


NO_SUBJECT: Final = TokenFault("not_sent", "no_subject_token")
"""No call has brought an access token of the person that still holds."""


class ClientTokens:
    """The tokens of `client_credentials`, `jwt_bearer` and `token_exchange`."""

    def __init__(self, servers: AuthorizationServers, subjects: SubjectTokens | None = None) -> None:
        self.servers = servers
        self.subjects = subjects or SubjectTokens()
        self._declared: dict[str, DeclaredTokens] = {}
        self._known: dict[str, _Fetched] = {}
        self._refused: dict[str, tuple[TokenFault, float]] = {}
        self._fetching: dict[str, asyncio.Task[_Fetched | TokenFault]] = {}

    def declare(self, targets: Iterable[Target]) -> None:
        """Learn of the connections of a release; those that people sign in to are another's."""
        self._declared |= {name: one for name, one in declared(targets).items() if not one.client.is_stored}
        self.subjects.is_used = any(one.client.is_exchanged for one in self._declared.values())

    async def value(self, reference: str, person: str) -> str:
        """A token that holds for some seconds more. Raises `no_credential`, or `not_connected` for want of theirs."""
        known, now = self._known.get(_own(reference, person)), time.monotonic()
        if known is not None and now < known.until and not known.is_doubted:
            if now >= known.renew:
                self._begun(reference, person)  # nobody has to wait for it
            return known.token
        found = await self._fetched(reference, person)
        if isinstance(found, TokenFault):
            raise no_token(self._declared[reference], found)
        return found.token

    def times(self, now_ms: int) -> Mapping[str, TokenTimes]:
        """The times of what was fetched here, by reference; a person's own under the reference with their name."""
        start = now_ms - time.monotonic() * 1000  # what decides is monotonic: this is for people to read
        return {
            own: TokenTimes(
                round(start + known.at * 1000), None if known.ends is None else round(start + known.ends * 1000)
            )
            for own, known in self._known.items()
        }

    async def is_obtainable(self, reference: str) -> bool:
        """Did the server give one the last time it was asked, if it was?"""
        return reference in self._declared and reference not in self._refused

    async def is_renewed(self, reference: str, since: float, person: str) -> bool:
        """Is there a younger token than what was known at `since`? Fetches one, if not just now."""
        own = _own(reference, person)
        known = self._known.get(own)
        if known is None:
            return False
        is_doubted = own in self._fetching or known.is_doubted or self._may_doubt(known)
        if known.at <= since and is_doubted:
            await self._fetched(reference, person)
        return self._known[own].at > since

    def doubt(self, reference: str, person: str, since: float) -> bool:
        """A target refused what was known at `since`: does the next one who asks get another?"""
        known = self._known.get(_own(reference, person))
        if known is None or known.at > since:
            return known is not None
        known.is_doubted = known.is_doubted or self._may_doubt(known)
        return known.is_doubted

    async def close(self) -> None:
        """Fetch no more."""
        for task in self._fetching.values():
            task.cancel()
        await asyncio.gather(*self._fetching.values(), return_exceptions=True)
        self.subjects.close()
        await self.servers.close()

    def _may_doubt(self, known: _Fetched) -> bool:
        now = time.monotonic()
        if now - known.doubted_at < AGAIN_SECONDS:
            return False
        known.doubted_at = now
        return True

    async def _fetched(self, reference: str, person: str) -> _Fetched | TokenFault:
        if reference not in self._declared:
            hint = "look at it through a running gateway: `ailyus connection list`"
            raise AilyusError("no_credential", "only a running gateway has the tokens of this connection", hint=hint)
        own = _own(reference, person)
        fault, until = self._refused.get(own, (None, 0.0))
        subject = self.subjects.of(person)
        if subject is not None and subject.at > until - AGAIN_SECONDS:
            fault = None  # it came after the refusal, which was of another
        if fault is not None and time.monotonic() < until and own not in self._fetching:
            return fault
        return await asyncio.shield(self._begun(reference, person))

    def _begun(self, reference: str, person: str) -> "asyncio.Task[_Fetched | TokenFault]":
        own = _own(reference, person)
        if own not in self._fetching:
            task = asyncio.create_task(self._fetch(self._declared[reference], own, person))
            self._fetching[own] = task
            task.add_done_callback(lambda _: self._fetching.pop(own, None))
        return self._fetching[own]

    async def _fetch(self, one: DeclaredTokens, own: str, person: str) -> _Fetched | TokenFault:
        asked = time.monotonic()
        answer = within(one, await self._answered(one, person))
        if isinstance(answer, TokenFault):
            if answer is not NO_SUBJECT:  # nobody was asked: the next call may bring one
                self._refused[own] = answer, time.monotonic() + AGAIN_SECONDS
            known = self._known.get(own)
            if known is not None:  # it still is good: the server is not asked at each call until its end
                known.renew = time.monotonic() + AGAIN_SECONDS
            return answer
        lasts = float(answer.expires_in if answer.expires_in is not None else UNSAID_SECONDS)
        # counted from the question: the answer took its time
        until = asked + lasts - min(_SOONEST_END, lasts / 10)
        former = self._known.get(own)
        doubted = former.doubted_at if former is not None else float("-inf")
        renew = until - min(_LONGEST_AHEAD, lasts / 4)
        ends = asked + lasts if answer.expires_in is not None else None
        found = _Fetched(answer.access_token, time.monotonic(), renew, until, ends, doubted)
        self._known[own] = found
        self._refused.pop(own, None)
        return found

    async def _answered(self, one: DeclaredTokens, person: str) -> TokenAnswer | TokenFault:
        if not one.client.is_exchanged:
            return await self.servers.fetch(one.client, one.side)
        subject = self.subjects.of(person)
        if subject is None:  # guard: nobody's token is exchanged for a person
            return NO_SUBJECT
        return await self.servers.exchange_token(one.client, one.side, subject.value)


def _own(reference: str, person: str) -> str:
    """Under which name tokens are kept: those of each person apart, where they have their own."""
    return reference.replace("{person}", person)


def within(one: DeclaredTokens, answer: TokenAnswer | TokenFault) -> TokenAnswer | TokenFault:
    """An answer whose tokens may do no more than is declared; where no scopes are, the server's own say counts."""
    asked = frozenset(one.client.scopes(one.side))
    if isinstance(answer, TokenAnswer) and asked and answer.scopes is not None and not answer.scopes <= asked:
        return TokenFault("refused", "wider_scope")  # guard: tokens of wider scope
    return answer


def no_token(one: DeclaredTokens, fault: TokenFault) -> AilyusError:
    """What is told where there is no token: whose, and what to look at."""
    if one.client.is_exchanged and (fault is NO_SUBJECT or fault.kind == "gone"):
        lacks = "and no call has brought one that holds" if fault is NO_SUBJECT else f"and {fault.sentence}"
        sentence = f"`{one.connection}` is asked with the requester's own access token in exchange, {lacks}"
        return AilyusError("not_connected", sentence, hint="the requester calls again with a new access token")
    place = f"see [connections.{one.connection}.oauth2] in ailyus.toml"
    hint = f"{fault.hint}; {place}" if fault.hint else f"{place}, and `ailyus connection list`"
    return AilyusError("no_credential", f"`{one.connection}` gets no access token: {fault.sentence}", hint=hint)
