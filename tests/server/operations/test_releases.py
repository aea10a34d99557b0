"""The releases of a running gateway: candidates are taken whole, or refused, told and forgotten."""

from pathlib import Path

import pytest

from contracts.errors import AilyusError
from server.operations.releases import Releases
from server.workspace.release_package import candidate_of
from server.workspace.workspace import Workspace
from tests.server.engine import LEAD, PERMIT, Engine
from tests.server.operations.told import Told
from tests.server.workspace.places import SETTINGS, workspace_at

OWN = SETTINGS.replace('origin = "acme.test"', 'origin = "o"\ndevelopment = true')


def releases_of(made: Engine, folder: Path, *, signed_only: bool = False) -> tuple[Workspace, Releases]:
    workspace = workspace_at(folder, settings=OWN)
    return workspace, Releases(workspace, Told(made).activation, signed_only=signed_only)


async def test_files_are_taken_as_they_are_and_nonsense_leaves_the_last_ones(
    permissive: Engine, tmp_path: Path
) -> None:
    workspace, releases = releases_of(permissive, tmp_path / "w")
    assert await releases.reload()
    live = permissive.runner.release.digest
    assert live == workspace.release().digest
    assert not await releases.reload()
    file = workspace.root / "policies" / "test.cedar"
    for path, nonsense, code in (
        (file, "permit (", "bad_policy"),
        (workspace.root / "contracts" / "more.yaml", "a: 1", "bad_contract"),
        (workspace.root / "ailyus.toml", "nonsense", "bad_settings"),
    ):
        former = path.read_text() if path.exists() else ""
        path.write_text(nonsense)
        assert not await releases.reload()
        assert releases.refused is not None
        assert (releases.refused.code, permissive.runner.release.digest) == (code, live)
        path.write_text(former) if former else path.unlink()
    file.write_text(PERMIT + LEAD)
    assert await releases.reload()
    assert releases.refused is None
    assert permissive.runner.release.digest == workspace.release().digest != live
    await releases.stop()


async def test_a_folder_that_is_gone_is_told(permissive: Engine, tmp_path: Path) -> None:
    workspace, releases = releases_of(permissive, tmp_path / "w")
    workspace.root.rename(tmp_path / "elsewhere")
    assert not await releases.reload()
    assert releases.refused is not None
    assert releases.refused.code == "no_workspace"


async def test_nothing_unsigned_is_taken_where_signatures_are_required(permissive: Engine, tmp_path: Path) -> None:
    workspace, releases = releases_of(permissive, tmp_path / "w", signed_only=True)
    former = permissive.runner.release
    with pytest.raises(AilyusError, match="nobody has signed"):
        await releases.apply(candidate_of(workspace)[1])
    assert permissive.runner.release is former
