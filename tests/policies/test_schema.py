"""The Cedar schema of a set of contracts: groups nest, enums and attributes are types, and names are identifiers."""

from dataclasses import replace

import cedarpy
import pytest

from contracts.errors import AilyusError
from policies.schema import CONTEXT, enum_type, generate_schema, groups, groups_of, meaning, membership
from tests.policies.making import PROGRAMS, ROLES

RESET, FIND = PROGRAMS["reset_user_mfa"], PROGRAMS["find_user"]


def schema(*programs: str, **more: object) -> str:
    chosen = [PROGRAMS[name] for name in programs or ("reset_user_mfa", "find_user")]
    return generate_schema(chosen, ROLES, ("prod", "staging"), **more)  # type: ignore[arg-type]


def line(text: str, start: str) -> str:
    (found,) = (one for one in text.splitlines() if one.startswith(start))
    return found


def test_cedar_takes_it_and_it_is_the_same_for_every_order() -> None:
    text = schema("reset_user_mfa", "find_user")
    cedarpy.Schema.from_str(text)
    assert text == schema("find_user", "reset_user_mfa")
    assert text == generate_schema([FIND, RESET], reversed(ROLES), ("staging", "prod", "prod"))


def test_risk_groups_nest_so_that_a_rule_on_high_covers_critical() -> None:
    text = schema()
    for risk, parent in (("medium", "low"), ("high", "medium"), ("critical", "high")):
        assert line(text, f'action "risk_at_least_{risk}"') == (
            f'action "risk_at_least_{risk}" in [Action::"risk_at_least_{parent}"];'
        )
    assert line(text, 'action "risk_at_least_low"') == 'action "risk_at_least_low";'
    assert groups("write", "high", ("mfa",)) >= {"risk_at_least_low", "risk_at_least_medium", "risk_at_least_high"}
    assert "risk_at_least_critical" not in groups("write", "high", ())
    assert set(groups_of(RESET)) <= membership(RESET)


def test_a_value_of_an_enum_has_a_type_of_its_own() -> None:
    program, name, field = next((p, n, f) for p in PROGRAMS.values() for n, f in p.contract.inputs.items() if f.enum)
    text = schema(program.name)
    made = enum_type(program.name, name)
    assert made.endswith("Value")
    for value in field.enum or ():
        assert f'"{value}"' in line(text, f"entity {made} ")


def test_a_context_is_cut_down_to_the_keys_that_are_read() -> None:
    whole = line(schema(), f'action "{FIND.name}"')
    cut = line(schema(reads={FIND.name: {"params", "env"}}), f'action "{FIND.name}"')
    assert all(f" {key}: " in whole for key in CONTEXT - {"request", "budget"})
    assert [key for key in sorted(CONTEXT) if f" {key}: " in cut] == ["env", "params"]


def test_an_approval_outlives_what_newer_code_says_of_every_action() -> None:
    text = schema()
    assert b"spentLastDay" not in meaning(text)
    assert b"type Approvals" in meaning(text)


@pytest.mark.parametrize("name", ["", "1st", "two words", "a-b", 'x"; permit', "oldestSeconds", "é", "x" * 65])
def test_what_is_no_identifier_is_no_name_of_a_role_or_environment(name: str) -> None:
    for roles, environments in (((name,), ("prod",)), (("Lead",), (name,))):
        with pytest.raises(AilyusError) as fault:
            generate_schema([FIND], roles, environments)
        assert fault.value.code == "bad_settings"


def test_two_contracts_agree_on_a_resource() -> None:
    fewer = replace(RESET, attributes=RESET.attributes[:-1])
    other = next(p for p in PROGRAMS.values() if p.resource_type == RESET.resource_type and p.name != RESET.name)
    with pytest.raises(AilyusError, match="different attributes"):
        generate_schema([fewer, other], ROLES, ("prod",))
    reserved = replace(RESET, attributes=(replace(RESET.attributes[0], name="tenant"),))
    with pytest.raises(AilyusError, match="comes from the connection"):
        generate_schema([reserved], ROLES, ("prod",))
