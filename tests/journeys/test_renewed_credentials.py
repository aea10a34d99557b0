"""A secret is changed at its source while agents call: the next call has the new one, and no action fails.

Who changes it keeps the order of server/deploy/CREDENTIALS.md: the target knows the new secret, then the source has it,
then the target refuses the old one, at a moment at which no action is between its look and its write.
"""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from string import ascii_lowercase

import pytest
from starlette.types import Receive, Scope, Send

from adapters.sandbox.app import Sandbox as Twins
from server.workspace.free_port import free_port
from server.workspace.workspace import Workspace
from tests.until import until
from tests.vault import vault_double
from tests.world import RECORDS, ROOT, Sandbox, World, app_serving, gateway, make_workspace

USES = ("read", "write")
WORKERS = 3
Store = Callable[[str, str], None]
"""Keep this secret for this use at the source."""
_PROGRAM = """
[credentials.exec.records-{use}]
command = ["cat", ".ailyus/secrets/source-{use}"]
timeout = "60s"
"""


class Guarded:
    """The plain REST store behind secrets that change; it counts what it refused and which secrets it saw."""

    def __init__(self) -> None:
        self._twins = Twins()
        seed = self._twins.state["acme"]["records"]["records"]
        seed |= {f"w{n}": {"id": f"w{n}", "version": "1", "value": "old", "events": []} for n in range(WORKERS)}
        self.accepted: dict[str, str] = {}
        self.seen: list[str] = []
        self.refused: list[tuple[str, str]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._twins(scope, receive, send)
        headers = dict(scope["headers"])
        token = headers.get(b"authorization", b"").decode().removeprefix("Bearer ")
        use = self.accepted.get(token, "nobody")
        self.seen.append(token)
        if use == "nobody":
            self.refused.append((scope["method"], token))
        headers[b"authorization"] = f"Bearer records-{use}-acme".encode()
        return await self._twins({**scope, "headers": list(headers.items())}, receive, send)

    def value(self, record: str) -> str:
        return str(self._twins.state["acme"]["records"]["records"][record]["value"])


@contextmanager
def programs(folder: Path) -> Iterator[tuple[str, Store]]:
    """Programs that print what a file holds."""

    def store(use: str, secret: str) -> None:
        (folder / ".ailyus" / "secrets" / f"source-{use}").write_text(f"{secret}\n")

    parts = "".join(_PROGRAM.format(use=use) for use in USES)
    yield f'{parts}[credentials]\nttl = "1h"\n', store


@contextmanager
def vault(folder: Path) -> Iterator[tuple[str, Store]]:
    """The double of Vault, with both secrets in one place."""
    with vault_double() as double:
        double.secret_ids["role-1"] = "opens-vault"
        (folder / ".ailyus" / "secrets" / "vault").write_text("opens-vault")

        def store(use: str, secret: str) -> None:
            double.secrets.setdefault("secret/records", {})[use] = secret

        text = (
            f'[credentials.vault]\naddress = "{double.address}"\nauth = "approle"\nrole = "role-1"\ntimeout = "60s"\n'
            'secret_id = "file:.ailyus/secrets/vault"\n[credentials]\nttl = "1h"\n'
        )
        yield text, store


SOURCES = {"exec": (programs, "exec:records-{}"), "vault": (vault, "vault:secret/records#{}")}


def with_records(folder: Path, sandbox: Sandbox, port: int, reference: str, more: str) -> Workspace:
    """A workspace with the contracts of tests/vectors/records, whose secrets have these references."""
    records = RECORDS.format(port=port, timeout="60s", settle="60s")
    for use in USES:
        records = records.replace(f"file:.ailyus/secrets/records-{use}", reference.format(use))
    make_workspace(folder, sandbox, extra=records + more)
    shutil.copytree(ROOT / "tests" / "vectors" / "records", folder / "contracts" / "records")
    (folder / "policies" / "records.cedar").write_text(
        '@id("records")\npermit (principal in Role::"Support", action in Action::"tag_records", resource);\n'
    )
    return Workspace.open(folder)


class Load:
    """Agents that write, each its own record, one after the other, until they are told to end or to wait."""

    def __init__(self, world: World, target: Guarded) -> None:
        self._world = world
        self._target = target
        self._go = asyncio.Event()
        self._go.set()
        self._ends = False
        self._busy = 0
        self.done: list[str] = []

    async def work(self, worker: int) -> None:
        for value in ("".join(letters) for letters in product(ascii_lowercase, repeat=3)):  # each call is another
            await self._go.wait()
            if self._ends:
                return
            self._busy += 1
            answer = await self._world.call("put_record", {"record": f"w{worker}", "value": value})
            self._busy -= 1
            self.done.append(answer["status"])
            assert (answer["status"], self._target.value(f"w{worker}")) == ("confirmed", value), answer

    async def further(self, actions: int) -> None:
        """Wait until so many more are done."""
        wanted = len(self.done) + actions
        await until(lambda: len(self.done) >= wanted, 120)

    async def between(self) -> None:
        """Wait until no action is on its way."""
        self._go.clear()
        await until(lambda: not self._busy, 120)

    def go_on(self) -> None:
        self._go.set()

    def end(self) -> None:
        self._ends = True
        self._go.set()


@pytest.mark.parametrize("kind", SOURCES)
async def test_a_secret_that_is_changed_at_its_source_is_used_at_the_next_call(
    tmp_path: Path, sandbox: Sandbox, kind: str
) -> None:
    source, reference = SOURCES[kind]
    folder, port, target = tmp_path / "w", free_port(), Guarded()
    (folder / ".ailyus" / "secrets").mkdir(parents=True)
    with source(folder) as (more, store):
        shutil.copytree(folder, tmp_path / "kept")
        shutil.rmtree(folder)
        workspace = with_records(folder, sandbox, port, reference, more)
        shutil.copytree(tmp_path / "kept", folder, dirs_exist_ok=True)

        def change(number: int) -> None:
            for use in USES:
                target.accepted[f"{use}-{number}"] = use
                store(use, f"{use}-{number}")

        change(1)
        async with app_serving(target, port), gateway(workspace, sandbox) as world:
            load = Load(world, target)
            async with asyncio.TaskGroup() as workers:
                for worker in range(WORKERS):
                    workers.create_task(load.work(worker))
                await load.further(5)
                for number in (2, 3, 4):
                    change(number)
                    await load.further(4)  # while the target takes both
                    await load.between()
                    for use in USES:
                        del target.accepted[f"{use}-{number - 1}"]
                    del target.seen[:]
                    load.go_on()
                    await load.further(6)
                    news = [token for token in target.seen if token.endswith(f"-{number}")]
                    assert set(news) == {f"read-{number}", f"write-{number}"}
                load.end()
        assert set(load.done) == {"confirmed"}
        # the old secret was refused at a look, which was sent once more; at no write
        assert {method for method, _ in target.refused} == {"GET"}
        assert {token for _, token in target.refused} == {f"read-{number}" for number in (1, 2, 3)}
