"""The search of an agent among its own receipts: the tool `find_receipts`."""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from contracts.action.request import Caller
from receipts.action.action_result import ActionResult
from server.mcp.resources import ReceiptResources
from server.results.timestamp import iso


async def search_receipts(
    resources: ReceiptResources, caller: Caller, arguments: Mapping[str, JsonValue]
) -> ActionResult:
    """The receipts that the arguments of `find_receipts` ask for."""
    limit = arguments["limit"]
    rows = await resources.found(
        caller,
        limit if isinstance(limit, int) else 10,
        contract=_text(arguments.get("contract")),
        status=_text(arguments.get("status")),
    )
    return _answer(
        [
            {
                "receipt_id": r.receipt_id,
                "action_id": r.action_id,
                "tool": r.contract,
                "status": r.status,
                "at": iso(r.at_ms),
            }
            for r in rows
        ]
    )


def _answer(receipts: Sequence[Mapping[str, JsonValue]]) -> ActionResult:
    """The receipts that were asked for; nothing was done."""
    return ActionResult(
        status="confirmed",
        summary=f"{len(receipts)} receipts were found; nothing changed.",
        next="Give the receipt_id to whoever asked.",
        action_id=None,
        receipt_id=None,
        changed=False,
        data={"receipts": [dict(receipt) for receipt in receipts]},
    )


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
