"""What was released: each statement counts by the log's signature, and each file by the commitment that it opens."""

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.canonical import new_id
from contracts.errors import AilyusError
from policies.signed_release import ReleaseDocument, SignedRelease
from receipts.journal.journal import Journal
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer
from receipts.statement.gateway_facts import ReleaseFacts
from receipts.statement.releases import (
    FILE,
    MARK,
    RELEASERS,
    SIGNED,
    ReleaseRecord,
    authors,
    newest,
    newest_signed,
    opened,
)
from receipts.statement.statement import Notary
from receipts.store.row import Read
from tests.receipts.making import SIGNER

A, B = "a" * 64, "b" * 64
KEYS = LogKeys.of(SIGNER)
DOCUMENT = ReleaseDocument(
    purpose="ailyus-release-v1", origin="o", release=A, contracts={}, plans={}, policies={}, schema_digest=A,
    author="lead", reason="", at_ms=1, nonce="n",
)  # fmt: skip
SIGNED_RELEASE = SignedRelease(document=DOCUMENT, public="00" * 32, signature="00")


def files(read: Read, record: ReleaseRecord, keys: dict[str, bytes]) -> dict[str, bytes]:
    kept = opened(read, record, keys, lambda label: label.startswith(FILE))
    return {label.removeprefix(FILE): data for label, data in kept.items()}


async def release(
    journal: Journal, digest: str = A, author: str | None = "lead", notary: Notary | None = None, **evidence: bytes
) -> None:
    """A release in the log; evidence by its label, where `_` is `/`."""
    facts = ReleaseFacts(
        release=digest, author=author, governed=True, contracts={}, policies=A, schema_=A, engine="cedarpy 4.12"
    )
    kept = {label.replace("_", "/", 1): data for label, data in evidence.items()}
    sealed = (notary or journal.notary).sign_gateway_statement(
        facts, new_id("rcp"), "", {"release": digest}, 5, kept, (MARK, digest)
    )
    await journal.store.write(sealed.insert)


async def spoil(journal: Journal, sql: str) -> None:
    await journal.store.write(lambda txn: txn.write(sql, rows=None))


async def ask(journal: Journal, question: Any, *rest: Any) -> Any:
    return await journal.store.read_aside(lambda read: question(read, *rest, KEYS))


async def test_the_last_release_is_the_last_in_the_log(journal: Journal) -> None:
    assert await ask(journal, newest) is None
    await release(journal, A, signed=SIGNED_RELEASE.model_dump_json().encode(), releasers=orjson.dumps(["lead", "ann"]))
    await release(journal, B, None)
    last, signed = await ask(journal, newest), await ask(journal, newest_signed)
    assert (last.digest, last.author, last.signed, last.releasers) == (B, None, None, None)
    assert (signed.digest, signed.author, signed.signed) == (A, "lead", SIGNED_RELEASE)
    assert (signed.releasers, signed.at_ms, signed.engine) == (frozenset({"lead", "ann"}), 5, "cedarpy 4.12")
    assert last.leaf == signed.leaf + 1


async def test_everybody_who_released_exactly_this_is_an_author_of_it(journal: Journal) -> None:
    for digest, author in ((A, "lead"), (B, "eve"), (A, "director"), (A, None)):
        await release(journal, digest, author)
    assert await ask(journal, authors, A) == {"lead", "director"}
    assert await ask(journal, authors, "c" * 64) == frozenset()


async def test_the_files_of_a_release_are_those_that_were_committed_to(journal: Journal) -> None:
    await release(journal, A, file_contracts_x=b"unused", releasers=b"[]")
    last = await ask(journal, newest)
    assert await ask(journal, files, last) == {"contracts_x": b"unused"}
    for sql in ("UPDATE evidence SET data = x'00'", "UPDATE evidence SET salt = x'00'", "DELETE FROM evidence"):
        await spoil(journal, f"{sql} WHERE label LIKE 'file/%'")
        with pytest.raises(
            AilyusError, match="the evidence `file/contracts_x` of the last release is missing"
        ) as caught:
            await ask(journal, files, last)
        assert caught.value.code == "store_corrupt"


async def test_bytes_that_moved_from_a_file_into_its_salt_open_nothing(journal: Journal) -> None:
    await release(journal, A, file_a=b"forbid (principal, action, resource);")
    last = await ask(journal, newest)
    await spoil(journal, "UPDATE evidence SET salt = CAST(salt || substr(data, 1, 6) AS BLOB), data = substr(data, 7)")
    with pytest.raises(AilyusError, match="is missing or was changed"):
        await ask(journal, files, last)


async def test_a_signature_that_was_taken_away_or_changed_is_told(journal: Journal) -> None:
    await release(journal, A, signed=SIGNED_RELEASE.model_dump_json().encode())
    await spoil(journal, f"UPDATE evidence SET data = CAST(data || x'20' AS BLOB) WHERE label = '{SIGNED}'")
    with pytest.raises(AilyusError, match=f"the evidence `{SIGNED}` of a release was changed"):
        await ask(journal, newest)
    await spoil(journal, f"DELETE FROM evidence WHERE label = '{SIGNED}'")
    for question in (newest, newest_signed):
        with pytest.raises(AilyusError, match="the signature of a release is missing"):
            await ask(journal, question)


async def test_a_statement_of_another_key_or_kind_is_no_release(journal: Journal) -> None:
    stranger = Notary(Signer(Ed25519PrivateKey.generate()), journal.store.origin, journal.registry.tenant_key)
    await release(journal, A, "eve", stranger)
    for question, rest in ((newest, ()), (newest_signed, ()), (authors, (A,))):
        with pytest.raises(AilyusError, match="does not carry the signature of the log's key"):
            await ask(journal, question, *rest)
    await spoil(journal, "UPDATE statements SET envelope = (SELECT envelope FROM statements WHERE kind = 'tenant')")
    with pytest.raises(AilyusError, match="does not carry the signature"):
        await ask(journal, newest)


async def test_evidence_that_cannot_be_read_is_a_damaged_statement(journal: Journal) -> None:
    for label, data in ((SIGNED, b"{}"), (RELEASERS, b"{")):
        await release(journal, A, **{label: data})
        with pytest.raises(AilyusError, match="the statement of a release is damaged"):
            await ask(journal, newest)
