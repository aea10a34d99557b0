"""The activation of a release: it is accepted, tested, logged and made the live one in a single commit.

`Releases` calls it with what came from a person, the workspace's files or another replica. It does not say what is
released: a release is built before. What is on its way goes on under the release that it began with.

- Only a release that `accept` took MUST become live; the policy tests of one that is governed and new MUST pass before,
  and it MUST bring the approvals that the live release's policies ask for (invariant 8).
- The statement of a release MUST be committed together with its activation, and directly after the one that was
  accepted before.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Mapping

import structlog

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease
from receipts.journal.journal import Journal
from receipts.statement import releases
from receipts.statement.releases import ReleaseRecord, opened
from receipts.store.transaction import Conflict
from server.actions.live_release import LiveRelease
from server.actions.runner import ActionRunner
from server.approvals.keys import link_key
from server.workspace.release_acceptance import Acceptance, accept
from server.workspace.release_approvals import require_approved
from server.workspace.release_files import run_tests_of
from server.workspace.release_settings import SETTINGS, ReleaseSettings
from server.workspace.release_statement import release_evidence, release_facts

TRIES = 5
"""How often a release is accepted anew when another one came in between."""
log = structlog.get_logger()


class Activation:
    """Makes releases live, one after another."""

    def __init__(
        self,
        runner: ActionRunner,
        under: Callable[[Release], LiveRelease],
        tell: Callable[[Release], Coroutine[None, None, None]],
    ) -> None:
        self.runner = runner
        self._under = under
        self._tell = tell
        self._background: set[asyncio.Task[None]] = set()
        self.leaf = -1
        """Where the statement of the release stands that this process serves."""

    @property
    def _journal(self) -> Journal:
        return self.runner.journal

    async def begin(self, signed: SignedRelease | None, sources: Mapping[str, bytes]) -> None:
        """Make the release live that the process starts with."""
        accepted = await self._commit(self.runner.release, signed, sources)
        if accepted is not None:
            await self._link(accepted)

    async def apply(self, release: Release, signed: SignedRelease | None, sources: Mapping[str, bytes]) -> bool:
        """Make another release live, and work under it from now on. False where it is so already."""
        # before anything is committed: what cannot be put together never becomes live
        live = self._under(release)
        try:
            accepted = await self._commit(release, signed, sources)
        except BaseException:
            await live.executor.adapter.close()
            raise
        if accepted is None:
            await live.executor.adapter.close()
            return False
        self._swap(live)
        await self._link(accepted)
        return True

    async def adopt(self, release: Release, record: ReleaseRecord) -> None:
        """Work under a release that another replica has made live."""
        live = self._under(release)
        await self._journal.registry.follow(record.digest)
        self.leaf = record.leaf
        self._swap(live)

    async def finish(self) -> None:
        """Wait for everything that still works under a former release."""
        await asyncio.gather(*self._background)

    def _swap(self, live: LiveRelease) -> None:
        former = self.runner.replace(live)
        for work in (self._tell(live.release), self.runner.retire(former)):
            task = asyncio.create_task(work)
            self._background.add(task)
            task.add_done_callback(self._background.discard)

    async def _commit(
        self, release: Release, signed: SignedRelease | None, sources: Mapping[str, bytes]
    ) -> Acceptance | None:
        """What was accepted and is live now; None where this process made it live before."""
        tested = False
        for _ in range(TRIES):
            accepted = await self._accept(release, signed)
            if accepted.again and accepted.after == self.leaf:
                return None
            if signed is not None and not accepted.again:
                await require_approved(self._journal, release, signed, sources)
            if release.governed and not accepted.again and not tested:  # guard: tests of a release
                await asyncio.to_thread(run_tests_of, release, sources)
                tested = True
            with contextlib.suppress(Conflict):
                await self._activate(release, signed, sources, accepted)
                return accepted
        raise AilyusError("release_changed", "others released something at the same time", hint="look, and try again")

    async def _accept(self, release: Release, signed: SignedRelease | None) -> Acceptance:
        accepted = await accept(self._journal, release, signed)
        if not accepted.again or release.governed:
            return accepted
        # limits of connections are no part of the digest; nobody has to sign them in a development workspace
        last = await self._journal.registry.newest()
        kept = await self._kept_settings(last) if last is not None else b""
        same = last is not None and kept == ReleaseSettings.of(release).encoded
        return Acceptance(same, accepted.after)

    async def _kept_settings(self, record: ReleaseRecord) -> bytes:
        keys = self._journal.store.keys
        found = await self._journal.store.read_aside(lambda read: opened(read, record, keys, lambda x: x == SETTINGS))
        return found.get(SETTINGS, b"")

    async def _activate(
        self, release: Release, signed: SignedRelease | None, sources: Mapping[str, bytes], accepted: Acceptance
    ) -> None:
        journal, programs = self._journal, release.catalog.programs.values()
        labels = {p.name: await self._label(p.name, p.contract.version, p.digest) for p in programs}
        facts, evidence = release_facts(release, labels, signed), release_evidence(release, sources, signed)
        subject, search = {"release": release.digest}, (releases.MARK, release.digest)
        now = journal.store.now_ms()
        sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), "", subject, now, evidence, search)
        versions = [(p.name, p.contract.version, p.digest) for p in programs]
        tenants = sorted(
            {t.tenant for t in release.targets.values()} | {p.tenant for p in release.people.by_name.values()}
        )
        again, after = accepted.again, accepted.after
        self.leaf = await journal.registry.activate(release.digest, tenants, versions, sealed, again=again, after=after)

    async def _link(self, accepted: Acceptance) -> None:
        if accepted.key is not None:
            with contextlib.suppress(AilyusError):  # another replica was first
                await link_key(self.runner, accepted.key, "terminal")

    async def _label(self, name: str, version: int, digest: str) -> str:
        suffix = await self._journal.registry.suffix(name, version, digest)
        if suffix:
            log.warning("contract_changed", contract=name, version=version, hint="give changed content a new version")
        return f"{version}{suffix}"
