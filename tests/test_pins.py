"""Every package of this environment has the version that `pyproject.toml` pins, and every pin is exact."""

import importlib.metadata
import re
import tomllib

from packaging.requirements import Requirement

from tests.newest import ROOT, pinned, with_pins

PROJECT = (ROOT / "pyproject.toml").read_text()
SETTINGS = tomllib.loads(PROJECT)
_EXACT = re.compile(r"[a-z0-9.-]+==[0-9][^ ;*]*( ; .+)?")


def test_every_package_here_has_the_version_that_is_pinned() -> None:
    wanted = [Requirement(line) for line in SETTINGS["tool"]["uv"]["constraint-dependencies"]]
    versions = {r.name: str(r.specifier) for r in wanted if r.marker is None or r.marker.evaluate()}
    here = {
        re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower(): f"=={found.version}"
        for found in importlib.metadata.distributions()
    }
    here.pop("ailyus")
    assert {name: version for name, version in here.items() if versions.get(name) != version} == {}


def test_every_pin_is_one_version() -> None:
    uv = SETTINGS["tool"]["uv"]
    for line in [*uv["constraint-dependencies"], *uv["build-constraint-dependencies"]]:
        assert _EXACT.fullmatch(line), line
    assert all("==" in line for line in SETTINGS["build-system"]["requires"])


def test_both_commands_install_one_version_of_uv() -> None:
    commands = re.findall(r"^pip install -q (uv.*?) && uv run", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert len(commands) == 2
    assert _EXACT.fullmatch(commands[0])
    assert commands[0] == commands[1]
    assert f"pip install -q {commands[0]} && uv run pytest" in (ROOT / ".ci" / "run").read_text()


def test_pins_are_written_in_their_place_and_nothing_else_moves() -> None:
    written = with_pins(PROJECT, ["a==1", "b==2 ; sys_platform == 'win32'"])
    assert pinned(written) == {"a": "1", "b ; sys_platform == 'win32'": "2"}
    assert with_pins(written, SETTINGS["tool"]["uv"]["constraint-dependencies"]) == PROJECT
