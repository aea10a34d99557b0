"""The authorization servers of connections, asked for tokens: authlib's client over a transport of our own.

`AuthorizationServers` asks once and tells what came of it; it stores nothing and repeats nothing. Who keeps tokens, and
when they are refreshed, is `ClientTokens` here and `server/operations/connections/`.

- An answer MUST be bounded in time and bytes; no redirect is followed, and no proxy of the environment is taken.
- What may have reached the server without an answer MUST be `lost` and not `not_sent`: a refresh token is used up by
  it.
- No text of a server, no token and no exception's text MUST be told: a fault is a code.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client

from adapters.credentials.cache import Credentials
from adapters.http.answer import TooLarge, content_of
from adapters.oauth.assertion import CLIENT_ASSERTION, JWT_BEARER, client_assertion, grant_assertion
from adapters.oauth.metadata import Endpoints, ServerMetadata
from adapters.oauth.token_answer import TokenAnswer, TokenFault, answer_of, fault_of, refusal_of
from adapters.tls import trusted
from contracts.action.oauth_client import OAuthClient, Side
from contracts.errors import AilyusError

T = TypeVar("T")
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105  the name of a grant
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105  the name of a type
_SENDABLE: Final = frozenset({ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"})
"""Types of issued tokens that an API takes; a server that does not say gives what it was asked for."""
_METHODS = {"basic": "client_secret_basic", "post": "client_secret_post"}
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)


class _Bounded(httpx2.AsyncBaseTransport):
    """A transport whose answers are read whole, up to the bound of every HTTP answer; clients do not close it."""

    def __init__(self) -> None:
        limits = httpx2.Limits(max_connections=20, keepalive_expiry=30.0)
        self.inner = httpx2.AsyncHTTPTransport(verify=trusted(), trust_env=False, limits=limits)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = await self.inner.handle_async_request(request)
        try:
            content = await content_of(answer)
        finally:
            await answer.aclose()
        kept = [(n, v) for n, v in answer.headers.raw if n.lower() not in (b"content-encoding", b"content-length")]
        return httpx2.Response(answer.status_code, headers=kept, content=content)


class AuthorizationServers:
    """Asks the authorization servers of connections; secrets and keys of clients are read where `credentials` says."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self._metadata = ServerMetadata()
        self._transport: _Bounded | None = None

    async def close(self) -> None:
        """Give connections back."""
        if self._transport is not None:
            await self._transport.inner.aclose()

    async def endpoints(self, client: OAuthClient) -> Endpoints | TokenFault:
        """Where a client's server is asked (RFC 8414); a fault where its metadata is another issuer's."""

        async def asked() -> Endpoints | TokenFault:
            async with self._http(client) as http:
                return await self._metadata.endpoints(client, http)

        return await _bounded(client, asked)

    async def fetch(self, client: OAuthClient, side: Side) -> TokenAnswer | TokenFault:
        """Tokens by the client's own right, or by what it signs (`client_credentials`, `jwt_bearer`)."""
        scopes = client.scopes(side)
        asks = {"scope": " ".join(scopes)} if scopes else {}
        if client.grant != "jwt_bearer":
            return await self._token(client, {"grant_type": "client_credentials", **asks})
        found = await self.endpoints(client)
        if isinstance(found, TokenFault):
            return found
        material = await self._material(client)
        if isinstance(material, TokenFault):
            return material
        assertion = grant_assertion(client, material, found.token, scopes)
        if isinstance(assertion, TokenFault):
            return assertion
        return await self._token(client, {"grant_type": JWT_BEARER, "assertion": assertion, **asks})

    async def refresh(self, client: OAuthClient, refresh_token: str) -> TokenAnswer | TokenFault:
        """New tokens for a refresh token (RFC 6749, section 6), with the scopes that it was given for."""
        return await self._token(client, {"grant_type": "refresh_token", "refresh_token": refresh_token})

    async def exchange(
        self, client: OAuthClient, code: str, verifier: str, redirect_uri: str
    ) -> TokenAnswer | TokenFault:
        """Tokens for an authorization code with its PKCE verifier (RFC 6749 section 4.1.3, RFC 7636)."""
        asks = {"code": code, "code_verifier": verifier, "redirect_uri": redirect_uri}
        return await self._token(client, {"grant_type": "authorization_code", **asks})

    async def exchange_token(self, client: OAuthClient, side: Side, subject: str) -> TokenAnswer | TokenFault:
        """Tokens in exchange for a person's own access token (RFC 8693, section 2.1)."""
        asks = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": subject,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
        }
        if scopes := client.scopes(side):
            asks["scope"] = " ".join(scopes)
        if client.audience:
            asks["audience"] = client.audience
        found = await self._token(client, asks)
        if isinstance(found, TokenAnswer) and found.fields.get("issued_token_type", ACCESS_TOKEN) not in _SENDABLE:
            return TokenFault("refused", "other_token_type")  # guard: a token that is none for an API
        return found

    async def revoke(self, client: OAuthClient, token: str, hint: str) -> TokenFault | None:
        """Have a token hold no more (RFC 7009); `hint` is its kind. None: it does not hold any more."""
        found = await self.endpoints(client)
        if isinstance(found, TokenFault):
            return found
        if not found.revoke:
            return TokenFault("refused", "no_revocation_endpoint")

        async def asked() -> TokenFault | None:
            proof = await self._proof(client, found.token)
            if isinstance(proof, TokenFault):
                return proof
            async with self._http(client, proof.pop("client_secret", "")) as http:
                answer = await http.revoke_token(  # type: ignore[no-untyped-call]  # the stubs leave it out
                    found.revoke, token, hint, body=_form(proof)
                )
            return None if answer.status_code == 200 else TokenFault("refused", f"status_{answer.status_code}")

        return await _bounded(client, asked)

    async def _token(self, client: OAuthClient, asks: dict[str, str]) -> TokenAnswer | TokenFault:
        found = await self.endpoints(client)
        if isinstance(found, TokenFault):
            return found

        async def asked() -> TokenAnswer | TokenFault:
            proof = await self._proof(client, found.token)
            if isinstance(proof, TokenFault):
                return proof
            secret = proof.pop("client_secret", "")
            meant = {"resource": client.resource} if client.resource else {}
            async with self._http(client, secret) as http:
                http.register_compliance_hook("access_token_response", _refused)
                return answer_of(await http.fetch_token(found.token, **asks, **proof, **meant))

        return await _bounded(client, asked)

    async def _proof(self, client: OAuthClient, token_url: str) -> dict[str, str] | TokenFault:
        """What proves the client: its secret, which authlib places, or what it signed."""
        if client.client_auth == "none":
            return {}
        if client.client_auth == "private_key_jwt":
            material = await self._material(client)
            if isinstance(material, TokenFault):
                return material
            signed = client_assertion(client, material, token_url)
            if isinstance(signed, TokenFault):
                return signed
            return {"client_assertion_type": CLIENT_ASSERTION, "client_assertion": signed}
        try:
            return {"client_secret": await self._credentials.value(client.client_secret) or ""}
        except AilyusError:
            return TokenFault("not_sent", "no_client_secret")

    async def _material(self, client: OAuthClient) -> bytes | TokenFault:
        try:
            return await asyncio.to_thread(self._credentials.material, client.key)
        except AilyusError:
            return TokenFault("not_sent", "no_client_key")

    @asynccontextmanager
    async def _http(self, client: OAuthClient, secret: str = "") -> AsyncIterator[AsyncOAuth2Client]:
        self._transport = self._transport or _Bounded()
        method = _METHODS.get(client.client_auth, "none")
        # one for each question: it keeps the tokens of the last
        async with AsyncOAuth2Client(
            client_id=client.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=method,
            revocation_endpoint_auth_method=method,
            transport=self._transport,
            timeout=httpx2.Timeout(None, connect=client.timeout_ms / 2000),
            headers={"accept-encoding": "gzip"},
            follow_redirects=False,
            trust_env=False,
        ) as http:
            yield http


async def _bounded(client: OAuthClient, ask: Callable[[], Awaitable[T]]) -> "T | TokenFault":
    """One question within the client's time, with every way in which it fails as a value."""
    try:
        async with asyncio.timeout(client.timeout_ms / 1000):
            return await ask()
    except OAuthError as error:
        return fault_of(str(error.error))
    except httpx2.HTTPStatusError as error:
        status = error.response.status_code
        # a server, or what stands before it, that fails with 5xx may have done it all the same
        return TokenFault("lost" if status >= 500 else "refused", f"status_{status}")
    except _NOT_SENT:
        return TokenFault("not_sent", "unreachable")
    except (httpx2.HTTPError, TimeoutError, OSError):
        return TokenFault("lost", "no_answer")
    except (TooLarge, ValueError, TypeError, KeyError):
        return TokenFault("lost", "bad_answer")


def _refused(answer: httpx2.Response) -> httpx2.Response:
    """What authlib takes for tokens, because it has no `error`."""
    said = answer.json() if answer.content[:1] == b"{" else {}
    word = refusal_of(answer.status_code, said if isinstance(said, dict) else {})
    if word is not None:
        raise OAuthError(word)
    return answer


def _form(fields: dict[str, str]) -> str:
    return str(httpx2.QueryParams(fields))
