"""Checkpoints and proof files: one text for each, and everything else is refused."""

import pytest

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint, LogProof, decode


@pytest.mark.parametrize(
    "body",
    [
        "o\n1\n",
        "o\n01\nAA==\n",
        "o\n1\nAA==\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=\nx\n",
    ],
)
def test_a_checkpoint_that_is_not_canonical(body: str) -> None:
    with pytest.raises(AilyusError):
        Checkpoint.parse(body)


def test_a_proof_file_reads_back() -> None:
    proof = LogProof(7, (b"\x01" * 32, b"\x02" * 32), "o\n8\nx\n\n— o y\n")
    assert LogProof.parse(proof.text()) == proof
    for bad in (
        "",
        "c2sp.org/tlog-proof@v2\nindex 1\n\nx",
        proof.text().replace("index 7", "index 07"),
        proof.text().replace("AQEB", "AQE*"),
    ):
        with pytest.raises(AilyusError):
            LogProof.parse(bad)


def test_base64_that_hides_bits_is_no_hash() -> None:
    text = "A" * 43 + "="
    assert decode(text) == bytes(32)
    with pytest.raises(AilyusError, match="not canonical"):
        decode("A" * 42 + "B=")
