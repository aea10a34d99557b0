"""A log made by hand, with its key: a good proof, and proofs that only whoever holds the log's key can forge."""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import JsonValue

from contracts.action.request import ActionRequest
from contracts.canonical import commitment, new_id
from policies.approval import Binding, SignedApproval, Subject, sign_binding
from policies.approval_document import Display, Line
from policies.principal import keyid_of
from receipts.audit.proof import write_proof
from receipts.audit.roots import Roots
from receipts.journal.journal import Journal
from receipts.statement.facts import Kind
from receipts.statement.statement import SignedStatement, StatementSubject
from receipts.store.sqlite_file import connect
from tests.console.authenticator import Authenticator
from tests.free import free
from tests.receipts.making import SIGNER, journal_at, request
from tests.sealed import opened_reader

LEAD = Ed25519PrivateKey.generate()
LEAD_ID = keyid_of(LEAD.public_key().public_bytes_raw())
SITE = "http://localhost:8484"
DISPLAY = Display(lines=(Line(label="what will change", value="remove two factors", origin="contract"),))
ASKED = orjson.dumps({"display": DISPLAY.model_dump(mode="json")})
RESET = replace(
    request(), contract="reset_user_mfa", params={"user_id": "u-1", "ticket": "4711"}, reason="the phone was stolen"
)
SUSPEND = replace(request(), contract="suspend_user", params={"user_id": "u-2"})


@dataclass
class Made:
    """One log in the making."""

    journal: Journal
    path: Path
    passkey: Authenticator

    @property
    def roots(self) -> Roots:
        return Roots(origin="ailyus.test", keys={SIGNER.keyid: SIGNER.public.hex()})

    async def put(self, sealed: SignedStatement) -> str:
        await self.journal.store.write(lambda txn: sealed.insert(txn))
        return sealed.index.id

    async def link(self, keyid: str, public: bytes, person: str, **more: JsonValue) -> str:
        facts: dict[str, JsonValue] = {
            "event": "linked", "keyid": keyid, "public": public.hex(), "keyKind": "file", "authority": "terminal",
        }  # fmt: skip
        return await self.put(
            self.journal.notary.sign_gateway_statement(
                free("key", {**facts, **more}), new_id("rcp"), "acme", {keyid: keyid * 2}, self.now(),
                {"person": person.encode(), "words": b"[]"},
            )
        )  # fmt: skip

    async def unlink(self, keyid: str) -> None:
        facts: dict[str, JsonValue] = {"event": "revoked", "keyid": keyid, "lastGoodSize": 1}
        await self.put(
            self.journal.notary.sign_gateway_statement(
                free("key", facts), new_id("rcp"), "acme", {keyid: keyid * 2}, self.now()
            )
        )

    async def say(
        self, kind: Kind, of: ActionRequest, action: str, status: str, facts: Mapping[str, JsonValue], **evidence: bytes
    ) -> str:
        """One signed statement about an action; `approval_0` is the label `approval/0`."""
        about = StatementSubject(of, action, "release-1", True, "User", str(of.params["user_id"]))
        pieces = {name.replace("_", "/"): data for name, data in evidence.items()}
        sealed = self.journal.notary.seal(
            free(kind, facts), new_id("rcp"), about, status=status, changed=None, at_ms=self.now(), evidence=pieces
        )
        return await self.put(sealed)

    async def acted(
        self, action: str, of: ActionRequest, word: SignedApproval, counted: list[JsonValue] | None = None,
        resource: str = "", params: bytes = b"", change: Callable[[ActionRequest], ActionRequest] = lambda r: r,
    ) -> str:  # fmt: skip
        """Approved, intended and confirmed; the outcome's receipt."""
        facts: dict[str, JsonValue] = {"approval": word.id, "role": "SecurityLead", "keyid": word.keyid}
        approved = word.model_dump_json().encode()
        if word.binding.subject.action_id == action and word.binding.verdict == "approve" and counted is None:
            await self.say("decision", of, action, "approved", facts, approval=approved, asked=ASKED)
        record = orjson.dumps({"type": "User", "id": resource or of.params["user_id"], "label": None})
        more = {"params": params} if params else {}
        ids: list[JsonValue] = [word.id] if counted is None else counted
        intent = await self.say(
            "intent", change(of), action, "running", {"approvals": ids}, approval_0=approved, resource=record, **more
        )
        return await self.say("outcome", change(of), action, "confirmed", {"intent": intent}, response=b"{}")

    def subject(self, action: str, of: ActionRequest) -> Subject:
        return Subject(
            origin="ailyus.test", tenant=of.tenant, action_id=action, action_digest=of.action_digest,
            contract=of.contract, version=of.version, contract_digest=of.contract_digest,
            target_digest=of.target_digest, routes=("POST /x",), resource_type="User",
            resource_id=str(of.params["user_id"]), params=dict(of.params), agent=of.agent, person=of.person,
            slice_digest="s", schema_digest="c", needs=((("SecurityLead", 1),),), pinned={},
            display_digest=DISPLAY.digest,
        )  # fmt: skip

    def word(
        self, action: str, of: ActionRequest, verdict: str = "approve", *, passkey: bool = False
    ) -> SignedApproval:
        binding = Binding(
            purpose="ailyus-approval-v1", subject=self.subject(action, of), approver="lead", role="SecurityLead",
            verdict="refuse" if verdict == "refuse" else "approve", comment="seen", not_before_ms=0,
            expires_ms=2**50, nonce="n" * 32,
        )  # fmt: skip
        if not passkey:
            return sign_binding(binding, LEAD, LEAD_ID)
        assertion = self.passkey.sign(bytes.fromhex(binding.digest))
        return SignedApproval(binding=binding, keyid=keyid_of(self.passkey.cose), assertion=assertion)

    def now(self) -> int:
        return self.journal.store.now_ms()

    def proof(self, receipt: str) -> bytes:
        connection = connect(self.path, readonly=True)
        try:
            return write_proof(opened_reader(connection, self.path), receipt, None, True).encoded()
        finally:
            connection.close()


async def begun(folder: Path) -> Made:
    """A log in which the lead's key and passkey are linked."""
    path = folder / "store.db"
    made = Made(await journal_at(path), path, Authenticator(SITE))
    await made.link(LEAD_ID, LEAD.public_key().public_bytes_raw(), "lead")
    about: dict[str, JsonValue] = {
        "keyKind": "passkey", "credential": made.passkey.sign(b"").credential, "rpId": "localhost", "origin": SITE,
    }  # fmt: skip
    await made.link(keyid_of(made.passkey.cose), made.passkey.cose, "lead", **about)
    return made


async def forged(folder: Path) -> tuple[dict[str, bytes], dict[str, bytes], Roots]:
    """Good proofs and bad ones, by name, that share one log, with the roots that it is trusted by."""
    made = await begun(folder)
    good = {}
    for name, passkey in (("good-key-file", False), ("good-passkey", True)):
        action = new_id("act")
        good[name] = made.proof(await made.acted(action, RESET, made.word(action, RESET, passkey=passkey)))
    bad = {}
    for name, (more, verdict) in FORGERIES.items():
        action = new_id("act")
        bad[name] = await made.acted(action, RESET, made.word(action, RESET, verdict), **more)
    word = made.word(new_id("act"), RESET, passkey=True)
    bad["approval-moved-to-another-action"] = await made.acted(new_id("act"), SUSPEND, word)
    files = {name: made.proof(receipt) for name, receipt in bad.items()}
    files["intent-of-another-action"] = made.proof(await _exchanged(made))
    files["salt-of-fifteen-bytes"] = await _short_salt(made)
    stranger = Ed25519PrivateKey.generate()
    foreign = sign_binding(made.word(new_id("act"), RESET).binding, stranger, LEAD_ID)
    files["key-under-another-id"] = made.proof(await _under_another_id(made, foreign, stranger))
    await made.unlink(keyid_of(made.passkey.cose))
    action = new_id("act")
    revoked = made.word(action, RESET, passkey=True)
    files["key-that-was-revoked"] = made.proof(await made.acted(action, RESET, revoked))
    roots = made.roots
    made.journal.store.close()
    base = orjson.loads(good["good-key-file"])
    files |= {name: change(orjson.loads(orjson.dumps(base))) for name, change in FILES.items()}
    return good, files, roots


def _as_suspend(of: ActionRequest) -> ActionRequest:
    """The same digest under another contract's name, as only the log's key can sign it."""
    other = replace(of, contract="suspend_user")
    object.__setattr__(other, "action_digest", of.action_digest)
    return other


FORGERIES: dict[str, tuple[dict[str, Any], str]] = {
    "approval-under-another-contract": ({"change": _as_suspend}, "approve"),
    "approval-with-other-params": ({"params": b'{"ticket":"4711","user_id":"u-9"}'}, "approve"),
    "approval-for-another-record": ({"resource": "u-9"}, "approve"),
    "approval-that-the-intent-does-not-name": ({"counted": []}, "approve"),
    "refusal-as-an-approval": ({}, "refuse"),
}
"""What the log's key can sign beside a genuine approval."""


async def _exchanged(made: Made) -> str:
    """An outcome whose intent is of the same action's id, and of another digest."""
    action = new_id("act")
    intent = await made.say("intent", RESET, action, "running", {"approvals": []})
    return await made.say("outcome", SUSPEND, action, "confirmed", {"intent": intent})


async def _short_salt(made: Made) -> bytes:
    """The log's own key committed with a salt that is a byte too short."""
    action = new_id("act")
    facts: dict[str, JsonValue] = {"approvals": [], "commitments": {"reason": commitment(b"s" * 15, b"stolen")}}
    content = orjson.loads(made.proof(await made.say("intent", RESET, action, "running", facts)))
    piece = {"label": "reason", "salt": _b64(b"s" * 15), "data": _b64(b"stolen"), "receipt": content["receipt"]}
    content["disclosures"] = [piece]
    return orjson.dumps(content)


async def _under_another_id(made: Made, word: SignedApproval, key: Ed25519PrivateKey) -> str:
    """A linked statement that gives the lead's key id another public key."""
    await made.link(LEAD_ID, key.public_key().public_bytes_raw(), "lead")
    return await made.acted(word.binding.subject.action_id, RESET, word)


# -- what anybody can do who holds a file ------------------------------------------------------------------------------


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _salt_border(content: Any) -> bytes:
    """The first words of the reason, or of whatever is disclosed, move into the salt: what is left is its end."""
    piece = max(content["disclosures"], key=lambda d: len(d["data"]))
    salt, data = base64.b64decode(piece["salt"]), base64.b64decode(piece["data"])
    piece["salt"], piece["data"] = _b64(salt + data[:9]), _b64(data[9:])
    return orjson.dumps(content)


def _salt_into_data(content: Any) -> bytes:
    piece = content["disclosures"][0]
    salt, data = base64.b64decode(piece["salt"]), base64.b64decode(piece["data"])
    piece["salt"], piece["data"] = _b64(salt[:8]), _b64(salt[8:] + data)
    return orjson.dumps(content)


def _key_twice(content: Any) -> bytes:
    return orjson.dumps(content)[:-1] + b',"disclosures":[]}'


def _key_twice_inside(content: Any) -> bytes:
    text = orjson.dumps(content)
    return text.replace(b'{"receipt":', b'{"label":"params","receipt":', 1)


def _key_twice_escaped(content: Any) -> bytes:
    return orjson.dumps(content)[:-1] + b',"disclos\\u0075res":[]}'


def _statement_twice(content: Any) -> bytes:
    content["statements"].append(content["statements"][0])
    return orjson.dumps(content)


def _disclosure_twice(content: Any) -> bytes:
    content["disclosures"].append(content["disclosures"][0])
    return orjson.dumps(content)


def _unknown_key(content: Any) -> bytes:
    return orjson.dumps({**content, "verdict": "authentic"})


def _spaced_envelope(content: Any) -> bytes:
    content["statements"][0]["envelope"] += " "
    return orjson.dumps(content)


FILES: dict[str, Callable[[Any], bytes]] = {
    "salt-border-moved-into-the-data": _salt_border,
    "salt-border-moved-into-the-salt": _salt_into_data,
    "key-named-twice": _key_twice,
    "key-named-twice-inside": _key_twice_inside,
    "key-named-twice-by-an-escape": _key_twice_escaped,
    "statement-twice": _statement_twice,
    "disclosure-twice": _disclosure_twice,
    "unknown-key": _unknown_key,
    "envelope-not-canonical": _spaced_envelope,
}
"""Bad files by name, each from a good one; what both verifiers refuse."""
