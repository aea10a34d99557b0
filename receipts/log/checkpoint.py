"""A checkpoint of the log and the proof of one leaf under it: the two texts that leave the gateway (C2SP)."""

import base64
import binascii
import re
from dataclasses import dataclass

from contracts.errors import AilyusError

PROOF_HEADER = "c2sp.org/tlog-proof@v1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head (https://c2sp.org/tlog-checkpoint).

    ```
    ailyus.local/w
    42
    qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=
    ```
    """

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The note text that is signed, with its final newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, body: str) -> "Checkpoint":
        """Parse a note text; whatever is not canonical is refused."""
        lines = body.split("\n")
        # 19 digits: a size that fits 64 bits; no leading zero, so that one checkpoint has one text
        if len(lines) != 4 or lines[3] or not lines[0] or not re.fullmatch(r"0|[1-9]\d{0,18}", lines[1]):
            raise AilyusError("bad_proof", "the checkpoint is malformed")
        return cls(lines[0], int(lines[1]), decode(lines[2]))

    @classmethod
    def of_note(cls, note: str) -> "Checkpoint":
        """The tree head that a signed note holds; whether its signature holds is asked apart (`open_note`)."""
        return cls.parse(note.rpartition("\n\n")[0] + "\n")


@dataclass(frozen=True, slots=True)
class LogProof:
    """A `tlog-proof@v1` file (https://c2sp.org/tlog-proof): index, inclusion hashes, signed checkpoint.

    ```
    c2sp.org/tlog-proof@v1
    index 7
    <base64 hash>

    ailyus.local/w
    8
    …

    — ailyus.local/w <base64 key hash and signature>
    ```
    """

    index: int
    hashes: tuple[bytes, ...]
    note: str

    def text(self) -> str:
        """The file's text."""
        hashes = "".join(base64.b64encode(h).decode() + "\n" for h in self.hashes)
        return f"{PROOF_HEADER}\nindex {self.index}\n{hashes}\n{self.note}"

    @classmethod
    def parse(cls, text: str) -> "LogProof":
        """Parse the file's text; whatever is not canonical is refused."""
        head, separator, note = text.partition("\n\n")
        lines = head.split("\n")
        # two lines before the hashes, and 64 of those: the height of any tree whose size fits 64 bits
        if not separator or len(lines) < 2 or lines[0] != PROOF_HEADER or len(lines) > 66:
            raise AilyusError("bad_proof", "this is no tlog-proof@v1")
        if not re.fullmatch(r"index (0|[1-9]\d{0,18})", lines[1]):
            raise AilyusError("bad_proof", "the leaf's index is malformed")
        return cls(int(lines[1][6:]), tuple(decode(line) for line in lines[2:]), note)


def decode(text: str, length: int = 32) -> bytes:
    """Canonical base64 of exactly `length` bytes."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AilyusError("bad_proof", "a hash is no base64") from None
    # base64 may hide bits behind its last letter: two texts of one hash would be two proofs
    if len(data) != length or base64.b64encode(data).decode() != text:
        raise AilyusError("bad_proof", "a hash is not canonical")
    return data
