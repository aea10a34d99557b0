"""The witnesses of the settings: who waits for them, how long, and what can never be met."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError

from receipts.log.cosignature import Cosigner
from server.workspace.settings.witness import WitnessPart

KEY = Cosigner("w.test/1", Ed25519PrivateKey.generate().public_key().public_bytes_raw()).verifier_key
ONE = {"cosigners": [{"url": "https://w.test", "key": KEY}]}


def test_nothing_waits_unless_it_is_said() -> None:
    part = WitnessPart.model_validate(ONE)
    assert (part.synchronous, part.wait, part.quorum) == (None, 5_000, 1)
    assert WitnessPart.model_validate({**ONE, "synchronous": "high", "wait": "2s"}).wait == 2_000


@pytest.mark.parametrize("wrong", [{"synchronous": "always"}, {"wait": "31s"}, {"wait": "50ms"}, {"quorum": 2}])
def test_what_fits_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WitnessPart.model_validate({**ONE, **wrong})
