"""The records of GitHub's REST API, with the many addresses that each of them names."""

from adapters.sandbox.system import Json

API = "https://api.github.com"
_OF_A_USER = ("followers", "following", "gists", "starred", "subscriptions", "organizations", "repos", "events")
_OF_A_REPOSITORY = (
    *("archive", "assignees", "blobs", "branches", "collaborators", "comments", "commits", "compare", "contents"),
    *("contributors", "deployments", "downloads", "events", "forks", "git_commits", "git_refs", "git_tags", "hooks"),
    *("issue_comment", "issue_events", "issues", "keys", "labels", "languages", "merges", "milestones"),
    *("notifications", "pulls", "releases", "stargazers", "statuses", "subscribers", "subscription", "tags"),
    *("teams", "trees"),
)


def _addresses(url: str, names: tuple[str, ...]) -> Json:
    return {f"{name}_url": f"{url}/{name}" for name in names}


def user(uid: int, login: str) -> Json:
    """A user as other records name one."""
    url = f"{API}/users/{login}"
    names = {"login": login, "id": uid, "node_id": f"U_{uid}", "type": "User", "site_admin": False, "gravatar_id": ""}
    pages = {"avatar_url": f"https://avatars.example/u/{uid}", "html_url": f"https://github.com/{login}", "url": url}
    return names | pages | _addresses(url, (*_OF_A_USER, "received_events"))


def organization(uid: int, login: str) -> Json:
    """An organization as a membership names it."""
    url = f"{API}/orgs/{login}"
    more = {"avatar_url": f"https://avatars.example/u/{uid}", "description": None, "url": url}
    lists = _addresses(url, ("repos", "events", "hooks", "issues", "members", "public_members"))
    return {"login": login, "id": uid, "node_id": f"O_{uid}"} | more | lists


def repository(uid: int, owner: Json, name: str) -> Json:
    """A repository as a run names it."""
    full = f"{owner['login']}/{name}"
    url = f"{API}/repos/{full}"
    names = {"id": uid, "node_id": f"R_{uid}", "name": name, "full_name": full, "owner": owner, "url": url}
    flags = {"private": True, "fork": False, "description": None, "html_url": f"https://github.com/{full}"}
    return names | flags | _addresses(url, _OF_A_REPOSITORY)


def workflow_run(uid: int, of: Json, conclusion: str, began: str) -> Json:
    """A run of a workflow that has ended."""
    url = f"{of['url']}/actions/runs/{uid}"
    person = {"name": "Leo", "email": "leo@example.com"}
    commit = {"id": "a" * 40, "tree_id": "b" * 40, "message": "Ship it", "timestamp": began}
    numbers = {"id": uid, "node_id": f"WFR_{uid}", "run_number": 7, "run_attempt": 1, "workflow_id": 9001}
    about = {"name": "deploy", "display_title": "Ship it", "event": "push", "path": ".github/workflows/deploy.yml"}
    state = {"status": "completed", "conclusion": conclusion, "created_at": began, "updated_at": began}
    places = {"head_branch": "main", "head_sha": "a" * 40, "repository": of, "head_repository": of}
    pages = {"url": url, "html_url": f"{of['html_url']}/actions/runs/{uid}"}
    lists = _addresses(url, ("jobs", "logs", "check_suite", "cancel", "rerun", "artifacts", "workflow"))
    made = {"head_commit": commit | {"author": person, "committer": person}, "pull_requests": []}
    return numbers | about | state | places | pages | lists | made


def deploy_key(uid: int, of: Json, title: str, key: str, read_only: bool, made: str) -> Json:
    """A key that a repository accepts."""
    names = {"id": uid, "key": key, "title": title, "url": f"{of['url']}/keys/{uid}", "read_only": read_only}
    return names | {"verified": True, "created_at": made, "added_by": "ailyus", "last_used": None}
