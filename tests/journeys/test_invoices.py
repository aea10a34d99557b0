"""Invoices in QuickBooks: booked once and paid once, whatever is lost on the way."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.world import Sandbox, World, gateway, make_workspace


@pytest.fixture
async def books(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[World]:
    async with gateway(make_workspace(tmp_path / "w", sandbox, template="library"), sandbox) as world:
        yield world


def quickbooks(world: World) -> dict[str, Any]:
    return dict(world.sandbox.state()["acme"]["quickbooks"])


async def test_an_invoice_is_booked_and_paid_once_whatever_is_lost(books: World) -> None:
    customer = await books.call("find_quickbooks_customer", {"email": "accounts@rexmedia.example"})
    item = await books.call("find_quickbooks_item", {"name": "Services"})
    invoice = {
        "number": "2001",
        "customer_id": customer["data"]["customers"][0]["customer_id"],
        "item_id": item["data"]["items"][0]["item_id"],
        "amount_cents": 1999,
        "description": "Subscription",
        "date": "2026-11-20",
        "due": "2026-12-20",
        "reason": "the export of this invoice failed",
    }
    books.sandbox.fault("lost_reply", "invoice", "quickbooks")
    booked = await books.call("create_quickbooks_invoice", invoice)
    assert booked["status"] == "confirmed", booked
    books.sandbox.fault("retrying_proxy", "payment", "quickbooks")
    paid = await books.call(
        "create_quickbooks_payment",
        {
            "invoice_id": booked["outputs"]["invoice_id"],
            "amount_cents": 1999,
            "reference": "BANK-7",
            "date": "2026-11-21",
            "reason": "the money arrived",
        },
    )
    assert paid["status"] == "confirmed", paid
    found = await books.call("find_quickbooks_invoice", {"number": "2001"})
    assert [(i["total"], i["due"]) for i in found["data"]["invoices"]] == [(19.99, 0)]
    assert sum(p["TotalAmt"] == 19.99 for p in quickbooks(books)["Payment"].values()) == 1
