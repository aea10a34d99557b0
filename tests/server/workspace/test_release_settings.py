"""The part of the settings that a release consists of: kept as it is, and made a release again."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from contracts.action.target import Mcp, PluginRef, Ui
from contracts.errors import AilyusError
from server.workspace.release_settings import ReleaseSettings, settings_for_restart
from server.workspace.workspace import Workspace
from tests.server.workspace.places import SETTINGS, workspace_at


def test_what_is_kept_makes_the_same_release_whatever_the_file_says(tmp_path: Path) -> None:
    workspace = workspace_at(tmp_path / "w")
    release = workspace.release()
    kept = ReleaseSettings.decode(ReleaseSettings.of(release).encoded)
    assert kept == ReleaseSettings.of(release)
    (workspace.root / "ailyus.toml").write_text(SETTINGS.replace("prod", "staging").replace("ann", "bob"))
    changed = Workspace.open(workspace.root)
    assert changed.release().digest != release.digest
    again = changed.release(settings=kept)
    assert (again.digest, again.people.by_name) == (release.digest, release.people.by_name)
    assert dict(again.targets) == dict(release.targets)


def test_every_part_of_a_connection_is_kept(tmp_path: Path) -> None:
    settings = ReleaseSettings.of(workspace_at(tmp_path / "w").release())
    whole = replace(
        settings.connections["records"],
        per_minute=7,
        rights=("a", "b"),
        ui=Ui("https://a.example", "env:LOGIN", "p", origins=("https://b.example",)),
        mcp=Mcp("", ("uvx", "x==1"), (("A", "text:b"),), "", 2.5),
        plugin=PluginRef("x", "0" * 64),
    )
    kept = settings.model_copy(update={"connections": {"records": whole}})
    assert ReleaseSettings.decode(kept.encoded).connections == {"records": whole}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"base_url": "http://elsewhere.example"}, "http"),
        ({"mcp": Mcp("", ("uvx", "x"))}, "is not pinned by version"),
        ({"name": "other"}, "has another name inside"),
    ],
)
def test_a_connection_that_the_file_may_not_declare_is_refused(
    tmp_path: Path, change: dict[str, object], sentence: str
) -> None:
    workspace = workspace_at(tmp_path / "w")
    settings = ReleaseSettings.of(workspace.release())
    target = replace(settings.connections["records"], **change)  # type: ignore[arg-type]  # fields of several types
    bad = settings.model_copy(update={"connections": {"records": target}})
    with pytest.raises(AilyusError, match=sentence):
        workspace.release(settings=bad)


@pytest.mark.parametrize("content", [b"", b"{}", b"nonsense"])
def test_what_a_newer_version_wrote_is_no_settings(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(AilyusError) as fault:
        ReleaseSettings.decode(content)
    assert fault.value.code == "store_corrupt"
    known = orjson.loads(ReleaseSettings.of(workspace_at(tmp_path / "w").release()).encoded)
    with pytest.raises(AilyusError):
        ReleaseSettings.decode(orjson.dumps({**known, "later": 1}))


def test_what_a_process_reads_at_its_start_is_named(tmp_path: Path) -> None:
    before = workspace_at(tmp_path / "a").settings
    after = workspace_at(
        tmp_path / "b", settings=SETTINGS.replace('["Lead"]', '["Support"]') + "\n[server]\nport = 1\n"
    )
    assert settings_for_restart(before, after.settings) == ["server"]
    assert settings_for_restart(before, before) == []
