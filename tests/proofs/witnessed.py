"""Proof files whose checkpoint witnesses cosigned: good ones, and those that nobody should believe."""

import base64
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receipts.audit.proof import ProofFile
from receipts.audit.roots import Roots, WitnessRoots
from receipts.log.cosignature import Cosigner, cosign
from receipts.log.log_keys import LogKeys
from receipts.log.signing import Signer
from tests.proofs.rotated import proof
from tests.receipts.rotations import ORIGIN, history, signer

ONE, TWO, THREE = "w.test/1", "w.test/2", "w.test/3"
AT = 1_700_000_000


def made() -> tuple[dict[str, bytes], dict[str, bytes], Roots]:
    """Good files, bad files, and roots that ask for two of three witnesses."""
    log, keys = signer(), {name: Ed25519PrivateKey.generate() for name in (ONE, TWO, THREE)}
    stranger, statements = Ed25519PrivateKey.generate(), history([log], [4])
    file, older = proof(statements, 1, (), log), proof(statements[:3], 1, (), log)
    body, before = _body(file), _body(older)
    one, two, three = (cosign(key, name, body, AT) for name, key in keys.items())
    good = {
        "good-two-of-three": one + three,
        "good-all-and-a-stranger": one + cosign(stranger, "other.test", body, AT) + two + three,
        "good-one-that-cosigned-twice": one + cosign(keys[ONE], ONE, body, AT + 9) + two,
    }
    bad = {
        "cosigned-by-nobody": "",
        "cosigned-by-one": two,
        "cosigned-by-one-twice": two + cosign(keys[TWO], TWO, body, AT + 1),
        "cosignature-of-an-older-checkpoint": one + cosign(keys[TWO], TWO, before, AT),
        "cosignature-by-a-stranger-under-the-name": one + cosign(stranger, TWO, body, AT),
        "cosignature-under-the-name-of-another": one + cosign(keys[ONE], TWO, body, AT),
        "cosignature-at-another-time": one + _changed(two, lambda data: data[:11] + bytes([data[11] ^ 1]) + data[12:]),
        "cosignature-that-is-the-signature-of-a-log": one + Signer(keys[TWO]).note(TWO, body).split("\n\n")[1],
        "cosignature-after-the-end-of-time": one + _late(keys[TWO], body),
        "cosignature-cut-short": one + _changed(two, lambda data: data[:-1]),
    }
    roots = WitnessRoots(
        quorum=2,
        cosigners=tuple(Cosigner(n, k.public_key().public_bytes_raw()).verifier_key for n, k in keys.items()),
    )
    return (
        {name: _with(file, lines) for name, lines in good.items()},
        {name: _with(file, lines) for name, lines in bad.items()},
        Roots.of(ORIGIN, LogKeys.of(log), roots),
    )


def _body(file: ProofFile) -> str:
    note = file.statements[0].proof.partition("\n\n")[2]
    return note.rpartition("\n\n")[0] + "\n"


def _with(file: ProofFile, lines: str) -> bytes:
    entries = tuple(one.model_copy(update={"proof": one.proof + lines}) for one in file.statements)
    return file.model_copy(update={"statements": entries}).encoded()


def _changed(line: str, change: Callable[[bytes], bytes]) -> str:
    dash, name, blob = line.strip().split(" ")
    return f"{dash} {name} {base64.b64encode(change(base64.b64decode(blob))).decode()}\n"


def _late(key: Ed25519PrivateKey, body: str) -> str:
    return cosign(key, TWO, body, 1 << 63)
