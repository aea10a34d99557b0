"""The receivers of exports: an address that takes JSON lines by POST, and a file that is put aside when it is large.

A sink takes one batch whole, or says why not: `BatchDeferred` is tried again, `BatchRefused` is what no second try
would change.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import httpx2

from adapters.credentials.cache import Credentials
from adapters.tls import trusted
from contracts.errors import AilyusError

SEND_SECONDS: Final = 10.0
"""Seconds for one batch."""
_AGAIN: Final = frozenset({408, 425, 429})
"""Answers of the kind 4xx that ask for another try (RFC 9110, RFC 8470, RFC 6585)."""
_MAX_PAUSE: Final = 3600
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class BatchTaken:
    """The receiver has the batch."""


@dataclass(frozen=True, slots=True)
class BatchDeferred:
    """The receiver may take it later; not before `pause_s` seconds, where it says so."""

    says: str
    pause_s: int = 0


@dataclass(frozen=True, slots=True)
class BatchRefused:
    """The receiver does not take this batch, and will not."""

    says: str


BatchAnswer = BatchTaken | BatchDeferred | BatchRefused


class Sink(Protocol):
    """Whoever takes batches. `first` and `last` are the leaves of their first and last record."""

    async def put(self, lines: Sequence[bytes], first: int, last: int) -> BatchAnswer:
        """Give it one batch."""

    async def close(self) -> None:
        """Give back what it holds."""


class HttpSink:
    """An address; the secret is asked for with each batch, so that a new one counts at once."""

    def __init__(self, url: str, header: str, scheme: str, secret: Callable[[], Awaitable[str | None]]) -> None:
        self._url = url
        self._header = header
        self._prefix = f"{scheme} " if scheme else ""
        self._secret = secret
        # no redirect: it could lead the statements, and the secret, to an address that nobody named
        self._http = httpx2.AsyncClient(timeout=SEND_SECONDS, trust_env=False, follow_redirects=False, verify=trusted())

    @classmethod
    def of(cls, url: str, header: str, scheme: str, credentials: Credentials, reference: str | None) -> "HttpSink":
        """A sink whose secret stands behind a reference."""

        async def secret() -> str | None:
            return await credentials.value(reference or "none")

        return cls(url, header, scheme, secret)

    async def put(self, lines: Sequence[bytes], first: int, last: int) -> BatchAnswer:
        """One POST; the key says which leaves it holds, so that a receiver can drop what it has."""
        headers = {"content-type": "application/x-ndjson", "idempotency-key": f"{first}-{last}"}
        try:
            secret = await self._secret()
        except AilyusError:
            return BatchDeferred("its secret cannot be read")
        if secret is not None:
            headers[self._header] = f"{self._prefix}{secret}"
        try:
            # streamed, and left: what it says is not for us, and may have no end
            async with self._http.stream("POST", self._url, content=b"".join(lines), headers=headers) as answer:
                status, after = answer.status_code, answer.headers.get("retry-after", "")
        except httpx2.HTTPError:
            return BatchDeferred("it was not reached")
        # a redirect is a refusal, which a person looks at
        if 200 <= status < 300:
            return BatchTaken()
        if status >= 500 or status in _AGAIN:
            return BatchDeferred(f"it answered {status}", min(int(after), _MAX_PAUSE) if after.isdecimal() else 0)
        return BatchRefused(f"it answered {status}")

    async def close(self) -> None:
        """Give connections back."""
        await self._http.aclose()


class FileSink:
    """A file of JSON lines; from a size on it is put aside under the name of its last record, and never deleted."""

    def __init__(self, path: Path, rotate: int) -> None:
        self._path = path
        self._rotate = rotate

    async def put(self, lines: Sequence[bytes], first: int, last: int) -> BatchAnswer:
        """Append the lines; they are on the disk before it answers."""
        try:
            await asyncio.to_thread(self._append, b"".join(lines), last)
        except OSError as error:
            return BatchDeferred(f"its file cannot be written: {type(error).__name__.lower()}")
        return BatchTaken()

    async def close(self) -> None:
        """Nothing is held between two batches."""

    def _append(self, data: bytes, last: int) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        with open(descriptor, "r+b") as file:
            # whoever reads the file meets whole lines only, also after a kill
            file.truncate(_whole(descriptor, file.seek(0, os.SEEK_END)))
            file.seek(0, os.SEEK_END)
            file.write(data)
            file.flush()
            os.fsync(descriptor)
            size = file.tell()
        if size >= self._rotate:
            self._path.rename(self._path.with_name(f"{self._path.stem}-{last}{self._path.suffix}"))
        # the name, too, must outlive the machine before the cursor moves
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _whole(descriptor: int, size: int) -> int:
    """How many bytes are whole lines: whoever was killed while it wrote left half of one, which is sent again."""
    end = size
    while end > 0:
        start = max(0, end - _CHUNK)
        found = os.pread(descriptor, end - start, start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0
