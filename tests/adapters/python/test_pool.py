"""The pool of adapters' processes: one for each connection and credential, and a start that failed is tried again."""

import sys
import time
from pathlib import Path

import pytest

from adapters.credentials.cache import Credentials
from adapters.python.host import Call
from adapters.python.pool import Hosts
from contracts.action.target import PluginRef, Target
from contracts.errors import AilyusError
from tests.contracts.targets import target
from tests.slowness import scaled

TELLS = """#!{python} -IS
import json, os, sys
first = json.loads(sys.stdin.readline())
print(json.dumps({{"ready": True}}), flush=True)
for line in sys.stdin:
    call = json.loads(line)
    if call["operation"] == "end":
        sys.exit(0)
    told = {{**first, "pid": os.getpid(), "folder": os.getcwd()}}
    print(json.dumps({{"id": call["id"], "end": "answer", "value": told}}), flush=True)
"""


@pytest.fixture
def pool(tmp_path: Path) -> Hosts:
    python = tmp_path / "python"
    python.write_text(TELLS.format(python=sys.executable))
    python.chmod(0o755)
    for name in ("reader", "writer"):
        (tmp_path / name).write_text(f"{name}-secret")
    return Hosts(Credentials(tmp_path), str(python))


def at() -> Target:
    return target(plugin=PluginRef("groups", "d" * 64), read="file:reader", write="file:writer")


def call(operation: str = "get") -> Call:
    return Call("read", operation, {}, time.monotonic() + scaled(20))


async def test_a_process_knows_one_credential_and_is_kept(pool: Hosts, tmp_path: Path) -> None:
    one = (await pool.ask(at(), "file:reader", call())).value
    again = (await pool.ask(at(), "file:reader", call())).value
    other = (await pool.ask(at(), "file:writer", call())).value
    assert isinstance(one, dict)
    assert isinstance(other, dict)
    assert one == again
    assert (one["credential"], other["credential"]) == ("reader-secret", "writer-secret")
    assert one["pid"] != other["pid"]
    assert (one["entry_point"], one["digest"]) == ("groups", "d" * 64)
    assert Path(str(one["folder"])) == (tmp_path / ".ailyus" / "adapters" / "main").resolve()
    await pool.close()


async def test_one_that_ended_is_followed_by_another(pool: Hosts) -> None:
    first = await pool.of(at(), "file:reader")
    assert (await pool.ask(at(), "file:reader", call("end"))).end == "lost"
    second = await pool.of(at(), "file:reader")
    assert second is not first
    assert second.pid != first.pid
    assert (await pool.ask(at(), "file:reader", call())).end == "answer"
    await pool.close()


async def test_a_credential_that_changed_counts_for_the_next_process(pool: Hosts, tmp_path: Path) -> None:
    await pool.ask(at(), "file:reader", call("end"))
    (tmp_path / "reader").write_text("changed")
    await pool.ask(at(), "file:reader", call("end"))
    found = (await pool.ask(at(), "file:reader", call())).value
    assert isinstance(found, dict)
    assert found["credential"] == "changed"
    await pool.close()


async def test_a_connection_without_an_adapter_is_said_each_time(pool: Hosts) -> None:
    for _ in range(2):
        with pytest.raises(AilyusError, match="the connection `main` has no adapter"):
            await pool.of(target(), "none")
    await pool.close()


async def test_a_closed_pool_begins_nothing(pool: Hosts) -> None:
    await pool.close()
    pool.warm(at(), "file:reader")
    assert not pool._opening
