"""Envelopes and notes against independent implementations."""

from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.signer import SSlibKey

from contracts.errors import AilyusError
from receipts.log.signing import Envelope, Signer, create_key, is_encrypted, load_key, open_note, pae, verifier_key
from tests.project import ROOT

SIGNER = Signer(Ed25519PrivateKey.generate())


def test_securesystemslib_verifies_our_envelope() -> None:
    envelope = SIGNER.envelope(b'{"a":1}')
    theirs = TheirEnvelope.from_dict(orjson.loads(envelope.encoded()))
    key = SSlibKey(SIGNER.keyid, "ed25519", "ed25519", {"public": SIGNER.public.hex()})
    assert theirs.pae() == pae(envelope.payload)
    assert list(theirs.verify([key], 1)) == [SIGNER.keyid]


def test_a_log_s_verifier_key_is_the_one_that_a_third_party_took() -> None:
    vector = orjson.loads((ROOT / "tests" / "vectors" / "witness" / "aics-witness.json").read_bytes())
    assert verifier_key(vector["origin"], bytes.fromhex(vector["log"])) == vector["log_verifier_key"]


def test_one_bit_or_another_key() -> None:
    envelope = SIGNER.envelope(b'{"a":1}')
    keys = {SIGNER.keyid: SIGNER.public}
    assert envelope.holds(keys)
    assert Envelope.decode(envelope.encoded()) == envelope
    assert not Envelope(b'{"a":0}', envelope.keyid, envelope.signature).holds(keys)
    assert not Envelope(envelope.payload, envelope.keyid, b"\x00" * 64).holds(keys)
    assert not Envelope(envelope.payload, "other", envelope.signature).holds(keys)
    assert not envelope.holds({SIGNER.keyid: Signer(Ed25519PrivateKey.generate()).public})


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"payload":"x","payloadType":"y","signatures":[]}'])
def test_what_is_no_envelope(data: bytes) -> None:
    with pytest.raises(AilyusError):
        Envelope.decode(data)


def test_an_envelope_has_one_form() -> None:
    data = SIGNER.envelope(b"{}").encoded()
    with pytest.raises(AilyusError):
        Envelope.decode(data.replace(b'"payload"', b' "payload"', 1))


def test_notes() -> None:
    note = SIGNER.note("ailyus.test/x", "ailyus.test/x\n1\nroot\n")
    assert open_note(note, "ailyus.test/x", SIGNER.public) == "ailyus.test/x\n1\nroot\n"
    for bad in (note.replace("\n1\n", "\n2\n"), note.replace("— ailyus.test/x", "— other"), note[:-20], ""):
        with pytest.raises(AilyusError):
            open_note(bad, "ailyus.test/x", SIGNER.public)
    with pytest.raises(AilyusError):
        open_note(note, "ailyus.test/x", Signer(Ed25519PrivateKey.generate()).public)


def test_key_files(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "k.pem"
    create_key(path, b"a long passphrase")
    assert path.stat().st_mode & 0o777 == 0o600
    assert is_encrypted(path)
    load_key(path, b"a long passphrase")
    for passphrase in (b"wrong", None):
        with pytest.raises(AilyusError):
            load_key(path, passphrase)
    with pytest.raises(FileExistsError):
        create_key(path)
    path.chmod(0o644)
    with pytest.raises(AilyusError, match="read by others"):
        load_key(path, b"a long passphrase")
