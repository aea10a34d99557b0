"""The loss that a person accepts: their right to, their key's signature, and the store that goes on."""

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from policies.signed_loss import MAX_REASON, LossDocument, check_loss, sign_loss
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


async def accept_loss(
    workspace: "Workspace", person: str, key: Ed25519PrivateKey, reason: str, *, recovered: bool = False
) -> AcceptedLoss:
    """Accept what was lost, while no gateway uses the store. Raises `AilyusError`; then nothing was written.

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
        restored = Head(end.size, end.root.hex())
        document = LossDocument(
            origin=store.origin,
            remembered_size=remembered.size if remembered else None,
            remembered_root=remembered.root if remembered else "",
            restored_size=restored.size,
            restored_root=restored.root,
            person=person,
            reason=reason,
            at_ms=store.now_ms(),
            nonce=secrets.token_hex(16),
        )
        signed = sign_loss(document, key)
        check_loss(signed, (await journal.registry.keys()).get(signed.keyid), workspace.settings.development)
        return AcceptedLoss(remembered, restored, await accept(journal, signed))
    finally:
        await store.aclose()


async def _require_right(workspace: "Workspace", journal: Journal, person: "Person") -> None:
    """Whoever may release may accept a loss: what decides is what was live when the backup was taken."""
    oidc, allowed = workspace.settings.console.oidc, sorted(workspace.settings.release.roles)
    journal.roles.issuer = oidc.issuer if oidc else ""
    # guard: roles that accept a loss
    if not set(await journal.roles.last_known(person)) & set(allowed):
        sentence = f"`{person.name}` may not accept a loss: {', '.join(allowed) or 'no role'} may"
        raise AilyusError("no_authority", sentence, hint="somebody who may release accepts it: [release] roles")
