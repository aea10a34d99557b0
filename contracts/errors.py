"""The one error base, and the table of every code that a caller, an approver or an admin can be shown."""

from collections.abc import Sequence
from types import MappingProxyType

CODES = MappingProxyType(
    {
        # a call that cannot be read (status `invalid`): nothing was sent
        "unknown_tool": "no such tool; list the tools and use one of their names",
        "not_an_object": "the arguments must be one JSON object",
        "missing_field": "add the field",
        "unknown_field": "remove the field; only the fields of the input schema exist",
        "reserved_key": "keys that start with `__` are reserved; remove it",
        "wrong_type": "give the value the type that the input schema names",
        "wrong_format": "the value must match the form in the input schema; find ids with the tool that it names",
        "not_allowed_value": "use one of the values that the input schema lists",
        "out_of_range": "keep the value within the bounds of the input schema",
        "too_long": "shorten the value",
        "too_short": "the value is too short",
        "too_large": "send less: the arguments of one call may take 64 KiB",
        "bad_text": "write the text in Unicode NFC, without control, invisible or direction-changing characters",
        "bad_segment": "one plain path segment is expected: no `.`, `..`, `/`, `\\`, `?`, `#`, `%` or `;`",
        "not_canonical": "use text, whole numbers below 2^53, booleans, lists and objects only",
        # an approval that does not count
        "params_changed": "the parameters are not the ones that were approved; ask for a new approval",
        "resource_changed": "the resource is not the one that was approved; ask for a new approval",
        "other_requester": "the approval was given for another agent or person",
        "expired": "the approval or the action is past its time; call the tool again to ask anew",
        "used": "an approval is used once; call the tool again to ask anew",
        "self_approval": "somebody else must approve: not who asked, not whom it is for, not the agent's owner, "
        "not the author of the release",
        "wrong_role": "approve in a role that you hold and that is asked for",
        "state_changed": "the record changed since it was shown; look at it again and approve what it is now",
        "policy_changed": "the policies for this action changed since; look at it again and approve anew",
        "target_changed": "the connection or its routes changed since; look at it again and approve anew",
        "need_missing": "another number or role of approvers is needed now",
        "unlinked_key": "the key is linked to no person; enrol it first",
        "bad_signature": "the signature does not fit the approval; sign what is shown with the enrolled key",
        "weak_key": "from risk high on a passkey must sign: bring one with `ailyus person invite PERSON`",
        "not_waiting": "the action does not wait for an approval",
        "no_authority": "somebody who may do this must do it",
        "signed_out": "sign in and do it again; nothing happened",
        "unauthenticated": "bring the token of an agent that may read receipts",
        "too_many": "ask again a little later",
        "bad_form": "open the page again and send its own form; nothing happened",
        "unknown_approval": "list the open approvals with `ailyus approval list`",
        # contracts, policies, settings
        "bad_contract": "correct the contract, then run `ailyus contract check`",
        "not_supported_yet": "leave it out for now",
        "bad_expression": "correct the expression; names in scope are listed in contracts/README.md",
        "bad_policy": "correct the policy, then run `ailyus policy check`",
        "bad_settings": "correct ailyus.toml",
        "wider": "take the change back, or look at what is named here and run it again with `--allow-wider`",
        "no_workspace": "run `ailyus init w` and work in that folder, or name one with --workspace",
        "no_owner": "start the gateway with `ailyus serve`",
        "owner_elsewhere": "another process owns this store; use that one, or end it first",
        "no_author": "release this set of contracts and policies: `ailyus serve --as PERSON`",
        "not_released": "sign what the files say now: `ailyus release apply --as PERSON`",
        "not_approved": "another person must approve it: `ailyus release approve --as PERSON`",
        "stale": "something was released since; propose it anew: `ailyus release propose --as PERSON`",
        "tests_failed": "correct the policies or their tests: `ailyus policy test`",
        "unknown_person": "name a person of ailyus.toml",
        "unknown_agent": "list the agents with `ailyus agent list`",
        "not_found": "there is no such record that you may see",
        # the store
        "store_rewound": "this store is older than its last witnessed head; restore the newest copy, or let a "
        "person accept what was lost: `ailyus store accept-loss`",
        "store_restored": 'a person accepts what was lost: `ailyus store accept-loss --as PERSON --reason "…"`',
        "archived": "put the file of the archive where `[store] archive` says",
        "store_newer": "start the version that wrote it, or a newer one",
        "store_corrupt": "run `ailyus audit`; restore the store from its newest good copy",
        "store_unavailable": "the store cannot be written: free disk space or repair it; nothing was sent",
        "clock_behind": "correct the clock; if it is right and was ahead before, end the gateway and run "
        "`ailyus store accept-clock`",
        "overloaded": "too many actions at once; try again shortly",
        "too_many_pending": "too many requests wait for a person already; wait until some are decided",
        "unavailable": "nothing was sent; call again later with the same arguments",
        "release_changed": "contracts or policies were released anew in between; call again",
        "halted": "a person halted it; wait until a person lifts the halt (`ailyus halt lift`)",
        "breaker_open": "three outcomes in a row were bad; wait until a person lifts the halt (`ailyus halt lift`)",
        "bad_handle": "create the secret anew and pass its handle on at once, to the field that its tool names",
        "bad_plan": "correct the plan; contracts/README.md has its format",
        "rate_limited": "call again when its minute is over",
        "budget_moved": "other actions took from the same rate or budget meanwhile; call again",
        "internal": "nothing more was sent; give the action id to the people who run the gateway",
        # proofs
        "not_authentic": "the proof does not hold; get it again from the gateway, and compare the trusted roots",
        "bad_proof": "the file is not an ailyus proof; write one with `ailyus receipt proof ID`",
        # doing
        "bad_url": "correct the base URL or the path of the route; redirects and other origins are never followed",
        "no_browser": "install one with `ailyus doctor --fix`",
        "bad_curl": "give the line as it works in a shell: method, headers, body, URL",
        "bad_description": "give a file with an OpenAPI description, in which every reference is local",
        "no_adapter": "see `ailyus adapter list`",
        "no_server": "correct the connection's [connections.NAME.mcp], or start the server",
        "not_connected": "begin again at the connection's page, or with a new access token; nothing was kept",
        "no_credential": "set the environment variable or file that the reference names, or see to its program",
    }
)


class AilyusError(Exception):
    """Something that a person or an agent can be told: a code of `CODES`, a lower-case sentence, a hint.

    `field` is a JSON pointer (RFC 6901) into the input, or `file:line` for files, where there is one. `also` are the
    faults that were found with the first one; `sentence` says all of them.
    """

    def __init__(
        self,
        code: str,
        sentence: str,
        *,
        hint: str | None = None,
        field: str | None = None,
        also: Sequence["AilyusError"] = (),
    ) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.hint = hint if hint is not None else CODES[code]
        self.field = field
        self.also = tuple(also)

    @classmethod
    def all_of(cls, faults: Sequence["AilyusError"]) -> "AilyusError":
        """Several faults as one: code, field and hint are those of the first."""
        first, *rest = faults
        sentence = "; ".join(fault.sentence for fault in faults)
        return cls(first.code, sentence, hint=first.hint, field=first.field, also=rest)

    def inside(self, where: str, place: str) -> "AilyusError":
        """The same faults in a part of a larger input; `place` says in words where that is."""
        moved = [
            AilyusError(fault.code, fault.sentence, hint=fault.hint, field=f"{where}{fault.field or ''}")
            for fault in self.also
        ]
        sentence = f"{place}: {self.sentence}"
        return AilyusError(self.code, sentence, hint=self.hint, field=f"{where}{self.field or ''}", also=moved)

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.sentence}\n  hint: {self.hint}"


class NotDurable(AilyusError):
    """The store could not say that a commit is durable: nothing may be sent on its strength."""

    def __init__(self, sentence: str, *, hint: str | None = None) -> None:
        super().__init__("store_unavailable", sentence, hint=hint)
