"""Fixtures: the sandbox process (one for all), and a world for each test that wants one."""

import asyncio
import fcntl
import gc
import itertools
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest

from adapters.browser.chromium import Chromium
from adapters.browser.launch import BrowserSettings, find_browser
from contracts.errors import AilyusError
from tests.aws import aws as aws
from tests.aws import aws_process as aws_process
from tests.browsers import close_shared
from tests.helpdesk.desk import Desk, Site, desk_of
from tests.journeys.directory import scim as scim
from tests.journeys.directory import scim_process as scim_process
from tests.metaschema import remember
from tests.nginx import nginx as nginx
from tests.postgres import Postgres
from tests.postgres import postgres as postgres
from tests.slowness import measure, scaled
from tests.world import Sandbox, World, add_records, cli, gateway, make_workspace

remember()
_NAMES = itertools.count(1)
hypothesis.settings.register_profile("any machine", deadline=None)  # a busy one may stop an example for a while
hypothesis.settings.load_profile("any machine")


def pytest_configure(config: pytest.Config) -> None:
    """Measure this machine once, before the workers start, and let no test hang longer than that makes right."""
    measure()
    config.option.timeout = scaled(float(config.getini("timeout")))


def pytest_collection_finish() -> None:
    """Some hundred thousand objects of modules and cases live as long as the process: nothing looks at them again."""
    gc.collect()
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Nothing that the tests of this process shared outlives it."""
    close_shared()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """What is marked `both_stores` runs over a file and over a database; with `AILYUS_BOTH=1` all but `of_a_file`."""
    marked = metafunc.definition.get_closest_marker
    everywhere = os.environ.get("AILYUS_BOTH") and not marked("of_a_file")
    if "database" in metafunc.fixturenames and (marked("both_stores") or everywhere):
        metafunc.parametrize("database", ["sqlite", "postgres"], indirect=True)


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def database(request: pytest.FixtureRequest) -> str:
    """The URL of a new database where a test asks for one (`both_stores`); nothing where the store is a file."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return ""
    server: Postgres = request.getfixturevalue("postgres")
    return server.database(f"test_{next(_NAMES)}")


@pytest.fixture
async def world(tmp_path: Path, sandbox: Sandbox, database: str) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, database=database), sandbox) as running:
        yield running


@pytest.fixture
async def records(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    """A world with a plain REST store beside the twins."""
    async with gateway(add_records(tmp_path / "w", sandbox), sandbox) as running:
        yield running


@pytest.fixture(scope="session")
def browser_part(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The [browser] part of the settings: there is one, and it keeps its sandbox where this machine allows that."""
    with (Path(tempfile.gettempdir()) / "ailyus-tests-browser.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the package manager takes one at a time, and the workers ask together
        if find_browser() is None:
            cli("doctor", "--fix", cwd=tmp_path_factory.mktemp("doctor"), ok=None)
    if find_browser() is None:
        pytest.fail("there is no browser, and none could be installed: run `ailyus doctor --fix`", pytrace=False)

    async def starts(settings: BrowserSettings) -> bool:
        chromium = Chromium(settings)
        try:
            async with chromium.tab(frozenset(), None):
                return True
        except AilyusError:
            return False
        finally:
            await chromium.close()

    return "" if asyncio.run(starts(BrowserSettings())) else "\n[browser]\nsandbox = false\n"


@pytest.fixture(scope="session")
def site_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture
def site(site_process: Site) -> Site:
    site_process.reset()
    return site_process


@pytest.fixture
async def desk(tmp_path: Path, sandbox: Sandbox, site: Site, browser_part: str) -> AsyncIterator[Desk]:
    """A world with a third party's web application in it, whose API may be spoilt."""
    async with desk_of(tmp_path / "w", sandbox, site, part=browser_part) as running:
        yield running
