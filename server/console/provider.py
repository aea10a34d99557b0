"""Signing in by OpenID Connect: who somebody is, and which roles their provider gives them. It signs no decision.

Authorization code with PKCE (RFC 7636, S256), `state` and `nonce` sealed into a cookie of ten minutes, so that any
replica takes the answer; `iss` of the answer is compared (RFC 9207). What is approved is still signed by a passkey.
"""

import asyncio
import hmac
import secrets

import httpx2
import orjson
import structlog
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from pydantic import JsonValue
from starlette.responses import Response

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from policies.principal import Person
from receipts.journal.roles import HeldRoles
from server.actions.runner import ActionRunner
from server.console.redirection import cookie, inside, redirect
from server.console.refresh_token import hidden, revealed
from server.console.session import ConsoleSessions
from server.console.sign_in_state import SignInState, opened, sealed
from server.console.visit import ConsoleRequest, View
from server.identity.identity_token import identity_of
from server.identity.token_issuer import FETCH_SECONDS, Document, Issuer
from server.workspace.public_address import PublicAddress
from server.workspace.settings.console import OidcPart

COOKIE = "__Host-ailyus-provider"
ANSWER_MS = 600_000
"""How long somebody may take at the provider's pages."""
BACK = "/sign-in/back"
AT_ONCE = 4
"""Sign-ins that are asked for at the provider at once: visitors do not make the gateway flood it."""
log = structlog.get_logger()


class Provider:
    """One identity provider, for the people whose `issuer` it is."""

    def __init__(
        self, settings: OidcPart, runner: ActionRunner, sessions: ConsoleSessions, credentials: Credentials
    ) -> None:
        self._settings = settings
        self._runner = runner
        self._sessions = sessions
        self._credentials = credentials
        self._issuer = Issuer(settings.issuer)
        self._asking = asyncio.Semaphore(AT_ONCE)
        self._url = ""
        self._seconds = 0

    def views(self, address: PublicAddress, session_seconds: int) -> list[View]:
        """Where it is reached, at a console that is reached there."""
        self._url, self._seconds = address.console, session_seconds
        return [
            View("GET", "/sign-in/provider", self.begin, public=True),
            View("GET", BACK, self.back, public=True),
        ]

    async def close(self) -> None:
        """Give the connections back."""
        await self._issuer.close()

    async def begin(self, visit: ConsoleRequest) -> Response:
        """To the provider's own page."""
        metadata = await self._metadata()
        begun = SignInState(
            state=secrets.token_urlsafe(24),
            nonce=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            to=visit.asked("to"),
            until_ms=self._now() + ANSWER_MS,
        )
        async with await self._client() as client:
            url, _ = client.create_authorization_url(
                str(metadata["authorization_endpoint"]),
                state=begun.state,
                nonce=begun.nonce,
                code_verifier=begun.verifier,
            )
        answer = redirect(str(url))
        answer.headers["set-cookie"] = _cookie(sealed(begun, self._key(b"ailyus-provider")), ANSWER_MS // 1000)
        return answer

    async def back(self, visit: ConsoleRequest) -> Response:
        """From the provider's page: who it is, what they hold, and a session of their own."""
        begun = opened(visit.request.cookies.get(COOKIE, ""), self._key(b"ailyus-provider"), self._now())
        # INVARIANT: nobody is signed in by an answer that their own browser did not ask for
        # guard: answers that nobody asked for
        if begun is None or not hmac.compare_digest(begun.state.encode(), visit.asked("state").encode()):
            raise _refused("the answer belongs to no question of this browser")
        if (
            visit.asked("error")
            or visit.request.query_params.get("iss", self._settings.issuer) != self._settings.issuer
        ):
            raise _refused("the provider did not let you in")
        metadata = await self._metadata()
        try:
            async with self._asking, await self._client() as client:
                token = await client.fetch_token(
                    str(metadata["token_endpoint"]),
                    code=visit.request.query_params.get("code", "")[:2000],
                    code_verifier=begun.verifier,
                    grant_type="authorization_code",
                )
                claims = await self._identity(token, begun.nonce)
                person = self._runner.release.people.of(self._settings.issuer, str(claims["sub"]))
                if person is None:
                    raise _refused("you are no declared person of this deployment")
                told = await self._told(client, token, claims, metadata)
        # the text of a fault may hold what the provider wrote, or a code: its type alone is logged
        except (OAuthError, httpx2.HTTPError, ValueError, KeyError) as fault:
            log.info("provider_refused", reason=type(fault).__name__)
            raise _refused("the provider's answer does not hold") from None
        await self._runner.journal.roles.store(person, told)
        secret = await self._sessions.open_for(person)
        answer = redirect(inside(begun.to))
        answer.headers["set-cookie"] = cookie(secret, self._seconds)
        # appended: the headers are a mapping, and a second value by `[…]` would replace the session
        answer.headers.append("set-cookie", _cookie("", 0))
        return answer

    async def read_again(self, person: Person, kept: bytes) -> HeldRoles | None:
        """What the provider says now; None when it says nothing, or nothing of this person."""
        refresh = revealed(person.subject, kept, self._key(b"ailyus-refresh"))
        if not refresh:
            return None
        try:
            metadata = await self._metadata()
            async with await self._client() as client:
                token = await client.refresh_token(str(metadata["token_endpoint"]), refresh_token=refresh)
                token = {"refresh_token": refresh, **token}  # a provider that does not rotate it sends none
                claims: Document = {}
                if token.get("id_token"):
                    claims = await self._identity(token, None)
                    if claims["sub"] != person.subject:
                        return None
                return await self._told(client, token, claims, metadata, person)
        except (OAuthError, httpx2.HTTPError, ValueError, KeyError, AilyusError) as fault:
            log.warning("roles_not_read", issuer=self._settings.issuer, reason=type(fault).__name__)
            return None

    async def _identity(self, token: Document, nonce: str | None) -> Document:
        """The claims of the identity token, checked."""
        return await identity_of(self._issuer, str(token["id_token"]), self._settings.client_id, nonce)

    async def _told(
        self,
        client: AsyncOAuth2Client,
        token: Document,
        claims: Document,
        metadata: Document,
        person: Person | None = None,
    ) -> HeldRoles:
        """The declared roles, from the identity token, else from `userinfo`."""
        if self._settings.roles_claim not in claims:
            subject = person.subject if person else claims["sub"]
            answer = await client.get(str(metadata["userinfo_endpoint"]))
            info = orjson.loads(answer.content) if answer.status_code == 200 else {}
            if not isinstance(info, dict) or info.get("sub") != subject:
                raise ValueError("userinfo speaks of somebody else")
            claims = {**claims, **info}
        said: JsonValue = claims.get(self._settings.roles_claim)
        groups = said if isinstance(said, list) else [said]
        held = {self._settings.roles[g] for g in groups if isinstance(g, str) and g in self._settings.roles}
        who = str(person.subject if person else claims["sub"])
        return HeldRoles(
            frozenset(held), hidden(who, str(token.get("refresh_token") or ""), self._key(b"ailyus-refresh"))
        )

    async def _metadata(self) -> Document:
        try:
            return await self._issuer.metadata()
        except ValueError:
            raise _refused("the provider cannot be reached") from None

    async def _client(self) -> AsyncOAuth2Client:
        return AsyncOAuth2Client(
            client_id=self._settings.client_id,
            client_secret=await self._credentials.value(self._settings.client_secret),
            scope=" ".join(self._settings.scopes),
            redirect_uri=self._url + BACK,
            code_challenge_method="S256",
            timeout=FETCH_SECONDS,
            trust_env=False,
        )

    def _now(self) -> int:
        return self._runner.journal.store.now_ms()

    def _key(self, purpose: bytes) -> bytes:
        return self._runner.journal.handles.derived(purpose)


def _refused(sentence: str) -> AilyusError:
    return AilyusError("signed_out", sentence, hint="begin again at the sign-in page; nothing happened")


def _cookie(value: str, seconds: int) -> str:
    return f"{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"
