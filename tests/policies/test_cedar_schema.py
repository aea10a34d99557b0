"""The schema of a text is parsed once, and a text that is none is refused each time."""

import cedarpy
import pytest

from policies.cedar_schema import cedar_schema

PEOPLE = 'entity Person; action "read" appliesTo {{ principal: Person, resource: {} }};'


def test_the_same_text_gives_the_same_schema_and_another_text_another() -> None:
    one = cedar_schema(PEOPLE.format("Person"))
    assert cedar_schema(PEOPLE.format("Person")) is one
    other = cedar_schema("entity Ticket;" + PEOPLE.format("Ticket"))
    read = 'permit (principal, action == Action::"read", resource is Person);'
    assert cedarpy.validate_policies(read, one).validation_passed
    assert not cedarpy.validate_policies(read, other).validation_passed


def test_what_is_no_schema_is_refused_each_time() -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="Missing"):
            cedar_schema(PEOPLE.format("Missing"))
