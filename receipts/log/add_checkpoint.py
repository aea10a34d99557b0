"""The request by which a log asks a witness for a cosignature (https://c2sp.org/tlog-witness, add-checkpoint).

```
old 40
<base64 hash>

ailyus.local/w
42
qINS1GRFhWHwdkUeqLEoP4yEMkTBBzxBkGwGQlVlVcs=

— ailyus.local/w <base64 key hash and signature>
```
"""

import base64
import re
from dataclasses import dataclass
from typing import Final

from contracts.errors import AilyusError
from receipts.log.checkpoint import Checkpoint, decode

MAX_HASHES: Final = 63
MAX_REQUEST: Final = 16 * 1024
"""Bytes of a request that a witness reads: 63 hashes, and a checkpoint with its signatures."""
SIZE_TYPE: Final = "text/x.tlog.size"
"""The media type of an answer that holds nothing but the size that a witness has seen."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """The size that the witness has seen, the proof that the log continues it, and the signed checkpoint."""

    old: int
    proof: tuple[bytes, ...]
    note: str

    @property
    def checkpoint(self) -> Checkpoint:
        """The tree head that the note holds; whether its signature holds is asked apart."""
        return Checkpoint.of_note(self.note)

    def encoded(self) -> bytes:
        """The request's body."""
        hashes = "".join(base64.b64encode(one).decode() + "\n" for one in self.proof)
        return f"old {self.old}\n{hashes}\n{self.note}".encode()

    @classmethod
    def parse(cls, data: bytes) -> "AddCheckpoint":
        """Parse a request's body; whatever is not canonical is refused. Raises `bad_proof`."""
        try:
            head, separator, note = data.decode().partition("\n\n")
        except UnicodeDecodeError:
            raise AilyusError("bad_proof", "the request is no text") from None
        lines = head.split("\n")
        found = re.fullmatch(r"old (0|[1-9]\d{0,18})", lines[0])
        # each line of a note ends, and so does the last one
        if not separator or found is None or len(lines) > MAX_HASHES + 1 or not note.endswith("\n"):
            raise AilyusError("bad_proof", "the request is no add-checkpoint")
        return cls(int(found[1]), tuple(decode(line) for line in lines[1:]), note)
