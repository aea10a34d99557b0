"""The certificate of the gateway: two PEM files, read again when they change, and the TLS that they make.

A handshake takes the newest pair that was good. Files that make none are told, and change nothing.
"""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

import structlog
from cryptography import x509

from contracts.errors import AilyusError

LOOK_SECONDS: Final = 1.0
"""How often the files are looked at."""
MAX_BYTES: Final = 1024 * 1024
"""Of each of the two files."""
SOON: Final = timedelta(days=14)
"""A certificate that ends within so long is told."""
log = structlog.get_logger()


class Certificate:
    """A certificate and its key. Raises `bad_settings` where the files hold none at first."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._files = (certificate, key)
        self._seen = ""
        self.fault = ""
        """Why what the files say now is not taken; empty where it is."""
        self._until = datetime.max.replace(tzinfo=UTC)
        self._newest = self.context = self._read()
        # called in every handshake, with a name or without
        self.context.sni_callback = self._chosen

    @property
    def is_valid(self) -> bool:
        """Is its end not past?"""
        return datetime.now(UTC) < self._until

    @property
    def ends(self) -> float:
        """When the one that is served ends, in seconds since the epoch."""
        return self._until.timestamp()

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """While the context lasts, the files are looked at, and taken when they change."""
        task = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Take what the files say now, if it is something else and good. Not on a loop: it reads files."""
        try:
            if self._digest() == self._seen:
                self.fault = ""
                return
            self._newest = self._read()
        except AilyusError as error:
            if error.sentence != self.fault:
                log.warning("certificate_unusable", reason=error.sentence, serves="the last good one")
            self.fault = error.sentence
            return
        self.fault = ""
        log.info("certificate_read", until=self._until.isoformat())

    def _chosen(self, handshake: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        # a whole context and never parts of one: no handshake sees a new certificate with an old key
        handshake.context = self._newest

    def _read(self) -> ssl.SSLContext:
        certificate, key = self._files
        digest = self._digest()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # without a word for a passphrase OpenSSL would ask at the terminal
            context.load_cert_chain(certificate, key, password=_no_passphrase)
            first = x509.load_pem_x509_certificates(certificate.read_bytes())[0]
        except (ssl.SSLError, OSError, ValueError):
            raise self._unusable("they hold no certificate with its key, in PEM and without a passphrase") from None
        if self._digest() != digest:  # another pair is being written
            raise self._unusable("they change while they are read")
        self._seen, self._until = digest, first.not_valid_after_utc
        if first.not_valid_after_utc - datetime.now(UTC) < SOON:
            log.warning("certificate_ends", until=self._until.isoformat())
        return context

    def _digest(self) -> str:
        found = hashlib.sha256()
        for path in self._files:
            try:
                with path.open("rb") as file:
                    content = file.read(MAX_BYTES + 1)
            except OSError as error:
                raise self._unusable(
                    f"`{path}` cannot be read: {(error.strerror or 'no reason given').lower()}"
                ) from None
            if len(content) > MAX_BYTES:
                raise self._unusable(f"`{path}` is too large")
            found.update(hashlib.sha256(content).digest())
        return found.hexdigest()

    def _unusable(self, why: str) -> AilyusError:
        certificate, key = self._files
        hint = "write the certificate with its chain, and its key, to the files that [server] names"
        return AilyusError("bad_settings", f"`{certificate.name}` and `{key.name}` are not taken: {why}", hint=hint)


def _no_passphrase() -> NoReturn:
    raise ValueError("the key has a passphrase")
