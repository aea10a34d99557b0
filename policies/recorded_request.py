"""A request to Cedar as a decision's record keeps it, so that another release can decide it too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from pydantic import JsonValue

from policies.budget import FULL
from policies.cedar_json import entity, local_time
from policies.schema import RESERVED_ROLE

Entity = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """Who asked for what, and in which circumstances. `entities` and `queries` are as the deciding release takes them.

    `is_early`: it was denied before the record was looked at, so it says nothing of the resource.
    """

    action: str
    entities: bytes
    queries: Sequence[Mapping[str, object]]
    plain: Mapping[str, object]
    approvals: Mapping[str, int]
    oldest_seconds: int
    is_early: bool
    known: Sequence[Entity]

    @classmethod
    def of(
        cls,
        requests: bytes,
        entities: bytes,
        roles: Iterable[str],
        environment: str | None,
        time_zone: str = "UTC",
    ) -> "RecordedRequest":
        """Read a record for a release that declares these roles; `environment` is where the connection is now.

        What policies did not know yet when it was recorded is filled in: names, nobody on call, local time.

        Raises ValueError for what is no record.
        """
        asked, known = orjson.loads(requests), orjson.loads(entities)
        if not isinstance(asked, list) or not asked or not isinstance(known, list):
            raise ValueError("no record of a decision")
        declared = frozenset(roles)
        # as in a live decision: a role that is not declared does not count
        for one in known:
            one["attrs"] = {**_later_attributes(one["uid"]), **one["attrs"]}
            one["parents"] = [p for p in one["parents"] if p["type"] != "Role" or p["id"] in declared]
        first = asked[0]
        is_early = isinstance(first["action"], str)
        # an early denial keeps no resource and no context, since nothing was read
        if is_early:
            action = str(orjson.loads(first["action"].partition("::")[2]))
            # nor what it was not counted for: a budget that is full denies before anything is read
            return cls(action, b"", (), first.get("context", {}), {}, 0, True, known)
        # guards hold by where the connection is now, and not by where it was
        if environment is not None:
            for one in known:
                if "environment" in one["attrs"]:
                    one["attrs"]["environment"] = entity("Environment", environment)
        context = {**first["context"], "env": _env_at(first["context"]["env"], time_zone)}
        counts = context["approvals"]
        return cls(
            first["action"]["id"],
            orjson.dumps(known, option=orjson.OPT_SORT_KEYS),
            [{key: query[key] for key in ("principal", "action", "resource")} for query in asked],
            {key: value for key, value in context.items() if key not in ("approvals", "guarded")},
            {role: n for role, n in counts.items() if role != RESERVED_ROLE},
            counts[RESERVED_ROLE],
            False,
            known,
        )

    @property
    def counted(self) -> Mapping[str, int]:
        """What was counted of each budget that a policy read then."""
        known = self.plain.get("budget")
        return {name: count for name, count in known.items() if count < FULL} if isinstance(known, Mapping) else {}

    def budgets(self, names: Iterable[str], others: Mapping[str, int]) -> dict[str, object]:
        """The key of these budgets in the context, with other counts where there are some. KeyError: no count."""
        counts = {**self.counted, **others}
        found = {name: counts[name] for name in names}
        return {"budget": found} if found else {}

    @property
    def principals(self) -> Sequence[Entity]:
        """The agent and the person that asked."""
        return self.known[:2]

    def context(
        self, roles: Iterable[str], approvals: Mapping[str, int], oldest: int, guarded: bool
    ) -> dict[str, object]:
        """The recorded context with these approvals instead of those that it had."""
        # every declared role, with 0: an absent one would make its guard err, and Cedar skips that
        counts = {role: approvals.get(role, 0) for role in roles} | {RESERVED_ROLE: oldest}
        plain = {key: value for key, value in self.plain.items() if key != "budget"}
        return {**plain, "approvals": counts, "guarded": guarded}


def _later_attributes(uid: Mapping[str, str]) -> dict[str, JsonValue]:
    """What newer code says of every agent and person, as far as an older record tells it."""
    if uid["type"] == "Agent":
        return {"name": uid["id"]}
    # on call is nobody of whom it was not written: a policy that asks for it then permits less
    return {"name": uid["id"], "subject": uid["id"], "onCall": False} if uid["type"] == "Person" else {}


def _env_at(env: Mapping[str, JsonValue], time_zone: str) -> dict[str, object]:
    """The recorded time by the clocks of a zone, whichever it was read by, and no incident where none was told."""
    now = env["now"]
    text = now["__extn"]["arg"]  # type: ignore[index,call-overload] # as it was recorded; else it is no record
    return {"incident": False, **env, **local_time(int(datetime.fromisoformat(str(text)).timestamp()), time_zone)}
