"""A visit to the console: who asks for which page, and the page that answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from contracts.errors import AilyusError
from policies.principal import Person
from policies.receipt_policy import DECISIONS, Access
from receipts.action.action import Action
from receipts.journal.journal import Journal
from server.console.session import ConsoleSession


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its template, and the data that it shows, which is also its `.json` twin."""

    template: str
    title: str
    body: Mapping[str, object]
    status: int = 200


@dataclass(frozen=True, slots=True)
class ConsoleRequest:
    """One request to a page: by whom, and the fields of its form."""

    request: Request
    session: ConsoleSession | None
    form: Mapping[str, str] = field(default_factory=dict)

    @property
    def signed_in(self) -> ConsoleSession:
        """The session; raises `signed_out` when there is none."""
        if self.session is None:
            raise AilyusError("signed_out", "your session has ended")
        return self.session

    @property
    def person(self) -> Person:
        """Who is signed in."""
        return self.signed_in.person

    @property
    def tenant(self) -> str:
        """Whose records this person sees: never another tenant's."""
        return self.person.tenant

    def named(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def asked(self, name: str) -> str:
        """A field of the query, without white space around it; empty when it is absent."""
        return self.request.query_params.get(name, "").strip()[:300]


async def action_of(visit: ConsoleRequest, journal: Journal) -> Action:
    """The action that the path names."""
    action = await journal.get(visit.named("action"))
    # INVARIANT 9: nobody reads another tenant's action; a foreign id is not found
    if action is None or action.request.tenant != visit.tenant:
        raise AilyusError("not_found", "there is no such action that you may see", hint="start at the inbox")
    return action


Handler = Callable[[ConsoleRequest], Awaitable[Page | Response]]


@dataclass(frozen=True, slots=True)
class View:
    """Where a handler is reached; `public` needs no session. A form decides something unless it is `personal`."""

    method: str
    path: str
    handler: Handler
    public: bool = False
    access: Access | None = None
    personal: bool = False

    @property
    def needs(self) -> Access | None:
        """What the policies about receipts must permit to whoever is signed in."""
        if self.public or self.personal:
            return None
        # INVARIANT: a form that nobody thought of decides something
        return DECISIONS if self.method == "POST" else self.access
