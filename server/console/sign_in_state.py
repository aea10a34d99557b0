"""The state of a sign-in while somebody is at the provider: in a cookie of their own browser, sealed."""

import hashlib
import hmac

from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import AilyusError
from policies.passkey import decode, encode


class SignInState(BaseModel):
    """What is kept while somebody is at the provider: in their own browser, sealed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: str
    nonce: str
    verifier: str
    to: str
    until_ms: int


def sealed(begun: SignInState, key: bytes) -> str:
    """The value of the cookie: the state and its MAC (HMAC-SHA-256)."""
    body = begun.model_dump_json().encode()
    return f"{encode(body)}.{hmac.new(key, body, hashlib.sha256).hexdigest()}"


def opened(text: str, key: bytes, now_ms: int) -> SignInState | None:
    """The state out of a cookie, if we sealed it and it is in its time."""
    body, _, mac = text.partition(".")
    try:
        content = decode(body)
        mac_of = hmac.new(key, content, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(mac_of.encode(), mac.encode()):
            return None
        begun = SignInState.model_validate_json(content)
    except (AilyusError, ValueError, ValidationError):  # no base64url, or no state: nobody of ours wrote it
        return None
    return begun if begun.until_ms > now_ms else None
