"""A twin of QuickBooks Online's Accounting API v3: queries, invoices, payments, versions (`SyncToken`), `requestid`."""

import re
from datetime import UTC, datetime

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_QUERY = re.compile(
    r"select \* from (\w+)(?: where (\w+) = '((?:[^'\\]|\\.)*)')?(?: startposition (\d+))?(?: maxresults (\d+))?",
    re.IGNORECASE,
)


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _fault(401, "3200", "message=AuthenticationFailed; errorCode=003200", "AUTHENTICATION")


def forbidden() -> TwinResponse:
    """A token whose company or scope is another."""
    return _fault(403, "3100", "message=ApplicationAuthorizationFailed; errorCode=003100", "AuthorizationFault")


def throttled() -> TwinResponse:
    """More than 500 requests a minute."""
    return _fault(429, "3001", "message=ThrottleExceeded; errorCode=003001; statusCode=429", "THROTTLE")


def _fault(status: int, code: str, message: str, kind: str = "ValidationFault", detail: str = "") -> TwinResponse:
    error = {"Message": message, "Detail": detail or message, "code": code}
    return TwinResponse(status, {"Fault": {"Error": [error], "type": kind}, "time": stamp()})


def seed() -> Json:
    """One customer with a paid and an open invoice."""
    state: Json = {"Customer": {}, "Invoice": {}, "Payment": {}, "requests": {}, "next": 100}
    mail = {"Address": "accounts@rexmedia.example"}
    state["Item"] = {"1": _new("1", {"Name": "Services", "Type": "Service", "Active": True})}
    state["Customer"]["58"] = _new("58", {"DisplayName": "Rex Media Group", "PrimaryEmailAddr": mail, "Active": True})
    for number, amount, paid in (("1001", 101.25, True), ("1002", 102.5, False)):
        made = _invoice(state, {"DocNumber": number, "CustomerRef": {"value": "58"}, "Line": [_line(amount)]})
        if paid:
            line = {"Amount": amount, "LinkedTxn": [{"TxnId": made["Id"], "TxnType": "Invoice"}]}
            _payment(
                state,
                {"CustomerRef": {"value": "58"}, "TotalAmt": amount, "PaymentRefNum": "BANK-1001", "Line": [line]},
            )
    return state


def _line(amount: float) -> Json:
    detail = {"ItemRef": {"value": "1", "name": "Services"}}
    return {"Amount": amount, "DetailType": "SalesItemLineDetail", "SalesItemLineDetail": detail}


def _new(number: str, body: Json) -> Json:
    times = {"CreateTime": stamp(), "LastUpdatedTime": stamp()}
    return {"domain": "QBO", "sparse": False, "Id": number, "SyncToken": "0", "MetaData": times, **body}


def _next(state: Json) -> str:
    state["next"] += 1
    return str(state["next"])


def _touch(found: Json) -> None:
    found["SyncToken"] = str(int(found["SyncToken"]) + 1)
    found["MetaData"] = {**found["MetaData"], "LastUpdatedTime": stamp()}


@router.on("GET", "/query")
def query(state: Json, request: Request) -> TwinResponse:
    """`select * from ENTITY where FIELD = '…'`, with STARTPOSITION and MAXRESULTS."""
    asked = _QUERY.fullmatch(request.query.get("query", "").strip())
    if not asked or asked[1] not in state:
        return _fault(400, "4000", "Error parsing query", detail="QueryParserError")
    wanted = re.sub(r"\\(.)", r"\1", asked[3]) if asked[3] is not None else None
    rows = [row for row in state[asked[1]].values() if asked[2] is None or _field(row, asked[2]) == wanted]
    start, most = int(asked[4] or 1), int(asked[5] or 100)
    page = rows[start - 1 : start - 1 + most]
    # a page without rows has no list at all
    found = {asked[1]: page, "startPosition": start, "maxResults": len(page), "totalCount": len(rows)} if page else {}
    return TwinResponse(200, {"QueryResponse": found, "time": stamp()})


def _field(row: Json, name: str) -> Json:
    value = row.get(name)
    return value.get("Address", value.get("value")) if isinstance(value, dict) else value


@router.on("GET", "/invoice/{number}")
def get_invoice(state: Json, request: Request, number: str) -> TwinResponse:
    """One invoice."""
    return _read(state, "Invoice", number)


@router.on("GET", "/payment/{number}")
def get_payment(state: Json, request: Request, number: str) -> TwinResponse:
    """One payment."""
    return _read(state, "Payment", number)


def _read(state: Json, entity: str, number: str) -> TwinResponse:
    found = state[entity].get(number)
    return TwinResponse(200, {entity: found, "time": stamp()}) if found else _missing()


def _missing() -> TwinResponse:
    return _fault(400, "610", "Object Not Found", detail="Object Not Found : Something you're trying to use is gone")


@router.on("POST", "/invoice")
def post_invoice(state: Json, request: Request) -> TwinResponse:
    """Create an invoice, or void one by `operation=void`; the same `requestid` gives the first answer again."""
    return _once(state, request, "Invoice")


@router.on("POST", "/payment")
def post_payment(state: Json, request: Request) -> TwinResponse:
    """Create a payment, or void one by `operation=update` with `include=void`."""
    return _once(state, request, "Payment")


def _once(state: Json, request: Request, entity: str) -> TwinResponse:
    asked = request.query.get("requestid", "")
    if len(asked) > 50:
        return _fault(400, "2020", "Required param missing, need to supply the required value for the API")
    if asked in state["requests"]:
        number = state["requests"][asked]
        return TwinResponse(200, {entity: state[entity][number], "time": stamp()})
    voids = request.query.get("operation") == "void" or request.query.get("include") == "void"
    answer = _void(state, entity, request.body) if voids else _create(state, entity, request.body)
    if asked and answer.status == 200:
        state["requests"][asked] = answer.body[entity]["Id"]
    return answer


def _create(state: Json, entity: str, body: Json) -> TwinResponse:
    if body.get("CustomerRef", {}).get("value") not in state["Customer"]:
        return _fault(
            400, "2500", "Invalid Reference Id", detail="Invalid Reference Id : Names element id is not found"
        )
    if entity == "Payment":
        return _paid(state, body)
    number = body.get("DocNumber")
    if any(one["DocNumber"] == number for one in state["Invoice"].values()):
        detail = f"Duplicate Document Number Error : You must specify a different number. {number} is already in use."
        return _fault(400, "6140", "Duplicate Document Number Error", detail=detail)
    return TwinResponse(200, {"Invoice": _invoice(state, body), "time": stamp()})


def _invoice(state: Json, body: Json) -> Json:
    day, total = datetime.now(UTC).date().isoformat(), sum(line["Amount"] for line in body["Line"])
    lines = [{"Id": str(place), "LineNum": place, **line} for place, line in enumerate(body["Line"], 1)]
    amounts = {"TotalAmt": total, "Balance": total, "CurrencyRef": {"value": "USD"}, "LinkedTxn": []}
    made = _new(_next(state), {"TxnDate": day, "DueDate": day, **body, "Line": lines, **amounts})
    state["Invoice"][made["Id"]] = made
    return made


def _paid(state: Json, body: Json) -> TwinResponse:
    for line in body.get("Line", []):
        invoice = state["Invoice"].get(line["LinkedTxn"][0]["TxnId"])
        if not invoice:
            return _missing()
        if line["Amount"] > invoice["Balance"]:
            return _fault(400, "6000", "A business validation error has occurred while processing your request")
    return TwinResponse(200, {"Payment": _payment(state, body), "time": stamp()})


def _payment(state: Json, body: Json) -> Json:
    day = datetime.now(UTC).date().isoformat()
    made = _new(_next(state), {"TxnDate": day, "UnappliedAmt": 0, "PaymentRefNum": "", **body})
    state["Payment"][made["Id"]] = made
    for line in body.get("Line", []):
        invoice = state["Invoice"][line["LinkedTxn"][0]["TxnId"]]
        invoice["Balance"] = round(invoice["Balance"] - line["Amount"], 2)
        invoice["LinkedTxn"] = [*invoice["LinkedTxn"], {"TxnId": made["Id"], "TxnType": "Payment"}]
        _touch(invoice)
    return made


def _void(state: Json, entity: str, body: Json) -> TwinResponse:
    found = state[entity].get(body.get("Id"))
    if not found:
        return _missing()
    if body.get("SyncToken") != found["SyncToken"]:
        detail = "Stale Object Error : You and somebody else were working on this at the same time."
        return _fault(400, "5010", "Stale Object Error", detail=detail)
    if entity == "Invoice" and found["LinkedTxn"]:
        return _fault(400, "6000", "A business validation error has occurred: it is linked to a payment")
    for line in found["Line"] if entity == "Payment" else []:
        for linked in line["LinkedTxn"]:
            invoice = state["Invoice"][linked["TxnId"]]
            invoice["Balance"] = round(invoice["Balance"] + line["Amount"], 2)
            invoice["LinkedTxn"] = [one for one in invoice["LinkedTxn"] if one["TxnId"] != found["Id"]]
            _touch(invoice)
    found |= {"TotalAmt": 0, "PrivateNote": "Voided"}
    found["Balance" if entity == "Invoice" else "Line"] = 0 if entity == "Invoice" else []
    _touch(found)
    return TwinResponse(200, {entity: found, "time": stamp()})


@router.on("GET", "/reports/TrialBalance")
def trial_balance(state: Json, request: Request) -> TwinResponse:
    """What is booked as income, what of it is paid and what is owed."""
    booked = sum(one["TotalAmt"] for one in state["Invoice"].values())
    owed = sum(one["Balance"] for one in state["Invoice"].values())
    rows = [("Undeposited Funds", booked - owed, 0), ("Accounts Receivable (A/R)", owed, 0), ("Services", 0, booked)]
    columns = [{"ColTitle": title, "ColType": kind} for title, kind in (("", "Account"), ("Debit", "Money"))]
    header = {"ReportName": "TrialBalance", "ReportBasis": "Accrual", "Currency": "USD", "Time": stamp()}
    header |= {"StartPeriod": request.query.get("start_date", ""), "EndPeriod": request.query.get("end_date", "")}
    lines = [
        {"ColData": [{"value": name}, {"value": _money(debit)}, {"value": _money(credit)}]}
        for name, debit, credit in rows
    ]
    total = {"ColData": [{"value": "TOTAL"}, {"value": _money(booked)}, {"value": _money(booked)}]}
    columns.append({"ColTitle": "Credit", "ColType": "Money"})
    report = {"Header": header, "Columns": {"Column": columns}}
    return TwinResponse(200, {**report, "Rows": {"Row": [*lines, {"group": "GrandTotal", "Summary": total}]}})


def _money(amount: float) -> str:
    return f"{amount:.2f}" if amount else ""
