"""Resources: typed attributes of known types, each with a type name that Cedar takes."""

from typing import Any

import pytest
from pydantic import ValidationError

from contracts.schema.resource import Attribute, Resource


@pytest.mark.parametrize("name", ["record", "Ok taUser", "Okta::User", "", "1User", "Okta_User", "A" * 65, "User\n"])
def test_a_type_is_one_word_of_cedar(name: str) -> None:
    with pytest.raises(ValidationError):
        Resource.model_validate({"type": name, "id": "x"})
    assert Resource.model_validate({"type": "OktaUser2", "id": "x"}).attributes == {}


@pytest.mark.parametrize("words", [{"type": "Number"}, {"type": "bool"}, {"authority": "agent"}, {"optional": True}])
def test_an_attribute_is_typed_and_required(words: dict[str, Any]) -> None:
    good = {"type": "Bool", "value": "${x}"}
    with pytest.raises(ValidationError):
        Attribute.model_validate({**good, **words})
    assert Attribute.model_validate(good).authority == "target"


def test_an_attributes_name_is_a_name() -> None:
    with pytest.raises(ValidationError):
        Resource.model_validate({"type": "A", "id": "x", "attributes": {"Vip": {"type": "Bool", "value": "x"}}})


def test_a_resource_as_it_was_written_keeps_its_digest() -> None:
    assert "shown" not in Resource(type="A", id="x").model_dump()
    assert Resource(type="A", id="x", shown="y").model_dump()["shown"] == "y"
