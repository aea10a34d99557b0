"""A twin of your own product's admin API: its integrations, the issuer's key that each holds, and the key's *use*."""

from adapters.sandbox import apikeys
from adapters.sandbox.clock import stamp
from adapters.sandbox.plain_refusals import forbidden as forbidden
from adapters.sandbox.plain_refusals import missing
from adapters.sandbox.plain_refusals import unauthorized as unauthorized
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()


def seed() -> Json:
    """One integration, which posts alerts with the issuer's old key."""
    return {
        "integrations": {
            "alerts": {
                "id": "alerts",
                "channel": "#alerts",
                "credential": "sk_old_0f3a9c",
                "credential_key": "key_old00001",
                "credential_set_at": stamp(),
                "last_call": {"at": "", "ok": False, "key_id": ""},
            }
        }
    }


def _shown(integration: Json) -> Json:
    return {k: v for k, v in integration.items() if k != "credential"}


@router.on("GET", "/integrations/{integration}")
def get_integration(state: Json, request: Request, integration: str) -> TwinResponse:
    """An integration, its credential by name only."""
    found = state["integrations"].get(integration)
    return TwinResponse(200, _shown(found)) if found else missing()


@router.on("PUT", "/integrations/{integration}/credential")
def put_credential(state: Json, request: Request, integration: str) -> TwinResponse:
    """Replace the credential; the integration makes one call with it at once."""
    found = state["integrations"].get(integration)
    if not found:
        return missing()
    found |= {"credential": request.body["credential"], "credential_key": request.body["key_id"]}
    found["credential_set_at"] = stamp()
    return TwinResponse(200, _call(request.org, found))


@router.on("POST", "/integrations/{integration}/test")
def test_integration(state: Json, request: Request, integration: str) -> TwinResponse:
    """Make one call with the stored credential."""
    found = state["integrations"].get(integration)
    if not found:
        return missing()
    return TwinResponse(200, _call(request.org, found))


def _call(org: Json, integration: Json) -> Json:
    key = apikeys.use(org["apikeys"], integration["credential"])
    integration["last_call"] = {"at": stamp(), "ok": key is not None, "key_id": key or integration["credential_key"]}
    return {"last_call": integration["last_call"]}
