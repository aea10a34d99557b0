"""The manifest of an archive: what is in the file, signed by the log's key as a note of a name of its own.

```
NAME/archive
{"format":"ailyus-archive-v1","digest":"<SHA-256>","before_ms":…,"made_ms":…,"actions":…,"statements":…, …}

— NAME/archive <signature>
```
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

import orjson
from pydantic import BaseModel, ConfigDict, ValidationError

from contracts.errors import AilyusError
from receipts.log.signing import Signer, open_note


class Manifest(BaseModel):
    """What an archive holds. `digest` is that of its groups; times are in milliseconds since the epoch."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["ailyus-archive-v1"] = "ailyus-archive-v1"
    digest: str
    before_ms: int
    made_ms: int
    actions: int
    statements: int
    first_leaf: int
    last_leaf: int

    def note(self, signer: Signer, origin: str) -> str:
        """The signed note."""
        body = f"{_name(origin)}\n{orjson.dumps(self.model_dump()).decode()}\n"
        return signer.note(_name(origin), body)

    @classmethod
    def of_note(cls, note: str, origin: str, keys: Mapping[str, bytes]) -> "Manifest":
        """The manifest in a note that a trusted key signed. Raises `not_authentic`."""
        for public in keys.values():
            try:
                name, text = open_note(note, _name(origin), public).splitlines()
                if name == _name(origin):
                    return cls.model_validate_json(text)
            except (AilyusError, ValidationError, ValueError):
                continue
        hint = "verify it with the `roots.json` of the workspace that wrote it"
        raise AilyusError("not_authentic", "the archive is not signed by a trusted key of this log", hint=hint)


def digest_of(groups: Iterable[tuple[str, str]]) -> str:
    """The digest over groups, each its root and its digest, sorted by the root."""
    whole = hashlib.sha256(b"ailyus-archive-v1\n")
    for root, digest in groups:
        whole.update(f"{root} {digest}\n".encode())
    return whole.hexdigest()


def _name(origin: str) -> str:
    # a name of its own, so that this note is never taken for a checkpoint, nor a checkpoint for it
    return f"{origin}/archive"
