"""CodeMirror for the console's page of policies: three files of its npm package, beside the workspace's store.

`ailyus doctor --fix` brings them by the npm of this machine; nothing of them is kept here but their digests. Without
them the page has a text area. What is there counts only with the digest that stands here.
"""

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from hashlib import sha512
from pathlib import Path
from typing import Final

from contracts.canonical import sha256
from contracts.errors import AilyusError

PACKAGE: Final = "codemirror@5.65.20"
_TARBALL: Final = (
    "8b974b0c3c7090509b863bcbda93634a1b288e82f75c7c83c2c1afd63a844d4a"
    "16fa5ce904a2aa353516810c1500e6b4b549b80707a44f8e79ba369f8bca5ac8"
)
"""SHA-512 of the package, which is the `integrity` that npm names."""
_SECONDS: Final = 120
FILES: Final = {
    "codemirror.js": ("lib/codemirror.js", "8e8b5e3cc4be7530a9b6b624bce95ff966cd667283005a103739fe37d3bdd97c"),
    "codemirror.css": ("lib/codemirror.css", "eb494ea972d2661ef86f7f6ac656dd6786d721e49c9c1b46e1eb967e4b6f9bf3"),
    "simple.js": ("addon/mode/simple.js", "400f49309b31197c0c4ec76519c93647b494ab80f59f96d7f051463e0aa37eb0"),
}
"""The files by name: their place in the package, and their SHA-256."""


def editor_folder(root: Path) -> Path:
    """Where a workspace has them."""
    return root / ".ailyus" / "editor"


def editor_files(root: Path) -> dict[str, bytes]:
    """All of them by name; nothing where one is missing, or is another one."""
    found = {}
    for name, (_, digest) in FILES.items():
        try:
            content = (editor_folder(root) / name).read_bytes()
        except OSError:
            return {}
        if sha256(content) != digest:  # guard: the editor is the one that was looked at
            return {}
        found[name] = content
    return found


def take_editor(root: Path, package: Path) -> None:
    """Copy them out of an unpacked package."""
    folder = editor_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    for name, (place, _) in FILES.items():
        shutil.copyfile(package / place, folder / name)


def install_editor(root: Path, say: Callable[[str], None]) -> None:
    """Bring them, unless they are there. Raises `AilyusError` `unavailable`; the page then has a text area."""
    if editor_files(root):
        return
    npm = shutil.which("npm")
    if npm is None:
        raise _missing("there is no `npm` here")
    say(f"fetching {PACKAGE}")
    with tempfile.TemporaryDirectory() as name:
        # what a package would run when it is installed is not run
        command = [npm, "pack", PACKAGE, "--ignore-scripts", "--silent", "--pack-destination", name]
        try:
            done = subprocess.run(command, cwd=name, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 # ours
        except (OSError, subprocess.TimeoutExpired):
            raise _missing("npm gave no answer") from None
        (tarball, *_) = [*Path(name).glob("*.tgz"), None]
        if done.returncode or tarball is None or sha512(tarball.read_bytes()).hexdigest() != _TARBALL:
            raise _missing("npm did not give the package that is expected")
        with tarfile.open(tarball) as archive:
            archive.extractall(name, filter="data")
        take_editor(root, Path(name) / "package")


def _missing(why: str) -> AilyusError:
    hint = "nothing else is missing for it: the console edits policies in a text area"
    return AilyusError("unavailable", f"{PACKAGE} for the editor of policies could not be fetched: {why}", hint=hint)
