"""The credentials of one gateway: each secret is read at its source, kept for a while, and read again in time.

Every adapter, notice and sign-in of a gateway asks the same `Credentials`. It knows values, and gives them to whoever
builds a request; it writes none anywhere. A value that is known and not old costs no thread.

- The loop MUST NOT wait for a source: what may wait runs on a thread, once for all who ask at the same time.
- A value MUST be read again when its time ends, when its file changes, and once when a target refuses it.
- While a source cannot tell, the last good value MAY serve, for no longer than `Lifetime.keep`, and the log says so.
  Where a source says that there is no secret, none MUST be used.
- No value and no output of a program MUST stand in an error or in the log.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from adapters.credentials.reference import CredentialReference, Kind
from adapters.credentials.source import EnvironmentSource, FileSource, Source, SourceFault, Stamp, stamp_of, usable
from adapters.credentials.token_source import TokenSource
from contracts.action.oauth_client import OAUTH2
from contracts.errors import AilyusError

log = structlog.get_logger()
PERSON: Final = "{person}"
NONE: Final = "none"
_AGAIN_SECONDS: Final = 5.0
"""How often a source is asked that cannot tell, or whose secret is refused all the same."""
_SETTLED_NS: Final = 100_000_000
"""A file that changed so shortly ago may change again under the same times: it is read again."""
_CHANGING: Final = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Lifetime:
    """How long a value is kept, and for how long more while its source cannot tell, in seconds."""

    ttl: float = 300.0
    keep: float = 3600.0


USUAL: Final = Lifetime()


@dataclass(slots=True)
class _Known:
    """One value; times are those of the monotonic clock. `path` and `stamp` are a file's."""

    value: str
    read_at: float
    until: float
    changed_at: float
    path: str = ""
    stamp: Stamp | None = None
    doubted_at: float = float("-inf")
    is_kept: bool = False


class Credentials:
    """The secrets behind references, for the workspace at `root`; `tokens` gives those of connections that sign in."""

    def __init__(self, root: Path, lifetime: Lifetime = USUAL, sources: Mapping[Kind, Source] | None = None) -> None:
        self.root = root
        self._lifetime = lifetime
        self._files = FileSource(root)
        self._sources: dict[Kind, Source] = {"env": EnvironmentSource(), "file": self._files, **(sources or {})}
        self._threads = ThreadPoolExecutor(
            4, "credentials"
        )  # of its own: a source that hangs keeps nobody else waiting
        self._known: dict[str, _Known] = {}
        self._reading: dict[str, asyncio.Task[str | SourceFault]] = {}
        self.tokens: TokenSource | None = None

    async def value(self, reference: str, person: str = "") -> str | None:
        """The secret behind a reference, None for `none`. Raises `no_credential` where there is none."""
        if reference.startswith(OAUTH2):
            return await self._token_source().value(reference, person)
        key = reference.replace(PERSON, person) if person else reference
        known = self._known.get(key)
        if known is not None and _is_fresh(known, time.monotonic()):
            return known.value
        if key == NONE:
            return None
        parsed = CredentialReference.parse(key)
        if parsed.kind == "env":  # this process's own: nobody has to wait for it, and it stays as it is
            secret = self._secret(key, self._source(parsed).read(parsed.name))
            self._known[key] = _Known(secret, time.monotonic(), float("inf"), time.monotonic())
            return secret
        return self._secret(key, await self._renewed(reference, key, parsed))

    async def missing(self, reference: str, person: str = "") -> str:
        """Why a reference gives no value; empty where it gives one, or only a person's session will show it."""
        lack = await self.lack(reference, person)
        return lack.sentence if lack is not None else ""

    async def lack(self, reference: str, person: str = "") -> AilyusError | None:
        """The same with the code of why, and what to do."""
        if PERSON in reference and not person:
            return None
        try:
            await self.value(reference, person)
        except AilyusError as error:
            return error
        return None

    async def is_obtainable(self, reference: str) -> bool:
        """Could a token of a connection that signs in be had, without asking for one?"""
        return await self._token_source().is_obtainable(reference)

    async def is_renewed(self, reference: str, since: float, person: str = "") -> bool:
        """A target refused what was known at `since`: is there another value by now? Reads it again, if not just now.

        INVARIANT 4: the answer is for reads alone. A write that was refused goes again under another intent, if at all.
        """
        if reference.startswith(OAUTH2):
            return await self._token_source().is_renewed(reference, since, person)
        key = reference.replace(PERSON, person) if person else reference
        for _ in range(2):  # what was being read already may be the former value
            known = self._known.get(key)
            if known is None or known.changed_at > since:
                return known is not None
            is_shared = key in self._reading
            if not is_shared and not self._is_doubted(known):
                return False
            found = await self._renewed(reference, key, CredentialReference.parse(key))
            if isinstance(found, SourceFault) or not is_shared:
                break
        known = self._known.get(key)
        return known is not None and known.changed_at > since

    def doubt(self, reference: str, person: str = "", since: float = math.inf) -> bool:
        """A target refused what was known at `since`: whoever uses it next has it read again first.

        True: it is an access token, and the next one is another.
        """
        if reference.startswith(OAUTH2):
            return self._token_source().doubt(reference, person, since)
        known = self._known.get(reference.replace(PERSON, person) if person else reference)
        if known is not None:
            self._is_doubted(known)
        return False

    def read(self, reference: str) -> str | None:
        """The same as `value`, read now and not kept; it waits. For a start and for commands, never on a loop."""
        parsed = CredentialReference.parse(reference)
        return None if parsed.kind == "none" else self._secret(reference, self._looked_up(parsed))

    def material(self, reference: str) -> bytes:
        """A key, which may have several lines, read now and not kept; it waits. Empty for `none`."""
        parsed = CredentialReference.parse(reference)
        found = b"" if parsed.kind == "none" else self._source(parsed).read(parsed.name)
        if isinstance(found, SourceFault):
            raise _absent(reference, found)
        return found

    async def close(self) -> None:
        """Read no more."""
        for task in self._reading.values():
            task.cancel()
        await asyncio.gather(*self._reading.values(), return_exceptions=True)
        if self.tokens is not None:
            await self.tokens.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _token_source(self) -> TokenSource:
        if self.tokens is None:
            hint = "look at it through a running gateway: `ailyus connection list`"
            raise AilyusError("no_credential", "only a running gateway has the tokens of this connection", hint=hint)
        return self.tokens

    def _is_doubted(self, known: _Known) -> bool:
        now = time.monotonic()
        if now - known.doubted_at < _AGAIN_SECONDS:  # a secret that is refused for good is not asked for at each call
            return False
        known.doubted_at, known.until = now, 0.0
        return True

    async def _renewed(self, reference: str, key: str, parsed: CredentialReference) -> str | SourceFault:
        self._source(parsed)  # raises here, and not in a task for which nobody waits
        if key not in self._reading:
            task = asyncio.create_task(self._read(reference, key, parsed))
            self._reading[key] = task
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        known = self._known.get(key)
        if known is not None and known.is_kept and self._may_keep(known):
            return known.value  # its source did not answer the last time: it is asked beside
        return await asyncio.shield(self._reading[key])

    async def _read(self, reference: str, key: str, parsed: CredentialReference) -> str | SourceFault:
        path = str(self._files.path(parsed.name)) if parsed.kind == "file" else ""
        stamp = stamp_of(path) if path else None
        found = await asyncio.get_running_loop().run_in_executor(self._threads, self._looked_up, parsed)
        now, known = time.monotonic(), self._known.get(key)
        if isinstance(found, str):
            if known is None or known.value != found:
                known = _Known(found, now, 0.0, now)
            known.read_at, known.until, known.is_kept = now, now + self._lifetime.ttl, False
            known.path, known.stamp = path, _settled(stamp)
            self._known[key] = known
            return found
        if known is None:
            return found
        if found.is_final or not self._may_keep(known):
            del self._known[key]
            return found
        if not known.is_kept:
            # the reference as the settings have it, without a person's name
            log.warning("credential_kept", reference=reference, reason=found.sentence or "it cannot be read")
        known.until, known.is_kept, known.stamp = now + _AGAIN_SECONDS, True, stamp
        return known.value

    def _may_keep(self, known: _Known) -> bool:
        return time.monotonic() < known.read_at + self._lifetime.ttl + self._lifetime.keep  # guard: a kept secret

    def _looked_up(self, parsed: CredentialReference) -> str | SourceFault:
        found = self._source(parsed).read(parsed.name)
        if isinstance(found, SourceFault):
            return found
        return usable(found) or SourceFault()

    def _source(self, parsed: CredentialReference) -> Source:
        try:
            return self._sources[parsed.kind]
        except KeyError:
            hint = f"declare it under [credentials.{parsed.kind}] in ailyus.toml"
            raise AilyusError("bad_settings", f"nothing says where `{parsed.kind}:` is read", hint=hint) from None

    def _secret(self, key: str, found: str | bytes | SourceFault) -> str:
        text = usable(found) if isinstance(found, bytes) else found
        if text is None or isinstance(text, SourceFault):
            raise _absent(key, text or SourceFault())
        return text


def _is_fresh(known: _Known, now: float) -> bool:
    # the state of a file that is near is told in 2 µs, and a thread would take 50
    return now < known.until and (not known.path or stamp_of(known.path) == known.stamp)


def _settled(stamp: Stamp | None) -> Stamp | None:
    is_new = stamp is not None and time.time_ns() - max(stamp[0], stamp[1]) < _SETTLED_NS
    return _CHANGING if is_new else stamp


def _absent(reference: str, fault: SourceFault) -> AilyusError:
    why = f": {fault.sentence}" if fault.sentence else ""
    return AilyusError("no_credential", f"there is no usable credential at `{reference}`{why}", hint=fault.hint or None)
