"""The YAML model of an output: its value, its declared form, and where it may go if it is a secret."""

from typing import Annotated, Final

from pydantic import Field

from contracts.schema.fields import Strict

# most secrets travel in a header, and servers commonly bound those at 8 KiB
MAX_SECRET: Final = 8192
"""Characters that a secret may have."""


class SecretTo(Strict):
    """Where a secret output may go: `contract.input`, nowhere else, once each."""

    # INVARIANT 9: closed, and empty by default: a secret that may go nowhere stays sealed
    to: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}\.[a-z][a-z0-9_]{0,63}$")], ...] = ()


class Output(Strict):
    """An output with a form. A contract that carries secrets has no other outputs than these, or numbers and yes/no."""

    later = frozenset({"pattern", "enum", "secret"})

    value: str
    pattern: str | None = None
    enum: tuple[str, ...] | None = None
    secret: SecretTo | None = None
