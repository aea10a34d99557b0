"""The example adapter of `adapters/example/`: installed as a distribution, and run as the gateway runs any adapter."""

import shutil
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import orjson
import pytest

from adapters.credentials.cache import Credentials
from adapters.plugin import GROUP
from adapters.python.pool import Hosts
from server.contract_testing.tcp_relay import ADAPTER_FAULTS
from server.workspace.settings.file import FILE
from server.workspace.workspace import Workspace
from tests.adapters.flags import READER, WRITER, Store, serving
from tests.adapters.plugins import Environment
from tests.slowness import scaled_duration
from tests.world import ROOT, Sandbox, gateway, make_workspace

EXAMPLE = ROOT / "adapters" / "example"
PROJECT = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())
ASK = {"name": "checkout", "value": "on", "reason": "the new checkout opens today"}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """An environment with the example in it, as its `pyproject.toml` says."""
    made = Environment.make(tmp_path_factory.mktemp("environment") / "venv")
    (file,) = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    ((name, place),) = PROJECT["project"]["entry-points"][GROUP].items()
    made.install((EXAMPLE / file).read_text(), Path(file).stem, PROJECT["project"]["name"], entry=f"{name} = {place}")
    return made


@pytest.fixture
def store() -> Iterator[Store]:
    with serving(Store(kept={"flag:checkout": "off"})) as served:
        yield served


def prepared(environment: Environment, root: Path, sandbox: Sandbox, store: Store) -> Path:
    """A workspace with the example's contracts, policies and connection."""
    make_workspace(root, sandbox)
    shutil.copytree(EXAMPLE / "contracts", root / "contracts" / "flags")
    shutil.copytree(EXAMPLE / "policies", root / "policies", dirs_exist_ok=True)
    text = (EXAMPLE / "connection.toml").read_text().replace("{digest}", environment.digest())
    short = f'max_timeout = "{scaled_duration("1s")}"\nmax_settle = "{scaled_duration("300ms")}"\n'
    with (root / FILE).open("a") as file:
        file.write("\n" + text.replace("redis://127.0.0.1:6379", store.url) + short)
    signs_in(root, READER, WRITER)
    return root


def signs_in(root: Path, reader: tuple[str, str], writer: tuple[str, str]) -> None:
    for use, pair in (("read", reader), ("write", writer)):
        (root / ".ailyus" / "secrets" / f"flags-{use}").write_text(":".join(pair) + "\n")


async def ended(world: Any, answer: dict[str, Any]) -> dict[str, Any]:
    while answer["status"] == "running":
        answer = await world.get(answer["action_id"])
    return answer


async def test_a_flag_is_read_set_and_read_back(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, store: Store
) -> None:
    root = prepared(environment, tmp_path / "w", sandbox, store)
    assert "0 failed" in environment.cli("policy", "test", cwd=root)
    async with gateway(Workspace.open(root), sandbox, Hosts(Credentials(root), environment.python)) as world:
        assert (await world.call("get_flag", {"name": "checkout"}))["data"] == {"value": "off"}
        done = await ended(world, await world.call("set_flag", ASK))
        assert done["status"] == "confirmed", done
        assert (store.kept, store.sets) == ({"flag:checkout": "on"}, 1)
        assert (await world.call("get_flag", {"name": "checkout"}))["data"] == {"value": "on"}
        (attempt,) = world.proof(done["receipt_id"]).receipt["attempts"]
        assert (attempt["delivery"], attempt["via"]) == ("answered", "python")
        none = await ended(world, await world.call("set_flag", {**ASK, "name": "no-such-flag"}))
        assert (none["status"], none["changed"]) == ("not_applied", False), none
        assert "there is no such flag" in orjson.dumps(none).decode()
        assert store.sets == 1


async def test_a_credential_that_may_not_write_is_a_refusal_and_changes_nothing(
    environment: Environment, tmp_path: Path, sandbox: Sandbox, store: Store
) -> None:
    root = prepared(environment, tmp_path / "w", sandbox, store)
    signs_in(root, READER, READER)
    async with gateway(Workspace.open(root), sandbox, Hosts(Credentials(root), environment.python)) as world:
        answer = await ended(world, await world.call("set_flag", ASK))
        assert (answer["status"], answer["changed"]) == ("not_applied", False), answer
        (attempt,) = world.proof(answer["receipt_id"]).receipt["attempts"]
        assert attempt["delivery"] == "refused"
    assert (store.kept, store.sets) == ({"flag:checkout": "off"}, 0)


async def test_a_store_that_is_away_is_an_outage_and_no_refusal(
    environment: Environment, tmp_path: Path, sandbox: Sandbox
) -> None:
    store = Store(kept={"flag:checkout": "off"})
    with ExitStack() as served:
        served.enter_context(serving(store))
        root = prepared(environment, tmp_path / "w", sandbox, store)
        async with gateway(Workspace.open(root), sandbox, Hosts(Credentials(root), environment.python)) as world:
            served.close()
            answer = await ended(world, await world.call("set_flag", ASK))
            assert (answer["status"], answer["changed"]) == ("unavailable", False), answer
            predicate = world.proof(answer["receipt_id"]).receipt
            assert (predicate["code"], predicate["unavailable"]) == ("unreachable", "flags")
            served.enter_context(serving(store))
            done = await ended(world, await world.call("set_flag", ASK))
            assert done["status"] == "confirmed", done


def test_it_bears_every_fault(environment: Environment, tmp_path: Path, sandbox: Sandbox, store: Store) -> None:
    root = prepared(environment, tmp_path / "w", sandbox, store)
    store.kept = {f"flag:f-{n}": "off" for n in range(1, len(ADAPTER_FAULTS) + 1)}
    words = ("--contract", "set_flag", "--input", "name=f-{n}", "--input", 'value="on"', "--format", "json")
    said = environment.cli("adapter", "check", "flags", *words, cwd=root)
    rows = orjson.loads(said[said.index("[") :])
    assert [row["fault"] for row in rows] == list(ADAPTER_FAULTS)
    assert {row["verdict"] for row in rows} == {"ok"}, rows
    status = {row["fault"]: row["status"] for row in rows}
    assert status.pop("lie") == "unknown"
    assert set(status.values()) == {"confirmed"}, rows
    off = {f"flag:f-{n}" for n, fault in enumerate(ADAPTER_FAULTS, 1) if fault == "lie"}
    assert {name for name, value in store.kept.items() if value == "off"} == off
