"""The releases of a running gateway: what a person applies, what its files say, and what another replica released.

`AdminApi` hands it packages, `SIGHUP` and `--watch` let it read the workspace's files, and it follows other replicas by
itself. One is made live after another, each as a whole. It makes nothing live itself: `Activation` does.

- What does not load, fits nothing, or nobody had the right to release MUST change nothing, and MUST be told.
- A release of another replica MUST be taken only as the log keeps it, signed where releases are signed (invariant 8).
"""

import asyncio
import contextlib
from dataclasses import dataclass, replace

import structlog

from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease, check_signature
from receipts.statement.releases import ReleaseRecord
from server.operations.activation import Activation
from server.workspace.release_archive import archived
from server.workspace.release_checks import require_sound
from server.workspace.release_files import SIGNED_FILE, sources_of
from server.workspace.release_package import ReleasePackage, candidate_of
from server.workspace.release_settings import ReleaseSettings, settings_for_restart
from server.workspace.workspace import Workspace

LOOK_SECONDS = 60.0
LOOK_AGAIN_SECONDS = 2.0
"""How often a release that could not be taken is tried again."""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RefusedRelease:
    """A release that was not taken, when, and why. `at_ms` is the store's time."""

    at_ms: int
    code: str
    sentence: str
    hint: str


class Releases:
    """Takes candidates, one at a time. `signed_only`: also a development workspace takes nothing unsigned."""

    def __init__(self, workspace: Workspace, activation: Activation, *, signed_only: bool = False) -> None:
        self.workspace = workspace
        self._activation = activation
        self._signed_only = signed_only
        self._one = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None
        self.runner = activation.runner
        self.refused: RefusedRelease | None = None
        """The last candidate that did not become live; None since the last one that did."""
        self.behind: RefusedRelease | None = None
        """What another replica has made live and this one cannot take: it serves nobody until it can."""

    def start(self) -> None:
        """From now on take what other replicas release."""
        if self.runner.journal.store.shared:
            self._following = asyncio.create_task(self._follow())

    async def stop(self) -> None:
        """Follow no more, and let what still works under former releases finish."""
        if self._following is not None:
            self._following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._following
        await self._activation.finish()

    async def apply(self, package: ReleasePackage) -> bool:
        """Make a package the live release; False where it is that already. Raises `AilyusError`, and keeps it."""
        async with self._one:
            try:
                changed = await self._apply(package)
            except AilyusError as error:
                self._refuse(error)
                raise
            self.refused = None
            if changed:
                log.info("release_applied", live=self.runner.release.digest[:12])
            return changed

    async def reload(self) -> bool:
        """The same with what the workspace's files say now; what is wrong with them is told, and changes nothing."""
        try:
            package = await asyncio.to_thread(self._candidate)
        except AilyusError as error:
            self._refuse(error)
            return False
        except OSError as error:  # a file that vanished meanwhile
            self._refuse(AilyusError("bad_contract", f"the files cannot be read: {(error.strerror or '').lower()}"))
            return False
        with contextlib.suppress(AilyusError):  # `apply` has told it
            return await self.apply(package)
        return False

    async def replace(self, release: Release) -> bool:
        """Make what a development workspace's files say the live release, for nobody signs it (`--dev`)."""
        async with self._one:
            sources = await asyncio.to_thread(sources_of, self.workspace.root)
            return await self._activation.apply(release, None, sources)

    def _refuse(self, error: AilyusError) -> None:
        # the last good one stays live, whatever was wrong with this
        self.refused = self._told(error)
        log.warning("release_refused", code=error.code, hint="`ailyus doctor` says what is wrong with it")

    def _told(self, error: AilyusError) -> RefusedRelease:
        return RefusedRelease(self.runner.journal.store.now_ms(), error.code, error.sentence, error.hint)

    def _candidate(self) -> ReleasePackage:
        own, fresh = self.workspace, Workspace.open(self.workspace.root)
        for name in settings_for_restart(own.settings, fresh.settings):
            log.warning("restart_needed", name=name, hint="this part of the settings is read when the gateway starts")
        release, package = candidate_of(fresh)
        stale = package.signed is not None and package.signed.document.release != release.digest
        if not stale:
            return package
        if self._signed_only or not own.settings.development:
            hint = "sign what the files say now: `ailyus release sign --as PERSON`"
            raise AilyusError("not_released", f"`{SIGNED_FILE}` is about other files", hint=hint)
        # in a development workspace a signature of other files is as good as none
        return package.model_copy(update={"signed": None})

    async def _apply(self, package: ReleasePackage) -> bool:
        signed = package.signed
        if signed is None and self._signed_only:  # guard: unsigned releases
            raise AilyusError("not_released", "nobody has signed this set of contracts and policies")
        if self.runner.journal.store.shared:
            # compared with what is live, also where another replica made it so just now
            with contextlib.suppress(AilyusError):
                await self._take_live()
        release = await asyncio.to_thread(package.built, self.workspace)
        if self._is_live(release) and (signed is None or self.runner.release.author == signed.document.author):
            return False
        # what an author signed was compared, and allowed, when it was signed
        allowed = package.allow_wider or signed is not None
        await asyncio.to_thread(require_sound, self.workspace, release, allowed)
        return await self._activation.apply(release, signed, package.files)

    def _is_live(self, release: Release) -> bool:
        live = self.runner.release
        return release.digest == live.digest and ReleaseSettings.of(release) == ReleaseSettings.of(live)

    # -- what another replica releases ---------------------------------------------------------------------------------

    async def _follow(self) -> None:
        controls, seen = self.runner.journal.controls, -1
        while True:
            await controls.moved(seen, LOOK_SECONDS if self.behind is None else LOOK_AGAIN_SECONDS)
            seen = controls.epoch
            try:
                async with self._one:
                    await self._take_live()
                self.behind = None
            except AilyusError as error:
                self.behind = self._told(error)
                log.warning("release_not_taken", code=error.code, hint="`ailyus doctor` says why")
            except Exception:  # whatever it was, the next release must be seen too
                self.behind = self._told(AilyusError("internal", "the live release could not be taken"))
                log.exception("release_not_taken")

    async def _take_live(self) -> None:
        registry, store = self.runner.journal.registry, self.runner.journal.store
        record = await registry.newest()
        if record is None or record.leaf == self._activation.leaf:
            return
        kept = await store.read_aside(lambda read: archived(read, record, store.keys))
        # a replica of an earlier version keeps no settings: then the files beside this one must say the same
        space = self.workspace if kept.settings is not None else Workspace.open(self.workspace.root)
        release = await asyncio.to_thread(kept.built, space)
        await self._check(release, record)
        await self._activation.adopt(release, record)
        log.info("release_taken", live=release.digest[:12])

    async def _check(self, release: Release, record: ReleaseRecord) -> None:
        signed: SignedRelease | None = record.signed
        if signed is None:
            if self._signed_only or not release.development:
                raise AilyusError("not_released", "another replica serves what nobody has signed")
            return
        key = (await self.runner.journal.registry.keys()).get(signed.keyid)
        if key is None:
            raise AilyusError("unlinked_key", "the key that signed the live release is not linked")
        # a key that was revoked since had released it all the same
        check_signature(signed, release, replace(key, revoked=False))  # guard: who signed what a replica takes
