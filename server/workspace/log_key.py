"""The key that signs the log: where it is, what protects it, and that a log never goes on under another one."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.credentials.reference import CredentialReference
from contracts.errors import AilyusError
from receipts.log.signing import Signer, create_key, load_keys, open_note, parse_keys
from receipts.log.signing_key import SigningKey
from receipts.store import health
from receipts.store.log_tables import newest_note
from receipts.store.row import Read
from server.workspace.credentials import credentials_of
from server.workspace.log_signers import signers_of
from server.workspace.stores import is_made, reading

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

ROOTS: Final = "roots.json"
_HINT: Final = "[log] in ailyus.toml names the `key` and its `passphrase`, both by reference"


def open_log_key(workspace: "Workspace", *, make: bool = True) -> SigningKey:
    """The key that signs the log now; made when neither it nor a log is there, if it may be. Raises `AilyusError`."""
    path = key_file(workspace)
    if path is None or path.exists() or workspace.settings.log.signers:
        held = held_log_keys(workspace)
        return held[0] if len(held) == 1 else _signing(workspace, held)
    with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
        pool.submit(_refuse_new_key, workspace, path).result()
    # a look needs a key to open the store with; this one signs nothing and is forgotten
    return create_key(path, passphrase_of(workspace)) if make else Ed25519PrivateKey.generate()


def held_log_keys(workspace: "Workspace") -> tuple[SigningKey, ...]:
    """The signers of `[log.signers]`, then each key where `[log] key` is read from: two while one is rotated.

    It waits. Raises `AilyusError`.
    """
    signers, path = signers_of(workspace), key_file(workspace)
    # beside a signer there need be no file
    return signers if signers and path is not None and not path.exists() else (*signers, *_read_keys(workspace))


def _read_keys(workspace: "Workspace") -> tuple[Ed25519PrivateKey, ...]:
    text, path = workspace.settings.log.key, key_file(workspace)
    try:
        if path is not None:
            return load_keys(path, passphrase_of(workspace))
        return parse_keys(credentials_of(workspace).material(text), passphrase_of(workspace))
    except AilyusError as error:
        sentence = f"the key of the log cannot be used (`{text}`): {error.sentence}"
        raise AilyusError("bad_settings", sentence, hint=f"{error.hint}; {_HINT}") from None


def key_file(workspace: "Workspace") -> Path | None:
    """The file of the key; None where its source is another one, at which no key is ever made."""
    reference = CredentialReference.parse(workspace.settings.log.key)
    return workspace.root / reference.name if reference.kind == "file" else None


def passphrase_of(workspace: "Workspace") -> bytes | None:
    """What the key is encrypted with. Raises `AilyusError`."""
    secret = credentials_of(workspace).read(workspace.settings.log.passphrase)
    return secret.encode() if secret else None


def _signing(workspace: "Workspace", held: tuple[SigningKey, ...]) -> SigningKey:
    """Of several keys the one that signed the newest checkpoint; the first where there is none."""

    def look() -> str:
        if not workspace.settings.has_database and not workspace.store.exists():
            return ""
        with reading(workspace) as read:
            return newest_note(read) if is_made(workspace, read) else ""

    with ThreadPoolExecutor(1) as pool:
        note = pool.submit(look).result()
    for key in held:
        try:
            open_note(note, workspace.settings.origin, Signer(key).public)
        except AilyusError:
            continue
        return key
    return held[0]  # the store says that this is not its key, where it has one


def _refuse_new_key(workspace: "Workspace", path: Path) -> None:
    # INVARIANT 10: whoever verifies trusts the old key: a log never goes on under a new one in silence
    why = _why_not_new(workspace)
    if why:  # guard: no new key beside a log
        sentence = f"the key of the log is missing (`{path.name}`), and {why}"
        hint = "restore it from your backup; without it nothing can be added to this log"
        raise AilyusError("bad_settings", sentence, hint=hint)


def _why_not_new(workspace: "Workspace") -> str:
    if (workspace.root / ROOTS).exists():
        return f"`{ROOTS}` names the one that there was"
    if not workspace.settings.has_database:
        head = workspace.store.with_suffix(workspace.store.suffix + ".head")
        # a head of size 0 is a store that was made and never written: nobody trusts its key yet
        if head.exists() and head.read_bytes().split()[:1] not in ([], [b"0"]):
            return f"`{head.name}` remembers a log"
        if not workspace.store.exists() or not workspace.store.stat().st_size:
            return ""
    with reading(workspace) as read:
        return "the store holds a log" if _has_log(read, workspace.settings.has_database) else ""


def _has_log(read: Read, is_database: bool) -> bool:
    if is_database and not health.has_table(read, "head"):
        return False
    return health.has_log(read)
