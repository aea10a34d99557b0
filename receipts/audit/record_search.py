"""The search for a record or a person by a value, although receipts hold pseudonyms."""

from collections.abc import Sequence

import orjson

from contracts.canonical import pseudonym
from receipts.audit.query import MAX_FOUND, Found, Query, find, predicate_of
from receipts.store.row import Read, blob
from receipts.tables.input_names import input_names


def done_to(read: Read, value: str, tenant: str | None = None, limit: int = MAX_FOUND) -> list[Found]:
    """Everything about one record or person: by id, e-mail or an indexed input, though receipts hold pseudonyms.

    An e-mail finds a record's statements; those name the record, and so its other statements are found as well.
    """
    kinds = _kinds(read)
    own = _pseudonyms(read, kinds, value)
    # two passes: receipts of before the record was looked at name an input alone, those after it the record
    direct = find(read, Query(tenant=tenant, matches=own, limit=limit))
    further = _of_the_same_records(read, kinds, direct) if direct else []
    if not further:
        return direct
    return find(read, Query(tenant=tenant, matches=[*own, *further], limit=limit))


def search_values(read: Read, value: str) -> list[str]:
    """The pseudonyms that a value can have, in every tenant and for every kind that is indexed."""
    return _pseudonyms(read, _kinds(read), value)


def _pseudonyms(read: Read, kinds: Sequence[str], value: str) -> list[str]:
    return [pseudonym(key, kind, value) for key in _keys(read).values() for kind in kinds]


def _of_the_same_records(read: Read, kinds: Sequence[str], found: Sequence[Found]) -> list[str]:
    """The other pseudonyms of the records that these statements are about, also before the record was looked at."""
    keys, inputs = _keys(read), [kind for kind in kinds if kind.startswith("input.")]
    records: set[tuple[str, str]] = set()
    for one in found:
        resource = predicate_of(read, one.receipt_id).get("resource")
        if isinstance(resource, dict) and isinstance(resource.get("id"), str):
            records.add((one.tenant, str(resource["id"])))
    values = {resource for _, resource in records}
    for action in {one.action_id for one in found if one.action_id}:
        rows = read("SELECT tenant, request FROM actions WHERE id = ?", action)
        for tenant, request in rows:
            key = keys[str(tenant)]
            for param in orjson.loads(blob(request))["params"].values():
                # a parameter that is the record's own id leads to the receipts that name it as an input only
                if isinstance(param, str) and (str(tenant), pseudonym(key, "resource", param)) in records:
                    values |= {pseudonym(key, kind, param) for kind in inputs}
    return sorted(values)


def _keys(read: Read) -> dict[str, bytes]:
    return {str(tenant): blob(key) for tenant, key in read("SELECT tenant, key FROM tenant_keys")}


def _kinds(read: Read) -> list[str]:
    """Every kind of value that is indexed."""
    return ["resource", "label", "person", *sorted(f"input.{name}" for name in input_names(read))]
