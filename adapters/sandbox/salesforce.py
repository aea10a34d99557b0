"""A twin of Salesforce's REST API v67.0: SOQL, users, permission sets, Bulk API 2.0 jobs, Apex jobs, limits."""

import re
import secrets
from collections.abc import Callable

from adapters.sandbox.clock import stamp
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_DATA = "/services/data/v67.0"
_SOQL = re.compile(r"SELECT ([\w., ]+) FROM (\w+)(?: WHERE (.+?))?(?: ORDER BY \w+(?: DESC)?)?(?: LIMIT (\d+))?")
_IN = re.compile(r"([\w.]+) IN \(((?:'(?:[^'\\]|\\.)*',?)+)\)")
_LITERAL = re.compile(r"'((?:[^'\\]|\\.)*)'")
_EQUALS = re.compile(r"([\w.]+) = (?:'((?:[^'\\]|\\.)*)'|(true|false))")
_PAGE = 200
"""Records of one answer; Salesforce's default is 2,000."""


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _error(401, "INVALID_SESSION_ID", "Session expired or invalid")


def forbidden() -> TwinResponse:
    """A user without the permission."""
    return _error(403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")


def throttled() -> TwinResponse:
    """The requests of a day are used up. Salesforce says so by 403, and here by the status of too many requests."""
    return _error(429, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")


def _error(status: int, code: str, message: str) -> TwinResponse:
    return TwinResponse(status, [{"message": message, "errorCode": code}])


def _missing() -> TwinResponse:
    return _error(404, "NOT_FOUND", "The requested resource does not exist")


def seed() -> Json:
    """Three users, two permission sets, a sync job of which two rows failed, and the jobs that feed it."""
    state: Json = {"User": {}, "UserLogin": {}, "PermissionSet": {}, "PermissionSetAssignment": {}, "Account": {}}
    for place, (first, mail) in enumerate((("Maria", "maria"), ("Leo", "leo"), ("Ada", "ada")), 1):
        user = f"0055g00000A{first[:3].ljust(3, 'x')}{place}AAA"
        mail = f"{mail}@example.com"
        state["User"][user] = {"Id": user, "Username": mail, "Email": mail, "Name": first, "IsActive": True}
        state["User"][user]["LastPasswordChangeDate"] = "2026-10-01T08:00:00.000+0000"
        login = f"0Yw5g00000B00000{place}A"
        state["UserLogin"][login] = {"Id": login, "UserId": user, "IsFrozen": first == "Ada", "IsPasswordLocked": False}
    for place, name in enumerate(("Sync_Admin", "Billing_Read"), 1):
        chosen = f"0PS5g0000000000{place}AA"
        state["PermissionSet"][chosen] = {"Id": chosen, "Name": name, "Label": name.replace("_", " ")}
    given = "0Pa5g00000G00001AA"
    state["PermissionSetAssignment"][given] = {"Id": given, "AssigneeId": user, "PermissionSetId": chosen}
    for number in range(1, 6):
        account = f"0015g00000C0000{number}AA"
        stale = number in (2, 4)
        state["Account"][account] = {
            "Id": account,
            "External_Id__c": f"ext-{number}",
            "Name": f"Account {number}",
            "SystemModstamp": "2026-11-18T02:00:00.000+0000" if stale else "2026-11-20T02:01:00.000+0000",
        }
    state["ingest"] = {"7505g00000D00001AA": _job("7505g00000D00001AA", "JobComplete", 5, 2)}
    state["ingest"]["7505g00000D00002AA"] = _job("7505g00000D00002AA", "InProgress", 0, 0)
    state["failed"] = {
        "7505g00000D00001AA": [
            {"sf__Id": "", "sf__Error": "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record", **row}
            for row in (
                {"External_Id__c": "ext-2", "Name": "Account 2"},
                {"External_Id__c": "ext-4", "Name": "Account 4"},
            )
        ]
    }
    apex = {"Id": "7075g00000E00001AA", "Status": "Failed", "JobType": "BatchApex", "NumberOfErrors": 1}
    apex |= {"JobItemsProcessed": 3, "TotalJobItems": 4, "ExtendedStatus": "First error: UNABLE_TO_LOCK_ROW"}
    apex |= {"CreatedDate": "2026-11-20T02:00:00.000+0000", "CompletedDate": "2026-11-20T02:04:10.000+0000"}
    state["AsyncApexJob"] = {apex["Id"]: apex}
    cron = {"Id": "08e5g00000F00001AA", "CronJobDetail": {"Name": "nightly"}, "State": "WAITING"}
    cron |= {"PreviousFireTime": "2026-11-20T02:00:00.000+0000", "NextFireTime": "2026-11-21T02:00:00.000+0000"}
    state["CronTrigger"] = {cron["Id"]: cron}
    return state


def _now() -> str:
    """Now, as Salesforce writes it."""
    return stamp().replace("Z", "+0000")


def _job(job: str, state: str, processed: int, failed: int) -> Json:
    return {
        "id": job,
        "operation": "upsert",
        "object": "Account",
        "externalIdFieldName": "External_Id__c",
        "createdDate": "2026-11-20T02:00:00.000+0000",
        "systemModstamp": _now(),
        "state": state,
        "concurrencyMode": "Parallel",
        "contentType": "CSV",
        "apiVersion": 67.0,
        "jobType": "V2Ingest",
        "lineEnding": "LF",
        "columnDelimiter": "COMMA",
        "numberRecordsProcessed": processed,
        "numberRecordsFailed": failed,
        "retries": 0,
    }


@router.on("GET", f"{_DATA}/query")
def query(state: Json, request: Request) -> TwinResponse:
    """SOQL of one object with conditions `field = value` and `field IN (…)`, joined by AND."""
    asked = _SOQL.fullmatch(request.query.get("q", "").strip())
    if not asked or asked[2] not in state:
        return _error(400, "MALFORMED_QUERY", "unexpected token in the query")
    wanted: list[tuple[str, tuple[Json, ...]]] = []
    for part in asked[3].split(" AND ") if asked[3] else ():
        if several := _IN.fullmatch(part.strip()):
            wanted.append((several[1], tuple(re.sub(r"\\(.)", r"\1", one) for one in _LITERAL.findall(several[2]))))
            continue
        condition = _EQUALS.fullmatch(part.strip())
        if not condition:
            return _error(400, "MALFORMED_QUERY", f"unexpected token in '{part}'")
        text = re.sub(r"\\(.)", r"\1", condition[2]) if condition[2] is not None else condition[3] == "true"
        wanted.append((condition[1], (text,)))
    rows = [row for row in state[asked[2]].values() if all(_value(row, name) in values for name, values in wanted)]
    rows = rows[: int(asked[4])] if asked[4] else rows
    fields = [name.strip() for name in asked[1].split(",")]
    records = [_record(asked[2], row, fields) for row in rows[:_PAGE]]
    return TwinResponse(200, {"totalSize": len(rows), "done": len(rows) <= _PAGE, "records": records})


def _value(row: Json, name: str) -> Json:
    outer, _, inner = name.partition(".")
    return row.get(outer, {}).get(inner) if inner else row.get(outer)


def _record(kind: str, row: Json, fields: list[str]) -> Json:
    record: Json = {"attributes": {"type": kind, "url": f"{_DATA}/sobjects/{kind}/{row['Id']}"}}
    for name in fields:
        outer, _, inner = name.partition(".")
        record[outer] = {inner: _value(row, name)} if inner else row.get(outer)
    return record


@router.on("PATCH", f"{_DATA}/sobjects/UserLogin/{{login}}")
def update_login(state: Json, request: Request, login: str) -> TwinResponse:
    """Freeze or unfreeze a user."""
    found = state["UserLogin"].get(login)
    if not found:
        return _missing()
    found["IsFrozen"] = bool(request.body["IsFrozen"])
    return TwinResponse(204)


@router.on("DELETE", f"{_DATA}/sobjects/User/{{user}}/password")
def reset_password(state: Json, request: Request, user: str) -> TwinResponse:
    """Give a user a new password, which is told once."""
    found = state["User"].get(user)
    if not found:
        return _missing()
    found["LastPasswordChangeDate"] = _now()
    return TwinResponse(200, {"NewPassword": secrets.token_urlsafe(12)})


@router.on("POST", f"{_DATA}/sobjects/PermissionSetAssignment")
def assign(state: Json, request: Request) -> TwinResponse:
    """Assign a permission set to a user."""
    user, chosen = request.body["AssigneeId"], request.body["PermissionSetId"]
    if user not in state["User"] or chosen not in state["PermissionSet"]:
        return _error(400, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    for one in state["PermissionSetAssignment"].values():
        if (one["AssigneeId"], one["PermissionSetId"]) == (user, chosen):
            return _error(400, "DUPLICATE_VALUE", "Duplicate PermissionSetAssignment.")
    made = f"0Pa5g00000G{secrets.token_hex(2)}AAA"
    state["PermissionSetAssignment"][made] = {"Id": made, "AssigneeId": user, "PermissionSetId": chosen}
    return TwinResponse(201, {"id": made, "success": True, "errors": []})


@router.on("DELETE", f"{_DATA}/sobjects/PermissionSetAssignment/{{assignment}}")
def unassign(state: Json, request: Request, assignment: str) -> TwinResponse:
    """Take a permission set away."""
    return TwinResponse(204) if state["PermissionSetAssignment"].pop(assignment, None) else _missing()


@router.on("GET", f"{_DATA}/jobs/ingest")
def list_jobs(state: Json, request: Request) -> TwinResponse:
    """All jobs of the Bulk API 2.0."""
    return TwinResponse(200, {"done": True, "records": list(state["ingest"].values()), "nextRecordsUrl": None})


@router.on("GET", f"{_DATA}/jobs/ingest/{{job}}")
def get_job(state: Json, request: Request, job: str) -> TwinResponse:
    """A Bulk API 2.0 job."""
    return _with_job(state, job, lambda found: TwinResponse(200, found))


@router.on("PATCH", f"{_DATA}/jobs/ingest/{{job}}")
def patch_job(state: Json, request: Request, job: str) -> TwinResponse:
    """Abort a job that has not ended."""

    def change(found: Json) -> TwinResponse:
        if request.body.get("state") != "Aborted" or found["state"] in ("JobComplete", "Failed"):
            return _error(400, "INVALIDJOBSTATE", f"Aborting Job not allowed. Job status is {found['state']}")
        found |= {"state": "Aborted", "systemModstamp": _now()}
        return TwinResponse(200, found)

    return _with_job(state, job, change)


@router.on("GET", f"{_DATA}/jobs/ingest/{{job}}/failedResults")
def failed_results(state: Json, request: Request, job: str) -> TwinResponse:
    """The rows of a job that failed, as CSV with the error of each."""

    def rows(found: Json) -> TwinResponse:
        failed = state["failed"].get(job, [])
        names = ("sf__Id", "sf__Error", "External_Id__c", "Name")
        lines = [",".join(f'"{name}"' for name in names)]
        lines += [",".join('"' + row[name].replace('"', '""') + '"' for name in names) for row in failed]
        return TwinResponse(200, "\n".join(lines) + "\n", {"content-type": "text/csv; charset=utf-8"})

    return _with_job(state, job, rows)


def _with_job(state: Json, job: str, act: Callable[[Json], TwinResponse]) -> TwinResponse:
    found = state["ingest"].get(job)
    return act(found) if found else _missing()


@router.on("PATCH", f"{_DATA}/composite/sobjects/Account/External_Id__c")
def upsert_accounts(state: Json, request: Request) -> TwinResponse:
    """Upsert up to 200 accounts by their external id; each row says for itself whether it was done."""
    if len(request.body["records"]) > 200:
        return _error(400, "LIMIT_EXCEEDED", "record limit reached. cannot submit more than 200 records in this call")
    return TwinResponse(200, [_upserted(state, record) for record in request.body["records"]])


def _upserted(state: Json, record: Json) -> Json:
    found = next((a for a in state["Account"].values() if a["External_Id__c"] == record["External_Id__c"]), None)
    if found is None:
        made = f"0015g00000C{secrets.token_hex(2)}AAA"
        state["Account"][made] = {"Id": made, "SystemModstamp": _now(), **record}
        state["Account"][made].pop("attributes", None)
        return {"id": made, "success": True, "errors": [], "created": True}
    if found.get("locked"):
        error = {"statusCode": "UNABLE_TO_LOCK_ROW", "message": "unable to obtain exclusive access", "fields": []}
        return {"success": False, "errors": [error]}
    found |= {name: value for name, value in record.items() if name != "attributes"} | {"SystemModstamp": _now()}
    return {"id": found["Id"], "success": True, "errors": [], "created": False}


@router.on("GET", f"{_DATA}/limits")
def limits(state: Json, request: Request) -> TwinResponse:
    """What of the org's limits is left."""
    return TwinResponse(200, {"DailyApiRequests": {"Max": 100_000, "Remaining": 99_871}})
