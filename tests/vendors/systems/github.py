"""GitHub: github/rest-api-description."""

from tests.vendors.system import Allowed, System

MARIA = {"org": "acme", "username": "maria-diaz"}
LEO = {"org": "acme", "username": "leo-park"}
PLATFORM = {"team": "platform"}
SHOP = {"owner": "acme", "repo": "shop"}
FAILED = SHOP | {"run_id": "30433642"}
KEY = {"title": "deploy 2026", "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINew", "read_only": True}

SYSTEM = System(
    kind="github",
    files=("github.json",),
    headers={"X-GitHub-Api-Version": "2022-11-28"},
    examples={
        "get_org_membership": LEO,
        "invite_org_member": MARIA,
        "remove_org_member": LEO,
        "get_team_membership": LEO | PLATFORM,
        "add_team_member": LEO | PLATFORM | {"role": "maintainer"},
        "remove_team_member": LEO | PLATFORM,
        "list_deploy_keys": SHOP,
        "add_deploy_key": SHOP | KEY,
        "delete_deploy_key": SHOP | {"key_id": "100001"},
        "list_failed_runs": SHOP,
        "get_workflow_run": FAILED,
        "rerun_workflow_run": FAILED,
    },
    plans={"rotate_deploy_key": SHOP},
    allowed=(
        Allowed(
            pattern="github [A-Z]+ .*(answer 4[0-9]+: (ResponseNotFound|.* no body)|names the status (403|429), which)",
            why="the description leaves out refusals that every operation has",
            page="https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api",
        ),
        Allowed(
            pattern=r"GET /repos/(\{owner\}/\{repo\}|[a-z]+/[a-z]+)/actions/runs: the description has no such operation",
            why="the cut-down description has no list of runs",
            page="https://docs.github.com/en/rest/actions/workflow-runs",
            of_a_part=True,
        ),
        Allowed(
            pattern=r"GET /orgs/(\{org\}|[a-z]+)/audit-log: the description has no such operation",
            why="the description has no audit log, which is one of GitHub Enterprise Cloud",
            page="https://docs.github.com/en/enterprise-cloud@latest/rest/orgs/orgs",
            of_a_part=True,
        ),
    ),
)
