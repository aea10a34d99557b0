"""A statement names nobody and shows no data, and its columns say what its signed body says."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from contracts.canonical import opens, pseudonym, sha256
from contracts.errors import AilyusError
from receipts.statement.action_facts import DecisionFacts, OutcomeFacts
from receipts.statement.facts import ActionFacts
from receipts.statement.gateway_facts import AccessFacts
from receipts.statement.statement import Notary, SignedStatement, StatementSubject, key_digest
from receipts.store.data_keys import DataKeys
from receipts.store.row import blob
from tests.receipts.making import SIGNER, request, store_at

KEY = b"k" * 32
NOTARY = Notary(SIGNER, "ailyus.test", {"acme": KEY}.__getitem__)
ANN = request("00u1", person="ann.miller", params={"user_id": "00u1", "email": "ann@acme.test"})
ABOUT = StatementSubject(
    ANN, "act_1", "r" * 64, True, "OktaUser", "00u1", "ann@acme.test", {"email": "ann@acme.test"}
)  # fmt: skip
FACTS = DecisionFacts(called_ms=1)


def seal(facts: ActionFacts = FACTS, about: StatementSubject = ABOUT, **evidence: bytes) -> SignedStatement:
    return NOTARY.seal(facts, "rcp_1", about, status="denied", changed=False, at_ms=7, evidence=evidence)


def body(sealed: SignedStatement) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(sealed.envelope.payload)
    return found


def test_person_record_and_label_stand_in_it_as_pseudonyms_alone() -> None:
    payload = seal(after=b'{"email":"ann@acme.test"}').envelope.payload
    for value in (b"ann", b"00u1"):
        assert value not in payload
    predicate = body(seal())["predicate"]
    assert predicate["person"] == pseudonym(KEY, "person", "ann.miller")
    assert predicate["resource"] == {"type": "OktaUser", "id": pseudonym(KEY, "resource", "00u1")}
    assert predicate["search"] == [
        pseudonym(KEY, "input.email", "ann@acme.test"),
        pseudonym(KEY, "resource", "00u1"),
        pseudonym(KEY, "label", "ann@acme.test"),
        pseudonym(KEY, "person", "ann.miller"),
    ]


def test_the_columns_say_what_the_body_says() -> None:
    sealed = seal()
    statement, index = body(sealed), sealed.index
    predicate = statement["predicate"]
    assert statement["predicateType"] == f"https://ailyus.dev/{index.kind}/v1"
    assert statement["subject"] == [{"name": "act_1", "digest": {"sha256": ANN.action_digest}}]
    columns = (index.id, index.kind, index.action_id, index.tenant, index.agent, index.status, index.changed)
    names = ("receipt", "kind", "action", "tenant", "agent", "status", "changed")
    assert columns == tuple(predicate[name] for name in names)
    assert (index.contract, index.at_ms, list(index.search)) == (
        predicate["contract"]["id"], predicate["atMs"], predicate["search"],
    )  # fmt: skip
    assert sealed.envelope.holds({SIGNER.keyid: SIGNER.public})


def test_evidence_is_committed_to_with_a_fresh_salt() -> None:
    first, second = seal(after=b"seen"), seal(after=b"seen")
    commitments = [body(one)["predicate"]["commitments"] for one in (first, second)]
    assert set(commitments[0]) == {"params", "after"}
    assert commitments[0]["after"] != commitments[1]["after"]
    for one, said in zip((first, second), commitments, strict=True):
        assert {label: data for label, _, data in one.evidence}["after"] == b"seen"
        assert all(opens(said[label], salt, data) for label, salt, data in one.evidence)


def test_an_outcome_does_not_store_again_what_its_intent_holds() -> None:
    sent, read = OutcomeFacts(intent="rcp_0", answer="a" * 64), OutcomeFacts(answer="a" * 64)
    assert [label for label, _, _ in seal(sent).evidence] == []
    assert [label for label, _, _ in seal(read).evidence] == ["params"]


def test_a_statement_about_the_gateway_is_about_no_action() -> None:
    facts = AccessFacts(reader="lead", of="rcp_1", label="after")
    sealed = NOTARY.sign_gateway_statement(facts, "rcp_2", "acme", {"rcp_1": "a" * 64}, 9, {"why": b"x"}, ("rcp_1",))
    predicate = body(sealed)["predicate"]
    assert predicate["about"] == {"reader": "lead", "of": "rcp_1", "label": "after"}
    assert (predicate["action"], predicate["search"], set(predicate["commitments"])) == (None, ["rcp_1"], {"why"})
    assert (sealed.index.action_id, sealed.index.tenant, sealed.index.search) == (None, "acme", ("rcp_1",))


def test_a_tenant_without_a_key_gets_no_statement() -> None:
    with pytest.raises(KeyError):
        seal(about=StatementSubject(request(tenant="umbrella"), "act_1", "r", True))
    assert key_digest(KEY) == sha256(b"ailyus-tenant-key-v1\n" + KEY) != sha256(KEY)


async def test_statement_leaf_and_evidence_are_one_entry(tmp_path: Path) -> None:
    store = store_at(tmp_path / "s.db")
    sealed = seal(after=b"seen")
    with pytest.raises(AilyusError, match="no key to seal"):
        await store.write(sealed.insert)
    store.data_keys = DataKeys(lambda: bytes(32))
    leaf = await store.write(sealed.insert)
    ((envelope,),) = await store.read("SELECT envelope FROM statements WHERE leaf_index = ?", leaf)
    assert blob(envelope) == sealed.envelope.encoded()
    rows = await store.read("SELECT label, salt, data FROM evidence WHERE leaf_index = ? ORDER BY label", leaf)
    assert rows == sorted(sealed.evidence)
    found = await store.read("SELECT value FROM search WHERE leaf_index = ?", leaf)
    assert {value for (value,) in found} == set(sealed.index.search)
    await store.aclose()
