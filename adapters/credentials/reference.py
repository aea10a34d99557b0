"""References to secrets: `env:NAME`, `file:PATH`, `exec:NAME`, `vault:MOUNT/PATH#FIELD`, or `none`."""

import re
from dataclasses import dataclass
from typing import Final, Literal, cast

from contracts.errors import AilyusError

Kind = Literal["none", "env", "file", "exec", "vault"]
"""Where a secret is: nowhere, in a variable, in a file, with a program, in Vault."""
_ENV = r"env:[A-Za-z_][A-Za-z0-9_.{}-]{0,254}"
_FILE = r"file:[^\x00-\x1f]{1,4096}"
_EXEC = r"exec:[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
_VAULT = r"vault:[^\x00-\x20#?/]{1,128}/[^\x00-\x20#?]{1,512}#[^\x00-\x20#]{1,128}"
PATTERN: Final = rf"^(none|{_ENV}|{_FILE}|{_EXEC}|{_VAULT})$"
"""What every reference looks like. `{person}` in one stands for the person of a session."""
FORMS: Final = "env:NAME, file:PATH, exec:NAME, vault:MOUNT/PATH#FIELD"
_REFERENCE: Final = re.compile(PATTERN)


@dataclass(frozen=True, slots=True)
class CredentialReference:
    """One reference, taken apart; `name` is what stands behind the first colon."""

    kind: Kind
    name: str

    @classmethod
    def parse(cls, text: str) -> "CredentialReference":
        """Raises `bad_settings` where it is none. Its text is not told: somebody may have written the secret itself."""
        if not _REFERENCE.fullmatch(text):
            raise AilyusError("bad_settings", "what should refer to a secret is no reference", hint=f"write {FORMS}")
        kind, _, name = text.partition(":")
        return cls(cast(Kind, kind), name)
