"""The rotation of a key over two systems: what is asked for, and how both stand."""

from typing import Any

from tests.world import World

ROTATE = {
    "account_name": "slack-alerts",
    "integration_name": "alerts",
    "old_key_id": "key_old00001",
    "reason": "the key is due for its rotation",
}


def keys(world: World) -> dict[str, Any]:
    found = world.sandbox.state()["acme"]["apikeys"]["accounts"]["slack-alerts"]["keys"]
    return {key["id"]: key for key in found}


def integration(world: World) -> dict[str, Any]:
    return dict(world.sandbox.state()["acme"]["integrations"]["integrations"]["alerts"])


def states(answer: dict[str, Any]) -> dict[str, str]:
    return {step["id"]: step["state"] for step in answer["steps"]}


def works(world: World) -> bool:
    """Does the integration's key work when it is used?"""
    headers = {"authorization": "Bearer integrations-write-acme"}
    url = str(world.sandbox._client.base_url).replace("/_sandbox/", "/acme/integrations/integrations/alerts/test")
    return bool(world.sandbox._client.post(url, headers=headers).json()["last_call"]["ok"])
