"""A passphrase, asked for at a terminal, and the key file that it opens."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def ask_passphrase(prompt: str) -> str:
    """A passphrase, from the terminal."""
    # only from the terminal: no flag, variable or pipe can hold it
    try:
        with open("/dev/tty"):
            return getpass.getpass(prompt)
    except OSError:
        raise AilyusError(
            "bad_settings", "a passphrase is asked for at a terminal only", hint="run it in one"
        ) from None


def open_key(path: Path) -> "Ed25519PrivateKey":
    """The private key of a file; its passphrase is asked for only where it has one."""
    from receipts.log.signing import is_encrypted, load_key

    # a file that is not there is told by `load_key`, which knows the hint
    return load_key(path, ask_passphrase("passphrase: ").encode() if path.exists() and is_encrypted(path) else None)
