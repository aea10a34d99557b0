"""Every write of the library, with inputs that its twin can carry out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.compiler.catalog import load_catalog
from tests.vendors.systems import systems
from tests.world import ROOT


@dataclass(frozen=True, slots=True)
class Write:
    """One call of a contract; `{n}` in a text is the number of the fault."""

    contract: str
    inputs: Mapping[str, Any]


MARIA: Final = "0055g00000AMar1AAA"
ADA: Final = "0055g00000AAda3AAA"
UNDESCRIBED: Final[Mapping[str, Mapping[str, Any]]] = {
    "create_api_key": {"account_name": "slack-alerts"},
    "reauthenticate_connection": {"connection_name": "crm-main"},
    "resync_crm_account": {"crm_account": "acc0001"},
    "settle_export": {"number": "INV-1001", "invoice_id": "13eb85dd-e801-59dd-8d00-b3ce10fd19d7"},
    "create_quickbooks_invoice": {
        "number": "2001",
        "customer_id": "58",
        "amount_cents": 1999,
        "description": "Subscription",
        "item_id": "1",
        "date": "2026-11-20",
        "due": "2026-12-20",
    },
    "void_quickbooks_invoice": {"number": "1002", "invoice_id": "103"},
    "create_quickbooks_payment": {
        "invoice_id": "103",
        "amount_cents": 5025,
        "reference": "BANK-1",
        "date": "2026-11-21",
    },
    "void_quickbooks_payment": {"invoice_id": "101", "reference": "BANK-1001", "payment_id": "102"},
    "freeze_salesforce_user": {"user_id": MARIA},
    "unfreeze_salesforce_user": {"user_id": ADA},
    "assign_salesforce_permission_set": {"user_id": MARIA, "permission_set_id": "0PS5g00000000001AA"},
    "remove_salesforce_permission_set": {"user_id": ADA, "permission_set_id": "0PS5g00000000002AA"},
    "reset_salesforce_password": {"user_id": MARIA},
    "rerun_salesforce_rows": {"job_id": "7505g00000D00001AA", "external_ids": ["ext-2", "ext-4"]},
    "abort_salesforce_job": {"job_id": "7505g00000D00002AA"},
}
"""Those of systems without a description; the others have their inputs in `tests/vendors/systems/`."""


def writes() -> list[Write]:
    """All of them, by name."""
    examples = {name: inputs for system in systems().values() for name, inputs in system.examples.items()}
    programs = load_catalog(ROOT / "contracts" / "library").programs
    chosen = {name: inputs for name, inputs in (examples | UNDESCRIBED).items() if programs[name].is_write}
    return [Write(name, inputs) for name, inputs in sorted(chosen.items())]
