"""How a read whose answer comes in pages is read whole."""

from pydantic import Field, model_validator

from contracts.schema.fields import Sentence, Strict

Path = str | tuple[str, ...]
"""A place in an answer: keys joined by dots, or a list of keys where a key holds a dot."""


class Pages(Strict):
    """Where the next page is, and how the end is known. Exactly one of the first five says where.

    `link` follows the `Link` header (RFC 8288), `next` a URL in the body: both only below the connection's base URL.
    The others give the read a value to send: `${page.cursor}`, `${page.number}` or `${page.offset}`. A list is whole
    only if it ended, if no page was missing, and if it did not change while it was read.
    """

    link: str | None = Field(None, pattern=r"^[a-z-]{1,40}$", description="the relation of the next page: `next`")
    next: Path | None = Field(None, description="where the body has the next page's URL; absent, null or empty ends it")
    cursor: Path | None = Field(None, description="where the body has `${page.cursor}`; absent, null or empty ends it")
    number: int | None = Field(None, ge=0, le=1, description="the first `${page.number}`; an empty page ends it")
    offset: int | None = Field(None, ge=0, le=1, description="the first `${page.offset}`; an empty page ends it")
    items: Path | None = Field(None, description="where the body has the list; left out, the body is the list")
    more: Path | None = Field(None, description="where the body says, true or false, whether there is more")
    total: Path | None = Field(None, description="where the body says how many items all pages have together")
    id: str | None = Field(None, min_length=1, description="the field that names an item; left out, all of it does")
    at_most: int = Field(100, ge=1, le=1000, description="pages; a list that has more is not whole")
    steady: Sentence | None = Field(
        None, description="why no item that stays is passed over while others come and go; else all is read twice"
    )

    @model_validator(mode="after")
    def _one_way(self) -> "Pages":
        ways = (self.link, self.next, self.cursor, self.number, self.offset)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("name exactly one of link, next, cursor, number, offset")
        for name in ("next", "cursor", "items", "more", "total"):
            path = getattr(self, name)
            if path is not None and not (path and all(keys_of(path))):
                raise ValueError(f"`{name}` has an empty key")
        return self

    @property
    def sends(self) -> str | None:
        """The value that the read must send, for example `page.cursor`; None where a URL is followed."""
        return next((f"page.{n}" for n in ("cursor", "number", "offset") if getattr(self, n) is not None), None)


def keys_of(path: Path) -> tuple[str, ...]:
    """The keys of a path, from the outside in."""
    return tuple(path.split(".")) if isinstance(path, str) else path
