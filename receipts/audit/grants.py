"""The audit of grants: whose sign-in the kept tokens of a connection are, held against the signed statements.

The tokens themselves are sealed under a key that is not in the store, each to its row; what a row says beside them is
what people read.
"""

from collections.abc import Iterator, Mapping

from pydantic import JsonValue

from contracts.canonical import pseudonym
from receipts.store.row import Read, blob

Place = tuple[str, str, str]
"""Connection, side, and the pseudonym of whose account it is; empty where all use it."""
Said = tuple[str, str, tuple[str, ...]]
"""The pseudonyms of account and of who connected it, and the scopes."""


class GrantWords:
    """What the log says of grants: each that was connected and not disconnected since."""

    def __init__(self) -> None:
        self.connected: dict[Place, list[Said]] = {}

    def hear(self, about: Mapping[str, JsonValue]) -> None:
        """Take in what a `connection` statement says."""
        place = (str(about["connection"]), str(about["side"]), str(about.get("holder", "")))
        if about["event"] == "disconnected":
            self.connected.pop(place, None)
        elif about["event"] == "connected":
            self.connected.setdefault(place, []).append(_said(about))


def grant_faults(read: Read, words: GrantWords) -> Iterator[str]:
    """Every grant that is not what a statement says, as one sentence."""
    keys = {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}
    stored = set()
    for row in read(
        "SELECT connection, side, tenant, person, account, connected_by, scopes FROM grants ORDER BY connection, side"
    ):
        connection, side, tenant, person, account, by, scopes = (str(value) for value in row)
        key = keys.get(tenant, b"")
        place = (connection, side, pseudonym(key, "person", person) if person else "")
        stored.add(place)
        told = pseudonym(key, "account", account) if account else ""
        signed = (told, pseudonym(key, "person", by), tuple(sorted(scopes.split())))
        if place not in words.connected:
            yield f"the tokens of the connection `{connection}` have no statement"
        elif signed not in words.connected[place]:
            yield f"the tokens of the connection `{connection}` are not what their statement says"
    for connection, _, _ in sorted(words.connected.keys() - stored):
        yield f"the tokens of the connection `{connection}` are missing"


def _said(about: Mapping[str, JsonValue]) -> Said:
    scopes = about.get("scopes")
    listed = tuple(sorted(str(one) for one in scopes)) if isinstance(scopes, list) else ()
    return str(about.get("account", "")), str(about["by"]), listed
