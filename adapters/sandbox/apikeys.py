"""A twin of your own product's admin API: keys of service accounts, when each was used, and when it was refused."""

import secrets

from adapters.sandbox.clock import stamp
from adapters.sandbox.plain_refusals import forbidden as forbidden
from adapters.sandbox.plain_refusals import missing
from adapters.sandbox.plain_refusals import unauthorized as unauthorized
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
MADE: list[str] = []
"""Every secret that this process made: a sandbox has nothing to hide."""
LIMIT = 2
"""Keys that one account may have."""


def seed() -> Json:
    """One service account whose key the alerts integration holds."""
    return {"accounts": {"slack-alerts": {"id": "slack-alerts", "keys": [_key("key_old00001", "sk_old_0f3a9c")]}}}


def _key(name: str, secret: str) -> Json:
    return {
        "id": name,
        "secret": secret,
        "active": True,
        "created_at": stamp(),
        "created_by": "somebody",
        "last_used_at": "",
        "refused_at": "",
    }


def use(state: Json, secret: str) -> str | None:
    """A call made with a secret: the id of the key it was accepted for, None when it was refused."""
    for account in state["accounts"].values():
        for key in account["keys"]:
            if key["secret"] == secret:
                key["last_used_at" if key["active"] else "refused_at"] = stamp()
                return str(key["id"]) if key["active"] else None
    return None


def _shown(account: Json) -> Json:
    keys = [{k: v for k, v in key.items() if k != "secret"} for key in account["keys"]]
    return {"id": account["id"], "keys": keys}


@router.on("GET", "/accounts/{account}")
def get_account(state: Json, request: Request, account: str) -> TwinResponse:
    """An account and its keys, without secrets."""
    found = state["accounts"].get(account)
    return TwinResponse(200, _shown(found)) if found else missing()


@router.on("POST", "/accounts/{account}/keys")
def create_key(state: Json, request: Request, account: str) -> TwinResponse:
    """Create a key; its secret is shown this once."""
    found = state["accounts"].get(account)
    if not found:
        return missing()
    if len(found["keys"]) >= LIMIT:
        return TwinResponse(409, {"error": "limit_exceeded"})
    key = _key(f"key_{secrets.token_hex(4)}", f"sk_{secrets.token_urlsafe(24)}") | {"created_by": "ailyus-writer"}
    found["keys"].append(key)
    MADE.append(key["secret"])
    return TwinResponse(201, {"id": key["id"], "secret": key["secret"], "created_at": key["created_at"]})


@router.on("PATCH", "/accounts/{account}/keys/{key}")
def change_key(state: Json, request: Request, account: str, key: str) -> TwinResponse:
    """Switch a key on or off."""
    for found in state["accounts"].get(account, {"keys": []})["keys"]:
        if found["id"] == key:
            found["active"] = bool(request.body["active"])
            return TwinResponse(200, {"id": key, "active": found["active"]})
    return missing()


@router.on("DELETE", "/accounts/{account}/keys/{key}")
def delete_key(state: Json, request: Request, account: str, key: str) -> TwinResponse:
    """Delete a key for good."""
    found = state["accounts"].get(account, {"keys": []})
    if not any(k["id"] == key for k in found["keys"]):
        return missing()
    found["keys"] = [k for k in found["keys"] if k["id"] != key]
    return TwinResponse(204)
