"""The package of a release: its files, its settings and its author's signature, as the command line sends it."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from contracts.canonical import digest, sha256
from contracts.errors import AilyusError
from policies.release import Release
from policies.signed_release import SignedRelease
from server.workspace.release_files import read_signed, sources_of, written_files
from server.workspace.release_settings import ReleaseSettings
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace

MAX_PACKAGE = 32 * 1024 * 1024
"""Bytes of a package as JSON."""


class ReleasePackage(BaseModel):
    """A candidate for a release, whole: nothing that is read later can be another file.

    `allow_wider` allows what an unsigned one widens; who signs has seen it before.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: ReleaseSettings
    sources: dict[str, str]
    signed: SignedRelease | None = None
    allow_wider: bool = False

    @classmethod
    def of(cls, release: Release, sources: Mapping[str, bytes]) -> "ReleasePackage":
        """The package of a release that was built from these files."""
        return cls(
            settings=ReleaseSettings.of(release), sources={name: data.decode() for name, data in sources.items()}
        )

    @property
    def files(self) -> dict[str, bytes]:
        """The files by their path in the workspace."""
        return {name: text.encode() for name, text in self.sources.items()}

    @property
    def digest(self) -> str:
        """Over all that is proposed: settings, files and the author's word, whoever has approved it."""
        return digest(
            {
                "purpose": "ailyus-candidate-v1",
                "settings": sha256(self.settings.encoded),
                "files": {name: sha256(data) for name, data in self.files.items()},
                "signed": self.signed.document.digest if self.signed is not None else "",
            }
        )

    def built(self, workspace: Workspace) -> Release:
        """The release, by who signed it. Raises `AilyusError`. Off the loop."""
        with written_files(self.files) as root:
            release = workspace.release(files=root, settings=self.settings)
        return released_by(release, self.signed)


def candidate_of(workspace: Workspace, folder: Path | None = None) -> tuple[Release, ReleasePackage]:
    """What the workspace's files say, or those of another folder, with the signature beside them. Raises `AilyusError`.

    A folder without settings of its own is about the workspace's people and connections.
    """
    root = workspace.root if folder is None else folder.resolve()
    if not (root / "contracts").is_dir():
        raise AilyusError("no_workspace", f"there is no folder `contracts` in `{root}`")
    space = workspace
    if folder is not None and (root / FILE).exists():
        theirs, own = Workspace.open(root), workspace.settings
        if theirs.settings.origin != own.origin:
            sentence = f"the candidate is for `{theirs.settings.origin}`, the workspace is `{own.origin}`"
            raise AilyusError("bad_settings", sentence, hint="give it the workspace's `origin`", field=FILE)
        settings = theirs.settings.model_copy(update={"development": own.development})
        space = replace(theirs, settings=settings)
    release, sources = space.release(files=root), sources_of(root)
    package = ReleasePackage.of(release, sources).model_copy(update={"signed": read_signed(root)})
    return release, package


def released_by(release: Release, signed: SignedRelease | None) -> Release:
    """The same release, by who signed it. Raises `AilyusError`."""
    if signed is None:
        return release
    author = signed.document.author
    if release.people.get(author) is None:
        raise AilyusError("unknown_person", f"`{author}` signed this release and is no declared person")
    return replace(release, author=author, governed=True)
