"""The key that signs the log: where it is, what protects it, and that a log never goes on under another one."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from adapters.credentials.reference import CredentialReference
from contracts.errors import AilyusError
from receipts.audit.roots import read_roots
from receipts.log.signing import Signer, create_key, load_key, parse_key
from receipts.store import health
from receipts.store.row import Read
from server.workspace.credentials import credentials_of
from server.workspace.stores import reading

if TYPE_CHECKING:
    from server.workspace.workspace import Workspace

ROOTS = "roots.json"


def open_log_key(workspace: "Workspace", *, make: bool = True) -> Ed25519PrivateKey:
    """The key of the log; made when neither it nor a log is there, if it may be. Raises `AilyusError`."""
    part = workspace.settings.log
    credentials = credentials_of(workspace)
    secret = credentials.read(part.passphrase)
    passphrase = secret.encode() if secret else None
    reference = CredentialReference.parse(part.key)
    path = workspace.root / reference.name
    try:
        if reference.kind != "file":  # elsewhere no key is ever made
            return parse_key(credentials.material(part.key), passphrase)
        if path.exists():
            return load_key(path, passphrase)
    except AilyusError as error:
        sentence = f"the key of the log cannot be used (`{part.key}`): {error.sentence}"
        raise AilyusError("bad_settings", sentence, hint=f"{error.hint}; {_HINT}") from None
    with ThreadPoolExecutor(1) as pool:  # a database is read by a loop of its own
        pool.submit(_refuse_new_key, workspace, path).result()
    # a look needs a key to open the store with; this one signs nothing and is forgotten
    return create_key(path, passphrase) if make else Ed25519PrivateKey.generate()


_HINT = "[log] in ailyus.toml names the `key` and its `passphrase`, both by reference"


def check_roots(workspace: "Workspace", origin: str, keyid: str, public: bytes) -> None:
    """Raise unless `roots.json`, where there is one, names this origin and this key."""
    path = workspace.root / ROOTS
    if not path.exists():
        return
    roots = read_roots(path)
    if roots.origin != origin or roots.raw.get(keyid) != public:  # guard: trusted roots
        hint = (
            "restore the key or the `origin` that it belongs to; if the new one is meant, move roots.json away and "
            "hand the new file to everybody who verifies"
        )
        raise AilyusError("bad_settings", f"`{ROOTS}` names another key or origin than this gateway has", hint=hint)


def trusted_keys(workspace: "Workspace") -> Mapping[str, bytes]:
    """The public keys of this workspace's log by their id: those of `roots.json`, which ask for no passphrase."""
    path = workspace.root / ROOTS
    if path.exists():
        return read_roots(path).raw
    return Signer(open_log_key(workspace, make=False)).trusted


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
