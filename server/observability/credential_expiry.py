"""The expiry of credentials: whether each reference gives one now, and until when it says that it is good.

Only a JSON Web Token says so itself (`exp`, RFC 7519, section 4.1.4). No value is kept, and none is told.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Final

import jwt

from adapters.credentials.cache import Credentials
from contracts.action.target import Target
from server.observability.interval_task import IntervalTask

LOOK_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class CredentialState:
    """One credential of a connection; `expires` is in seconds since the epoch, None where it does not say."""

    connection: str
    use: str
    is_usable: bool
    expires: float | None


class CredentialExpiry:
    """Looks at every reference once a minute, but at none of a person (`{person}`)."""

    def __init__(self, credentials: Credentials, targets: Callable[[], Iterable[Target]]) -> None:
        self._credentials = credentials
        self._targets = targets
        self._turns = IntervalTask(LOOK_SECONDS, self.look)
        self.states: tuple[CredentialState, ...] = ()

    async def start(self) -> None:
        """Look now, and from now on."""
        await self.look()
        self._turns.start()

    async def stop(self) -> None:
        """No longer."""
        await self._turns.stop()

    async def look(self) -> None:
        """Look at all of them once."""
        self.states = tuple([state async for state in self._states(tuple(self._targets()))])

    async def _states(self, targets: Iterable[Target]) -> AsyncIterator[CredentialState]:
        for target in targets:
            for use, reference in (("read", target.read), ("write", target.write)):
                if reference == "none" or "{person}" in reference:
                    continue
                if target.oauth2 is not None:  # an access token ends all the time, and is refreshed before
                    yield CredentialState(target.name, use, await self._credentials.is_obtainable(reference), None)
                    continue
                try:
                    expires = expiry_of(await self._credentials.value(reference) or "")
                except Exception:  # whatever it is: a credential that cannot be looked up cannot be used
                    yield CredentialState(target.name, use, False, None)
                    continue
                yield CredentialState(target.name, use, expires is None or expires > time.time(), expires)


def expiry_of(secret: str) -> float | None:
    """When a credential expires that is a JSON Web Token and says so; None for any other."""
    try:
        # nothing is believed of it, so nothing is checked
        claims: dict[str, object] = jwt.decode(secret, options={"verify_signature": False, "verify_exp": False})
    except (jwt.PyJWTError, ValueError):
        return None
    expires = claims.get("exp")
    return float(expires) if isinstance(expires, int | float) and not isinstance(expires, bool) else None
