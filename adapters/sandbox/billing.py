"""A twin of your own product's admin API, as far as its invoices go: which of them have been exported to the books."""

from adapters.sandbox.clock import stamp
from adapters.sandbox.plain_refusals import forbidden as forbidden
from adapters.sandbox.plain_refusals import missing
from adapters.sandbox.plain_refusals import unauthorized as unauthorized
from adapters.sandbox.system import Json, Request, Router, TwinResponse
from adapters.sandbox.xero import CONTACT

router = Router()


def seed() -> Json:
    """Twelve exports of November, four of which failed when the connection to the books had ended."""
    return {"exports": {f"exp{number:04}": _export(number) for number in range(1, 13)}}


def _export(number: int) -> Json:
    failed = number % 3 == 0
    return {
        "id": f"exp{number:04}",
        "invoice": f"INV-{1000 + number}",
        "amount_cents": 10_000 + number * 125,
        "contact_id": CONTACT,  # the customer's id in Xero, which the product keeps
        "description": f"Subscription, November, {number} seats",
        "date": "2026-11-18",
        "due": "2026-12-18",
        "state": "failed" if failed else "booked",
        "books_id": "",
        "booked_at": "" if failed else "2026-11-18T06:00:00.000Z",
    }


@router.on("GET", "/exports")
def list_exports(state: Json, request: Request) -> TwinResponse:
    """Exports, by state and by invoice."""
    asked = {name: request.query[name] for name in ("state", "invoice") if name in request.query}
    found = [e for e in state["exports"].values() if all(e[name] == value for name, value in asked.items())]
    return TwinResponse(200, {"exports": found})


@router.on("POST", "/exports/{export}/booked")
def settle(state: Json, request: Request, export: str) -> TwinResponse:
    """The books have it: under which id."""
    found = state["exports"].get(export)
    if not found:
        return missing()
    found |= {"state": "booked", "books_id": request.body["books_id"], "booked_at": stamp()}
    return TwinResponse(200, found)


@router.on("GET", "/totals")
def totals(state: Json, request: Request) -> TwinResponse:
    """What the product has billed, as text with two decimals, and what of it has not been exported."""
    rows = state["exports"].values()
    failed = [e for e in rows if e["state"] == "failed"]
    billed = sum(e["amount_cents"] for e in rows)
    return TwinResponse(200, {"billed": f"{billed / 100:.2f}", "exports": len(rows), "failed": len(failed)})
