"""Hosts of adapters: each answer to its call, and one that says what we do not understand is over."""

import asyncio
import sys
import time
from pathlib import Path

import pytest

from adapters.python.host import Call, Host, HostReply
from contracts.errors import AilyusError
from tests.slowness import scaled

READY = """#!{python}
import json, sys
first = json.loads(sys.stdin.readline())
print(json.dumps({{"ready": True}}), flush=True)
for line in sys.stdin:
    call = json.loads(line)
    {answer}
"""


def interpreter(folder: Path, answer: str, text: str = READY) -> str:
    """A program in the place of the interpreter, which answers calls in a way of its own."""
    path = folder / "python"
    path.write_text(text.format(python=f"{sys.executable} -IS", answer=answer))
    path.chmod(0o755)
    return str(path)


def call(operation: str = "get", seconds: float = 20.0) -> Call:
    return Call("read", operation, {"a": 1}, time.monotonic() + scaled(seconds))


async def opened(folder: Path, answer: str) -> Host:
    host = Host()
    await host.open(interpreter(folder, answer), {"credential": "s3cret"}, folder)
    return host


async def test_a_host_that_is_over_takes_nothing(tmp_path: Path) -> None:
    assert (await Host().ask(call())).end == "not_sent"
    host = await opened(tmp_path, "pass")
    await host.close()
    assert not host.usable
    assert (await host.ask(call())).end == "not_sent"


async def test_each_call_has_its_own_answer_in_any_order(tmp_path: Path) -> None:
    late = "kept = globals().setdefault('kept', []); kept.append(call['id']); len(kept) == 2 and [print(json.dumps({{'id': n, 'end': 'answer', 'value': n}}), flush=True) for n in reversed(kept)]"
    host = await opened(tmp_path, late.replace("{{", "{").replace("}}", "}"))
    one, two = await asyncio.gather(host.ask(call()), host.ask(call()))
    assert {one.end, two.end} == {"answer"}
    assert (one.value, two.value) == (1, 2)
    await host.close()


@pytest.mark.parametrize(
    "answer",
    ["print('no json', flush=True)", "print('[1]', flush=True)", "print(json.dumps({'id': call['id'], 'end': 'maybe'}), flush=True)", "print(json.dumps({'id': call['id'], 'end': ['answer']}), flush=True)", "print(json.dumps({'id': call['id'], 'end': 'lost'}), flush=True)", "print(json.dumps({'id': call['id']}), flush=True)", "sys.exit(0)"],
)  # fmt: skip
async def test_what_is_not_understood_ends_it_and_the_call_is_lost(tmp_path: Path, answer: str) -> None:
    host = await opened(tmp_path, answer)
    assert await host.ask(call()) == HostReply("lost")
    assert not host.usable
    await host.close()


async def test_an_answer_that_nobody_waits_for_any_more_is_passed_over(tmp_path: Path) -> None:
    late = "[print(json.dumps({'id': n, 'end': 'answer', 'value': n}), flush=True) for n in (99, call['id'])]"
    host = await opened(tmp_path, late)
    assert (await host.ask(call())).value == 1
    assert host.usable
    await host.close()


async def test_one_that_does_not_answer_in_time_is_given_to_nobody_else(tmp_path: Path) -> None:
    host = await opened(tmp_path, "pass")
    assert (await host.ask(Call("read", "get", {}, time.monotonic() + 0.05))).end == "lost"
    assert host.retired
    await host.close()


async def test_a_fault_at_its_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    text = "#!{python}\nimport json, sys\nsys.stdin.readline()\nprint(json.dumps(dict(fault='it is another one', hint='look at it')), flush=True)\n"
    host = Host()
    with pytest.raises(AilyusError) as caught:
        await host.open(interpreter(tmp_path, "", text), {}, tmp_path)
    assert (caught.value.code, caught.value.sentence, caught.value.hint) == (
        "no_adapter",
        "it is another one",
        "look at it",
    )
    assert not host.usable


async def test_one_that_ends_before_it_is_ready_is_said(tmp_path: Path) -> None:
    host = Host()
    with pytest.raises(AilyusError) as caught:
        await host.open(interpreter(tmp_path, "", "#!{python}\nraise SystemExit\n"), {}, tmp_path)
    assert caught.value.code == "no_adapter"
