"""Who may read receipts and evidence, and who did: an `access` statement in the log, before anything is given."""

from typing import TYPE_CHECKING

import structlog

from contracts.action.request import Caller
from contracts.canonical import new_id, sha256
from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import Access
from policies.release import Release
from receipts.journal.journal import Journal
from receipts.statement import entries
from receipts.statement.gateway_facts import AccessFacts

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

PROOF = "proof"
"""The label of a whole proof file."""
EVERYTHING = "evidence"
"""The label of all evidence of one receipt."""
_REFUSED = {
    "read_receipts": "you may not read the receipts of your tenant",
    "read_evidence": "you may not read evidence",
    "take_decisions": "you may look, and decide nothing",
}
log = structlog.get_logger()


def require(release: Release, access: Access, who: Person | Caller) -> None:
    """Raise `no_authority`, and log it, unless the policies about receipts permit it in the tenant of who asks."""
    if may(release, access, who):
        return
    # no line of the log names anybody
    log.warning("access_refused", access=access, registered=isinstance(who, Caller))
    raise AilyusError("no_authority", _REFUSED[access], hint="`policies/receipts.cedar` says who may")


def may(release: Release, access: Access, who: Person | Caller) -> bool:
    """Do the policies about receipts permit it?"""
    policies = release.decider.bundle.receipts
    if isinstance(who, Person):
        return policies.permits(access, who, who.tenant)
    return policies.permits_caller(access, who, who.tenant)


async def record(journal: Journal, receipt: str, label: str, person: str | None) -> None:
    """Log that a person of the console, or somebody at the command line (None), reads this of a receipt."""
    tenant = await entries.tenant_of(journal.store, receipt)
    if tenant is None:  # an access to what is not there would be a statement about nothing
        raise AilyusError("not_found", f"there is no receipt `{receipt}`")
    reader = journal.notary.pseudonym(tenant, "person", person) if person is not None else "terminal"
    facts = AccessFacts(reader=reader, of=receipt, label=label)
    at, subject = journal.store.now_ms(), {receipt: sha256(receipt.encode())}
    sealed = journal.notary.sign_gateway_statement(facts, new_id("rcp"), tenant, subject, at)
    await journal.write((), sealed.insert)  # durable before the caller gives anything


def record_here(workspace: "Workspace", receipt: str, label: str) -> None:
    """The same from the command line: by the gateway that runs, or in the store where none does."""
    from server.admin.client import ask_owner, find_owner

    if find_owner(workspace) is not None:
        ask_owner(workspace, "POST", "/access", {"receipt": receipt, "label": label})
        return
    import asyncio

    asyncio.run(_written(workspace, receipt, label))


async def _written(workspace: "Workspace", receipt: str, label: str) -> None:
    from receipts.log.signing import Signer
    from server.workspace.log_key import open_log_key
    from server.workspace.stores import open_store, sealing_key

    if not workspace.settings.has_database and not workspace.store.exists():
        raise AilyusError("not_found", "there is no store yet", hint="start the gateway with `ailyus serve`")
    signer = Signer(open_log_key(workspace))
    store = open_store(workspace, signer)
    try:
        journal = Journal(store, signer, sealing_key(workspace))
        await journal.registry.load()
        # an unknown receipt is told by the command itself, in its own words
        if await entries.tenant_of(store, receipt) is not None:
            await record(journal, receipt, label, None)
    finally:
        await store.aclose()
