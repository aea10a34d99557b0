"""A part of a command's document: a mark in the schema, with the places that fill it in."""

from typing import Annotated

from pydantic import TypeAdapter

from server.cli.document_part import MARK, part


def test_a_part_is_marked_with_each_place_and_with_nothing_of_its_own() -> None:
    places = ("receipts.statement.schema:schema", "contracts.errors:CODES")
    schema = TypeAdapter(Annotated[dict[str, object], part(*places)]).json_schema()
    assert schema == {MARK: list(places)}
