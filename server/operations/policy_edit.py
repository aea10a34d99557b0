"""An edit of the live policies: what is wrong with it, what it means, and the candidate that its author would sign.

The console calls it. An edit is some files of `policies/` with other texts; everything else is as it is live. Nothing
is kept of one here: it stands in the form of whoever writes it, and `Candidates` takes what its author has signed.

- What is signed MUST be made of the very texts that the author sent with the signature (invariant 2).
- Nothing of it MUST be live before `Candidates.apply` (invariant 8).
"""

import asyncio
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel, ConfigDict

from contracts.errors import AilyusError
from policies.outcome import Difference
from policies.outcome_diff import outcome_changes
from policies.passkey import Assertion
from policies.policy_finding import PolicyFinding
from policies.principal import Key, Person
from policies.release import Release
from policies.release_diff import ReleaseChange
from policies.signed_release import ReleaseDocument, SignedRelease, check_author, document_of
from receipts.statement import releases
from receipts.store.row import Read
from server.operations.candidate_review import CandidateReview
from server.operations.candidates import Candidates
from server.operations.form_signature import FormSignature, signing_key
from server.operations.policy_impact import PolicyImpact, impact_of
from server.workspace.file_comparison import FileDifference, file_differences
from server.workspace.policy_review import FOLDER, faults_at, unsound
from server.workspace.release_archive import MAX_HISTORY, ArchivedRelease, archived
from server.workspace.release_files import run_tests_of, written_files
from server.workspace.release_package import ReleasePackage
from server.workspace.release_settings import ReleaseSettings

MAX_SECONDS: Final = 10.0
"""How long the outcomes of an edit are compared, the riskiest actions first; `ailyus policy diff` compares them all."""
_FILE: Final = re.compile(r"policies/(budgets\.yaml|([a-z0-9_-]+/)*[a-z0-9_-]+\.(cedar|test\.yaml))")
_NAMES: Final = "name it like `policies/NAME.cedar` or `policies/NAME.test.yaml`, in lower case"


@dataclass(frozen=True, slots=True)
class PolicyEdit:
    """What an edit makes: its findings, or else how many tests pass, what changes, and its package.

    `impact` is what it makes of recorded decisions, where it differs at all from what is live.
    """

    findings: tuple[PolicyFinding, ...]
    files: tuple[FileDifference, ...]
    tests: int = 0
    changes: tuple[ReleaseChange, ...] = ()
    outcomes: Difference | None = None
    impact: PolicyImpact | None = None
    made: tuple[Release, ReleasePackage] | None = None

    @property
    def differs(self) -> bool:
        """Is any file another one than is live?"""
        return bool(self.files)


class AuthorWord(BaseModel):
    """An author's signature under a release, as the console sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    document: ReleaseDocument
    keyid: str
    assertion: Assertion


class PolicyEdits:
    """Checks edits, and puts those that their author has signed before people."""

    def __init__(self, candidates: Candidates) -> None:
        self._workspace = candidates.workspace
        self._candidates = candidates
        self._journal = candidates.releases.runner.journal
        # a check takes a processor for seconds, which agents need too
        self._one_at_a_time = asyncio.Semaphore(1)
        self._kept: ArchivedRelease | None = None

    @property
    def live(self) -> Release:
        """The live release."""
        return self._candidates.releases.runner.release

    async def texts(self) -> dict[str, str]:
        """The policies and their tests as they are live, by file."""
        return _policies(await self._live())

    async def former(self, digest: str) -> dict[str, str]:
        """The edit by which the policies of an earlier release come back, empty where a file is new since then.

        Raises `not_found` for what was never released.
        """
        store = self._journal.store

        def found(read: Read) -> ArchivedRelease | None:
            records = releases.history(read, store.keys, MAX_HISTORY)
            record = next((one for one in records if one.digest == digest), None)
            return archived(read, record, store.keys) if record is not None else None

        former, texts = await store.read_aside(found), await self.texts()
        if former is None:
            raise AilyusError("not_found", "nothing of this digest was released", hint="see the page Releases")
        before = _policies(former)
        names = sorted({*before, *texts})
        return {name: before.get(name, "") for name in names if before.get(name) != texts.get(name)}

    async def check(self, texts: Mapping[str, str]) -> PolicyEdit:
        """Look at an edit: each file with its new text, empty to remove it. Raises `bad_form` for another file."""
        live, before = await self._live(), self.live
        sources = _edited(live.sources, texts)
        async with self._one_at_a_time:
            edit = await asyncio.to_thread(self._made, sources, live, before)
            if edit.made is None:
                return edit
            release, package = edit.made
            if edit.differs:
                edit = replace(edit, impact=await impact_of(self._journal.store, before, release))
        compared = await self._candidates.reviews.compared(package, release, live.record)
        return replace(edit, changes=compared.changes)

    async def keys(self, person: Person) -> list[Key]:
        """The keys of this person."""
        return [key for key in (await self._journal.registry.keys()).values() if key.person == person.name]

    async def document(self, edit: PolicyEdit, person: Person, reason: str) -> ReleaseDocument:
        """What its author signs. Raises `AilyusError` for whoever may not release, and for what is no candidate."""
        if edit.made is None:
            raise AilyusError("bad_policy", "what has faults cannot be proposed", hint="correct them first")
        release = edit.made[0]
        check_author(person.name, await self._journal.roles.last_known(person), release.releasers)
        return document_of(release, person.name, reason[:500], self._journal.store.now_ms())

    async def propose(self, texts: Mapping[str, str], person: Person, word: AuthorWord) -> CandidateReview:
        """Put an edit before people. Raises `AilyusError`; then nothing is proposed."""
        document = word.document
        signature = FormSignature(document.author, document.at_ms, word.keyid, word.assertion)
        key = await signing_key(self._journal, person, signature)
        live = await self._live()
        settings = live.settings or ReleaseSettings.of(self.live)
        sources = {name: data.decode() for name, data in _edited(live.sources, texts).items()}
        signed = SignedRelease(document=document, public=key.public.hex(), assertion=word.assertion)
        return await self._candidates.propose(ReleasePackage(settings=settings, sources=sources, signed=signed))

    async def _live(self) -> ArchivedRelease:
        record, store, kept = await self._candidates.reviews.live(), self._journal.store, self._kept
        # by its place in the log: the same release, released again, may have other settings
        if kept is None or (kept.record.digest, kept.record.leaf) != (record.digest, record.leaf):
            kept = self._kept = await store.read_aside(lambda read: archived(read, record, store.keys))
        return kept

    def _made(self, sources: Mapping[str, bytes], live: ArchivedRelease, before: Release) -> PolicyEdit:
        """The edit as a release, and which outcomes differ. In a thread."""
        files = file_differences(live.sources, sources)
        with written_files(sources) as root:
            try:
                # the live connections and people, whatever the settings say by now
                release = self._workspace.release(files=root, settings=live.settings)
            except AilyusError as error:
                return PolicyEdit(unsound(root, error), files)
            if findings := faults_at(self._workspace, root, release):
                return PolicyEdit(findings, files)
        package = ReleasePackage.of(release, sources)
        tests = run_tests_of(release, sources)
        return PolicyEdit((), files, tests, outcomes=_outcomes(before, release), made=(release, package))


def _policies(release: ArchivedRelease) -> dict[str, str]:
    return {name: data.decode() for name, data in release.sources.items() if name.startswith(FOLDER)}


def _edited(sources: Mapping[str, bytes], texts: Mapping[str, str]) -> dict[str, bytes]:
    """The live files with those of an edit in their place."""
    made = dict(sources)
    for name, text in texts.items():
        if not _FILE.fullmatch(name):  # guard: an edit is of policies alone
            raise AilyusError("bad_form", f"`{name[:100]}` is no file of policies", hint=_NAMES)
        if text.strip():
            made[name] = text.encode()
        else:
            made.pop(name, None)
    return made


def _outcomes(before: Release, after: Release) -> Difference:
    """Which outcomes differ, as far as there is time to compare them."""
    end = time.monotonic() + MAX_SECONDS
    return outcome_changes(before, after, is_over=lambda: time.monotonic() > end)
