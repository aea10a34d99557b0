"""An approval in a proof file is the word of a key that was linked before it, on this very action."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from policies.approval import SignedApproval, sign_binding
from receipts.audit.approval_evidence import check_approvals
from receipts.audit.disclosure import Disclosed, opened
from receipts.audit.proof_statement import ProofStatement
from tests.receipts.audit.proofs import Approved, approved, stated
from tests.receipts.making import KEY


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Approved]:
    made = await approved(tmp_path / "s.db")
    yield made
    await made.journal.store.aclose()


class Opened:
    """The statements of a file, and what it opens, without the document that was shown."""

    def __init__(self, statements: list[ProofStatement], disclosed: Disclosed) -> None:
        self.statements = statements
        self.disclosed = {key: data for key, data in disclosed.items() if key[1] != "asked"}
        ((self.place, self.data),) = [(k, d) for k, d in self.disclosed.items() if k[1] == "approval"]

    def check(
        self, signed: SignedApproval | bytes | None = None, statements: list[ProofStatement] | None = None
    ) -> None:
        data = (
            self.data if signed is None else signed if isinstance(signed, bytes) else signed.model_dump_json().encode()
        )
        check_approvals({**self.disclosed, self.place: data}, self.statements if statements is None else statements)


async def opened_of(one: Approved) -> Opened:
    file = await one.file()
    return Opened(stated(file), opened(file, stated(file)))


def changed(signed: SignedApproval, **subject: Any) -> SignedApproval:
    """Another subject, signed by the same person."""
    binding = signed.binding.model_copy(update={"subject": signed.binding.subject.model_copy(update=subject)})
    return sign_binding(binding, KEY, signed.keyid)


def but(statements: list[ProofStatement], kind: str, **change: Any) -> list[ProofStatement]:
    """The statements, where those of a kind say otherwise; a dictionary is merged."""
    return [replace(s, predicate={**s.predicate, **change}) if s.predicate["kind"] == kind else s for s in statements]


async def test_the_word_of_a_linked_key_holds(one: Approved) -> None:
    (await opened_of(one)).check()


async def test_a_signature_that_does_not_hold_or_is_of_another_key_is_told(one: Approved) -> None:
    seen = await opened_of(one)
    stranger = Ed25519PrivateKey.generate()
    for signed in (
        one.approval.model_copy(update={"signature": "00" * 64}),
        one.approval.model_copy(update={"keyid": "unknown"}),
        sign_binding(one.approval.binding, stranger, one.approval.keyid),
        sign_binding(one.approval.binding.model_copy(update={"approver": "eve"}), KEY, one.approval.keyid),
    ):
        with pytest.raises(AilyusError, match="is not signed by a linked key") as caught:
            seen.check(signed)
        assert caught.value.code == "not_authentic"


async def test_a_key_that_was_linked_later_or_revoked_before_signs_nothing(one: Approved) -> None:
    seen = await opened_of(one)
    late = [replace(s, index=99) if s.predicate["kind"] == "key" else s for s in seen.statements]
    (key,) = [s for s in seen.statements if s.predicate["kind"] == "key"]
    about = key.predicate["about"]
    assert isinstance(about, dict)
    revoked = replace(key, index=key.index + 1, predicate={**key.predicate, "about": {**about, "event": "revoked"}})
    for statements in (late, [s for s in seen.statements if s is not key], [*seen.statements, revoked]):
        with pytest.raises(AilyusError, match="is not signed by a linked key"):
            seen.check(statements=[replace(s, index=s.index + (s.predicate["kind"] != "key")) for s in statements])


async def test_an_approval_that_the_statement_does_not_name_is_told(one: Approved) -> None:
    seen = await opened_of(one)
    refusing = sign_binding(one.approval.binding.model_copy(update={"verdict": "refuse"}), KEY, one.approval.keyid)
    another = sign_binding(one.approval.binding.model_copy(update={"nonce": "other"}), KEY, one.approval.keyid)
    for signed in (refusing, another):
        with pytest.raises(AilyusError, match="is not the one that its statement names"):
            seen.check(signed)


@pytest.mark.parametrize(
    "subject",
    [
        {"tenant": "umbrella"},
        {"agent": "other"},
        {"origin": "other"},
        {"target_digest": "other"},
        {"contract": "unlock"},
        {"version": 2},
        {"contract_digest": "other"},
        {"action_id": "act_other"},
        {"action_digest": "a" * 64},
        {"params": {"id": "r2"}},
        {"person": "eve"},
    ],
)
async def test_an_approval_of_another_action_is_told(one: Approved, subject: dict[str, Any]) -> None:
    seen, signed = await opened_of(one), changed(one.approval, **subject)
    named = but(seen.statements, "decision", approval=signed.id)
    with pytest.raises(AilyusError, match="is for another action"):
        seen.check(signed, named)


async def test_an_approval_that_is_none_is_told(one: Approved) -> None:
    seen = await opened_of(one)
    with pytest.raises(AilyusError, match="is malformed"):
        seen.check(b"{}")
    repeated = seen.data[:-1] + b',"keyid":"x"}'
    with pytest.raises(AilyusError, match="the approval in"):
        seen.check(repeated)
