"""The reload of a development workspace: what its files say is released whenever they say something else."""

import asyncio
import hashlib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from contracts.errors import AilyusError

if TYPE_CHECKING:
    from server.app import App
    from server.workspace.workspace import Workspace


async def reload_on_save(app: "App", workspace: "Workspace", author: str | None, seen: str) -> None:
    """Release what the files say whenever they say something else; nothing that happens to a file ends this."""
    from server.workspace.widening import wider_than_live
    from server.workspace.workspace import Workspace

    while True:
        # looked at and not told of: notices of a file system miss what an editor renames into its place
        await asyncio.sleep(0.5)
        now = await asyncio.to_thread(digest_of_files, workspace.root)
        if now == seen:
            continue
        seen = now
        try:
            fresh = await asyncio.to_thread(Workspace.open, workspace.root)
            release = await asyncio.to_thread(partial(fresh.release, author, dev=True))
            wider = await asyncio.to_thread(wider_than_live, fresh, release)
            await app.replace(release)
            typer.echo("\n".join(["reloaded", *(change.says for change in wider)]))
        except Exception as error:  # a file that vanished meanwhile, a store that is full: the next change is seen too
            said = str(error) if isinstance(error, AilyusError) else type(error).__name__.lower()
            typer.echo(f"not reloaded, the last good set stays live\n{said}", err=True)


def digest_of_files(root: Path) -> str:
    """What stands in the files of a release now: another name, content or absence is another digest."""
    from contracts.canonical import digest
    from contracts.text.source import files_of

    # contents and not times: an editor that saves twice within a second changes no time of some file systems
    found: dict[str, str | None] = {}
    try:
        paths = [p for part in ("contracts", "policies") for p in files_of(root / part, "*")]
    except AilyusError as error:  # told when it is loaded
        return digest([str(error)])
    for path in [*paths, root / "ailyus.toml"]:
        try:
            found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:  # a folder, a link that leads nowhere, a file that vanished
            found[str(path)] = None
    return digest(sorted(found.items()))
