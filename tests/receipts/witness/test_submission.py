"""What an answer of a witness means to the log that asked (C2SP tlog-witness)."""

import pytest

from receipts.log.add_checkpoint import AddCheckpoint
from receipts.log.checkpoint import Checkpoint
from receipts.log.cosignature import Cosigner
from receipts.witness.submission import NoAnswer, Reply, SeenSize, WitnessRefusal, reply_of

ASKED = AddCheckpoint(3, (), Checkpoint("ailyus.test", 5, b"r" * 32).body + "\n")
MORE = WitnessRefusal("it has seen 6 statements, and the log has 5", 6)
OTHER = WitnessRefusal("it has seen another log of 3 statements", 3)
FORK = WitnessRefusal("the log does not continue the 3 statements that it has seen", 3)


@pytest.mark.parametrize(
    ("status", "body", "reply"),
    [
        (200, "", NoAnswer("it answered with no cosignature that holds")),
        (403, "", NoAnswer("it does not trust the key that signs the log")),
        (404, "", NoAnswer("it does not know the log")),
        (409, "2\n", SeenSize(2)),
        (409, "3\n", OTHER),
        (409, "6\n", MORE),
        (409, "03\n", NoAnswer("it answered with the status 409")),
        (422, "", FORK),
        (500, "", NoAnswer("it answered with the status 500")),
    ],
)
def test_what_an_answer_means(status: int, body: str, reply: Reply) -> None:
    assert reply_of(ASKED, Cosigner("w.test/1", b"k" * 32), status, body) == reply
