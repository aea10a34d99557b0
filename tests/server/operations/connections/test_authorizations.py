"""Connecting an account through the console: what is kept, by whom, and every answer that is refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from server.operations.connections.authorizations import AuthorizationAnswer, Visitor
from tests.authorization_server import AuthorizationServer, parameter
from tests.connected import Connected, connected, connected_to, console_server
from tests.forks import Forked
from tests.hostile import attack, findings
from tests.until import until
from tests.world import Sandbox, ailyus

ACCOUNT = "maria@example.com"


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[AuthorizationServer, int]]:
    with console_server() as found:
        yield found


@pytest.fixture
async def house(
    tmp_path: Path, sandbox: Sandbox, database: str, shared: tuple[AuthorizationServer, int]
) -> AsyncIterator[Connected]:
    server, port = shared
    server.reset(tokens=True)
    async with connected_to(server, port, tmp_path / "w", sandbox, database=database) as running:
        yield running


async def rows(house: Connected, name: str = "books") -> list[str]:
    """The states of what is connected there."""
    return [row.state for row in await house.world.app.connections.rows_of(house.world.app.connections.target(name))]


@pytest.mark.both_stores
async def test_an_admin_connects_an_account_and_a_signed_statement_says_so(house: Connected) -> None:
    assert await rows(house) == ["not_connected"]
    back = await house.connect()
    assert (back.status_code, back.headers["location"]) == (303, "/connections/books"), back.text
    (said,) = house.statements()
    about, target = said["about"], house.world.app.connections.target("books")
    assert (about["event"], about["connection"], about["side"]) == ("connected", "books", "both")
    assert about["target"] == target.digest
    assert about["scopes"] == ["email", "openid", "records:read", "records:write"]
    assert said["names"] == {"by": "lead", "account": ACCOUNT}
    notary = house.world.app.journal.notary
    assert about["by"] == notary.pseudonym("acme", "person", "lead")
    assert about["account"] == notary.pseudonym("acme", "account", ACCOUNT)
    (row,) = await house.world.app.connections.rows_of(target)
    assert (row.state, row.account, row.connected_by) == ("ready", ACCOUNT, "lead")
    # the token reaches the API, and the page shows the account
    assert (await house.world.app.connections.test("books")).ok
    page = await house.visit(await house.session("lead"), "/connections/books")
    assert ACCOUNT in page.text


async def test_what_is_asked_is_exact(house: Connected) -> None:
    asked = parse_qs(urlsplit(await house.asked(await house.session("lead"))).query)
    assert asked["redirect_uri"] == [f"{house.console}/connections/books/back"]
    assert (asked["response_type"], asked["code_challenge_method"]) == (["code"], ["S256"])
    assert len(asked["code_challenge"][0]) == 43
    assert asked["scope"] == ["openid email records:read records:write"]
    assert len(asked["nonce"][0]) == 43
    # nothing of it can be read, by the server or by anybody who sees the address
    assert "lead" not in asked["state"][0]
    assert "books" not in asked["state"][0]


async def test_answers_that_are_not_of_this_question_keep_nothing(house: Connected) -> None:
    lead, other = await house.session("lead"), await house.session("second-lead")
    back = house.server.consent(await house.asked(lead))
    state = parameter(back, "state")
    forged = state[:-2] + ("AA" if state[-2:] != "AA" else "BB")
    for who, address in (
        (other, back),  # another person's session
        (await house.session("lead"), back),  # another session of the same person
        (lead, back.replace(state, forged)),
        (lead, back.replace("state=", "nostate=")),
        (lead, back.replace("iss=", "noiss=")),  # RFC 9207: this server says that it names itself
        (lead, back.replace("iss=http", "iss=https")),
        (lead, back.replace("/connections/books/", "/connections/notes/")),  # another connection's redirect URI
    ):
        answer = await house.visit(who, address)
        assert answer.status_code in (403, 409), (address, answer.status_code, answer.text)
    assert await rows(house) == ["not_connected"]
    assert house.server.log("authorization_code") == [], "no code was shown to anybody"
    assert (await house.visit(lead, back)).status_code == 303


async def test_an_answer_is_taken_once(house: Connected) -> None:
    lead = await house.session("lead")
    back = house.server.consent(await house.asked(lead))
    assert (await house.visit(lead, back)).status_code == 303
    again = await house.visit(lead, back)
    assert again.status_code == 409
    assert "taken already" in again.text
    assert len(house.server.log("authorization_code")) == 1, "its code was not shown a second time"
    assert await rows(house) == ["ready"]


async def test_tokens_are_kept_though_nobody_waits_for_the_answer(house: Connected) -> None:
    lead = await house.session("lead")
    back = house.server.consent(await house.asked(lead))
    house.server.set(faults=[{"on": "authorization_code", "fault": "slow", "ms": 1000}])
    fields = dict(httpx2.URL(back).params)
    answer = AuthorizationAnswer(fields["state"], fields["code"], "", fields["iss"], fields)
    visitor = Visitor(lead.person, lead.secret, f"{house.console}/connections/books/back")
    waits = asyncio.create_task(house.world.app.connections.authorizations.complete("books", answer, visitor))
    await until(lambda: house.server.log("authorization_code"))
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    await until(lambda: house.world.rows("SELECT 1 FROM grants WHERE state = 'ready'"))


async def test_a_code_is_worth_nothing_without_the_verifier_of_its_question(house: Connected) -> None:
    lead = await house.session("lead")
    first, second = house.server.consent(await house.asked(lead)), house.server.consent(await house.asked(lead))
    mixed = second.replace(parameter(second, "code"), parameter(first, "code"))
    answer = await house.visit(lead, mixed)
    assert answer.status_code == 409
    assert "invalid_grant" in answer.text
    assert await rows(house) == ["not_connected"]


async def test_a_question_that_was_changed_on_its_way_connects_nothing(house: Connected) -> None:
    lead = await house.session("lead")
    for params, told in (
        ({"nonce": "another"}, "the identity token does not hold, or answers another question"),
        ({"code_challenge": "x" * 43}, "invalid_grant"),
        ({"code_challenge": "", "code_challenge_method": ""}, "did not give its consent (invalid_request)"),  # no PKCE
        ({"redirect_uri": f"{house.console}/connections/notes/back"}, "belongs to no question of this session"),
    ):
        asked = httpx2.URL(await house.asked(lead))
        back = house.server.consent(str(asked.copy_merge_params(params)))
        answer = await house.visit(lead, back)
        assert answer.status_code == 409, (params, answer.text)
        assert told in answer.text, (params, answer.text)
    with pytest.raises(AssertionError, match="invalid_redirect_uri"):
        house.server.consent(str(asked.copy_merge_params({"redirect_uri": "https://evil.example.com/back"})))
    assert await rows(house) == ["not_connected"]
    assert house.server.state()["refresh_tokens"] == 0


async def test_a_server_whose_metadata_is_anothers_is_asked_nothing(house: Connected) -> None:
    house.server.set(metadata={"issuer": "https://elsewhere.example"})
    page = await house.visit(await house.session("lead"), "/connections/books/authorize", {"side": "both"})
    assert page.status_code == 409
    assert "wrong_issuer" in page.text


async def test_wider_scopes_are_refused_revoked_and_logged(house: Connected) -> None:
    house.server.set(widened="admin")
    answer = await house.connect()
    assert answer.status_code == 409
    assert "given more than is declared: <code>admin</code>" in answer.text
    assert await rows(house) == ["not_connected"]
    (said,) = house.statements()
    assert (said["about"]["event"], said["about"]["reason"], said["about"]["revoked"]) == (
        "refused",
        "wider_scopes",
        True,
    )
    assert house.server.state()["refresh_tokens"] == 0, "the grant is revoked again"


async def test_another_account_than_the_declared_one_is_refused_and_revoked(house: Connected) -> None:
    answer = await house.connect("lead", "company")
    assert answer.status_code == 409
    assert f"signed in as <code>{ACCOUNT}</code>, and not as <code>company@example.com</code>" in answer.text
    (said,) = house.statements()
    assert (said["about"]["event"], said["about"]["reason"]) == ("refused", "other_account")
    assert house.server.state()["refresh_tokens"] == 0
    house.server.set(account="company@example.com")
    assert (await house.connect("lead", "company")).status_code == 303
    assert await rows(house, "company") == ["ready"]


async def test_narrower_scopes_are_refused_with_the_missing_ones(house: Connected) -> None:
    house.server.set(declined=["records:write"])
    answer = await house.connect()
    assert answer.status_code == 409
    assert "less than it needs: <code>records:write</code>" in answer.text
    (said,) = house.statements()
    assert said["about"]["reason"] == "missing_scopes"
    assert house.server.state()["refresh_tokens"] == 0


async def test_only_an_admin_of_the_tenant_connects_what_all_use(house: Connected) -> None:
    for person, status in (("requester", 403), ("outsider", 404)):
        session = await house.session(person)
        for path in ("authorize", "test", "disconnect"):
            page = await house.visit(session, f"/connections/books/{path}", {"side": "both"})
            assert page.status_code == status, (person, path, page.text)
        page = await house.visit(session, "/connections/books")
        assert (page.status_code == 200) is (person == "requester")
        assert "press connect" not in page.text
        assert "/connections/books/authorize" not in page.text
    lead = await house.session("lead")
    back = house.server.consent(await house.asked(lead))
    # who is no admin any more when the answer comes keeps nothing: it is asked again then
    assert (await house.visit(await house.session("requester"), back)).status_code == 403
    assert await rows(house) == ["not_connected"]


async def test_each_person_connects_an_account_of_their_own(house: Connected) -> None:
    for person, account in (("requester", "rita@example.com"), ("lead", "leo@example.com")):
        house.server.set(account=account)
        assert (await house.connect(person, "notes")).status_code == 303
    found = {row.person: row for row in await house.world.app.connections.rows() if row.connection == "notes"}
    assert {person: row.account for person, row in found.items()} == {
        "requester": "rita@example.com",
        "lead": "leo@example.com",
    }
    assert [said["names"].get("holder") for said in house.statements()] == ["requester", "lead"]
    listed = await house.visit(await house.session("requester"), "/connections.json")
    states = {row["name"]: row["states"] for row in listed.json()["connections"]}
    assert (states["notes"], states["books"], states["okta"]) == (["ready"], ["not_connected"], [])
    page = await house.visit(await house.session("requester"), "/connections/notes")
    assert "rita@example.com" in page.text
    assert "leo@example.com" not in page.text
    said = await ailyus(house.world, "connection", "test", "notes", "--person", "lead")
    assert "as leo@example.com" in said


async def test_a_connection_is_ended_at_the_vendor_and_here(house: Connected) -> None:
    await house.connect()
    session = await house.session("lead")
    ended = await house.visit(session, "/connections/books/disconnect", {})
    assert ended.status_code == 303, ended.text
    assert await rows(house) == ["not_connected"]
    assert house.server.state()["refresh_tokens"] == 0
    assert house.world.rows("SELECT count(*) FROM grants")[0][0] == 0
    said = house.statements()[-1]
    assert (said["about"]["event"], said["about"]["revoked"]) == ("disconnected", True)
    assert said["names"] == {"by": "lead", "account": ACCOUNT}
    assert not (await house.world.app.connections.test("books")).ok


async def test_what_the_vendor_does_not_confirm_is_forgotten_and_said(tmp_path: Path, sandbox: Sandbox) -> None:
    async with connected(tmp_path / "w", sandbox) as house:
        await house.connect()
        house.server.close()
        said = await ailyus(house.world, "connection", "sign-out", "books", "--as", "lead")
        assert "did not confirm it" in said
        assert house.world.rows("SELECT count(*) FROM grants")[0][0] == 0
        assert house.statements()[-1]["about"]["revoked"] is False


async def test_who_is_signed_in_signs_out_if_nobody_else_is_named(house: Connected) -> None:
    await house.connect("requester", "notes")
    assert "disconnected requester, as requester" in await ailyus(house.world, "connection", "sign-out", "notes")
    assert house.statements()[-1]["names"]["by"] == "requester"


async def test_what_needs_a_person_is_connected_anew(house: Connected) -> None:
    await house.connect()
    await attack(house.world.workspace, "UPDATE grants SET state = 'needs_person', reason = 'it holds no more'")
    page = await house.visit(await house.session("lead"), "/connections/books")
    assert "needs person" in page.text
    assert "it holds no more" in page.text
    assert "books: a person connects it anew" in await ailyus(house.world, "connection", "list")
    await house.connect()
    assert await rows(house) == ["ready"]
    assert (await house.world.app.connections.test("books")).ok


@pytest.mark.both_stores
async def test_an_audit_finds_a_grant_that_nobody_connected_so(house: Connected) -> None:
    await house.connect()
    await house.connect("lead", "notes")
    workspace = house.world.workspace
    assert findings(workspace) == []
    await attack(workspace, "UPDATE grants SET account = ? WHERE connection = 'books'", "somebody@example.com")
    assert findings(workspace) == ["the tokens of the connection `books` are not what their statement says"]
    await attack(workspace, "UPDATE grants SET person = 'requester' WHERE connection = 'notes'")
    found = findings(workspace)
    assert "the tokens of the connection `notes` have no statement" in found
    assert "the tokens of the connection `notes` are missing" in found
    await attack(workspace, "DELETE FROM grants")
    assert "the tokens of the connection `books` are missing" in findings(workspace)


async def test_the_redirect_is_below_the_base_path(tmp_path: Path, sandbox: Sandbox) -> None:
    async with connected(tmp_path / "w", sandbox, base_path="/ailyus") as house:
        asked = parse_qs(urlsplit(await house.asked(await house.session("lead"))).query)
        assert asked["redirect_uri"] == [f"{house.console}/connections/books/back"]
        assert house.console.endswith("/ailyus")
        back = await house.connect()
        assert (back.status_code, back.headers["location"]) == (303, "/ailyus/connections/books"), back.text


async def test_the_command_waits_until_a_person_did_it(house: Connected, tmp_path: Path) -> None:
    said = tmp_path / "said"
    command = ("connection", "sign-in", "notes", "--person", "requester")
    with said.open("wb") as out:
        waits = Forked(command, house.world.workspace.root, out, out)
    await until(lambda: f"open {house.console}/connections/notes" in said.read_text(), 30)
    await house.connect("lead", "notes")  # another person's account is not what is waited for
    await house.connect("requester", "notes")
    await until(lambda: waits.poll() is not None, 30)
    assert waits.poll() == 0
    assert f"connected as {ACCOUNT}, by requester" in said.read_text()


async def test_the_command_line_prints_the_page_and_lists_what_came_of_it(house: Connected) -> None:
    said = await ailyus(house.world, "connection", "sign-in", "books", "--no-wait")
    assert f"open {house.console}/connections/books" in said
    assert f"exactly: {house.console}/connections/books/back" in said
    await house.connect()
    listed = await ailyus(house.world, "connection", "list")
    assert ACCOUNT in listed
    assert "notes: a person connects it" in listed
    tested = await ailyus(house.world, "connection", "test", "books")
    assert "it answered `/me` with 200" in tested
    refused = await ailyus(house.world, "connection", "sign-in", "okta", ok=False)
    assert "nobody signs in for `okta`" in refused
    unnamed = await ailyus(house.world, "connection", "sign-in", "notes", ok=False)
    assert "name them: `--person`" in unnamed
    house.server.end_access_tokens()
    failed = await ailyus(house.world, "connection", "test", "notes", "--person", "lead", ok=False)
    assert "FAIL notes" in failed
