"""The table of the library is the one that its contracts give, and what has a description says so."""

from contracts.compiler.catalog import load_catalog
from tests.library_reference import COMMAND, FILE, LEVELS, LIBRARY, level_of, written
from tests.vendors.systems import systems


def test_the_table_is_what_the_contracts_say() -> None:
    assert FILE.read_text() == written(), f"`{COMMAND}` writes it"


def test_each_contract_of_a_described_system_names_its_description_or_a_page() -> None:
    described = systems()
    for program in load_catalog(LIBRARY).programs.values():
        level = level_of(program)
        assert level in LEVELS
        assert (level == "description") <= (program.contract.target in described), program.name
        if program.contract.target in described:
            assert level in ("description", "documentation"), program.name
