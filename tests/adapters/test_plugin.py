"""Plugins: one entry point of one installed distribution, with the digest of its own files and of nothing else."""

import hashlib
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

import pytest

from adapters.plugin import GROUP, Connection, code_of, digest_of, installed, load, offered
from contracts.errors import AilyusError

TEXT = "class Made:\n    def __init__(self, at):\n        self.at = at\n"
AT = Connection("https://a.example", "robot", "s3cret")


def install(
    packages: Path, name: str = "plugin_one", entry: str = "one", text: str = TEXT, extra: str = ""
) -> Distribution:
    """What an installer leaves of a wheel with one module."""
    (packages / f"{name}.py").write_text(text)
    info = packages / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{entry} = {name}:Made\n")
    (info / "INSTALLER").write_text("x")
    files = [
        f"{name}.py",
        f"{info.name}/METADATA",
        f"{info.name}/entry_points.txt",
        f"{info.name}/INSTALLER",
        f"{info.name}/RECORD",
    ]
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files) + extra)
    return Distribution.at(info)


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(tmp_path)
    before = list(sys.meta_path)
    yield tmp_path
    sys.meta_path[:] = before
    for name in ("plugin_one", "plugin_two"):
        sys.modules.pop(name, None)


def test_the_digest_is_over_every_file_of_its_own(packages: Path) -> None:
    made = install(packages)
    lines = b""
    for path in sorted(
        ("plugin_one.py", "plugin_one-1.0.dist-info/METADATA", "plugin_one-1.0.dist-info/entry_points.txt")
    ):
        lines += path.encode() + b"\0" + hashlib.sha256((packages / path).read_bytes()).digest() + b"\n"
    assert digest_of(made) == hashlib.sha256(lines).hexdigest()


def test_what_an_installer_writes_is_no_part_of_it(packages: Path) -> None:
    extra = "../bin/tool,,\n__pycache__/plugin_one.cpython-311.pyc,,\nplugin_one-1.0.dist-info/direct_url.json,,\n"
    one = digest_of(install(packages))
    (packages / "two").mkdir()
    other = install(packages / "two", extra=extra)
    assert digest_of(other) == one
    (packages / "two" / "plugin_one-1.0.dist-info" / "INSTALLER").write_text("another")
    assert digest_of(other) == one
    (packages / "two" / "plugin_one.py").write_text(TEXT + "\n")
    assert digest_of(other) != one


def test_an_entry_point_is_offered_once(packages: Path) -> None:
    with pytest.raises(AilyusError, match="no distribution offers `one`"):
        installed("one")
    made = install(packages)
    assert installed("one")[1].name == "plugin_one"
    (offer,) = [offer for offer in offered() if offer.entry_point == "one"]
    assert (offer.distribution, offer.version, offer.digest) == ("plugin_one", "1.0", digest_of(made))
    install(packages, "plugin_two")
    with pytest.raises(AilyusError, match="`one` is offered twice"):
        installed("one")


def test_only_the_named_code_is_made(packages: Path) -> None:
    made = install(packages)
    with pytest.raises(AilyusError, match="is not the one that the settings name"):
        load("one", "0" * 64, AT)
    assert "plugin_one" not in sys.modules
    plugin = load("one", digest_of(made), AT)
    assert plugin.at == AT  # type: ignore[attr-defined]  # what this adapter keeps


def test_code_that_lies_elsewhere_has_no_digest(packages: Path) -> None:
    made = install(packages)
    record = packages / "plugin_one-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("plugin_one.py,,\n", "plugin_one.pth,,\n"))
    assert set(code_of(made)) == {
        "plugin_one.pth", "plugin_one-1.0.dist-info/METADATA", "plugin_one-1.0.dist-info/entry_points.txt",
    }  # fmt: skip
    with pytest.raises(AilyusError, match="is not installed as a wheel"):
        load("one", "0" * 64, AT)
