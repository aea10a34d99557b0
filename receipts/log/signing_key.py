"""A key that signs: in this process, or with a signer outside of it, which may be slow, gone, or wrong.

`SigningKey` is all that the log needs of a key: its public half, and Ed25519 signatures (RFC 8032). The key of a file
is `Ed25519PrivateKey` itself. A `RemoteKey` asks somebody else, so it is only used where waiting is allowed: by the
writer of the store, never on the event loop.

- A signature that does not verify under the public key of the settings MUST never be used.
- A signer that failed MUST not be asked again for a moment: of a group of entries only one waits for it.
"""

import threading
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Final, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from contracts.errors import NotDurable

_REST_SECONDS: Final = 1.0
PROBE: Final = b"ailyus signer probe"
"""What is signed only to see that a signer answers: no DSSE text and no note begins so."""


class NoSignature(NotDurable):
    """The signer of the log gave no signature that holds: nothing that needs one is committed."""


class SigningKey(Protocol):
    """An Ed25519 key that signs."""

    def public_key(self) -> Ed25519PublicKey:
        """Its public half."""

    def sign(self, data: bytes, /) -> bytes:
        """The 64 bytes of a signature."""


@dataclass(frozen=True, slots=True)
class SignerFault:
    """Why there is no signature, in words that an agent may read."""

    says: str


class RemoteKey(ABC):
    """A key that another program or device holds; `name` is the one of its table in the settings."""

    def __init__(self, name: str, public: Ed25519PublicKey) -> None:
        self.name = name
        self._public = public
        self._lock = threading.Lock()
        self._rests_until = 0.0
        self.fault = ""
        """Why it gave no signature the last time; empty where it did."""

    def public_key(self) -> Ed25519PublicKey:
        """The public key that the settings name; the signer is not asked for it."""
        return self._public

    def sign(self, data: bytes, /) -> bytes:
        """Let it sign. Waits, not longer than its time limit: not on a loop. Raises `NoSignature`."""
        with self._lock:
            if time.monotonic() < self._rests_until:
                raise self._none()
            answer = self._ask(data)
            if isinstance(answer, bytes) and not self._holds(answer, data):  # guard: a signature of a signer
                answer = SignerFault("gave a signature that is not one of the log's key")
            if isinstance(answer, SignerFault):
                self.close()
                self.fault, self._rests_until = answer.says, time.monotonic() + _REST_SECONDS
                raise self._none()
            self.fault = ""
            return answer

    def _holds(self, signature: bytes, data: bytes) -> bool:
        try:
            self._public.verify(signature, data)
        except InvalidSignature:
            return False
        return True

    def _none(self) -> NoSignature:
        hint = f"call again later with the same arguments; people see to [log.signers.{self.name}]"
        return NoSignature(f"the signer `{self.name}` of the log {self.fault}", hint=hint)

    @abstractmethod
    def _ask(self, data: bytes) -> bytes | SignerFault:
        """Ask for a signature, within the time limit."""

    @abstractmethod
    def close(self) -> None:
        """Give back what it holds; the next signature begins anew."""
