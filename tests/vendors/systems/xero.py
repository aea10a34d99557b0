"""Xero: XeroAPI/Xero-OpenAPI, the Accounting API."""

from tests.vendors.system import Allowed, System

OPEN = "05048881-6ab7-5631-9562-4190813322f5"
PAID = "13eb85dd-e801-59dd-8d00-b3ce10fd19d7"

SYSTEM = System(
    kind="xero",
    files=("xero.json",),
    examples={
        "find_xero_contact": {"email": "accounts@rexmedia.example"},
        "find_xero_invoice": {"number": "INV-1001"},
        "get_xero_trial_balance": {"date": "2026-11-30"},
        "create_xero_invoice": {
            "number": "INV-2001",
            "contact_id": "bd2270c3-8706-4c11-9cfb-000b551c3f51",
            "amount_cents": 1999,
            "description": "Subscription",
            "account_code": "200",
            "date": "2026-11-20",
            "due": "2026-12-20",
        },
        "book_export": {"number": "INV-1003"},
        "void_xero_invoice": {"number": "INV-1002", "invoice_id": OPEN},
        "create_xero_payment": {
            "invoice_id": OPEN,
            "amount_cents": 5025,
            "reference": "BANK-1",
            "account_code": "090",
            "date": "2026-11-21",
        },
        "delete_xero_payment": {"invoice_id": PAID, "payment_id": "ccd5acf8-8b09-5c4a-aa84-8c46b9372e5a"},
    },
    plans={"recover_accounting": {"numbers": ["INV-1001", "INV-1002"]}},
    headers={"xero-tenant-id": "a3a4dbaf-3495-a808-ed7a-7b964388f53d"},
    allowed=(
        Allowed(
            pattern="answer (401|403|404|429): ResponseNotFound",
            why="the description names 200 and 400 alone; the others are the same for every operation",
            page="https://developer.xero.com/documentation/api/accounting/responsecodes",
        ),
    ),
)
