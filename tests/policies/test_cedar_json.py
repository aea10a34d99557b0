"""What is handed to Cedar as JSON, and what is written in its own syntax, cannot say anything else."""

import cedarpy
import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cedar_json import entity, instant, principal, quoted

NAMES = st.text(st.characters(codec="ascii") | st.sampled_from("éß中🔑"), max_size=12)


def test_a_principal_has_its_tenant_and_its_roles_in_order() -> None:
    assert principal("Agent", "bot", "acme", frozenset({"b", "a"})) == {
        "uid": {"type": "Agent", "id": "bot"},
        "attrs": {"tenant": "acme"},
        "parents": [{"type": "Role", "id": "a"}, {"type": "Role", "id": "b"}],
    }
    assert entity("Environment", "prod") == {"__entity": {"type": "Environment", "id": "prod"}}


def test_a_time_is_cut_to_its_second_in_utc() -> None:
    assert instant(1_800_000_000) == {"__extn": {"fn": "datetime", "arg": "2027-01-15T08:00:00Z"}}
    assert instant(0)["__extn"] == {"fn": "datetime", "arg": "1970-01-01T00:00:00Z"}


@settings(max_examples=60)
@given(NAMES)
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    plain = "".join(c for c in name if c.isprintable())
    policy = f"permit (principal == Agent::{quoted(plain)}, action, resource);"
    ((found,),) = [orjson.loads(cedarpy.policies_to_json_str(policy))["staticPolicies"].values()]
    assert found["principal"]["entity"] == {"type": "Agent", "id": plain}
    assert found["effect"] == "permit"
