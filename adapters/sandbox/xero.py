"""A twin of Xero's Accounting API 2.0: invoices, payments, the trial balance, and the request that was sent before."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

from adapters.sandbox.clock import now_ms
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_HOUR_MS = 3_600_000
_KEY_LIFE_MS = 10 * 60_000
"""How long an `Idempotency-Key` is remembered."""
_ACCOUNTS = {"090": ("Business Bank Account", "BANK"), "200": ("Sales", "REVENUE"), "610": ("Receivable", "CURRENT")}
_LIMITS = {"x-minlimit-remaining": "59", "x-daylimit-remaining": "4999", "x-appminlimit-remaining": "9999"}
CONTACT = "bd2270c3-8706-4c11-9cfb-000b551c3f51"


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return TwinResponse(401, {"Title": "Unauthorized", "Status": 401, "Detail": "AuthenticationUnsuccessful"})


def forbidden() -> TwinResponse:
    """A token whose scopes do not include writing."""
    return TwinResponse(403, {"Title": "Forbidden", "Status": 403, "Detail": "AuthenticationUnsuccessful"})


def _invalid(*messages: str) -> TwinResponse:
    errors = [{"Message": message} for message in messages]
    return TwinResponse(
        400,
        {
            "ErrorNumber": 10,
            "Type": "ValidationException",
            "Message": "A validation exception occurred",
            "Elements": [{"ValidationErrors": errors}],
        },
    )


def _not_found() -> TwinResponse:
    return TwinResponse(404, {"Title": "Not Found", "Status": 404, "Detail": "The resource cannot be found"})


def seed() -> Json:
    """One contact with the eight invoices of November that arrived, the first of them paid."""
    state: Json = {"contacts": {CONTACT: _contact(CONTACT, "Rex Media Group", "accounts@rexmedia.example")}}
    state |= {"invoices": {}, "payments": {}, "keys": {}}
    for place in (1, 2, 4, 5, 7, 8, 10, 11):
        number, amount = f"INV-{1000 + place}", (10_000 + place * 125) / 100
        invoice = _invoice(state, _new_id(number), number, CONTACT, amount, "2026-11-18")
        if place == 1:
            _pay(state, _new_id(f"pay-{number}"), invoice, amount, "2026-11-19", "seed")
    return state


def _new_id(name: str = "") -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name) if name else uuid.uuid4())


def _contact(contact: str, name: str, email: str) -> Json:
    return {"ContactID": contact, "ContactStatus": "ACTIVE", "Name": name, "EmailAddress": email}


def _updated() -> str:
    return f"/Date({now_ms()}+0000)/"


def _answer(kind: str, rows: list[Json]) -> TwinResponse:
    return TwinResponse(200, {kind: rows}, _LIMITS)


@router.on("GET", "/api.xro/2.0/Contacts")
def list_contacts(state: Json, request: Request) -> TwinResponse:
    """Contacts, by `where=EmailAddress=="…"`."""
    where = request.query.get("where", "")
    wanted = where.removeprefix('EmailAddress=="').removesuffix('"') if where else None
    found = [c for c in state["contacts"].values() if wanted in (None, c["EmailAddress"])]
    return _answer("Contacts", found)


@router.on("GET", "/api.xro/2.0/Invoices")
def list_invoices(state: Json, request: Request) -> TwinResponse:
    """Invoices, by `InvoiceNumbers`, a page of a hundred at a time."""
    numbers = [n for n in request.query.get("InvoiceNumbers", "").split(",") if n]
    statuses = [s for s in request.query.get("Statuses", "").split(",") if s]
    found = [
        i
        for i in state["invoices"].values()
        if (not numbers or i["InvoiceNumber"] in numbers) and (not statuses or i["Status"] in statuses)
    ]
    page = int(request.query.get("page", "1"))
    answer = _answer("Invoices", found[(page - 1) * 100 : page * 100])
    pages = {"page": page, "pageSize": 100, "pageCount": -(-len(found) // 100), "itemCount": len(found)}
    return TwinResponse(200, {**answer.body, "pagination": pages}, _LIMITS)


@router.on("GET", "/api.xro/2.0/Invoices/{invoice}")
def get_invoice(state: Json, request: Request, invoice: str) -> TwinResponse:
    """One invoice with its lines and payments."""
    found = state["invoices"].get(invoice)
    return _answer("Invoices", [found]) if found else _not_found()


@router.on("PUT", "/api.xro/2.0/Invoices")
def create_invoices(state: Json, request: Request) -> TwinResponse:
    """Create an invoice; a number is used once."""
    return _once(state, request, lambda: _created(state, request.body["Invoices"][0]))


def _created(state: Json, body: Json) -> TwinResponse:
    contact = body.get("Contact", {}).get("ContactID", "")
    if contact not in state["contacts"]:
        return _invalid("A Contact must be specified for this type of transaction")
    number = body.get("InvoiceNumber") or f"INV-{2000 + len(state['invoices'])}"
    if any(i["InvoiceNumber"] == number and i["Status"] not in ("DELETED",) for i in state["invoices"].values()):
        return _invalid("Invoice # must be unique.")
    line = body["LineItems"][0]
    if line.get("AccountCode") not in _ACCOUNTS:
        return _invalid(f"Account code '{line.get('AccountCode')}' is not a valid code for this document.")
    total = line.get("Quantity", 1) * line["UnitAmount"]
    invoice = _invoice(state, _new_id(), number, contact, total, body["Date"], line, body)
    return _answer("Invoices", [invoice])


def _invoice(
    state: Json, invoice: str, number: str, contact: str, total: float, day: str, line: Json = None, body: Json = None
) -> Json:
    body, line = body or {}, line or {"Description": "Subscription", "AccountCode": "200"}
    item = {"LineItemID": _new_id(f"{invoice}-1"), "Quantity": 1.0, "UnitAmount": total, "LineAmount": total, **line}
    made = {
        "Type": body.get("Type", "ACCREC"),
        "InvoiceID": invoice,
        "InvoiceNumber": number,
        "Reference": body.get("Reference", ""),
        "Payments": [],
        "AmountDue": total,
        "AmountPaid": 0.0,
        "AmountCredited": 0.0,
        "HasErrors": False,
        "Contact": dict(state["contacts"][contact]),
        "Date": _date(day),
        "DueDate": _date(body.get("DueDate", day)),
        "Status": body.get("Status", "AUTHORISED"),
        "LineAmountTypes": body.get("LineAmountTypes", "NoTax"),
        "LineItems": [item],
        "SubTotal": total,
        "TotalTax": 0.0,
        "Total": total,
        "UpdatedDateUTC": _updated(),
        "CurrencyCode": "EUR",
    }
    state["invoices"][invoice] = made
    return made


def _date(day: str) -> str:
    return f"/Date({int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp() * 1000)}+0000)/"


@router.on("POST", "/api.xro/2.0/Invoices/{invoice}")
def update_invoice(state: Json, request: Request, invoice: str) -> TwinResponse:
    """Change an invoice: here its status."""
    return _once(state, request, lambda: _changed(state, invoice, request.body["Invoices"][0]))


def _changed(state: Json, invoice: str, body: Json) -> TwinResponse:
    found = state["invoices"].get(invoice)
    if not found:
        return _not_found()
    if body.get("Status") == "VOIDED":
        if found["AmountPaid"]:
            return _invalid("Invoice cannot be voided as it has payments or credit notes allocated to it")
        if found["Status"] not in ("AUTHORISED", "VOIDED"):
            return _invalid("Invoice not of valid status for modification")
        found |= {"Status": "VOIDED", "AmountDue": 0.0, "UpdatedDateUTC": _updated()}
    return _answer("Invoices", [found])


@router.on("PUT", "/api.xro/2.0/Payments")
def create_payments(state: Json, request: Request) -> TwinResponse:
    """Book a payment for an invoice."""
    return _once(state, request, lambda: _paid(state, request.body["Payments"][0]))


def _paid(state: Json, body: Json) -> TwinResponse:
    invoice = state["invoices"].get(body["Invoice"]["InvoiceID"])
    if not invoice:
        return _invalid("Invoice could not be found")
    if invoice["Status"] != "AUTHORISED":
        return _invalid("Payment can only be made against Authorised documents")
    if body["Amount"] > invoice["AmountDue"]:
        return _invalid("Payment amount exceeds the amount outstanding on this document")
    account = _ACCOUNTS.get(body["Account"]["Code"])
    if not account or account[1] != "BANK":
        return _invalid("The account code is not a bank account")
    return _answer(
        "Payments",
        [_pay(state, _new_id(), invoice, body["Amount"], body["Date"], body.get("Reference", ""))],
    )


def _pay(state: Json, payment: str, invoice: Json, amount: float, day: str, reference: str) -> Json:
    made = {
        "PaymentID": payment,
        "Date": _date(day),
        "Amount": amount,
        "Reference": reference,
        "CurrencyRate": 1.0,
        "PaymentType": "ACCRECPAYMENT",
        "Status": "AUTHORISED",
        "UpdatedDateUTC": _updated(),
        "HasAccount": True,
        "IsReconciled": False,
        "Account": {"AccountID": _new_id("090"), "Code": "090"},
        "Invoice": {"InvoiceID": invoice["InvoiceID"], "InvoiceNumber": invoice["InvoiceNumber"]},
    }
    state["payments"][payment] = made
    _settle(state, invoice)
    return made


def _settle(state: Json, invoice: Json) -> None:
    """Bring an invoice's payments, amounts and status in line with the payments that stand."""
    standing = [
        p
        for p in state["payments"].values()
        if p["Invoice"]["InvoiceID"] == invoice["InvoiceID"] and p["Status"] == "AUTHORISED"
    ]
    names = ("PaymentID", "Date", "Amount", "Reference", "CurrencyRate")
    paid = round(sum(p["Amount"] for p in standing), 2)
    invoice |= {
        "Payments": [{name: p[name] for name in names} for p in standing],
        "AmountPaid": paid,
        "AmountDue": round(invoice["Total"] - paid, 2),
        "UpdatedDateUTC": _updated(),
    }
    invoice["Status"] = "PAID" if invoice["AmountDue"] == 0 else "AUTHORISED"


@router.on("GET", "/api.xro/2.0/Payments/{payment}")
def get_payment(state: Json, request: Request, payment: str) -> TwinResponse:
    """One payment."""
    found = state["payments"].get(payment)
    return _answer("Payments", [found]) if found else _not_found()


@router.on("POST", "/api.xro/2.0/Payments/{payment}")
def delete_payment(state: Json, request: Request, payment: str) -> TwinResponse:
    """Take a payment back by its status `DELETED`."""
    return _once(state, request, lambda: _deleted(state, payment, request.body.get("Status", "")))


def _deleted(state: Json, payment: str, status: str) -> TwinResponse:
    found = state["payments"].get(payment)
    if not found:
        return _not_found()
    if status != "DELETED" or found["IsReconciled"]:
        return _invalid("Payment cannot be deleted")
    found |= {"Status": "DELETED", "UpdatedDateUTC": _updated()}
    _settle(state, state["invoices"][found["Invoice"]["InvoiceID"]])
    return _answer("Payments", [found])


@router.on("GET", "/api.xro/2.0/Reports/TrialBalance")
def trial_balance(state: Json, request: Request) -> TwinResponse:
    """What is booked as sales, and what of it is paid and what is owed."""
    booked = [i for i in state["invoices"].values() if i["Status"] in ("AUTHORISED", "PAID")]
    total, paid = sum(i["Total"] for i in booked), sum(i["AmountPaid"] for i in booked)
    rows = [("Sales (200)", 0, total), ("Accounts Receivable (610)", total - paid, 0), ("Bank (090)", paid, 0)]
    day = request.query.get("date") or datetime.now(UTC).date().isoformat()
    report = {
        "ReportID": "TrialBalance",
        "ReportName": "Trial Balance",
        "ReportType": "TrialBalance",
        "ReportTitles": ["Trial Balance", "Acme", f"As at {day}"],
        "ReportDate": day,
        "UpdatedDateUTC": _updated(),
        "Fields": [],
        "Rows": [
            {"RowType": "Header", "Cells": [{"Value": v} for v in ("Account", "Debit", "Credit")]},
            {
                "RowType": "Section",
                "Title": "Balances",
                "Rows": [
                    {"RowType": "Row", "Cells": [{"Value": n}, {"Value": f"{d:.2f}"}, {"Value": f"{c:.2f}"}]}
                    for n, d, c in rows
                ],
            },
        ],
    }
    return _answer("Reports", [report])


def _once(state: Json, request: Request, act: Callable[[], TwinResponse]) -> TwinResponse:
    """The same `Idempotency-Key` gives the first answer again, for ten minutes."""
    key = request.headers.get("idempotency-key", "")
    if len(key) > 128:
        return _invalid("Idempotency-Key must be at most 128 characters")
    kept = state["keys"].get(key)
    if key and kept and now_ms() - kept["at"] < _KEY_LIFE_MS:
        return TwinResponse(kept["status"], kept["body"])
    answer = act()
    if key and answer.status == 200:
        state["keys"][key] = {"at": now_ms(), "status": answer.status, "body": answer.body}
    return answer
