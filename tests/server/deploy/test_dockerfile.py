"""The Dockerfile, by hadolint and by rules of our own. `python -m tests.image` runs its steps."""

import re
import subprocess
import sys
from pathlib import Path

from tests.world import ROOT

DOCKERFILE = ROOT / "server" / "deploy" / "Dockerfile"
TEXT = DOCKERFILE.read_text()
STAGES = {part.split("\n", 1)[0].split(" AS ")[1]: part for part in re.split(r"^FROM ", TEXT, flags=re.MULTILINE)[1:]}
IMAGES = ("gateway", "gateway-browser")


def test_hadolint_finds_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_the_last_image_is_the_one_without_a_browser() -> None:
    assert list(STAGES)[-1] == "gateway"


def test_an_image_is_no_root_says_how_it_is_and_holds_no_tool_that_built_it() -> None:
    assert STAGES["runtime"].count("HEALTHCHECK ") == 1
    assert "/livez" in STAGES["runtime"]
    for name in IMAGES:
        assert f"\nFROM runtime AS {name}\n" in TEXT
        lines = [*STAGES["runtime"].splitlines(), *STAGES[name].splitlines()]
        assert [line for line in lines if line.startswith("USER ")][-1] == "USER 10001:10001"
        copied = [line for line in lines if line.startswith("COPY ")]
        assert len(copied) == 1
        assert copied[0].endswith(" /opt/ailyus /opt/ailyus")


def test_the_tool_that_installs_is_the_readmes() -> None:
    (version,) = set(re.findall(r"uv==[\d.]+", TEXT))
    assert version in (ROOT / "README.md").read_text()
