"""What a release would widen against the one that this workspace's store released last."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from contracts.errors import AilyusError
from policies.widening import Former, FormerConnection, FormerContract, Wider, widened
from receipts.log.log_keys import LogKeys
from receipts.statement.releases import newest, opened
from receipts.store.row import Read
from server.workspace.roots import trusted_keys
from server.workspace.stores import is_made, reading

if TYPE_CHECKING:
    from policies.release import Release
    from server.workspace.workspace import Workspace

CONNECTIONS = "connections"
"""The label of a release's evidence that says where its connections stand."""
_CONTRACT = "contract/"


def connections_of(release: "Release") -> bytes:
    """Where the connections of a release stand, as evidence of it."""
    places = {
        t.name: {"kind": t.kind, "tenant": t.tenant, "environment": t.environment} for t in release.targets.values()
    }
    return orjson.dumps(places, option=orjson.OPT_SORT_KEYS)


def last_release(read: Read, keys: LogKeys) -> Former:
    """What was released last, as far as it decides which guards hold; empty where nothing was.

    Only what the log's key signed counts. Raises `AilyusError` `store_corrupt`.
    """
    contracts: dict[str, FormerContract] = {}
    connections: dict[str, FormerConnection] = {}
    last = newest(read, keys)
    kept = opened(read, last, keys, _decides) if last is not None else {}
    for label, data in kept.items():
        if label == CONNECTIONS:
            places = orjson.loads(data)
            connections = {name: FormerConnection.model_validate(place) for name, place in places.items()}
        else:
            contracts[label.removeprefix(_CONTRACT)] = FormerContract.model_validate_json(data)
    return Former(contracts, connections)


def _decides(label: str) -> bool:
    return label == CONNECTIONS or label.startswith(_CONTRACT)


def wider_than_live(workspace: "Workspace", release: "Release") -> tuple[Wider, ...]:
    """What the release would widen; nothing where no release was ever made."""
    if not workspace.settings.has_database and not workspace.store.exists():
        return ()
    with reading(workspace) as read:
        if not is_made(workspace, read):
            return ()
        former = last_release(read, trusted_keys(workspace, read))
    return widened(former, release)


def require_allowed(wider: Sequence[Wider], allowed: bool) -> None:
    """Raise `AilyusError` `wider` when a release widens something and nobody has allowed it."""
    if wider and not allowed:  # guard: what widens is allowed first
        sentence = "the release lets through what the live one holds back\n  " + "\n  ".join(w.says for w in wider)
        raise AilyusError("wider", sentence)
