"""A twin of GitHub's REST API: memberships of organization and teams, deploy keys, Actions secrets, workflow runs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from urllib.parse import urlencode

from adapters.sandbox.github_audit import record, recorded
from adapters.sandbox.github_records import API, deploy_key, organization, repository, user, workflow_run
from adapters.sandbox.system import Json, Request, Router, TwinResponse

router = Router()
_DOCS = "https://docs.github.com/rest"
_RATE = {"x-ratelimit-limit": "5000", "x-ratelimit-remaining": "4999", "x-ratelimit-reset": "4102444800"}
_BEGAN = "2026-11-20T08:00:00Z"
_NUMBERS = count(200_001)
PUBLIC_KEY = "zjIDB4YpbewrdcAO5JCB9G6T32QckQh6next8gR0ZxY="
"""The public half of the key by which secrets are sealed (X25519); the private half is in the tests."""


def _refused(status: int, message: str, **more: Json) -> TwinResponse:
    return TwinResponse(status, {"message": message, "documentation_url": _DOCS, **more}, _RATE)


def unauthorized() -> TwinResponse:
    """No or a wrong token."""
    return _refused(401, "Bad credentials")


def forbidden() -> TwinResponse:
    """A token without the permission."""
    return _refused(403, "Resource not accessible by personal access token")


def throttled() -> TwinResponse:
    """The secondary rate limit."""
    return _refused(429, "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.")


def seed() -> Json:
    """An organization with a team and a repository; a deploy key, two secrets, a failed run and one that goes on."""
    people = {"maria-diaz": 501, "leo-park": 502, "ada-stone": 503}
    acme = organization(601, "acme")
    shop = repository(701, user(601, "acme"), "shop")
    key = deploy_key(100_001, shop, "deploy 2025", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOld", True, _BEGAN)
    failed, going = workflow_run(30433642, shop, "failure", _BEGAN), workflow_run(30433643, shop, "", _BEGAN)
    return {
        "users": {login: user(uid, login) for login, uid in people.items()},
        "orgs": {"acme": acme},
        "members": {"acme": {"leo-park": _membership(acme, user(502, "leo-park"), "active")}},
        "teams": {"acme/platform": {"leo-park": "member"}},
        "repos": {"acme/shop": shop},
        "keys": {"acme/shop": [key]},
        "secrets": {"acme/shop": {"DEPLOY_TOKEN": _secret("DEPLOY_TOKEN", _BEGAN)}},
        "sealed": {},
        "runs": {"acme/shop": {"30433642": failed, "30433643": going | {"status": "in_progress", "conclusion": None}}},
    }


def _membership(of: Json, who: Json, state: str) -> Json:
    url = {"url": f"{of['url']}/memberships/{who['login']}", "organization_url": of["url"]}
    return url | {"state": state, "role": "member", "organization": of, "user": who}


def _secret(name: str, updated: str) -> Json:
    return {"name": name, "created_at": _BEGAN, "updated_at": updated}


def _missing() -> TwinResponse:
    return _refused(404, "Not Found")


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _ok(body: Json, status: int = 200) -> TwinResponse:
    return TwinResponse(status, body, _RATE)


def _listed(request: Request, items: list[Json]) -> tuple[list[Json], Json]:
    """One page, and the Link header where there is another one (RFC 8288)."""
    page, size = int(request.query.get("page", "1")), int(request.query.get("per_page", "30"))
    shown = items[(page - 1) * size : page * size]
    more = page * size < len(items)
    query = urlencode({**request.query, "per_page": str(size), "page": str(page + 1)})
    following = f'<{request.base}{request.path}?{query}>; rel="next"'
    return shown, _RATE | ({"link": following} if more else {})


# -- people ----------------------------------------------------------------------------------------------------------


@router.on("GET", "/orgs/{org}/memberships/{login}")
def get_membership(state: Json, request: Request, org: str, login: str) -> TwinResponse:
    """A member, or somebody who is invited."""
    found = state["members"].get(org, {}).get(login)
    return _ok(found) if found else _missing()


@router.on("PUT", "/orgs/{org}/memberships/{login}")
def set_membership(state: Json, request: Request, org: str, login: str) -> TwinResponse:
    """Invite somebody, or change the role of a member."""
    if org not in state["orgs"] or login not in state["users"]:
        return _missing()
    found = state["members"][org].get(login) or _membership(state["orgs"][org], state["users"][login], "pending")
    state["members"][org][login] = found | {"role": request.body.get("role", "member")}
    return _ok(state["members"][org][login])


@router.on("DELETE", "/orgs/{org}/memberships/{login}")
def remove_membership(state: Json, request: Request, org: str, login: str) -> TwinResponse:
    """Take somebody out of the organization, and so out of its teams."""
    if state["members"].get(org, {}).pop(login, None) is None:
        return _missing()
    for name, members in state["teams"].items():
        if name.startswith(f"{org}/"):
            members.pop(login, None)
    return TwinResponse(204, None, _RATE)


def _of_a_team(state: Json, org: str, team: str, login: str) -> Json:
    role, member = state["teams"][f"{org}/{team}"].get(login), state["members"][org].get(login)
    url = f"{API}/orgs/{org}/teams/{team}/memberships/{login}"
    return {"url": url, "role": role, "state": "active" if member and member["state"] == "active" else "pending"}


@router.on("GET", "/orgs/{org}/teams/{team}/memberships/{login}")
def get_team_membership(state: Json, request: Request, org: str, team: str, login: str) -> TwinResponse:
    """A member of a team."""
    if login not in state["teams"].get(f"{org}/{team}", {}):
        return _missing()
    return _ok(_of_a_team(state, org, team, login))


@router.on("PUT", "/orgs/{org}/teams/{team}/memberships/{login}")
def set_team_membership(state: Json, request: Request, org: str, team: str, login: str) -> TwinResponse:
    """Add somebody to a team, or change their role in it."""
    if f"{org}/{team}" not in state["teams"] or login not in state["users"]:
        return _missing()
    state["teams"][f"{org}/{team}"][login] = request.body.get("role", "member")
    return _ok(_of_a_team(state, org, team, login))


@router.on("DELETE", "/orgs/{org}/teams/{team}/memberships/{login}")
def remove_team_membership(state: Json, request: Request, org: str, team: str, login: str) -> TwinResponse:
    """Take somebody out of a team."""
    if state["teams"].get(f"{org}/{team}", {}).pop(login, None) is None:
        return _missing()
    return TwinResponse(204, None, _RATE)


# -- the audit log ---------------------------------------------------------------------------------------------------


def audit(before: Json, state: Json, request: Request, answered: Mapping[str, str]) -> None:
    """Write down who changed what."""
    record(state, request)


@router.on("GET", "/orgs/{org}/audit-log")
def list_audit_log(state: Json, request: Request, org: str) -> TwinResponse:
    """The audit log of an organization, by times in `phrase`; the newest first, unless `order=asc`."""
    shown, headers = _listed(request, recorded(state, request, org))
    return TwinResponse(200, shown, headers)


# -- deploy keys -----------------------------------------------------------------------------------------------------


@router.on("GET", "/repos/{owner}/{repo}/keys")
def list_keys(state: Json, request: Request, owner: str, repo: str) -> TwinResponse:
    """The deploy keys of a repository."""
    if f"{owner}/{repo}" not in state["repos"]:
        return _missing()
    shown, headers = _listed(request, state["keys"][f"{owner}/{repo}"])
    return TwinResponse(200, shown, headers)


@router.on("POST", "/repos/{owner}/{repo}/keys")
def add_key(state: Json, request: Request, owner: str, repo: str) -> TwinResponse:
    """Add a deploy key; a key is accepted once in all of GitHub."""
    if f"{owner}/{repo}" not in state["repos"]:
        return _missing()
    body = request.body
    if any(key["key"] == body["key"] for keys in state["keys"].values() for key in keys):
        fault = {"resource": "PublicKey", "code": "custom", "field": "key", "message": "key is already in use"}
        return _refused(422, "Validation Failed", errors=[fault])
    of, title = state["repos"][f"{owner}/{repo}"], body.get("title", "")
    made = deploy_key(next(_NUMBERS), of, title, body["key"], body.get("read_only", False), _now())
    state["keys"][f"{owner}/{repo}"].append(made)
    return _ok(made, 201)


@router.on("DELETE", "/repos/{owner}/{repo}/keys/{key}")
def delete_key(state: Json, request: Request, owner: str, repo: str, key: str) -> TwinResponse:
    """Delete a deploy key."""
    keys = state["keys"].get(f"{owner}/{repo}", [])
    if not any(str(one["id"]) == key for one in keys):
        return _missing()
    state["keys"][f"{owner}/{repo}"] = [one for one in keys if str(one["id"]) != key]
    return TwinResponse(204, None, _RATE)


# -- Actions ---------------------------------------------------------------------------------------------------------


@router.on("GET", "/repos/{owner}/{repo}/actions/secrets/public-key")
def public_key(state: Json, request: Request, owner: str, repo: str) -> TwinResponse:
    """The key by which a secret has to be sealed."""
    if f"{owner}/{repo}" not in state["repos"]:
        return _missing()
    return _ok({"key_id": "568250167242549743", "key": PUBLIC_KEY})


@router.on("GET", "/repos/{owner}/{repo}/actions/secrets/{name}")
def get_secret(state: Json, request: Request, owner: str, repo: str, name: str) -> TwinResponse:
    """When a secret was set; never its value."""
    found = state["secrets"].get(f"{owner}/{repo}", {}).get(name)
    return _ok(found) if found else _missing()


@router.on("PUT", "/repos/{owner}/{repo}/actions/secrets/{name}")
def put_secret(state: Json, request: Request, owner: str, repo: str, name: str) -> TwinResponse:
    """Set a secret, sealed for the public key."""
    if f"{owner}/{repo}" not in state["repos"]:
        return _missing()
    secrets = state["secrets"][f"{owner}/{repo}"]
    status = 204 if name in secrets else 201
    secrets[name] = secrets.get(name, _secret(name, "") | {"created_at": _now()}) | {"updated_at": _now()}
    state["sealed"][f"{owner}/{repo}/{name}"] = request.body["encrypted_value"]
    return _ok({} if status == 201 else None, status)


@router.on("GET", "/repos/{owner}/{repo}/actions/runs")
def list_runs(state: Json, request: Request, owner: str, repo: str) -> TwinResponse:
    """The runs of a repository, by status or conclusion."""
    if f"{owner}/{repo}" not in state["repos"]:
        return _missing()
    wanted = request.query.get("status")
    every = state["runs"][f"{owner}/{repo}"].values()
    found = [run for run in every if wanted in (None, run["status"], run["conclusion"])]
    shown, headers = _listed(request, found)
    return TwinResponse(200, {"total_count": len(found), "workflow_runs": shown}, headers)


@router.on("GET", "/repos/{owner}/{repo}/actions/runs/{run}")
def get_run(state: Json, request: Request, owner: str, repo: str, run: str) -> TwinResponse:
    """One run."""
    found = state["runs"].get(f"{owner}/{repo}", {}).get(run)
    return _ok(found) if found else _missing()


@router.on("POST", "/repos/{owner}/{repo}/actions/runs/{run}/rerun")
def rerun(state: Json, request: Request, owner: str, repo: str, run: str) -> TwinResponse:
    """Start a run that has ended once more."""
    found = state["runs"].get(f"{owner}/{repo}", {}).get(run)
    if not found:
        return _missing()
    if found["status"] != "completed":
        return _refused(403, "This workflow is already running")
    found |= {"status": "queued", "conclusion": None, "run_attempt": found["run_attempt"] + 1, "updated_at": _now()}
    return _ok({}, 201)
