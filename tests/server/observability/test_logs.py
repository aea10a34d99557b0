"""The log: one line for each thing, whose it is, at the level and in the form that the settings say, and nothing personal."""

import ast
import asyncio
import contextlib
import logging
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import structlog

from contracts.action.target import Target
from server.observability.logs import FIELDS, MAX_CAUSES, bind_action, bind_request, configure
from server.workspace.settings.observability import LogsPart
from tests.log_lines import faults_of
from tests.project import PACKAGES
from tests.world import MARIA, ROOT, Sandbox, World, gateway, make_workspace

LEVELS = {"debug", "info", "warning", "error", "exception", "log"}
log = structlog.get_logger()


@pytest.fixture(autouse=True)
def as_usual() -> Iterator[None]:
    yield
    structlog.contextvars.clear_contextvars()
    configure()


def lines(text: str) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in text.splitlines() if line.startswith("{")]


def said(call: ast.Call) -> str | None:
    """The level of a call that logs; None for every other call."""
    match call.func:
        case ast.Attribute(value=ast.Name(id="log"), attr=level) if level in LEVELS:
            return level
        case ast.Attribute(value=ast.Call(func=ast.Attribute(attr="get_logger")), attr=level) if level in LEVELS:
            return level
    return None


def test_every_call_that_logs_names_declared_fields_alone() -> None:
    """An event is fixed text, and a field is one of `FIELDS`: what somebody else wrote has no place in a line."""
    calls = []
    for package in PACKAGES:
        for file in sorted((ROOT / package).rglob("*.py")):
            tree = ast.parse(file.read_text())
            calls += [(file, node) for node in ast.walk(tree) if isinstance(node, ast.Call) and said(node)]
    assert len(calls) >= 28
    used = set()
    for file, call in calls:
        *level, event = call.args
        assert bool(level) is (said(call) == "log")
        fixed = isinstance(event, ast.Constant) or ast.unparse(event) == "f'{one.noun}_unusable'"
        assert fixed, f"{file}:{call.lineno}"
        named = {str(keyword.arg) for keyword in call.keywords}
        assert named <= set(FIELDS), f"{file}:{call.lineno}: {named - set(FIELDS)}"
        used |= named
    bound = {"action", "receipt", "request", "trace", "causes", "at"}
    assert set(FIELDS) - used - bound == set()


@pytest.mark.parametrize(
    ("level", "heard"),
    [
        ("debug", ["debug", "info", "warning", "error"]),
        ("info", ["info", "warning", "error"]),
        ("warning", ["warning", "error"]),
        ("error", ["error"]),
    ],
)
def test_the_level_says_what_is_written(level: str, heard: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogsPart.model_validate({"level": level}))
    for each in ("debug", "info", "warning", "error"):
        getattr(log, each)("something")
    assert [line["level"] for line in lines(capsys.readouterr().err)] == heard


def test_text_is_one_line_for_people_that_commands_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    configure(LogsPart(format="text"))
    bind_action("act_1", "rcp_1")
    log.warning("something", connection="okta", milliseconds=12, hint="do this\x1b[2J\u202e\nand that", code=None)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.match(r"20\S+Z warning something ", line), line
    assert {"action=act_1", "receipt=rcp_1"} <= set(line.split())
    assert "connection=okta milliseconds=12" in line
    assert r'hint="do this\u001b[2J\u202e\nand that"' in line
    assert "code" not in line


def test_a_line_that_cannot_be_written_ends_nothing_and_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure()
    with monkeypatch.context() as elsewhere, contextlib.suppress(OSError):
        full = open("/dev/full", "w")  # noqa: SIM115  # closing it fails as well
        elsewhere.setattr(sys, "stderr", full)
        log.warning("no_room", name="first")
        logging.getLogger("library").error("no room")
        full.close()
    closed, writer = os.pipe()
    os.close(closed)
    with monkeypatch.context() as elsewhere, contextlib.suppress(OSError):
        nobody = os.fdopen(writer, "w")
        elsewhere.setattr(sys, "stderr", nobody)
        log.warning("nobody_reads")
        nobody.close()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(sys, "stderr", full)
        log.warning("closed")
    log.warning("room_again")
    log.warning("and_again")
    told = [(line["event"], line.get("lines")) for line in lines(capsys.readouterr().err)]
    assert told == [("room_again", None), ("lines_lost", 4), ("and_again", None)]


def test_an_exception_is_told_without_its_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure()

    def fails() -> None:
        secret = "maria@example.com"
        try:
            raise KeyError(secret)
        except KeyError as first:
            try:
                raise ExceptionGroup("maria", [ValueError("leo")]) from first
            except ExceptionGroup as group:
                group.add_note("maria")
                raise RuntimeError(f"{secret} went away") from group

    try:
        fails()
    except RuntimeError:
        log.exception("something")
    said = capsys.readouterr().err
    (line,) = lines(said)
    assert (line["exception"], line["level"]) == ("RuntimeError", "error")
    assert line["causes"] == ["ExceptionGroup", "ValueError", "KeyError"]
    assert any(place.startswith("tests.server.observability.test_logs:") for place in line["at"])
    assert not {"maria", "leo", str(ROOT)} & {word for word in ("maria", "leo", str(ROOT)) if word in said}


def test_causes_that_go_round_come_to_an_end(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    faults = [ValueError(str(n)) for n in range(20)]
    for one, other in zip(faults, [*faults[1:], faults[0]], strict=True):
        one.__cause__ = other
    log.error("something", exc_info=faults[0])
    (line,) = lines(capsys.readouterr().err)
    assert len(line["causes"]) == MAX_CAUSES - 1


async def test_what_a_task_starts_is_about_the_same_request_and_action(capsys: pytest.CaptureFixture[str]) -> None:
    configure()

    async def inner() -> None:
        log.info("inner")

    async def request(action: str) -> None:
        bind_request()
        log.info("outer")

        async def work() -> None:
            bind_action(action, None)
            await asyncio.create_task(inner())

        await asyncio.create_task(work())
        log.info("after")

    await asyncio.gather(asyncio.create_task(request("act_1")), asyncio.create_task(request("act_2")))
    found = lines(capsys.readouterr().err)
    by_request: dict[str, list[dict[str, Any]]] = {}
    for line in found:
        by_request.setdefault(line["request"], []).append(line)
    assert len(by_request) == 2
    for of_one in by_request.values():
        assert [line["event"] for line in of_one] == ["outer", "inner", "after"]
        assert [("action" in line) for line in of_one] == [False, True, False]
    assert {line["action"] for line in found if "action" in line} == {"act_1", "act_2"}


@pytest.mark.parametrize(
    "line",
    [
        {"event": "x", "person": "somebody"},
        {"event": "x", "reason": "maria@example.com went away"},
        {"event": "x", "name": "Leo"},
        {"event": "x", "name": "requester"},
        {"event": "x", "hint": "use s3cret-value"},
    ],
)
def test_what_a_line_may_not_hold_is_found(line: dict[str, Any]) -> None:
    assert faults_of([line], ["requester"], ["s3cret-value"])
    good = {
        "event": "x",
        "timestamp": "2026-11-22T00:00:00Z",
        "name": "okta",
        "hint": "ailyus doctor",
        "at": ["maria:1 f"],
    }
    assert faults_of([good], ["requester"], ["s3cret-value"]) == []


async def test_a_call_its_approval_and_its_end_are_lines_about_one_action(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    asked = await world.call("reset_user_mfa", MARIA)
    await world.approve(asked["action_id"])
    ended = await world.get(asked["action_id"])
    first, last = [line for line in lines(capfd.readouterr().err) if line["event"] == "action_carried"]
    assert (first["action"], first["status"]) == (asked["action_id"], "approval_required")
    assert first["request"].startswith("req_")
    assert first["receipt"] == asked["receipt_id"]
    assert (last["action"], last["status"], last["receipt"]) == (ended["action_id"], "confirmed", ended["receipt_id"])
    assert list(last)[:3] == ["timestamp", "level", "event"]


async def test_the_settings_say_level_and_form(
    tmp_path: Path, sandbox: Sandbox, capfd: pytest.CaptureFixture[str]
) -> None:
    extra = '\n[logs]\nlevel = "debug"\nformat = "text"\n'
    async with gateway(make_workspace(tmp_path / "w", sandbox, extra=extra), sandbox) as world:
        await world.call("find_user", {"email": "maria@example.com"})
    said = capfd.readouterr().err
    (line,) = [line for line in said.splitlines() if "action_carried" in line]
    assert "debug   action_carried" in line
    assert "contract=find_user status=confirmed" in line
    assert "maria" not in said


async def test_a_fault_of_ours_is_told_without_what_it_was_about(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    """Three entrances, each with a fault inside: a tool, a method and a page."""

    def breaks(*_: object) -> Target:
        raise RuntimeError("maria@example.com")

    world.app.gateway._states.within = breaks  # type: ignore[assignment,method-assign]
    answer = await world.call("get_action", {"action_id": "act_01KAQ3ZV5W8D1M0T6XJ4RB7CEF"})
    assert answer["status"] == "invalid"
    said = capfd.readouterr().err
    (line,) = [line for line in lines(said) if line["event"] == "tool_fault"]
    assert (line["tool"], line["exception"]) == ("get_action", "RuntimeError")
    assert line["request"].startswith("req_")
    assert "maria" not in said
