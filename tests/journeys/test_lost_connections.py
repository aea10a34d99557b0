"""A connection whose sign-in is lost needs a person: people are told once, no action fails, and it goes on afterwards."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from receipts.store.transaction import Txn
from server.workspace.free_port import free_port
from tests.books import books_workspace, consenting
from tests.connected import Connected
from tests.until import until
from tests.web import web
from tests.world import Sandbox, World, app_serving, gateway

NOTICES = """
[notices.admins]
webhook = "http://127.0.0.1:{port}/admins"
secret = "file:.ailyus/secrets/notices"
roles = ["SecurityLead"]
[notices.others]
webhook = "http://127.0.0.1:{port}/others"
secret = "file:.ailyus/secrets/notices"
roles = ["Support"]
"""
SECRET = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()


@dataclass
class Told:
    """What came to the addresses of notices."""

    port: int = field(default_factory=free_port)
    notices: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.notices.append((request.url.path, orjson.loads(await request.body())))
        return Response(status_code=204)


@asynccontextmanager
async def told() -> AsyncIterator[Told]:
    made = Told()
    async with app_serving(Starlette(routes=[Route("/{path:path}", made.take, methods=["POST"])]), made.port):
        yield made


async def line_of(world: World) -> dict[str, Any]:
    """What `/readyz` says of connections, and whether all is well."""
    async with web(timeout=20) as http:
        answer = await http.get(f"{world.url.removesuffix('/mcp')}/readyz")
    report = orjson.loads(answer.content)
    (line,) = [one for one in report["checks"] if one["check"] == "connections"]
    return {"status": answer.status_code, **line}


async def is_lost(world: World) -> None:
    """The token ends, and so does whatever refreshes it."""

    def work(txn: Txn) -> None:
        txn.write("UPDATE grants SET expires_ms = 1, next_ms = 1", rows=None)

    await world.app.store.write(work)
    await until(lambda: world.rows("SELECT state FROM grants") == [("needs_person",)])


async def test_people_are_told_once_for_each_time_that_it_is_lost(tmp_path: Path, sandbox: Sandbox) -> None:
    async with consenting() as (server, port), told() as listener:
        more = NOTICES.format(port=listener.port)
        workspace = books_workspace(tmp_path / "w", sandbox, server, more=more)
        (workspace.private / "secrets" / "notices").write_text(SECRET)
        async with gateway(workspace, sandbox, port=port) as world:
            people = Connected(world, server)
            assert (await line_of(world))["says"] == "none needs a person"
            for time in (1, 2):
                await people.connect()
                done = await world.call("put_book", {"book": "b1", "value": f"v{time}"})
                assert done["status"] == "confirmed"
                # the server rotates, its answer is lost, and the former token ends the family
                server.set(faults=[{"on": "refresh_token", "fault": "lose_answer"}])
                await is_lost(world)
                await until(lambda time=time: len(listener.notices) == time)
                done = await world.call("put_book", {"book": "b1", "value": "x"})
                assert (done["status"], done["changed"]) == ("unavailable", False)
                line = await line_of(world)
                while line["says"] == "none needs a person":  # it is looked at every second
                    line = await line_of(world)
                assert line == {
                    "status": 200,
                    "check": "connections",
                    "ok": True,
                    "says": "one connection needs a person: see `ailyus connection list`",
                }
            assert listener.notices == [("/admins", _notice(people))] * 2
            await people.connect()
            done = await world.call("put_book", {"book": "b1", "value": "x"})
            assert done["status"] == "confirmed"
            assert sum(entry.get("effect", False) for entry in server.log("api")) == 3


def _notice(people: Connected) -> dict[str, str]:
    title = "The connection books must be connected again"
    return {
        "event": "connection",
        "title": title,
        "connection": "books",
        "link": f"{people.console}/connections/books",
    }
