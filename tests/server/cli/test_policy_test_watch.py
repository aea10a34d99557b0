"""`ailyus policy test --watch`: what a saved file changes is told, until Ctrl-C."""

import json
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from server.cli.output import Format
from server.cli.policy_test_watch import PolicyTestRuns
from tests.slowness import scaled
from tests.world import COMMAND, ROOT, World, ailyus

CASE = """tests:
- {{name: mine, action: get_user, agent: {{roles: [Support]}}, person: {{roles: [Support]}}, expect: {expect}}}
"""


def documents(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


async def test_a_run_after_a_save_tells_only_what_is_other(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    root = world.workspace.root
    own = root / "policies" / "own.test.yaml"
    runs = PolicyTestRuns(root, Format.table)
    runs.run(None)
    first = capsys.readouterr().out
    assert "FAILED" not in first
    passed = int(first.split(" passed", 1)[0])

    own.write_text(CASE.format(expect="denied"))
    runs.run(["policies/own.test.yaml"])
    out = capsys.readouterr().out
    assert "FAILED mine: " in out
    assert f"{passed} passed, 1 failed" in out
    # it is not told twice
    runs.run(["policies/own.test.yaml"])
    out = capsys.readouterr().out
    assert "FAILED" not in out
    assert f"{passed} passed, 1 failed" in out
    own.write_text(CASE.format(expect="permitted"))
    runs.run(["policies/own.test.yaml"])
    out = capsys.readouterr().out
    assert "passes again: mine" in out
    assert f"{passed + 1} passed, 0 failed" in out


async def test_another_file_runs_all_cases_and_one_that_does_not_load_is_told(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    root = world.workspace.root
    policy, own = root / "policies" / "own.cedar", root / "policies" / "own.test.yaml"
    own.write_text(CASE.format(expect="permitted"))
    runs = PolicyTestRuns(root, Format.jsonl)
    runs.run(None)
    policy.write_text('@id("own") forbid (principal, action == Action::"get_user", resource);')
    # cases alone ran again: the policies are those that were loaded
    runs.run(["policies/own.test.yaml"])
    runs.run(["policies/own.cedar"])
    policy.write_text("forbid (")
    runs.run(["policies/own.cedar"])
    policy.unlink()
    runs.run(["policies/own.test.yaml"])
    said = capsys.readouterr()
    first, alone, forbidden, mended = documents(said.out)
    assert (first["failed"], alone["failed"], mended["failed"]) == ([], [], [])
    assert "mine" in forbidden["failed"]  # type: ignore[operator]
    assert "not run: " in said.err
    assert "own.cedar" in said.err


async def test_a_watch_takes_no_mistakes_and_no_report(world: World) -> None:
    for other in ("--mutation", "--bundled", "--junit=report.xml"):
        assert "runs the cases of a workspace" in await ailyus(world, "policy", "test", "--watch", other, ok=False)


def test_a_save_runs_the_cases_again_until_the_person_ends_it(world: World) -> None:
    root = world.workspace.root
    arguments = ["policy", "test", "--watch", "--format", "json", "--workspace", str(root)]
    with running([*COMMAND, *arguments]) as process:
        assert next(lines(process))["failed"] == []
        (root / "policies" / "own.test.yaml").write_text(CASE.format(expect="denied"))
        assert next(lines(process))["failed"] == ["mine"]
        process.send_signal(signal.SIGINT)
        assert process.wait(scaled(30)) == 0


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, bufsize=0,
        # a shell that starts tests behind itself has them ignore Ctrl-C, and all that they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def lines(process: subprocess.Popen[bytes]) -> Iterator[dict[str, object]]:
    assert process.stdout is not None
    deadline = time.monotonic() + scaled(60)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while selector.select(max(0, deadline - time.monotonic())):
            yield json.loads(process.stdout.readline())
    raise TimeoutError("nothing was said")
