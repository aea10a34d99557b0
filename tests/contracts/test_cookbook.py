"""The contracts of the cookbook hold together, without a warning."""

import tomllib
from pathlib import Path

from contracts.compiler.catalog import load_catalog
from contracts.compiler.route_program import HttpProgram
from tests.contracts.cookbook import PAGE, cookbook


def test_the_contracts_of_the_cookbook_hold_together(tmp_path: Path) -> None:
    catalog = load_catalog(cookbook(tmp_path / "contracts"))
    assert catalog.warnings == ()
    assert catalog.programs.keys() == {"find_seat", "set_plan", "add_seat", "export_seats"}
    assert catalog.plans.keys() == {"upgrade_and_export"}
    (plan,) = catalog.programs["set_plan"].routes
    assert isinstance(plan, HttpProgram)
    assert plan.if_match
    assert catalog.programs["export_seats"].job is not None
    (connection,) = (tomllib.loads(block)["connections"]["seats"] for block in PAGE.blocks("toml"))
    assert (connection["header"], connection["scheme"]) == ("X-Api-Key", "")
