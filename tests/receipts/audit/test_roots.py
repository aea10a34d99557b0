"""Trusted roots are a log's name and whole keys under their own ids; a checkpoint counts by one of them."""

from pathlib import Path

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import AilyusError
from receipts.audit.roots import MAX_ROOTS, Roots, read_roots, signed_checkpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.signing import Signer
from tests.receipts.making import SIGNER

OTHER = Signer(Ed25519PrivateKey.generate())
ROOTS = Roots(origin="ailyus.test", keys={s.keyid: s.public.hex() for s in (OTHER, SIGNER)})
HEAD = Checkpoint("ailyus.test", 7, bytes(32))


def written(tmp_path: Path, text: bytes) -> Path:
    (tmp_path / "roots.json").write_bytes(text)
    return tmp_path / "roots.json"


def test_what_was_handed_over_is_read(tmp_path: Path) -> None:
    assert read_roots(written(tmp_path, ROOTS.model_dump_json().encode())) == ROOTS
    assert ROOTS.trusted.public[SIGNER.keyid] == SIGNER.public


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"{}", b'{"origin":"o"}', b'{"origin":"o","keys":{},"more":1}', b'{"origin":"o","keys":{"a":1}}',
     b" " * (MAX_ROOTS + 1), b"\xff"],
)  # fmt: skip
def test_what_is_no_file_of_roots_is_told(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(AilyusError, match="holds no trusted roots") as caught:
        read_roots(written(tmp_path, text))
    assert caught.value.code == "bad_proof"


def test_a_file_that_is_not_there_or_says_a_key_twice_is_told(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="holds no trusted roots"):
        read_roots(tmp_path / "none.json")
    with pytest.raises(AilyusError) as caught:
        read_roots(written(tmp_path, b'{"origin":"o","origin":"p","keys":{}}'))
    assert caught.value.code == "bad_proof"


@pytest.mark.parametrize(
    ("keyid", "key"),
    [
        (SIGNER.keyid, OTHER.public.hex()),
        (SIGNER.keyid, SIGNER.public.hex().upper()),
        (SIGNER.keyid, SIGNER.public.hex()[:-2]),
        (SIGNER.keyid, "not hex"),
        (SIGNER.keyid, f" {SIGNER.public.hex()}"),
        ("another", SIGNER.public.hex()),
    ],
    ids=["another key", "upper case", "short", "no hex", "a blank", "another id"],  # keys differ in each process
)
def test_a_key_that_is_none_or_stands_under_another_id_is_told(tmp_path: Path, keyid: str, key: str) -> None:
    text = orjson.dumps({"origin": "ailyus.test", "keys": {keyid: key}})
    with pytest.raises(AilyusError, match=f"the key `{keyid}` is no trusted key"):
        read_roots(written(tmp_path, text))


def test_a_checkpoint_counts_by_any_trusted_key_under_the_logs_own_name() -> None:
    assert signed_checkpoint(SIGNER.note("ailyus.test", HEAD.body), ROOTS) == HEAD
    assert signed_checkpoint(OTHER.note("ailyus.test", HEAD.body), ROOTS) == HEAD
    stranger = Signer(Ed25519PrivateKey.generate())
    elsewhere = Checkpoint("another.log", 7, bytes(32))
    for note in (
        stranger.note("ailyus.test", HEAD.body),
        SIGNER.note("another.log", HEAD.body),
        SIGNER.note("ailyus.test", elsewhere.body),
        SIGNER.note("ailyus.test", HEAD.body).replace("\n7\n", "\n8\n"),
        HEAD.body,
        "",
    ):
        with pytest.raises(AilyusError, match="the checkpoint is not signed by a trusted key") as caught:
            signed_checkpoint(note, ROOTS)
        assert caught.value.code == "not_authentic"
