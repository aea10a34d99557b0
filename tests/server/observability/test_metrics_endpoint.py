"""Who may read `/metrics`, and what is told when the store is away."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
from starlette.types import Message

from adapters.credentials.cache import Credentials
from contracts.errors import AilyusError
from receipts.store.postgres import PostgresStore
from receipts.store.sqlite import SqliteStore
from receipts.store.store import Store
from server.observability import metrics
from server.observability.credential_expiry import expiry_of
from server.observability.metrics_endpoint import MetricsEndpoint, MetricsToken
from server.workspace.free_port import free_port
from server.workspace.settings.file import FILE
from server.workspace.settings.observability import MetricsPart
from server.workspace.workspace import Workspace
from tests.certificates import authority
from tests.prometheus import promtool
from tests.until import until
from tests.web import web
from tests.world import Sandbox, World, ailyus, gateway, make_workspace, with_server

TOKEN = "a-token-of-more-than-16-characters"
EVERYWHERE = "0.0.0.0"
OPENMETRICS = {"accept": "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"}


async def asked(scrape: MetricsEndpoint, peer: str, host: str, **headers: str) -> tuple[int, str]:
    """The status and the text of an answer of the application, as somebody at this address gets it."""
    sent: list[Message] = []
    named = [(b"host", host.encode()), *((n.encode(), v.encode()) for n, v in headers.items())]
    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": named, "client": (peer, 4711)}

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await scrape(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent[1:]).decode()


def scrape_of(**part: object) -> MetricsEndpoint:
    return MetricsEndpoint(lambda accept: (b"all of it", "text/plain"), MetricsPart.model_validate(part), None)


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({}, "name a `port` of its own, or a `token`"),
        ({"port": 9464, "host": EVERYWHERE}, "plain HTTP on `0.0.0.0` is refused"),
        ({"port": 9464, "host": EVERYWHERE, "token": "env:X"}, "plain HTTP on `0.0.0.0` is refused"),
        ({"port": 9464, "host": "::", "tls_terminated_by": ["proxy.example.com"]}, "neither an address nor a network"),
        ({"port": 9464, "host": "example.com"}, "`example.com` is no IP address"),
        ({"port": 9464, "token": "plain-text"}, "token"),
    ],
)
def test_what_would_be_read_by_anybody_is_refused(
    tmp_path: Path, sandbox: Sandbox, part: dict[str, object], sentence: str
) -> None:
    workspace = make_workspace(tmp_path / "w", sandbox)
    lines = "".join(
        f"{name} = {str(value) if isinstance(value, int | list) else repr(value)}\n" for name, value in part.items()
    )
    (workspace.root / FILE).write_text((workspace.root / FILE).read_text() + f"\n[metrics]\n{lines}")
    with pytest.raises(AilyusError, match="metrics") as refused:
        Workspace.open(workspace.root)
    assert sentence in refused.value.sentence


async def test_on_loopback_another_name_reads_nothing() -> None:
    scrape = scrape_of(port=9464)
    for host in ("127.0.0.1:9464", "localhost:9464", "localhost", "[::1]:9464"):
        assert await asked(scrape, "127.0.0.1", host) == (200, "all of it"), host
    for host in ("evil.example:9464", "", "[", "127.0.0.1.evil.example"):
        status, text = await asked(scrape, "127.0.0.1", host)
        assert (status, "all of it" in text) == (421, False), host


async def test_off_loopback_the_proxies_alone_read() -> None:
    scrape = scrape_of(port=9464, host=EVERYWHERE, tls_terminated_by=["10.0.0.7", "10.1.0.0/16", "fd00::/8"])
    for peer in ("10.0.0.7", "10.1.2.3", "::ffff:10.1.2.3", "fd00::1"):
        assert await asked(scrape, peer, "metrics.example.com") == (200, "all of it"), peer
    for peer in ("10.0.0.8", "127.0.0.1", "::1", "::ffff:10.2.0.1"):
        status, text = await asked(scrape, peer, "metrics.example.com")
        assert (status, "all of it" in text) == (403, False), peer


async def test_a_page_is_given_again_for_a_second_and_rendered_by_one_at_a_time() -> None:
    rendered: list[str] = []

    def page(accept: str) -> tuple[bytes, str]:
        rendered.append(accept)
        return accept.encode(), "text/plain"

    scrape = MetricsEndpoint(page, MetricsPart(port=9464), None)
    answers = await asyncio.gather(*(asked(scrape, "127.0.0.1", "localhost", accept="a") for _ in range(50)))
    assert set(answers) == {(200, "a")}
    assert rendered == ["a"]
    for number in range(50):
        assert await asked(scrape, "127.0.0.1", "localhost", accept=f"b{number}") == (200, f"b{number}")
    assert len(scrape._pages.known) <= 8


async def test_a_token_is_read_by_reference_and_is_not_short(tmp_path: Path) -> None:
    with pytest.raises(AilyusError, match="there is no usable credential"):
        MetricsToken(Credentials(tmp_path), "file:token")
    (tmp_path / "token").write_text("short\n")
    with pytest.raises(AilyusError, match="too short"):
        MetricsToken(Credentials(tmp_path), "file:token")
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    token = MetricsToken(Credentials(tmp_path), "file:token")
    for brought in (f"Bearer {TOKEN}", f"bearer  {TOKEN}"):
        assert await token.is_brought_by(brought)
    for brought in ("", "Bearer", f"Basic {TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", "Bearer ä"):
        assert not await token.is_brought_by(brought), brought


@pytest.fixture
async def with_token(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[tuple[World, httpx2.AsyncClient]]:
    """A gateway whose own port has `/metrics` behind a token."""
    part = '\n[metrics]\ntoken = "file:.ailyus/secrets/metrics"\n'
    workspace = make_workspace(tmp_path / "w", sandbox, extra=part)
    (workspace.private / "secrets" / "metrics").write_text(TOKEN)
    async with gateway(workspace, sandbox) as world, web(base_url=world.url.removesuffix("/mcp")) as http:
        yield world, http


async def test_the_gateways_port_gives_metrics_for_the_token_alone(
    with_token: tuple[World, httpx2.AsyncClient],
) -> None:
    world, http = with_token
    await world.reset()
    for headers in ({}, {"authorization": "Bearer wrong"}, {"authorization": f"Bearer {world.token}"}):
        refused = await http.get("/metrics", headers=headers)
        assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")
        assert "ailyus_" not in refused.text
    own = {"authorization": f"Bearer {TOKEN}"}
    page = await http.get("/metrics", headers={**own, **OPENMETRICS})
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("application/openmetrics-text")
    assert page.text.endswith("# EOF\n")
    assert 'ailyus_outcomes_total{ailyus_contract="reset_user_mfa",ailyus_status="confirmed"} 1.0' in page.text
    assert (await http.post("/metrics", headers=own)).status_code == 405
    # the console and the agents are where they were
    assert (
        await http.get("/inbox", headers={"host": world.app.console.origin.removeprefix("http://")})
    ).status_code == 303
    # what it has become while the process runs: nobody reads any more
    (world.workspace.private / "secrets" / "metrics").unlink()
    assert world.app.monitor.endpoint is not None
    assert world.app.monitor.endpoint._token is not None
    world.app.monitor.endpoint._token._read_at = -1e9
    assert (await http.get("/metrics", headers=own)).status_code == 401


async def test_a_port_of_its_own_gives_what_promtool_takes(tmp_path: Path, sandbox: Sandbox) -> None:
    port = free_port()
    workspace = make_workspace(tmp_path / "w", sandbox, extra=f"\n[metrics]\nport = {port}\n")
    async with gateway(workspace, sandbox) as world, web(base_url=f"http://127.0.0.1:{port}") as http:
        await world.reset()
        page = await http.get("/metrics")
        assert page.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        promtool("check", "metrics", given=page.text)
        assert (await http.get("/")).status_code == 404
        # a rehearsal of the same workspace has a gateway of its own, which wants no port for metrics and logs nothing
        given = ("--input", "user_id=00u2leo000001", "--input", 'ticket="4712"', "--fault", "lost reply")
        said = await ailyus(world, "contract", "test", "reset_user_mfa", *given)
        assert "action_carried" not in said
        # nothing of the kind is at the gateway's own port
        async with web() as other:
            host = world.app.console.origin.removeprefix("http://")
            assert (
                "ailyus_" not in (await other.get(world.url.replace("/mcp", "/metrics"), headers={"host": host})).text
            )
    assert not metrics.is_on()


async def test_a_port_that_is_taken_is_told_and_everything_is_given_up(tmp_path: Path, sandbox: Sandbox) -> None:
    port, own = free_port(), free_port()
    workspace = make_workspace(tmp_path / "w", sandbox, extra=f"\n[metrics]\nport = {port}\n")
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", port)
    async with taken:
        with pytest.raises(AilyusError, match=f"metrics cannot be served on port {port}: address"):
            async with gateway(workspace, sandbox, port=own):
                pytest.fail("it serves")
    assert not metrics.is_on()
    async with gateway(workspace, sandbox, port=own):
        pass


@pytest.mark.both_stores
async def test_while_the_store_cannot_be_read_its_series_are_gone(
    tmp_path: Path, sandbox: Sandbox, database: str
) -> None:
    port = free_port()
    extra = f"\n[metrics]\nport = {port}\n"
    workspace = make_workspace(tmp_path / "w", sandbox, extra=extra, database=database)
    async with gateway(workspace, sandbox) as world, web(base_url=f"http://127.0.0.1:{port}") as http:
        await world.call("reset_user_mfa", {"user_id": "00u1maria0001", "ticket": "4711", "reason": "a new phone"})
        sampler = world.app.monitor._sampler
        assert sampler is not None
        await sampler.sample()
        page = (await http.get("/metrics", headers={"accept": "1"})).text
        assert "ailyus_store_readable 1.0" in page
        assert 'ailyus_approvals_waiting{ailyus_contract="reset_user_mfa"} 1.0' in page
        assert float(_value(page, "ailyus_store_size_bytes ")) > 10_000
        assert float(_value(page, 'ailyus_approvals_waiting_age_seconds{ailyus_contract="reset_user_mfa"}')) >= 0
        _take_away(world.app.store)
        await sampler.sample()
        page = (await http.get("/metrics", headers={"accept": "2"})).text
        assert "ailyus_store_readable 0.0" in page
        assert "ailyus_approvals_waiting{" not in page
        assert "ailyus_store_size_bytes " not in page.replace("# HELP ailyus_store_size_bytes", "").replace(
            "# TYPE ailyus_store_size_bytes", ""
        )


def _take_away(store: Store) -> None:
    """Nobody reads it any more: its readers are closed, or its database is not there."""
    if isinstance(store, SqliteStore):
        store._snapshots.close()
    else:
        assert isinstance(store, PostgresStore)
        store._url = "postgresql://nobody@127.0.0.1:1/nothing"


def _value(page: str, series: str) -> str:
    (line,) = [line for line in page.splitlines() if line.startswith(series)]
    return line.rpartition(" ")[2]


async def test_the_loop_and_the_writer_are_measured(tmp_path: Path, sandbox: Sandbox) -> None:
    port = free_port()
    workspace = make_workspace(tmp_path / "w", sandbox, extra=f"\n[metrics]\nport = {port}\n")
    async with gateway(workspace, sandbox) as world, web(base_url=f"http://127.0.0.1:{port}") as http:
        numbers = iter(range(10_000))

        async def seen(series: str) -> float:
            page = (await http.get("/metrics", headers={"accept": str(next(numbers))})).text
            return float(_value(page, series))

        for series in ("ailyus_loop_lag_seconds_count ", "ailyus_store_commit_duration_seconds_count "):
            while not await seen(series):
                await world.call("find_user", {"email": "maria@example.com"})
        groups = await seen("ailyus_store_group_size_count ")
        assert 0 < groups <= await seen("ailyus_store_group_size_sum ")
        assert await seen("ailyus_log_statements ") == world.app.store.size
        await until(lambda: world.app.runner.count == 0)


async def test_when_the_gateways_certificate_ends_is_told_as_it_is_renewed(tmp_path: Path, sandbox: Sandbox) -> None:
    port = free_port()
    workspace = make_workspace(tmp_path / "w", sandbox, extra=f"\n[metrics]\nport = {port}\n")
    first = authority().write(workspace.root / "tls", valid=timedelta(days=3))
    workspace = with_server(workspace, 'certificate = "tls/cert.pem"\nkey = "tls/key.pem"')
    async with gateway(workspace, sandbox), web(base_url=f"http://127.0.0.1:{port}") as http:

        async def told(accept: str) -> float:
            page = (await http.get("/metrics", headers={"accept": accept})).text
            return float(_value(page, "ailyus_certificate_expiry_timestamp_seconds "))

        assert await told("first") == first.not_valid_after_utc.timestamp()
        second = authority().write(workspace.root / "tls").not_valid_after_utc.timestamp()
        looks = 0
        while await told(str(looks)) != second:
            looks += 1
            await asyncio.sleep(0.05)


def test_when_a_credential_expires_it_says_so_itself() -> None:
    # {"alg":"none"}.{"exp":1900000000}
    assert expiry_of("eyJhbGciOiJub25lIn0.eyJleHAiOjE5MDAwMDAwMDB9.") == 1_900_000_000
    for other in ("", "plain", "a.b.c", "eyJhbGciOiJub25lIn0.eyJleHAiOnRydWV9.", "eyJhbGciOiJub25lIn0.W10."):
        assert expiry_of(other) is None, other
