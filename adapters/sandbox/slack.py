"""A twin of Slack's Web API: what an app may post, by `200 {"ok": false}` where it may not."""

import time

from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()


def _refused(error: str, **more: Json) -> TwinResponse:
    return TwinResponse(200, {"ok": False, "error": error, **more})


def unauthorized() -> TwinResponse:
    """No or a wrong token: 200, as Slack answers."""
    return _refused("invalid_auth")


def forbidden() -> TwinResponse:
    """A token that lacks the scope: 200, as Slack answers."""
    return _refused("missing_scope", needed="chat:write", provided="channels:read")


def seed() -> Json:
    """Nothing was posted."""
    return {"messages": []}


@router.on("POST", "/chat.postMessage")
def post_message(state: Json, request: Request) -> TwinResponse:
    """A message in a channel."""
    if not isinstance(request.body, dict) or not request.body.get("channel"):
        return _refused("channel_not_found")
    if not request.body.get("text"):
        return _refused("no_text")
    message = {"type": "message", "text": request.body["text"], "ts": f"{time.time():.6f}"}
    state["messages"].append({**message, "channel": request.body["channel"]})
    return TwinResponse(200, {"ok": True, "channel": request.body["channel"], "ts": message["ts"], "message": message})
