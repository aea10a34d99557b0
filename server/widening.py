"""What a release would widen against the one that this workspace's store released last."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from contracts.errors import AilyusError
from policies.widening import Former, FormerConnection, FormerContract, Wider, widened
from receipts.store import Read, blob
from server.stores import is_made, reading

if TYPE_CHECKING:
    from policies.release import Release
    from server.settings import Workspace

CONNECTIONS = "connections"
"""The label of a release's evidence that says where its connections stand."""
_LAST = (
    "SELECT label, data FROM evidence WHERE leaf_index ="
    " (SELECT max(leaf_index) FROM statements WHERE kind = 'release')"
    " AND (label LIKE 'contract/%' OR label = 'connections')"
)


def connections_of(release: "Release") -> bytes:
    """Where the connections of a release stand, as evidence of it."""
    places = {
        t.name: {"kind": t.kind, "tenant": t.tenant, "environment": t.environment} for t in release.targets.values()
    }
    return orjson.dumps(places, option=orjson.OPT_SORT_KEYS)


def last_release(read: Read) -> Former:
    """What was released last, as far as it decides which guards hold; empty where nothing was."""
    contracts: dict[str, FormerContract] = {}
    connections: dict[str, FormerConnection] = {}
    for label, data in read(_LAST):
        kind, _, name = str(label).partition("/")
        if kind == "contract":
            contracts[name] = FormerContract.model_validate_json(blob(data))
        else:
            places = orjson.loads(blob(data))
            connections = {name: FormerConnection.model_validate(place) for name, place in places.items()}
    return Former(contracts, connections)


def wider_than_live(workspace: "Workspace", release: "Release") -> tuple[Wider, ...]:
    """What the release would widen; nothing where no release was ever made."""
    if workspace.settings.store is None and not workspace.store.exists():
        return ()
    with reading(workspace) as read:
        if not is_made(workspace, read):
            return ()
        former = last_release(read)
    return widened(former, release)


def require_allowed(wider: Sequence[Wider], allowed: bool) -> None:
    """Raise `AilyusError` `wider` when a release widens something and nobody has allowed it."""
    if wider and not allowed:
        sentence = "the release lets through what the live one holds back\n  " + "\n  ".join(w.says for w in wider)
        raise AilyusError("wider", sentence)
