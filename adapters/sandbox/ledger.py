"""A twin of your own product's admin API, its ledger: an expired connection, failed exports, totals."""

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"error": "unauthorized"})


def forbidden() -> TwinResponse:
    """A read-only token that tries to write."""
    return TwinResponse(403, {"error": "forbidden"})


def seed() -> Json:
    """Twelve exports of November, four of which failed when the connection expired."""
    exports, entries = {}, []
    for number in range(1, 13):
        name, failed = f"exp{number:04}", number % 3 == 0
        exports[name] = {
            "id": name,
            "invoice": f"INV-{1000 + number}",
            "amount_cents": 10_000 + number * 125,
            "state": "failed" if failed else "booked",
            "booked_at": "" if failed else "2026-11-18T06:00:00.000Z",
        }
        if not failed:
            entries.append({"invoice": exports[name]["invoice"], "amount_cents": exports[name]["amount_cents"]})
    connection = {"id": "books", "health": "expired", "checked_at": "2026-11-19T06:00:00.000Z"}
    return {"connections": {"books": connection}, "exports": exports, "entries": entries, "keys": {}}


@router.on("GET", "/connections/{connection}")
def get_connection(state: Json, request: Request, connection: str) -> TwinResponse:
    """A connection's health."""
    found = state["connections"].get(connection)
    return TwinResponse(200, found) if found else TwinResponse(404, {"error": "not_found"})


@router.on("POST", "/connections/{connection}/reconnect")
def reconnect(state: Json, request: Request, connection: str) -> TwinResponse:
    """Connect again."""
    found = state["connections"].get(connection)
    if not found:
        return TwinResponse(404, {"error": "not_found"})
    found |= {"health": "connected", "checked_at": stamp()}
    return TwinResponse(200, found)


@router.on("GET", "/exports")
def list_exports(state: Json, request: Request) -> TwinResponse:
    """Exports, by state."""
    wanted = request.query.get("state")
    return TwinResponse(200, {"exports": [e for e in state["exports"].values() if wanted in (None, e["state"])]})


@router.on("GET", "/exports/{export}")
def get_export(state: Json, request: Request, export: str) -> TwinResponse:
    """One export, and the entries that its invoice has in the ledger."""
    found = state["exports"].get(export)
    if not found:
        return TwinResponse(404, {"error": "not_found"})
    booked = [e for e in state["entries"] if e["invoice"] == found["invoice"]]
    return TwinResponse(200, {**found, "entries": len(booked)})


@router.on("POST", "/exports/{export}/rerun")
def rerun(state: Json, request: Request, export: str) -> TwinResponse:
    """Book an export's invoice; the same Idempotency-Key books once."""
    found = state["exports"].get(export)
    if not found:
        return TwinResponse(404, {"error": "not_found"})
    if state["connections"]["books"]["health"] != "connected":
        return TwinResponse(409, {"error": "connection_expired"})
    key = request.headers.get("idempotency-key")
    if key and key in state["keys"]:
        return TwinResponse(200, {"id": export, "state": "booked", "repeated": True})
    state["entries"].append({"invoice": found["invoice"], "amount_cents": found["amount_cents"]})
    found |= {"state": "booked", "booked_at": stamp()}
    if key:
        state["keys"][key] = export
    return TwinResponse(200, {"id": export, "state": "booked"})


@router.on("GET", "/totals")
def totals(state: Json, request: Request) -> TwinResponse:
    """What was exported, what is booked, and how many invoices are booked more than once."""
    invoices = [e["invoice"] for e in state["entries"]]
    return TwinResponse(
        200,
        {
            "exported_cents": sum(e["amount_cents"] for e in state["exports"].values()),
            "booked_cents": sum(e["amount_cents"] for e in state["entries"]),
            "failed": sum(e["state"] == "failed" for e in state["exports"].values()),
            "duplicates": len(invoices) - len(set(invoices)),
        },
    )
