"""The folder of a candidate: one that exists, or the files of a git commit, unpacked for as long as they are needed."""

import io
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from contracts.errors import AilyusError

_SECONDS: Final = 60


@contextmanager
def candidate_folder(root: Path, named: str) -> Iterator[Path]:
    """The folder of that name, else the workspace's files as the git commit has them. Raises `AilyusError`."""
    if (folder := Path(named)).is_dir():
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="ailyus-") as place:
        archive = _archive(root, named)
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            # no path leads out of the folder, and nothing keeps the rights that it had
            files.extractall(place, filter="data")
        yield Path(place)


def _archive(root: Path, named: str) -> bytes:
    hint = "name a folder with `contracts` and `policies`, or a commit of the workspace's git repository"
    missing = AilyusError("not_found", f"`{named}` is neither a folder nor a commit", hint=hint)
    if named.startswith("-"):  # it would be an option of git
        raise missing
    try:
        # of the folder that it runs in, also where that is a part of the repository
        command = ["git", "-C", str(root), "archive", "--format=tar", named]
        done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 # no shell
    except (OSError, subprocess.TimeoutExpired):
        raise missing from None
    if done.returncode:
        raise missing
    return done.stdout
