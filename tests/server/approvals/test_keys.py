"""People's keys: linked once to a declared person, by a statement that says by whose authority."""

from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from policies.principal import KeyKind, keyid_of
from receipts.log.signing import Envelope
from receipts.store.row import blob
from server.approvals.keys import NewKey, link_new, revoke_key
from tests.server.engine import KEYS, Engine


def new_key(person: str = "lead", kind: KeyKind = "file") -> NewKey:
    public = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    return NewKey(public=public.hex(), person=person, kind=kind)


async def said(made: Engine) -> list[dict[str, Any]]:
    """What the statements about keys say, oldest first."""
    rows = await made.rows("SELECT envelope FROM statements WHERE kind = 'key' ORDER BY leaf_index")
    return [orjson.loads(Envelope.decode(blob(row[0])).payload)["predicate"]["about"] for row in rows]


async def test_a_key_is_linked_by_a_logged_statement(permissive: Engine) -> None:
    new = new_key()
    keyid = await link_new(permissive.runner, new)
    assert keyid == keyid_of(bytes.fromhex(new.public))
    key = (await permissive.journal.registry.keys())[keyid]
    assert (key.person, key.kind, key.revoked) == ("lead", "file", False)
    last = (await said(permissive))[-1]
    assert (last["event"], last["keyid"], last["authority"]) == ("linked", keyid, "terminal")
    assert "lead" not in orjson.dumps(last).decode()


@pytest.mark.parametrize(
    ("new", "code"),
    [
        (new_key("nobody"), "unknown_person"),
        (new_key(kind="passkey"), "bad_settings"),
        (NewKey(public=KEYS["lead"].public_key().public_bytes_raw().hex(), person="lead", kind="file"), "bad_settings"),
    ],
)
async def test_a_key_of_nobody_a_passkey_and_a_key_that_is_there_are_refused(
    permissive: Engine, new: NewKey, code: str
) -> None:
    before = await said(permissive)
    with pytest.raises(AilyusError) as fault:
        await link_new(permissive.runner, new)
    assert fault.value.code == code
    assert await said(permissive) == before


async def test_a_revoked_key_stays_known_and_its_statement_names_the_last_good_size(permissive: Engine) -> None:
    keyid = await link_new(permissive.runner, new_key())
    ((size,),) = await permissive.rows("SELECT count(*) FROM statements")
    await revoke_key(permissive.runner, keyid)
    assert (await permissive.journal.registry.keys())[keyid].revoked
    last = (await said(permissive))[-1]
    assert (last["event"], last["lastGoodSize"]) == ("revoked", size)


async def test_what_is_not_linked_cannot_be_revoked(permissive: Engine) -> None:
    with pytest.raises(AilyusError, match="no key `none` is linked") as fault:
        await revoke_key(permissive.runner, "none")
    assert fault.value.code == "not_found"
