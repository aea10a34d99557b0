"""Bookmarks of lists: filters under a name, kept by the browser of the person who named them, and by nobody else."""

import base64
import binascii
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError
from starlette.responses import Response

from contracts.errors import AilyusError
from server.console.redirection import inside, redirect
from server.console.visit import ConsoleRequest, View

COOKIE: Final = "__Host-ailyus-bookmarks"
LISTS: Final = ("/actions", "/receipts")
"""The pages whose filters stand in their address."""
MAX_COOKIE: Final = 3_500
"""Bytes of the value; browsers keep 4,096 of a cookie with its name (RFC 6265, section 6.1)."""
_YEAR_S: Final = 31_536_000


class Bookmark(BaseModel):
    """A list with its filters, under a name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1, max_length=40)]
    to: Annotated[str, Field(max_length=600)]


class Bookmarks(BaseModel):
    """Everything that one person named at one browser."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: str
    all: tuple[Bookmark, ...] = ()

    @classmethod
    def of(cls, visit: ConsoleRequest) -> "Bookmarks":
        """Those of the person who is signed in; none where the cookie is another's, or is none of ours."""
        empty = cls(person=visit.person.name)
        try:
            found = cls.model_validate_json(base64.urlsafe_b64decode(visit.request.cookies.get(COOKIE, "")))
        except (ValidationError, binascii.Error, ValueError):
            return empty
        # names of records stand in filters: whoever signs in next at this browser does not read them
        return found if found.person == visit.person.name else empty

    def named(self, path: str) -> list[JsonValue]:
        """Those of one list, for its page."""
        return [{"name": one.name, "to": one.to} for one in self.all if one.to.partition("?")[0] == path]

    def cookie(self) -> str:
        """The `Set-Cookie` value. Raises `bad_form` where it would be too long to be kept."""
        value = base64.urlsafe_b64encode(self.model_dump_json().encode()).decode()
        if len(value) > MAX_COOKIE:
            raise AilyusError("bad_form", "a browser keeps no more bookmarks than these", hint="remove one first")
        seconds = _YEAR_S if self.all else 0
        return f"{COOKIE}={value}; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age={seconds}"


class BookmarkPages:
    """The forms that keep and remove a bookmark; the lists show them."""

    def views(self) -> list[View]:
        """Where they are reached."""
        return [
            View("POST", "/bookmarks", self.keep, personal=True),
            View("POST", "/bookmarks/remove", self.remove, personal=True),
        ]

    async def keep(self, visit: ConsoleRequest) -> Response:
        """Keep these filters under a name; the same name means the newer ones from now on."""
        to = visit.form["to"]
        # only a list of this console: a bookmark leads nowhere else, whatever the form says
        if inside(to) != to or to.partition("?")[0] not in LISTS:
            raise AilyusError("bad_form", "this is no list that can be bookmarked", hint="begin at the list")
        new, kept = Bookmark(name=visit.form["name"].strip(), to=to), Bookmarks.of(visit)
        others = [one for one in kept.all if one.name != new.name]
        return _answer(kept.model_copy(update={"all": (*others, new)}), to)

    async def remove(self, visit: ConsoleRequest) -> Response:
        """Forget a bookmark; the list stays as it is shown."""
        kept, name = Bookmarks.of(visit), visit.form["name"]
        left = tuple(one for one in kept.all if one.name != name)
        to = next((one.to for one in kept.all if one.name == name), LISTS[0])
        return _answer(kept.model_copy(update={"all": left}), inside(to))


def _answer(bookmarks: Bookmarks, to: str) -> Response:
    answer = redirect(to)
    answer.headers["set-cookie"] = bookmarks.cookie()
    return answer
