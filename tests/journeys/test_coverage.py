"""Coverage: what our credentials did past the gateway is found in the audit logs of three systems, and nothing else."""

import asyncio
from pathlib import Path
from typing import Any

from adapters.sandbox.github_audit import hashed
from server.operations.coverage import CoverageAudit, audit_coverage
from server.workspace.clock import now_ms
from server.workspace.workspace import Workspace
from tests.web import blocking_web
from tests.world import Sandbox, World, gateway, make_workspace, unbounded

GROUP = "00g2support01"
OTHER = "00g1engineer1"
PEOPLE = 40
LOCK = """
contract: {verb}_user_here
version: 1
title: {title} a user of the back office
summary: "{title} one user of the back office."
use_when: a test needs it
kind: write
risk: low
tags: [users]
verified_against: the sandbox's back office
target: backoffice
inputs:
  user_id: {{type: string, pattern: "^u-[0-9]{{1,6}}$", description: "User id.", examples: [u-1]}}
observe: {{user: {{get: "/api/users/${{inputs.user_id}}"}}}}
resource: {{type: BackOfficeUser, id: "${{inputs.user_id}}"}}
says: "{title} ${{inputs.user_id}}"
execute:
  - http: {{post: "/api/users/${{inputs.user_id}}/{verb}", json: {{note: "a test"}}}}
    ok: response.status == 200
detect: state
settle: {{within: 300ms, because: the sandbox's reads show a write at once}}
expect:
  - {{that: "after.user.status == '{status}'", else: "the user is not {status}"}}
evidence: {{http: [before, after, response]}}
escalate: identity-oncall
undo: none
"""
EXTRA = """
[connections.backoffice]
kind = "backoffice"
base_url = "http://127.0.0.1:{port}/acme/backoffice"
tenant = "acme"
environment = "prod"
read = "file:.ailyus/secrets/backoffice-read"
write = "file:.ailyus/secrets/backoffice-write"

[escalations.coverage-oncall]
webhook = "http://127.0.0.1:{port}/_sandbox/oncall"

[coverage.okta]
connection = "okta"
source = "okta"
actors = ["00uwriter00001"]
settle = "100ms"
skew = "50ms"
escalate = "coverage-oncall"

[coverage.github]
connection = "github"
source = "github"
organization = "acme"
actors = ["{token}"]
settle = "100ms"
skew = "50ms"

[coverage.backoffice]
connection = "backoffice"
source = "json"
actors = ["ailyus-writer"]
settle = "100ms"
skew = "50ms"

[coverage.backoffice.feed]
path = "/api/audit"
items = "events"
next = "page.next"
time = "at"
actor = "actor.id"
object = "objects"
request_id = "request"
"""


def coverage_workspace(folder: Path, sandbox: Sandbox) -> Workspace:
    extra = EXTRA.format(port=sandbox.port, token=hashed("github-write-acme"))
    workspace = unbounded(make_workspace(folder, sandbox, template="library", extra=extra))
    for use in ("read", "write"):
        (folder / ".ailyus" / "secrets" / f"backoffice-{use}").write_text(f"backoffice-{use}-acme\n")
    for verb, status in (("lock", "locked"), ("unlock", "active")):
        text = LOCK.format(verb=verb, status=status, title=verb.capitalize())
        (folder / "contracts" / f"{verb}_user_here.yaml").write_text(text)
    permit = 'permit (principal in Role::"Support", action in Action::"tag_users", resource);'
    (folder / "policies" / "here.cedar").write_text(f'@id("support-may-lock")\n{permit}\n')
    return Workspace.open(workspace.root)


def populate(sandbox: Sandbox) -> None:
    """More people than the twins begin with."""
    state = sandbox.state()
    okta, github, office = (state["acme"][name] for name in ("okta", "github", "backoffice"))
    user, factors = okta["users"]["00u1maria0001"], okta["factors"]["00u1maria0001"]
    name, member = next((n, one) for n, one in github["members"]["acme"].items() if one["state"] == "active")
    for n in range(PEOPLE):
        profile = {**user["profile"], "email": f"p{n}@example.com", "login": f"p{n}@example.com"}
        okta["users"][person(n)] = {**user, "id": person(n), "profile": profile}
        okta["factors"][person(n)] = list(factors)
        github["users"][f"dev-{n}"] = {**github["users"][name], "login": f"dev-{n}"}
        github["members"]["acme"][f"dev-{n}"] = {**member, "user": github["users"][f"dev-{n}"]}
        office["users"][f"u-{n}"] = {**office["users"]["u-1"], "id": f"u-{n}"}
    sandbox.put(state)


def person(n: int) -> str:
    return f"00u9person{n:03}"


async def write(world: World) -> int:
    """Every governed change; how many there were."""
    calls = []
    for n in range(PEOPLE):
        put, out = ("add_okta_group_member", "remove_okta_group_member")
        why = {"reason": "a change of teams, see the ticket"}
        calls.append([(one, {"user_id": person(n), "group_id": GROUP} | why) for one in (put, out)])
        team = {"org": "acme", "team": "platform", "username": f"dev-{n}"}
        calls.append([("add_team_member", team | {"role": "member"} | why), ("remove_team_member", team | why)])
        calls.append([(f"{verb}_user_here", {"user_id": f"u-{n}"} | why) for verb in ("lock", "unlock")])
    lanes = asyncio.Semaphore(8)

    async def one(pair: list[tuple[str, dict[str, str]]]) -> None:
        async with lanes:
            for tool, arguments in pair:
                answer = await world.approved(tool, arguments)
                assert (answer["status"], answer["changed"]) == ("confirmed", True), answer

    await asyncio.gather(*(one(pair) for pair in calls))
    return sum(len(pair) for pair in calls)


class Bypass:
    """Changes at the targets with the gateway's own credentials, and not through it."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self._client = blocking_web(base_url=f"http://127.0.0.1:{sandbox.port}/acme")

    def send(self, system: str, method: str, path: str, body: Any = None) -> None:
        headers = {"authorization": f"Bearer {system}-write-acme"}
        answer = self._client.request(method, f"/{system}{path}", json=body or {}, headers=headers)
        assert answer.status_code in (200, 201, 204), answer.text

    def close(self) -> None:
        self._client.close()


def bypass(through: Bypass) -> dict[str, int]:
    """Twenty changes without a receipt: on objects that were governed a moment ago, and doubles of governed ones."""
    for n in range(6):  # exactly what the gateway did, once more
        through.send("okta", "PUT", f"/api/v1/groups/{GROUP}/users/{person(n)}")
    for n in range(5):
        through.send("github", "PUT", f"/orgs/acme/teams/platform/memberships/dev-{n}", {"role": "member"})
    through.send("github", "POST", "/repos/acme/shop/keys", {"title": "x", "key": "ssh-ed25519 AAAAbypass"})
    for n in range(6):
        through.send("backoffice", "POST", f"/api/users/u-{n}/lock", {"note": "past the gateway"})
    state = through.sandbox.state()
    # a request id of a governed change, used again for another person
    lines = state["acme"]["okta"]["logs"]
    governed = next(one for one in lines if one["target"][0]["id"] == person(20))
    other = [{"type": "User", "id": person(21)}, {"type": "UserGroup", "id": OTHER}]
    lines.append({**governed, "uuid": "log-reused", "target": other})
    # in the very millisecond of a governed change, on its object, under a request of its own
    lines.append({**governed, "uuid": "log-double", "transaction": {"type": "WEB", "id": "r-2"}, "debugContext": {}})
    through.sandbox.put(state)
    return {"okta": 8, "github": 6, "backoffice": 6}


def others(sandbox: Sandbox) -> None:
    """What other accounts did to the same records, and what our account did that failed."""
    state = sandbox.state()
    okta, github, office = (state["acme"][name] for name in ("okta", "github", "backoffice"))
    for n in range(10):
        line = {**okta["logs"][n], "uuid": f"o{n}", "actor": {"id": "00uadmin", "type": "User"}}
        okta["logs"].append(line)
        okta["logs"].append({**okta["logs"][n], "uuid": f"f{n}", "outcome": {"result": "FAILURE"}})
        github["audit"].append({**github["audit"][n], "_document_id": f"o{n}", "actor": "ada", "hashed_token": "x"})
        office["audit"].append({**office["audit"][n], "id": f"o{n}", "actor": {"id": "ada"}})
    sandbox.put(state)


def forget(sandbox: Sandbox) -> None:
    """One event of a governed change of each system is not there."""
    state = sandbox.state()
    logs = state["acme"]["okta"]["logs"]
    logs.remove(next(one for one in logs if one["target"][0]["id"] == person(30)))
    audit = state["acme"]["github"]["audit"]
    audit.remove(next(one for one in audit if one.get("user") == "dev-30"))
    audit = state["acme"]["backoffice"]["audit"]
    audit.remove(next(one for one in audit if one["objects"] == ["u-30"]))
    sandbox.put(state)


def audited(workspace: Workspace, name: str, since_ms: int) -> CoverageAudit:
    return audit_coverage(workspace, name, since_ms, None, lambda _: None)


async def test_twenty_bypasses_are_listed_and_nothing_else(tmp_path: Path, sandbox: Sandbox) -> None:
    populate(sandbox)
    workspace = coverage_workspace(tmp_path / "w", sandbox)
    began = now_ms() - 1
    async with gateway(workspace, sandbox) as world:
        governed = await write(world)
        assert governed == 6 * PEOPLE
        await asyncio.sleep(0.15)  # past `settle`: all of it is compared
        for name in ("okta", "github", "backoffice"):
            clean = await asyncio.to_thread(audited, workspace, name, began)
            assert (clean.findings, len(clean.coverage.matched)) == (0, 2 * PEOPLE), clean.coverage
        through = Bypass(sandbox)
        seeded = await asyncio.to_thread(bypass, through)
        through.close()
        await asyncio.to_thread(others, sandbox)
        await asyncio.to_thread(forget, sandbox)
        await asyncio.sleep(0.15)
        for name, count in seeded.items():
            found = (await asyncio.to_thread(audited, workspace, name, began)).coverage
            assert len(found.unreceipted) == count, (name, found.unreceipted, found.ambiguous)
            assert len(found.eventless) == 1, name
            assert found.ambiguous == []
            assert len(found.matched) == 2 * PEOPLE - 1
            assert found.foreign >= 10
    assert sum(seeded.values()) == 20
