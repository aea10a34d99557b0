"""The acceptance of a release: its signature, its time, and the right of its author to release."""

from dataclasses import dataclass, replace

from contracts.errors import AilyusError
from policies.principal import Key
from policies.receipt_policy import DECISIONS
from policies.release import Release
from policies.signed_release import SignedRelease, check_author, check_signature
from receipts.journal.journal import Journal
from receipts.statement.releases import ReleaseRecord

AHEAD_MS = 300_000
"""How far the clock of who signs may be ahead of the gateway's."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A release that may become the live one, directly after the one that stands at `after` in the log (-1: none).

    `key` is its author's first, to be linked. `again`: the log says so already.
    """

    again: bool
    after: int
    key: Key | None = None


async def accept(journal: Journal, release: Release, signed: SignedRelease | None) -> Acceptance:
    """Check that this release may become the live one. Raises `AilyusError`."""
    last = await journal.registry.newest()
    after = -1 if last is None else last.leaf
    if not release.governed:
        # INVARIANT 8: outside development workspaces nothing decides that its author has not signed
        if not release.development:  # guard: somebody released it
            raise AilyusError("no_author", "nobody has released this set of contracts and policies")
        return Acceptance(_is_same(release, last), after)
    if signed is None:
        if last is None or last.signed is None or not _is_same(release, last):  # guard: signed releases
            raise AilyusError("not_released", "nobody has signed this set of contracts and policies")
        return Acceptance(True, after)
    if last is not None and _is_signed_so(last, signed) and _is_same(release, last):
        return Acceptance(True, after)
    before = await journal.registry.newest_signed()
    _check_time(signed, before, journal.store.now_ms())
    key, is_first = await _key_of(journal, release, signed, before)
    # over the digests that this gateway computes: what it was told of them proves nothing
    check_signature(signed, release, key)
    await _check_right(journal, release, signed, before)
    return Acceptance(False, after, key if is_first else None)


def _is_signed_so(last: ReleaseRecord, signed: SignedRelease) -> bool:
    # an approval that came after it was live changes nothing about it
    none: dict[str, tuple[()]] = {"approvals": ()}
    return last.signed is not None and last.signed.model_copy(update=none) == signed.model_copy(update=none)


def _is_same(release: Release, last: ReleaseRecord | None) -> bool:
    return last is not None and (last.digest, last.author, last.governed) == (
        release.digest,
        release.author,
        release.governed,
    )


def _check_time(signed: SignedRelease, before: ReleaseRecord | None, now_ms: int) -> None:
    # INVARIANT 8: an older signature never brings an older set back
    at_ms = signed.document.at_ms
    # guard: older signatures
    if before is not None and before.signed is not None and at_ms <= before.signed.document.at_ms:
        raise AilyusError("not_released", "something newer was released since this was signed")
    if at_ms > now_ms + AHEAD_MS:
        hint = "correct the clock and sign again"
        raise AilyusError("not_released", "the release is signed in the future", hint=hint)


async def _key_of(
    journal: Journal, release: Release, signed: SignedRelease, before: ReleaseRecord | None
) -> tuple[Key, bool]:
    """The author's linked key; before anybody has signed a release, the first key of a person without one counts."""
    keys, author = await journal.registry.keys(), signed.document.author
    if signed.keyid in keys:
        return keys[signed.keyid], False
    has_one = any(k.person == author and k.kind != "passkey" and not k.revoked for k in keys.values())
    if before is not None or has_one or signed.assertion is not None:
        hint = "link it while the gateway runs: `ailyus person enrol --as PERSON`"
        raise AilyusError("unlinked_key", f"the key that signed the release is not linked to `{author}`", hint=hint)
    public = bytes.fromhex(signed.public)
    return Key(signed.keyid, public, author, "development" if release.development else "file"), True


async def _check_right(journal: Journal, release: Release, signed: SignedRelease, before: ReleaseRecord | None) -> None:
    author = signed.document.author
    person = release.people.get(author)
    if person is None or release.author != author:
        raise AilyusError("unknown_person", f"`{author}` signed this release and is no declared person")
    held = await journal.roles.fresh(person)
    check_author(author, held, release.releasers)
    release.decider.bundle.receipts.require_decider(replace(person, roles=held))
    # INVARIANT 8: who may release is what is live already, not what is being released
    # guard: who may release is live already
    if before is not None and before.releasers is not None and author not in before.releasers:
        may = ", ".join(sorted(before.releasers)) or "nobody"
        sentence = f"`{author}` may not release: under the last release {may} may"
        raise AilyusError("no_authority", sentence, hint="one of them releases the change of people or roles first")


def releasers_of(release: Release) -> list[str]:
    """The people who may release what comes after this."""
    people, receipts = release.people.by_name.values(), release.decider.bundle.receipts
    return sorted(p.name for p in people if p.roles & release.releasers and receipts.permits(DECISIONS, p, p.tenant))
