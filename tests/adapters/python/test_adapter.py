"""Adapters in Python: the README's example against moto, and adapters that do what they should not."""

import asyncio
import marshal
import shutil
import struct
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.credentials.cache import Credentials
from adapters.python.host import Call, Host
from adapters.python.pool import Hosts
from contracts.action.target import PluginRef, Target
from contracts.compiler.catalog import Complaints, load_catalog
from contracts.errors import AilyusError
from server.contract_testing.tcp_relay import ADAPTER_FAULTS, AGAIN, CLAIMED
from server.workspace.workspace import Workspace
from tests.adapters.plugins import CONTRACT, Environment, add, example
from tests.aws import Aws
from tests.until import until
from tests.world import Sandbox, cli, gateway, make_workspace

HEAD = "from adapters.plugin import Connection, NotSent, Refused\nclass Groups:\n"
INIT = "    def __init__(self, at):\n        self.at = at\n"
READS = INIT + "    def read(self, operation, arguments):\n        return {'names': []}\n"


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment.make(tmp_path_factory.mktemp("environment") / "venv")


def prepared(environment: Environment, root: Path, sandbox: Sandbox, aws: Aws, text: str) -> Path:
    """A workspace whose `add_to_group` acts by this adapter, at moto."""
    environment.install(text)
    make_workspace(root, sandbox)
    add(root, environment.digest(), aws.url)
    for name, pair in (("aws-read", aws.reader), ("aws-write", aws.writer)):
        (root / ".ailyus" / "secrets" / name).write_text(":".join(pair) + "\n")
    aws.iam.create_group(GroupName="deployers")
    for number in range(1, len(ADAPTER_FAULTS) + 1):
        aws.iam.create_user(UserName=f"u-{number}")
    return root


def checked(environment: Environment, root: Path, *faults: str, ok: bool = True) -> list[dict[str, Any]]:
    arguments = ["--input", "user=u-{n}", "--input", "group=deployers", "--format", "json"]
    arguments += [part for fault in faults for part in ("--fault", fault)]
    said = environment.cli("adapter", "check", "groups", *arguments, cwd=root, ok=ok)
    return list(orjson.loads(said[said.index("[") :]))


def test_the_readmes_example_bears_every_fault(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, aws: Aws
) -> None:
    assert len(example().splitlines()) <= 30
    root = prepared(environment, tmp_path / "w", sandbox, aws, example())
    (listed,) = orjson.loads(environment.cold("adapter", "list", "--format", "json", cwd=root))
    assert (listed["digest"], listed["named"]) == (environment.digest(), "yes")
    rows = checked(environment, root)
    assert [row["fault"] for row in rows] == list(ADAPTER_FAULTS)
    assert {row["verdict"] for row in rows} == {"ok"}, rows
    status = {row["fault"]: row["status"] for row in rows}
    assert status.pop("lie") == "unknown"
    assert set(status.values()) == {"confirmed"}, rows
    members = {user["UserName"] for user in aws.iam.get_group(GroupName="deployers")["Users"]}
    assert members == {f"u-{n}" for n, fault in enumerate(ADAPTER_FAULTS, 1) if fault != "lie"}
    assert "adapter groups" in environment.cli("doctor", cwd=root, ok=False)


def test_one_that_sends_again_by_itself_is_caught(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, aws: Aws
) -> None:
    text = example().replace('retries={"total_max_attempts": 1}', "")
    root = prepared(environment, tmp_path / "w", sandbox, aws, text)
    rows = checked(environment, root, "lost reply", ok=False)
    assert {row["fault"]: row["verdict"] for row in rows} == {"none": "ok", "lost reply": AGAIN}


def test_one_that_says_not_sent_of_everything_is_caught(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, aws: Aws
) -> None:
    text = example().replace("except EndpointConnectionError", "except Exception")
    root = prepared(environment, tmp_path / "w", sandbox, aws, text)
    rows = checked(environment, root, "lost reply", ok=False)
    assert rows[1]["verdict"] == CLAIMED


# -- which code it is --------------------------------------------------------------------------------------------------


def target(digest: str, **more: Any) -> Target:
    facts = {"name": "groups", "kind": "aws_groups", "base_url": "http://127.0.0.1:9", "tenant": "acme"}
    facts |= {"environment": "prod", "read": "none", "write": "none", "principal": "ailyus"}
    return Target(**{**facts, **more}, plugin=PluginRef("iam_groups", digest))


@asynccontextmanager
async def hosts(environment: Environment, root: Path) -> AsyncIterator[Hosts]:
    made = Hosts(Credentials(root), environment.python)
    try:
        yield made
    finally:
        await made.close()


def call(do: Any = "read", within: float = 10.0, **arguments: Any) -> Call:
    return Call(do, "x", arguments, time.monotonic() + within)


async def refusal(environment: Environment, root: Path, digest: str) -> str:
    async with hosts(environment, root) as pool:
        with pytest.raises(AilyusError) as found:
            await pool.ask(target(digest), "none", call())
    return found.value.sentence


async def test_only_the_named_code_is_imported(environment: Environment, tmp_path: Path) -> None:
    mark = tmp_path / "imported"
    environment.install(HEAD + READS)
    digest = environment.digest()
    async with hosts(environment, tmp_path) as pool:
        assert (await pool.ask(target(digest), "none", call())).value == {"names": []}
    environment.install(f"open({str(mark)!r}, 'w').close()\n" + HEAD + READS)
    assert "is not the one that the settings name" in await refusal(environment, tmp_path, digest)
    assert not mark.exists()
    assert environment.digest() != digest
    (environment.site / "acme_groups.py").unlink()
    environment.install(HEAD + READS, editable=True)
    assert "is not installed as a wheel" in await refusal(environment, tmp_path, environment.digest())
    (environment.site / "acme_groups.pth").unlink()
    environment.install(HEAD + READS)
    environment.install(HEAD + READS, module="other_groups", name="other-groups")
    assert "is offered twice" in await refusal(environment, tmp_path, digest)
    for info in environment.site.glob("*_groups-1.0.dist-info"):
        shutil.rmtree(info)
    assert "no distribution offers" in await refusal(environment, tmp_path, digest)


async def test_byte_code_that_lies_beside_the_named_code_is_not_run(environment: Environment, tmp_path: Path) -> None:
    """Python takes it where time and size of the text fit, and an extension module always; the digest covers neither."""
    mark = tmp_path / "run"
    evil = f"open({str(mark)!r}, 'w').close()\n" + HEAD + READS
    environment.install(HEAD + READS)
    digest, text = environment.digest(), environment.site / "acme_groups.py"
    planted = environment.site / "__pycache__" / "acme_groups.cpython-{}{}.pyc".format(*sys.version_info[:2])
    planted.parent.mkdir(exist_ok=True)
    head = MAGIC_NUMBER + struct.pack("<III", 0, int(text.stat().st_mtime), text.stat().st_size)
    planted.write_bytes(head + marshal.dumps(compile(evil, str(text), "exec")))
    async with hosts(environment, tmp_path) as pool:
        assert (await pool.ask(target(digest), "none", call())).value == {"names": []}
    assert not mark.exists()
    (environment.site / f"acme_groups{EXTENSION_SUFFIXES[0]}").write_bytes(b"no module at all")
    assert "would be imported in place of the code" in await refusal(environment, tmp_path, digest)
    (environment.site / f"acme_groups{EXTENSION_SUFFIXES[0]}").unlink()


async def test_one_that_cannot_be_made(environment: Environment, tmp_path: Path) -> None:
    environment.install("raise RuntimeError('the password is hunter2')\n")
    said = await refusal(environment, tmp_path, environment.digest())
    assert said == "`iam_groups` cannot be made: it raised `RuntimeError`"


# -- how it behaves ----------------------------------------------------------------------------------------------------

ODD = (
    HEAD
    + INIT
    + """\
    def read(self, operation, arguments):
        import os, sys, time
        what = arguments.get("what")
        if what == "seen":
            return {"environment": dict(os.environ), "credential": self.at.credential, "folder": os.getcwd()}
        if what == "prints":
            print('{"id": 1, "end": "answer", "value": "printed"}')
            os.write(1, b'{"id": 1, "end": "answer", "value": "printed"}' + bytes([10]))
            return "said"
        if what == "large":
            return "x" * (5 * 1024 * 1024)
        if what == "no json":
            return {1, 2}
        if what == "nul":
            return {"a": "b" + chr(0)}
        if what == "exits":
            sys.exit(1)
        if what == "dies":
            os._exit(1)
        if what == "raises":
            raise ValueError("the password is hunter2")
        if what == "refused":
            raise Refused
        time.sleep(arguments.get("seconds", 0))
        return os.getpid()
"""
)


async def test_what_it_does_wrong_stays_with_it(environment: Environment, tmp_path: Path) -> None:
    environment.install(ODD)
    one = target(environment.digest())
    async with hosts(environment, tmp_path) as pool:

        async def ask(**arguments: Any) -> Any:
            answer = await pool.ask(one, "none", call(**arguments))
            return answer.value if answer.end == "answer" else answer.end

        assert await ask(what="prints") == "said"
        assert await ask(what="no json") == "failed"
        assert await ask(what="exits") == "failed"
        assert await ask(what="raises") == "failed"
        assert await ask(what="refused") == "refused"
        first = await ask()
        assert await ask() == first
        assert await ask(what="large") == "lost"
        second = await ask()
        assert second != first
        assert await ask(what="dies") == "lost"
        assert await ask() not in (first, second)


async def test_one_that_hangs_is_replaced_and_the_others_have_their_answers(
    environment: Environment, tmp_path: Path
) -> None:
    environment.install(ODD)
    one = target(environment.digest())
    async with hosts(environment, tmp_path) as pool:
        first = await pool.of(one, "none")
        slow = asyncio.create_task(pool.ask(one, "none", call(seconds=1.0)))
        await asyncio.sleep(0.05)
        hung = await pool.ask(one, "none", call("read", 0.3, seconds=60))
        assert hung.end == "lost"
        second = await pool.of(one, "none")
        assert second is not first
        assert (await slow).value == first.pid
        assert (await pool.ask(one, "none", call())).value == second.pid


async def test_what_waited_too_long_for_a_thread_is_not_begun(environment: Environment, tmp_path: Path) -> None:
    environment.install(
        HEAD
        + READS
        + "    def write(self, operation, arguments, key):\n"
        + "        import time\n"
        + f"        open({str(tmp_path / 'effects')!r}, 'a').write(key + ' ')\n"
        + "        time.sleep(0.8)\n"
    )
    one = target(environment.digest())
    async with hosts(environment, tmp_path) as pool:
        host = await pool.of(one, "none")
        until = time.monotonic() + 0.5
        calls = [host.ask(Call("write", "x", {}, until, f"k{n}")) for n in range(12)]
        assert {answer.end for answer in await asyncio.gather(*calls)} == {"lost"}
        await asyncio.sleep(0.6)
    assert sorted((tmp_path / "effects").read_text().split()) == sorted(f"k{n}" for n in range(8))


async def test_a_process_sees_one_credential_and_an_empty_environment(environment: Environment, tmp_path: Path) -> None:
    environment.install(ODD)
    for name in ("reader", "writer"):
        (tmp_path / name).write_text(f"{name}-secret\n")
    one = target(environment.digest(), read="file:reader", write="file:writer")
    async with hosts(environment, tmp_path) as pool:
        for reference in (one.read, one.write):
            seen: Any = (await pool.ask(one, reference, call(what="seen"))).value
            assert seen["credential"] == f"{reference.removeprefix('file:')}-secret"
            assert not set(seen["environment"]) - {"LC_CTYPE"}  # Python itself sets that one
            assert Path(seen["folder"]) == tmp_path / ".ailyus" / "adapters" / "groups"
        assert (await pool.of(one, one.read)).pid != (await pool.of(one, one.write)).pid


async def test_a_host_that_is_over_takes_nothing(tmp_path: Path) -> None:
    assert (await Host().ask(call("write"))).end == "not_sent"


# -- through the gateway -----------------------------------------------------------------------------------------------

WRITES = (
    HEAD
    + INIT
    + """\
    def read(self, operation, arguments):
        import pathlib
        member = pathlib.Path(arguments["user"])
        return {"names": [member.read_text()] if member.exists() else []}
    def write(self, operation, arguments, key):
        import pathlib
        %s
        pathlib.Path(arguments["user"]).write_text(arguments["group"])
        return {"done": True}
"""
)
OUTCOMES = {
    "does it": ("pass", "confirmed", ["answered"]),
    "is refused": ("raise Refused", "not_applied", ["refused"]),
    "sends nothing": ("raise NotSent", "not_applied", ["not_sent", "not_sent"]),
    "answers NUL": ("return {'done': chr(0)}", "not_applied", ["in_doubt"]),
    "hides what it knows": ("raise ValueError('the password is hunter2')", "not_applied", ["in_doubt"]),
}


@pytest.mark.parametrize("case", OUTCOMES)
async def test_what_a_receipt_says(environment: Environment, tmp_path: Path, sandbox: Sandbox, case: str) -> None:
    does, status, deliveries = OUTCOMES[case]
    environment.install(WRITES % does)
    root = make_workspace(tmp_path / "w", sandbox).root
    add(root, environment.digest(), "", environment="staging", timeout="600ms")
    for name in ("aws-read", "aws-write"):
        (root / ".ailyus" / "secrets" / name).write_text("x:y\n")
    workspace = Workspace.open(root)
    async with gateway(workspace, sandbox, Hosts(Credentials(root), environment.python)) as world:
        call = {"user": "u-1", "group": "deployers", "reason": "joins the team that deploys"}
        answer = await world.call("add_to_group", call)
        while answer["status"] == "running":
            answer = await world.get(answer["action_id"])
        assert answer["status"] == status, answer
        attempts = world.proof(answer["receipt_id"]).receipt["attempts"]
        assert [attempt["delivery"] for attempt in attempts][: len(deliveries)] == deliveries, attempts
        assert {attempt["via"] for attempt in attempts} == {"python"}
        assert b"hunter2" not in b"".join(p.read_bytes() for p in workspace.private.glob("store*"))


OUTAGES = {
    "no_credential": "return {'names': []}",
    "credential_refused": "raise Refused",
    "unreachable": "raise NotSent",
    "target_failed": "raise ValueError('the password is hunter2')",
}


@pytest.mark.parametrize("code", OUTAGES)
async def test_a_look_that_it_cannot_give_is_no_refusal(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, code: str
) -> None:
    environment.install(HEAD + INIT + f"    def read(self, operation, arguments):\n        {OUTAGES[code]}\n")
    root = make_workspace(tmp_path / "w", sandbox).root
    add(root, environment.digest(), "", environment="staging", timeout="600ms")
    for name in ("aws-read", "aws-write"):
        if code != "no_credential":
            (root / ".ailyus" / "secrets" / name).write_text("x:y\n")
    async with gateway(Workspace.open(root), sandbox, Hosts(Credentials(root), environment.python)) as world:
        call = {"user": "u-1", "group": "deployers", "reason": "joins the team that deploys"}
        answer = await world.call("add_to_group", call)
        assert (answer["status"], answer["changed"]) == ("unavailable", False), answer
        predicate = world.proof(answer["receipt_id"]).receipt
        assert (predicate["code"], predicate["unavailable"]) == (code, "aws_groups")


async def test_halted_while_its_process_starts(environment: Environment, tmp_path: Path, sandbox: Sandbox) -> None:
    """The last question is asked directly before the call, not before the process is there."""
    begun, halted = tmp_path / "begun", tmp_path / "halted"
    slow = f"        if at.credential == 'the write key':\n            open({str(begun)!r}, 'w').close()\n"
    slow += f"            import os, time\n            while not os.path.exists({str(halted)!r}): time.sleep(0.02)\n"
    environment.install((WRITES % "pass").replace(INIT, INIT + slow))
    root = make_workspace(tmp_path / "w", sandbox).root
    add(root, environment.digest(), "", environment="staging", timeout="9s")
    for name in ("read", "write"):
        (root / ".ailyus" / "secrets" / f"aws-{name}").write_text(f"the {name} key\n")
    workspace = Workspace.open(root)
    async with gateway(workspace, sandbox, Hosts(Credentials(root), environment.python)) as world:
        call = {"user": "u-1", "group": "deployers", "reason": "joins the team that deploys"}
        acting = asyncio.create_task(world.call("add_to_group", call))
        await until(begun.exists)
        how = ("halt", "add", "connection", "aws_groups", "--as", "lead", "--reason", "an incident")
        await asyncio.to_thread(cli, *how, cwd=root)
        halted.touch()
        answer = await acting
        assert answer["status"] == "not_applied", answer
        assert not (root / ".ailyus" / "adapters" / "aws_groups" / "u-1").exists()


REFUSED = {
    "an answer that nobody reads": ("    ok: response.body.done\n", "", "a route by `python` needs `ok`"),
    "two ways": ("{python: {operation: groups_of", '{get: "/x", python: {operation: groups_of', "exactly one of"),
    "a query": ("  groups: {python", "  groups: {lists: [a], python", "has nothing here but"),
    "a value inside of a text": (
        'group: "${inputs.group}"}, timeout',
        'group: "cn=${inputs.group}"}, timeout',
        "puts a bare value into a text",
    ),
    "an operation with a path": ("operation: add,", "operation: ../add,", "execute.0.python.operation"),
    "no evidence": ("{python: [before, after, response]}", "{http: [before, after]}", "`evidence` of `python`"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_contracts_that_are_refused(tmp_path: Path, case: str) -> None:
    old, new, words = REFUSED[case]
    assert old in CONTRACT
    (tmp_path / "add_to_group.yaml").write_text(CONTRACT.replace(old, new))
    with pytest.raises(Complaints) as found:
        load_catalog(tmp_path)
    assert words in str(found.value)


def test_settings_that_are_refused(environment: Environment, tmp_path: Path, sandbox: Sandbox) -> None:
    root = make_workspace(tmp_path / "w", sandbox).root
    path = root / "ailyus.toml"
    add(root, "0" * 64, "ldaps://127.0.0.1:636")
    Workspace.open(root)
    for old, new, words in (
        ('adapter = "groups"', 'adapter = "grops"', "there is no adapter `grops`"),
        ("0" * 64, "sha256:0", "adapters.groups.digest"),
    ):
        path.write_text(path.read_text().replace(old, new))
        with pytest.raises(AilyusError) as found:
            Workspace.open(root)
        assert words in str(found.value)
        path.write_text(path.read_text().replace(new, old))
    for name in ("aws-read", "aws-write"):
        (root / ".ailyus" / "secrets" / name).write_text("x:y\n")
    for arguments, words in (
        (("check", "grups"), "there is no adapter `grups`"),
        (("check", "groups", "--contract", "suspend_user"), "`suspend_user` does not act by it"),
        (("check", "groups", "--fault", "rain"), "there is no fault `rain`"),
        (("check", "groups"), "nothing can stand between"),
    ):
        assert words in environment.cli("adapter", *arguments, cwd=root, ok=False)
