"""Credentials by reference: `env:NAME`, `file:PATH` or `none`. Values never leave this module but as a header."""

import os
from pathlib import Path

from contracts.errors import AilyusError

MAX_SECRET = 8192
"""Characters that a credential may have."""


class Credentials:
    """Resolves references, files relative to the workspace. Values are read once per release."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._values: dict[str, str] = {}

    def value(self, reference: str) -> str | None:
        """The secret behind a reference, None for `none`; raises `no_credential` when there is none."""
        if reference == "none":
            return None
        if reference not in self._values:
            self._values[reference] = self._read(reference)
        return self._values[reference]

    def _read(self, reference: str) -> str:
        kind, _, name = reference.partition(":")
        if kind == "env":
            value = os.environ.get(name, "")
        elif kind == "file":
            try:
                value = (self._root / name).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                value = ""
        else:
            raise AilyusError("bad_settings", f"`{reference}` is no credential reference", hint="env:NAME or file:PATH")
        if not value or len(value) > MAX_SECRET or not value.isascii() or not value.isprintable():
            raise AilyusError("no_credential", f"there is no usable credential at `{reference}`")
        return value
