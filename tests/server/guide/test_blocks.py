"""Every block of commands on every page is run here as it is printed, or by a test that is named, or has a reason."""

import asyncio
import re
import subprocess
import tomllib
from pathlib import Path

import orjson
import pytest
from pydantic import ValidationError

from server.workspace.settings.settings import Settings
from server.workspace.workspace import Workspace
from tests.journeys.releases import EXTRA
from tests.pages import FENCE
from tests.project import ROOT
from tests.server.guide.blocks import PAGES, Reader, block, commands_of
from tests.world import LEO, MARIA, Sandbox, Served, World

HERE = "tests/server/guide/test_blocks.py"
FIRST_HOUR, DEMO = "tests/journeys/test_first_hour.py", "tests/server/cli/test_cli.py"
DRILL = "tests/server/guide/test_compromise.py"
DOCKER, CLUSTER, MACHINE, SUITE = "needs docker", "needs a cluster", "needs root and systemd", "runs this very suite"
STORE = "needs a store of flags; tests/adapters/test_example.py does the same with one"
WHEEL = "installs a wheel beside the product; tests/adapters/test_github_secrets.py does the same"
REASONS = {DOCKER, CLUSTER, MACHINE, SUITE, STORE, WHEEL}
BLOCKS: dict[str, list[tuple[str, str]]] = {
    ".github/CONTRIBUTING.md": [("git clone URL ailyus", SUITE), ("uv run pytest", SUITE), ("uv run ruff", SUITE)],
    "README.md": [
        ("pip install -q uv==", DEMO),
        ("uv tool install -q .", FIRST_HOUR),
        ("ailyus init office", "tests/journeys/test_govern_back_office.py"),
        ("git init -q notes", "tests/journeys/test_govern_servers.py"),
        ("ailyus receipt changed", HERE),
        ("pip install -q uv==", SUITE),
    ],
    "adapters/example/README.md": [("uv tool install AILYUS --with EXAMPLE", STORE)],
    "adapters/github_secrets/README.md": [("uv tool install AILYUS --with FOLDER", WHEEL)],
    "receipts/README.md": [("ailyus witness key", "tests/server/listener/test_witness_endpoint.py")],
    "server/README.md": [("ailyus release diff", HERE)],
    "server/deploy/BACKUP.md": [("17 3 * * *", HERE), ("47 3 1 * *", HERE)],
    "server/deploy/CREDENTIALS.md": [("ailyus key list", HERE), ("ailyus key rotate secrets", HERE)],
    "server/deploy/README.md": [
        ("ailyus init w", HERE),
        ("sudo useradd", MACHINE),
        ("docker build", DOCKER),
        ("cd server/deploy/compose", DOCKER),
        ("kubectl create", CLUSTER),
    ],
    "server/guide/ANALYSTS.md": [("ailyus receipt bundle", HERE)],
    "server/guide/COMPROMISE.md": [
        ("ailyus halt add all", DRILL),
        ("ailyus audit --checkpoint", DRILL),
        ("ailyus person list", DRILL),
        ("ailyus receipt find --agent", DRILL),
        ("ailyus halt add connection", DRILL),
    ],
    "server/guide/TUTORIAL.md": [
        ("ailyus init w", FIRST_HOUR),
        ("ailyus connect claude-code", HERE),
        ("ailyus init seats --target blank", FIRST_HOUR),
        ("ailyus init seats --target http", FIRST_HOUR),
        ("ailyus contract test set_plan", FIRST_HOUR),
        ("ailyus contract library", HERE),
    ],
}
"""The blocks of each page in their order: how one begins, and the test that runs it or the reason why none does."""
LANGUAGES = {"sh", "toml", "yaml", "cedar", "mermaid", "python", "nginx", ""}
NO_COMMANDS = re.compile(r"^call ─ 1 parse", re.MULTILINE)


def test_each_block_of_commands_is_run_or_says_why_not() -> None:
    own = Path(__file__).read_text().partition("LANGUAGES = ")[2]
    for name, page in PAGES.items():
        blocks = page.blocks("sh")
        known = BLOCKS.get(name, [])
        assert [text[: len(begins)] for text, (begins, _) in zip(blocks, known, strict=False)] == [b for b, _ in known]
        assert len(blocks) == len(known), f"{name}: say in BLOCKS what runs `{blocks[len(known) :]}`"
        for begins, how in known:
            if how == HERE:
                assert f'"{name}"' in own, name
                assert f'"{begins}"' in own, f"{name}: {begins}"
            elif how not in REASONS:
                assert name.rpartition("/")[2] in (ROOT / how).read_text(), f"{how} does not read {name}"


@pytest.mark.parametrize("name", PAGES)
def test_each_fence_is_of_a_known_kind_and_each_command_can_be_parsed(name: str) -> None:
    page = PAGES[name]
    fences = FENCE.findall(page.text)
    assert len(re.findall(r"^\s*(?:```|~~~)", page.text, re.MULTILINE)) == 2 * len(fences), "a fence is not read"
    assert {language for language, _ in fences} <= LANGUAGES
    for text in page.blocks(""):
        assert NO_COMMANDS.search(text), f"{name}: a block of commands says `sh`"
    for text in page.blocks("sh"):
        # an entry of cron begins with five words of its own
        script = re.sub(r"^\d+ \d+ \S+ \S+ \S+\s+ailyus\s+", "", text, flags=re.MULTILINE)
        subprocess.run(["/bin/bash", "-n"], input=script, text=True, check=True)
        for path in re.findall(r"(?<![\w./-])(?:server|tests|\.ci)/[^\s'\";|)`]+", script):
            assert [*ROOT.glob(path.partition("::")[0])], f"{name}: {path}"


@pytest.mark.parametrize("name", PAGES)
def test_each_setting_that_a_page_shows_exists(name: str) -> None:
    for text in PAGES[name].blocks("toml"):
        said = tomllib.loads(text)
        said.pop("project", None)  # of an adapter's own `pyproject.toml`
        try:
            Settings(**{"origin": "o", "roles": ("Support", "SecurityLead"), **said})
        except ValidationError as error:
            # a part of a table is shown, and `…` stands for a value; what is shown besides is right
            wrong = [one for one in error.errors() if one["type"] != "missing" and "…" not in str(one["input"])]
            assert wrong == [], name


async def test_the_pages_about_a_gateway_that_runs(world: World, tmp_path: Path) -> None:
    """One request by an agent, and everything that the pages do with it: decide, ask, prove, release, rotate, back up."""
    root = world.workspace.root
    reader = Reader(root, {"/var/lib/ailyus": str(tmp_path)}, home=tmp_path)
    (tmp_path / ".claude.json").write_text("{}")  # the client has been here

    async def types(page: str, begins: str, *, ok: bool | None = True) -> str:
        return await asyncio.to_thread(reader.type, block(page, begins), ok=ok)

    await world.reset(LEO)
    asked = await world.call("reset_user_mfa", MARIA)
    reader.names["ACTION"] = asked["action_id"]
    connect, look, approve, *ask = commands_of(block("server/guide/TUTORIAL.md", "ailyus connect claude-code"))
    await asyncio.to_thread(reader.type, f"{connect} && {look}")
    shown = await asyncio.to_thread(reader.type_at_a_terminal, approve)
    assert "Remove 2 MFA factors of maria@example.com" in shown
    done = await world.get(asked["action_id"])
    assert done["status"] == "confirmed"
    said = await asyncio.to_thread(reader.type, " && ".join(ask))
    assert "ailyus" in orjson.loads((tmp_path / ".claude.json").read_bytes())["mcpServers"]
    assert "Remove 2 MFA factors of maria@example.com" in said
    reader.names["RECEIPT"] = done["receipt_id"]
    assert "authentic" in await types("README.md", "ailyus receipt changed")
    assert "effect confirmed" in await types("server/guide/ANALYSTS.md", "ailyus receipt bundle")

    (root / "policies" / "own.cedar").write_text(EXTRA)
    (diff, *_) = commands_of(block("server/README.md", "ailyus release diff"))
    assert "never-at-nowhere" in await asyncio.to_thread(reader.type, diff, ok=False)
    before = world.app.runner.live.release.digest
    await types("server/README.md", "ailyus release diff", ok=None)
    assert all("error:" not in one for one in reader.said[-4:]), reader.said[-4:]
    assert world.app.runner.live.release.digest == before

    await types("server/deploy/CREDENTIALS.md", "ailyus key list")
    for begins in ("17 3 * * *", "47 3 1 * *"):
        lines = block("server/deploy/BACKUP.md", begins).splitlines()
        ours = [found[1] for line in lines if (found := re.search(r"/opt/ailyus/bin/(ailyus .*?)(?:\s+#.*)?$", line))]
        (command,) = set(ours)  # by cron and by systemd it is the same
        await asyncio.to_thread(reader.type, command)
    assert list(tmp_path.glob("*.db"))


def test_the_first_start_of_a_gateway_that_is_no_toy(tmp_path: Path) -> None:
    """A person with a passphrase releases; what the first start makes is there; then the key for secrets is rotated."""
    reader = Reader(tmp_path)
    first, folder, settings, keys, enrol, sign, serve = commands_of(block("server/deploy/README.md", "ailyus init w"))
    reader.type(" && ".join((first, folder, settings, keys)))
    assert "the first release that lead signs links it" in reader.type_at_a_terminal(enrol)
    assert "lead signed release" in reader.type_at_a_terminal(sign)
    assert serve == "ailyus serve"
    served = Served(Workspace.open(reader.folder))
    served.start()
    served.stop()
    assert all((reader.folder / made).exists() for made in (".ailyus/log.pem", ".ailyus/store.secrets", "roots.json"))
    rotated = reader.type_at_a_terminal(
        *commands_of(block("server/deploy/CREDENTIALS.md", "ailyus key rotate secrets"))
    )
    assert "error" not in rotated


def test_a_system_from_the_library(tmp_path: Path, sandbox: Sandbox) -> None:
    """Contracts of the library, on the twin of their system; `doctor` says what is still missing."""
    reader = Reader(tmp_path)
    reader.type("ailyus init seats --target blank && cd seats")
    reader.names["https://acme.okta.com"] = f"http://127.0.0.1:{sandbox.port}/acme/okta"
    *before, doctor = commands_of(block("server/guide/TUTORIAL.md", "ailyus contract library"))
    said = reader.type(" && ".join(before))
    assert "0 failed" in said
    assert "FAIL connection okta: there is no usable credential at `env:OKTA_READ_TOKEN`" in reader.type(
        doctor, ok=False
    )
