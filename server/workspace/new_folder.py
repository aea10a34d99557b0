"""The folder of a new workspace: what is in it before its settings are, and what only its owner may read."""

import os
import re
from pathlib import Path

import orjson

from contracts.errors import AilyusError
from receipts.log.signing import create_key
from server.workspace.settings.file import FILE

PEOPLE = ("requester", "lead", "second-lead")
"""The people to play, of whom a development workspace has the keys."""


def begin(folder: Path) -> None:
    """Make the folder; one that is a workspace already is refused."""
    # a second `init` would take the settings and the people of the first
    if (folder / FILE).exists():
        raise AilyusError("bad_settings", f"`{folder}` is a workspace already", hint="choose another folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".ailyus").mkdir(mode=0o700, exist_ok=True)
    # keys and secrets lie there: a workspace belongs under version control, and they do not
    (folder / ".gitignore").write_text(".ailyus/\n")


def write_development_keys(folder: Path) -> None:
    """A key without a passphrase for each of the people to play."""
    for person in PEOPLE:
        key = create_key(folder / ".ailyus" / "keys" / f"{person}.pem")
        public = key.public_key().public_bytes_raw().hex()
        content = orjson.dumps({"public": public, "person": person, "kind": "development"})
        write_secret(folder / ".ailyus" / "keys" / f"{person}.pub", content.decode())


def write_secret(path: Path, value: str) -> None:
    """A file with one line that only its owner reads."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # 0600 from the first moment, whatever the umask is
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(value + "\n")


def name_of(folder: Path) -> str:
    """The workspace's name, out of its folder's."""
    return re.sub(r"[^A-Za-z0-9-]", "-", folder.resolve().name)[:40] or "w"
