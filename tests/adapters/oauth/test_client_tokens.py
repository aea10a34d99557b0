"""Tokens that a client fetches by itself: once for all who ask, ahead of their end, and anew where one is refused."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from adapters.oauth.client_tokens import ClientTokens
from contracts.errors import AilyusError
from tests.adapters.oauth.clients import asking, client_of, target_of
from tests.token_endpoint import TokenEndpoint, token_endpoint
from tests.until import until


@asynccontextmanager
async def tokens_at(folder: Path, **more: Any) -> AsyncIterator[tuple[TokenEndpoint, ClientTokens, str]]:
    """An endpoint, the tokens of a connection there, and their reference."""
    async with token_endpoint() as endpoint, asking(folder) as servers:
        tokens, target = ClientTokens(servers), target_of(client_of(endpoint, **more))
        tokens.declare([target])
        yield endpoint, tokens, target.read
        await tokens.close()


async def test_twenty_who_ask_at_once_cause_one_fetch(tmp_path: Path) -> None:
    async with tokens_at(tmp_path) as (endpoint, tokens, reference):
        found = await asyncio.gather(*(tokens.value(reference, "") for _ in range(20)))
        assert set(found) == {"at-1"}
        assert await tokens.value(reference, "") == "at-1"
        assert endpoint.count("client_credentials") == 1


async def test_a_token_is_fetched_ahead_of_its_end_and_nobody_waits_for_it(tmp_path: Path) -> None:
    async with tokens_at(tmp_path) as (endpoint, tokens, reference):
        endpoint.access_seconds = 3600
        await tokens.value(reference, "")
        tokens._known[reference].renew = time.monotonic()  # its time is near
        endpoint.faults = ["slow"]
        assert await tokens.value(reference, "") == "at-1"
        endpoint.slow_until.set()
        await until(lambda: tokens._known[reference].token == "at-2")
        tokens._known[reference].until = time.monotonic()  # it ended
        assert await tokens.value(reference, "") == "at-3"


async def test_when_a_token_was_fetched_and_ends_is_told_as_far_as_its_server_says(tmp_path: Path) -> None:
    async with tokens_at(tmp_path) as (endpoint, tokens, reference):
        endpoint.access_seconds = 3600
        assert tokens.times(5_000) == {}
        await tokens.value(reference, "")
        now_ms = 10_000_000
        told = tokens.times(now_ms)[reference]
        assert told.fetched_ms <= now_ms
        assert told.expires_ms is not None
        assert told.fetched_ms < told.expires_ms <= told.fetched_ms + 3_600_000
        endpoint.access_seconds = None
        tokens.doubt(reference, "", time.monotonic())
        assert await tokens.value(reference, "") == "at-2"
        assert tokens.times(now_ms)[reference].expires_ms is None


async def test_a_token_that_a_target_refuses_is_fetched_anew_once(tmp_path: Path) -> None:
    async with tokens_at(tmp_path) as (endpoint, tokens, reference):
        assert await tokens.value(reference, "") == "at-1"
        since = time.monotonic()
        assert await asyncio.gather(*(tokens.is_renewed(reference, since, "") for _ in range(5))) == [True] * 5
        assert endpoint.count("client_credentials") == 2
        # the new one is refused too: the server is not asked at each call
        assert not await tokens.is_renewed(reference, time.monotonic(), "")
        assert tokens.doubt(reference, "", since)  # who was refused before has another one by now
        assert not tokens.doubt(reference, "", time.monotonic())
        assert await tokens.value(reference, "") == "at-2"
        tokens._known[reference].doubted_at -= 60
        assert tokens.doubt(reference, "", time.monotonic())
        assert await tokens.value(reference, "") == "at-3"


async def test_a_server_that_gives_none_is_asked_again_only_after_a_pause(tmp_path: Path) -> None:
    async with tokens_at(tmp_path) as (endpoint, tokens, reference):
        endpoint.faults = [{"status": 401, "error": "invalid_client"}]
        for _ in range(3):
            with pytest.raises(AilyusError, match=r"`crm` gets no access token: .* \(invalid_client\)") as caught:
                await tokens.value(reference, "")
            assert caught.value.code == "no_credential"
            assert (
                "are `client_id`, `client_secret` and `client_auth` those that the server knows?" in caught.value.hint
            )
            assert "[connections.crm.oauth2]" in caught.value.hint
        assert len(endpoint.asked) == 1
        fault, _ = tokens._refused[reference]
        tokens._refused[reference] = fault, time.monotonic()
        assert await tokens.value(reference, "") == "at-1"


@pytest.mark.parametrize(("given", "is_taken"), [("a b", True), ("a", True), ("a b admin", False), ("", True)])
async def test_wider_scopes_than_declared_are_refused(tmp_path: Path, given: str, is_taken: bool) -> None:
    async with tokens_at(tmp_path, read_scopes=("a", "b"), write_scopes=("c",)) as (endpoint, tokens, reference):
        endpoint.says = {"scope": given}
        if is_taken:
            assert await tokens.value(reference, "") == "at-1"
        else:
            with pytest.raises(AilyusError, match="wider_scope"):
                await tokens.value(reference, "")


async def test_reading_and_writing_have_tokens_of_their_own(tmp_path: Path) -> None:
    async with token_endpoint() as endpoint, asking(tmp_path) as servers:
        tokens = ClientTokens(servers)
        target = target_of(client_of(endpoint, read_scopes=("a",), write_scopes=("a", "b")))
        tokens.declare([target])
        assert await tokens.value(target.read, "") != await tokens.value(target.write, "")
        assert [one["scope"] for one in endpoint.asked] == ["a", "a b"]
        stored = target_of(client_of(endpoint, grant="authorization_code"), "books")
        tokens.declare([stored])
        with pytest.raises(AilyusError, match="only a running gateway has the tokens"):
            await tokens.value(stored.read, "")
        assert len(endpoint.asked) == 2
        assert await tokens.is_obtainable(target.read)
        assert not await tokens.is_obtainable(stored.read)
        await tokens.close()


EXCHANGE: dict[str, Any] = {"grant": "token_exchange", "per_person": True}


async def test_each_person_has_tokens_in_exchange_for_their_own(tmp_path: Path) -> None:
    async with tokens_at(tmp_path, **EXCHANGE) as (endpoint, tokens, reference):
        for person in ("maria", "otto"):
            tokens.subjects.keep(person, f"of-{person}", time.time() + 60)
        found = [await tokens.value(reference, person) for person in ("maria", "otto", "maria")]
        assert found == ["at-1", "at-2", "at-1"]
        assert [one["subject_token"] for one in endpoint.asked] == ["of-maria", "of-otto"]
        since = time.monotonic()
        assert tokens.doubt(reference, "maria", since)  # a target refused hers, and nobody else's
        assert [await tokens.value(reference, person) for person in ("maria", "otto")] == ["at-3", "at-2"]
        assert not await tokens.is_renewed(reference, time.monotonic(), "leo")


async def test_without_a_token_of_the_person_nobody_is_asked(tmp_path: Path) -> None:
    async with tokens_at(tmp_path, **EXCHANGE) as (endpoint, tokens, reference):
        with pytest.raises(AilyusError, match="no call has brought one that holds") as caught:
            await tokens.value(reference, "maria")
        assert caught.value.code == "not_connected"
        assert endpoint.asked == []
        assert await tokens.is_obtainable(reference)
        tokens.subjects.keep("maria", "of-maria", time.time() + 60)
        assert await tokens.value(reference, "maria") == "at-1"


async def test_a_token_that_came_after_a_refusal_is_exchanged_at_once(tmp_path: Path) -> None:
    async with tokens_at(tmp_path, **EXCHANGE) as (endpoint, tokens, reference):
        tokens.subjects.keep("maria", "revoked", time.time() + 60)
        endpoint.faults = [{"status": 400, "error": "invalid_grant"}]
        for _ in range(2):
            with pytest.raises(AilyusError, match="the grant no more") as caught:
                await tokens.value(reference, "maria")
            assert (caught.value.code, len(endpoint.asked)) == ("not_connected", 1)
            assert "revoked" not in str(caught.value)
        tokens.subjects.keep("maria", "new", time.time() + 60)
        assert await tokens.value(reference, "maria") == "at-1"
