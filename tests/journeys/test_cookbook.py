"""The contracts of the cookbook do what they say, on a server of seats that keeps versions, pages, keys and jobs."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from server.workspace.free_port import free_port
from tests.contracts.cookbook import PAGE, cookbook
from tests.world import Sandbox, World, app_serving, gateway, make_workspace

POLICY = """
@id("support-may-use-seats")
permit (
  principal in Role::"Support",
  action in [Action::"find_seat", Action::"set_plan", Action::"add_seat", Action::"export_seats"],
  resource
);
"""
WRITES = {"PATCH", "POST"}


@dataclass
class Seats:
    """An API with a key in a header; the next answer to a POST may be lost, and somebody may be quicker once."""

    seats: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    loses_answer: bool = False
    is_changed_first: bool = False

    async def listed(self, request: Request) -> Response:
        """Two on a page; the cursor names the last one."""
        if fault := _no_key(request):
            return fault
        owner, after = request.query_params.get("owner"), request.query_params.get("after", "")
        found = [s for s in self.seats.values() if s["id"] > after and owner in (None, s["owner"])]
        return JSONResponse({"seats": found[:2], "next": found[1]["id"] if len(found) > 2 else None})

    async def added(self, request: Request) -> Response:
        if fault := _no_key(request):
            return fault
        key, owner = request.headers["idempotency-key"], (await request.json())["owner"]
        self.writes.append(f"add {owner}")
        # a key that was used before gives what was made then
        id_ = self.made.setdefault(key, f"s-{len(self.seats) + 1}")
        self.seats.setdefault(id_, {"id": id_, "owner": owner, "plan": "free", "version": 1})
        lost, self.loses_answer = self.loses_answer, False
        return Response(status_code=503) if lost else JSONResponse(self.seats[id_], 201)

    async def one(self, request: Request) -> Response:
        if fault := _no_key(request):
            return fault
        seat = self.seats.get(request.path_params["id"])
        if seat is None:
            return JSONResponse({"error": "no such seat"}, 404)
        if request.method == "PATCH":
            if self.is_changed_first:
                self.is_changed_first = False
                seat["version"] += 1
            if request.headers["if-match"].strip('"') != str(seat["version"]):
                return JSONResponse({"error": "somebody was quicker"}, 412)
            if seat["owner"] == "frozen@example.com":
                return JSONResponse({"error": "the seat is frozen"}, 422)
            self.writes.append(f"change {seat['id']}")
            seat |= {"plan": (await request.json())["plan"], "version": seat["version"] + 1}
        return JSONResponse(seat)

    async def exports(self, request: Request) -> Response:
        if fault := _no_key(request):
            return fault
        if request.method == "POST":
            label, id_ = (await request.json())["label"], f"j-{len(self.jobs) + 1}"
            self.writes.append(f"export {label}")
            self.jobs[id_] = {"id": id_, "label": label, "state": "running", "rows": 0}
            return JSONResponse({"id": id_}, 202)
        label = request.query_params["label"]
        return JSONResponse({"jobs": [job for job in self.jobs.values() if job["label"] == label]})

    async def export(self, request: Request) -> Response:
        """Done when it is looked at for the second time."""
        job = self.jobs[request.path_params["id"]]
        seen, done = dict(job), {"state": "done", "rows": len(self.seats)}
        job |= done
        return JSONResponse(seen)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/v1/seats", self.listed, methods=["GET"]),
                Route("/v1/seats", self.added, methods=["POST"]),
                Route("/v1/seats/{id}", self.one, methods=["GET", "PATCH"]),
                Route("/v1/jobs", self.exports, methods=["GET", "POST"]),
                Route("/v1/jobs/{id}", self.export),
            ]
        )


def _no_key(request: Request) -> Response | None:
    wanted = "act" if request.method in WRITES else "look"
    return None if request.headers.get("x-api-key") == wanted else JSONResponse({"error": "no key"}, 401)


@dataclass
class Product:
    """The API, and a gateway before it."""

    seats: Seats
    world: World


@pytest.fixture
async def product(tmp_path: Path, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Product]:
    port, api = free_port(), Seats()
    for number, owner in enumerate(("ada", "bob", "frozen", "dan", "eve"), start=1):
        api.seats[f"s-{number}"] = {"id": f"s-{number}", "owner": f"{owner}@example.com", "plan": "free", "version": 1}
    monkeypatch.setenv("SEATS_READ_KEY", "look")
    monkeypatch.setenv("SEATS_WRITE_KEY", "act")
    (connection,) = PAGE.blocks("toml")
    connection = connection.replace("https://api.example.com", f"http://127.0.0.1:{port}")
    workspace = make_workspace(tmp_path / "w", sandbox, template="back-office", extra=f"\n{connection}")
    cookbook(workspace.root / "contracts" / "seats")
    (workspace.root / "policies" / "seats.cedar").write_text(POLICY)
    async with app_serving(api.app(), port), gateway(workspace, sandbox) as world:
        yield Product(api, world)


async def test_the_contracts_of_the_cookbook_on_a_server(product: Product) -> None:
    world, api = product.world, product.seats
    # a list over three pages
    found = await world.call("find_seat", {"email": "eve@example.com"})
    assert found["data"]["seats"] == [{"seat_id": "s-5", "plan": "free"}]
    # somebody is quicker: nothing is overwritten, and it is decided again
    api.is_changed_first = True
    asked = {"seat_id": "s-1", "plan": "pro", "reason": "Ada asked for it"}
    changed = await world.approved("set_plan", asked)
    assert (changed["status"], changed["changed"], changed.get("outputs")) == ("confirmed", True, {"plan": "pro"}), (
        changed
    )
    assert api.writes == ["change s-1"]
    # what the server declines is final, with its words as data
    declined = await world.approved("set_plan", {**asked, "seat_id": "s-3"})
    assert (declined["status"], declined["changed"]) == ("not_applied", False), declined
    assert "the seat is frozen" in str(declined["data"])
    # its answer is lost: it is made once
    api.loses_answer = True
    added = await world.approved("add_seat", {"email": "new@example.com", "reason": "somebody is new"})
    assert added["status"] == "confirmed", added
    assert [seat["owner"] for seat in api.seats.values()].count("new@example.com") == 1
    # a job that ends later, and two systems' worth of steps with one outcome
    exported = await world.approved("export_seats", {"label": "monday"})
    assert (exported["status"], exported["outputs"]) == ("confirmed", {"rows": 6}), exported
    plan = {"seat_id": "s-2", "plan": "pro", "label": "tuesday", "reason": "it must be in today's export"}
    both = await world.approved("upgrade_and_export", plan)
    assert both["status"] == "confirmed", both
    assert api.writes[-2:] == ["change s-2", "export tuesday"]
    # what fails undoes what was done before
    again = await world.approved("upgrade_and_export", {**plan, "seat_id": "s-4"})
    assert again["status"] == "compensated", again
    assert api.seats["s-4"]["plan"] == "free"
