"""A part of a command's document that has the form of a model elsewhere; `document_schema.py` fills it in."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

# every command imports this module, and Pydantic costs each of them 50 ms
if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

MARK: Final = "x-places"


@dataclass(frozen=True, slots=True)
class DocumentPart:
    """Annotates a part of a document: `module:name` of a model, a schema or a function that makes one; or several.

    A model's form is that of `model_dump(mode="json", by_alias=True, exclude_none=True)`.
    """

    places: tuple[str, ...]

    def __get_pydantic_json_schema__(
        self, core_schema: "CoreSchema", handler: "GetJsonSchemaHandler"
    ) -> dict[str, object]:
        """A mark, which is filled in later: the references of one schema mean nothing inside of another."""
        return {MARK: list(self.places)}


def part(*places: str) -> DocumentPart:
    """The annotation of a part whose form is one of these."""
    return DocumentPart(places)
