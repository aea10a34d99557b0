"""The workflow of the guide runs on a git checkout: it passes what narrows, and stops what lets more through."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.pages import pages
from tests.policies.edits import OWN, write
from tests.world import MARIA, World, cli

NAME = "server/guide/POLICIES.md"


def git(root: Path, *words: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", "-C", str(root), *who, *words], check=True, capture_output=True)  # noqa: S607 # of the machine


def steps() -> Iterator[list[str]]:
    """What the workflow runs, in its order."""
    (page,) = (page for page in pages() if page.name == NAME)
    (block,) = page.blocks("yaml")
    for step in yaml.safe_load(block)["jobs"]["policies"]["steps"]:
        if "run" in step:
            name, *words = step["run"].split()
            assert name == "ailyus"
            yield words


def run_at(root: Path) -> dict[str, str]:
    """The first step that fails, with what it says; nothing where all pass."""
    for words in steps():
        said = cli(*words, "-w", str(root), ok=None)
        if "::error" in said or "error:" in said or "WIDER" in said:
            return {words[1]: said}
    return {}


async def test_the_workflow_passes_what_narrows_and_stops_what_is_wider(world: World) -> None:
    root = world.workspace.root
    await world.call("reset_user_mfa", MARIA)
    git(root, "init", "-q")
    git(root, "add", "contracts", "policies", "ailyus.toml")
    git(root, "commit", "-q", "-m", "begin")
    # what a checkout of the pull request has as the branch that it goes to
    git(root, "update-ref", "refs/remotes/origin/main", "HEAD")
    assert [words[:2] for words in steps()] == [["policy", w] for w in ("check", "lint", "test", "diff", "simulate")]

    write(OWN, '@id("own") forbid (principal, action == Action::"unlock_user", resource) when { context.repeat > 3 };')(
        root
    )
    write("policies/own.test.yaml", CASE)(root)
    assert await asyncio.to_thread(run_at, root) == {}

    write(OWN, '@id("own") permit (principal in Role::"Operations", action == Action::"unlock_user", resource);')(root)
    write("policies/own.test.yaml", CASE.replace("denied", "permitted").replace("Support", "Operations"))(root)
    # the steps before it have nothing to say of this: it is valid, and tested
    diff = next(words for words in steps() if words[1] == "diff")
    said = await asyncio.to_thread(cli, *diff, cwd=root, ok=False)
    assert "::error file=policies/own.cedar,line=1" in said


CASE = """\
tests:
  - name: own
    action: unlock_user
    agent: {roles: [Support]}
    person: {roles: [Support]}
    repeat: 4
    expect: denied
    because: [own]
"""
