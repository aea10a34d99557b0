"""The reload of a workspace's files while its gateway runs: when they change, and when the process is told to look.

Under `--dev` what they say is released unsigned; else it is taken as `release apply` would take it.
"""

import asyncio
import contextlib
import hashlib
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from server.app import App
    from server.workspace.workspace import Workspace

LOOK_SECONDS = 0.5
Take = Callable[[], Awaitable[object]]


async def reload_on_change(root: Path, seen: str, take: Take, *, settled: bool) -> None:
    """Take what the files say whenever they say something else; `settled`: and then say the same for one more look."""
    before = seen
    while True:
        # looked at and not told of: notices of a file system miss what an editor renames into its place
        await asyncio.sleep(LOOK_SECONDS)
        now = await asyncio.to_thread(digest_of_files, root)
        # half of what a checkout writes is another set of files, which nobody has signed
        if now != seen and (now == before or not settled):
            seen = now
            await take()
        before = now


async def reload_on_signal(told: asyncio.Event, take: Take) -> None:
    """Take what the files say each time that the process is told to."""
    while True:
        await told.wait()
        told.clear()
        await take()


async def release_unsigned(app: "App", workspace: "Workspace", author: str | None) -> None:
    """Make what the files say live under `--dev`; nothing that happens to a file ends the gateway."""
    from server.workspace.widening import wider_than_live
    from server.workspace.workspace import Workspace

    try:
        fresh = await asyncio.to_thread(Workspace.open, workspace.root)
        release = await asyncio.to_thread(partial(fresh.release, author, dev=True))
        wider = await asyncio.to_thread(wider_than_live, fresh, release)
        await app.releases.replace(release)
        _say("\n".join(["reloaded", *(change.says for change in wider)]))
    except Exception as error:  # a file that vanished meanwhile, a store that is full: the next change is seen too
        said = str(error) if isinstance(error, AilyusError) else type(error).__name__.lower()
        _say(f"not reloaded, the last good set stays live\n{said}", err=True)


def _say(text: str, *, err: bool = False) -> None:
    """Tell whoever looks; where nobody reads or the disk is full, the gateway goes on."""
    with contextlib.suppress(OSError, ValueError):
        typer.echo(text, err=err)


def digest_of_files(root: Path) -> str:
    """What stands in the files of a release now: another name, content or absence is another digest."""
    from contracts.canonical import digest

    return digest(sorted(digests_of_files(root).items()))


def digests_of_files(root: Path) -> dict[str, str | None]:
    """The SHA-256 of each file of a release, by its path from the workspace's folder; None for what is no file."""
    from contracts.text.source import files_of
    from server.workspace.release_files import SIGNED_FILE

    # contents and not times: an editor that saves twice within a second changes no time of some file systems
    found: dict[str, str | None] = {}
    try:
        paths = [p for part in ("contracts", "policies") for p in files_of(root / part, "*")]
    except AilyusError as error:  # told when it is loaded
        return {str(error): None}
    for path in [*paths, root / "ailyus.toml", root / SIGNED_FILE]:
        name = path.relative_to(root).as_posix()
        try:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:  # a folder, a link that leads nowhere, a file that vanished
            found[name] = None
    return found
