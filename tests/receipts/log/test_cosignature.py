"""Cosignatures against the specification, byte by byte by a decoder of our own, and against a third party's."""

import base64
import hashlib
import struct

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.signing import VerifyKey

from contracts.errors import AilyusError
from receipts.log.cosignature import Cosigner, Quorum, cosign, cosignature_lines
from receipts.log.signing import open_note
from tests.project import ROOT

KEY = Ed25519PrivateKey.generate()
NAME = "witness.test/1"
COSIGNER = Cosigner(NAME, KEY.public_key().public_bytes_raw())
BODY = "ailyus.test/log\n3\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
NOTE = f"{BODY}\n— ailyus.test/log AAAAAAAA\n"
VECTORS = ROOT / "tests" / "vectors" / "witness"


def test_a_cosignature_has_the_bytes_of_the_specification() -> None:
    line = cosign(KEY, NAME, BODY, 1_679_315_147)
    assert line.startswith(f"— {NAME} ")
    assert line.endswith("\n")
    blob = base64.b64decode(line.split(" ")[2])
    assert blob[:4] == hashlib.sha256(NAME.encode() + b"\n\x04" + COSIGNER.public).digest()[:4]
    assert struct.unpack(">Q", blob[4:12]) == (1_679_315_147,)
    message = b"cosignature/v1\ntime 1679315147\n" + BODY.encode()
    VerifyKey(COSIGNER.public).verify(message, blob[12:])


def test_the_key_is_handed_over_as_one_line_and_read_again() -> None:
    text = COSIGNER.verifier_key
    name, hashed, key = text.split("+", 2)
    assert (name, hashed, base64.b64decode(key)) == (NAME, COSIGNER.key_hash.hex(), b"\x04" + COSIGNER.public)
    assert Cosigner.parse(text) == COSIGNER


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[:-4],
        lambda text: text.replace("witness.test", "witness.best"),
        lambda text: text.replace(COSIGNER.key_hash.hex(), "00000000"),
        lambda text: "",
        lambda text: "a b+" + text.split("+", 1)[1],
        lambda text: f"{NAME}+{COSIGNER.key_hash.hex()}+{base64.b64encode(bytes([1]) + COSIGNER.public).decode()}",
    ],
)
def test_what_is_no_key_of_a_witness_is_refused(change: object) -> None:
    assert callable(change)
    with pytest.raises(AilyusError) as error:
        Cosigner.parse(change(COSIGNER.verifier_key))
    assert error.value.code == "bad_settings"


def test_a_cosignature_counts_for_its_note_its_name_and_its_key_alone() -> None:
    line = cosign(KEY, NAME, BODY, 7)
    assert COSIGNER.cosigned(NOTE + line) == 7
    assert COSIGNER.cosigned(NOTE) is None
    assert COSIGNER.cosigned(NOTE.replace("\n3\n", "\n4\n") + line) is None
    assert Cosigner(NAME, Ed25519PrivateKey.generate().public_key().public_bytes_raw()).cosigned(NOTE + line) is None
    assert Cosigner("witness.test/2", COSIGNER.public).cosigned(NOTE + line) is None
    blob = bytearray(base64.b64decode(line.split(" ")[2]))
    for at in range(0, len(blob), 5):  # the hash, the time and the signature: each byte counts
        changed = bytes(byte ^ (at == i) for i, byte in enumerate(blob))
        assert COSIGNER.cosigned(f"{NOTE}— {NAME} {base64.b64encode(changed).decode()}\n") is None
    # the newest one says how long the witness has vouched for it
    assert COSIGNER.cosigned(NOTE + line + cosign(KEY, NAME, BODY, 9) + line) == 9


def test_a_witness_counts_once_towards_the_quorum() -> None:
    other = Ed25519PrivateKey.generate()
    second = Cosigner("witness.test/2", other.public_key().public_bytes_raw())
    quorum = Quorum(2, (COSIGNER, second))
    twice = NOTE + cosign(KEY, NAME, BODY, 7) + cosign(KEY, NAME, BODY, 8)
    assert quorum.among(twice) == {NAME: 8}
    assert not quorum.is_met(twice)
    both = twice + cosign(other, second.name, BODY, 9)
    assert quorum.is_met(both)
    assert quorum.among(both) == {NAME: 8, "witness.test/2": 9}


def test_of_an_answer_only_the_lines_of_known_witnesses_are_taken() -> None:
    line = cosign(KEY, NAME, BODY, 7)
    other = cosign(Ed25519PrivateKey.generate(), NAME, BODY, 7)
    answer = f"{other}hello\n— \n— {NAME} !!!\n{line}\n"
    assert cosignature_lines(NOTE, answer, [COSIGNER]) == (line,)


def test_notes_that_a_third_party_cosigned_hold_and_their_copies_with_a_changed_byte_do_not() -> None:
    vector = orjson.loads((VECTORS / "aics-witness.json").read_bytes())
    cosigner = Cosigner.parse(vector["witness"])
    assert cosigner.verifier_key == vector["witness"]
    for one in vector["cosigned"]:
        assert cosignature_lines(one["note"], one["answer"], [cosigner]) == (one["answer"],)
        assert open_note(one["note"] + one["answer"], vector["origin"], bytes.fromhex(vector["log"]))
        assert (
            cosigner.cosigned(one["note"].replace("\n5\n", "\n6\n") + one["answer"]) is None
            or "\n5\n" not in one["note"]
        )
