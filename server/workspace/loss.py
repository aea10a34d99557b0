"""The loss that a person accepts: their right to, their key's signature, and the store that goes on."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from policies.principal import Key
from policies.signed_loss import MAX_REASON, LossDocument, SignedLoss, check_loss, sign_loss
from receipts.journal.journal import Journal
from receipts.journal.loss import LossRecord
from receipts.journal.loss import accept_loss as accept
from receipts.log.checkpoint import Checkpoint
from receipts.log.head import Head
from receipts.log.signing import Signer
from server.workspace.log_key import open_log_key
from server.workspace.stores import open_acceptance, remembered_head, require_alone, sealing_key

if TYPE_CHECKING:
    from policies.principal import Person
    from server.workspace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class AcceptedLoss:
    """What was accepted: the head that was remembered (None: none was), the one that was restored, the statement."""

    remembered: Head | None
    restored: Head
    record: LossRecord


class LossAcceptance:
    """A loss that a person is about to accept: the document that they sign, while the store is this process's."""

    def __init__(
        self, workspace: "Workspace", journal: Journal, document: LossDocument, remembered: Head | None
    ) -> None:
        self._workspace = workspace
        self._journal = journal
        self._remembered = remembered
        self.document = document

    async def open_actions(self) -> int:
        """How many actions were open in the backup, which are never sent from it."""
        return len(await self._journal.open())

    async def passkeys(self) -> list[Key]:
        """The passkeys that the person had when the backup was taken."""
        keys = (await self._journal.registry.keys()).values()
        return [k for k in keys if k.person == self.document.person and not k.revoked and k.passkey is not None]

    async def accept(self, signed: SignedLoss) -> AcceptedLoss:
        """Log it, and let the store go on. Raises `AilyusError`; then nothing was written."""
        registry, document = self._journal.registry, self.document
        if signed.document != document:  # guard: the loss that is accepted
            raise AilyusError("bad_signature", "this was signed under another loss", hint="open the page again")
        check_loss(signed, (await registry.keys()).get(signed.keyid), self._workspace.settings.development)
        if signed.assertion is not None and not await registry.grows(signed.keyid, signed.assertion):
            raise AilyusError("bad_signature", "the passkey does not count on from its last use")
        restored = Head(document.restored_size, document.restored_root)
        return AcceptedLoss(self._remembered, restored, await accept(self._journal, signed))


@asynccontextmanager
async def loss_acceptance(
    workspace: "Workspace", person: str, reason: str, *, recovered: bool = False
) -> AsyncIterator[LossAcceptance]:
    """What was lost, for this person to accept, while no gateway uses the store. Raises `AilyusError`.

    `recovered`: something was lost although neither the store nor the head file knows it.
    """
    declared = workspace.people().get(person)
    if declared is None:
        raise AilyusError("unknown_person", f"`{person}` is no declared person")
    if not 3 <= len(reason) <= MAX_REASON:
        hint = f"say in 3 to {MAX_REASON} characters what happened to the store"
        raise AilyusError("bad_settings", f"`{reason[:60]}` is no reason", hint=hint)
    await require_alone(workspace)
    remembered, signer = remembered_head(workspace), Signer(open_log_key(workspace))
    store = await asyncio.to_thread(open_acceptance, workspace, signer)
    try:
        if store.refusal is None and not recovered:
            hint = "nothing to do; after a recovery to an earlier time, which nothing here knows of: `--recovered`"
            raise AilyusError("bad_settings", "nothing was lost: the store starts as it is", hint=hint)
        journal = Journal(store, signer, sealing_key(workspace))
        await journal.load()
        await _require_right(workspace, journal, declared)
        end = Checkpoint.of_note(await store.newest())
        document = LossDocument(
            origin=store.origin,
            remembered_size=remembered.size if remembered else None,
            remembered_root=remembered.root if remembered else "",
            restored_size=end.size,
            restored_root=end.root.hex(),
            person=person,
            reason=reason,
            at_ms=store.now_ms(),
            nonce=secrets.token_hex(16),
        )
        yield LossAcceptance(workspace, journal, document, remembered)
    finally:
        await store.aclose()


async def accept_loss(
    workspace: "Workspace", person: str, key: Ed25519PrivateKey, reason: str, *, recovered: bool = False
) -> AcceptedLoss:
    """Accept what was lost with a key file, while no gateway uses the store. Raises `AilyusError`."""
    async with loss_acceptance(workspace, person, reason, recovered=recovered) as acceptance:
        return await acceptance.accept(sign_loss(acceptance.document, key))


async def _require_right(workspace: "Workspace", journal: Journal, person: "Person") -> None:
    """Whoever may release may accept a loss: what decides is what was live when the backup was taken."""
    oidc, allowed = workspace.settings.console.oidc, sorted(workspace.settings.release.roles)
    journal.roles.issuer = oidc.issuer if oidc else ""
    # guard: roles that accept a loss
    if not set(await journal.roles.last_known(person)) & set(allowed):
        sentence = f"`{person.name}` may not accept a loss: {', '.join(allowed) or 'no role'} may"
        raise AilyusError("no_authority", sentence, hint="somebody who may release accepts it: [release] roles")
